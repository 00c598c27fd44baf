import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseArguments } from '../../clients/pos/arguments.ts';
import { runProgram } from './run-program.ts';
import type { ProgramResult, RunOptions } from './run-program.ts';
import {
  answer,
  answerError,
  answerRecord,
  CLIENT_KEY,
  SECRET,
  startScriptedGateway,
  stayMute,
} from './scripted-gateway.ts';
import type { ScriptedGateway } from './scripted-gateway.ts';
import { VECTORS } from './signature-vectors.ts';

const POS = join(import.meta.dirname, '../../clients/pos/pos.ts');
const DEMO_POI = '7182937465123456789';

let gateway: ScriptedGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startScriptedGateway();
  folder = mkdtempSync(join(tmpdir(), 'dygw-pos-'));
});
afterEach(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true });
});

function writeDemo(file = '.data/demo.json', content?: string): void {
  mkdirSync(join(folder, file, '..'), { recursive: true });
  const demo = {
    url: gateway.url,
    client_key: CLIENT_KEY,
    secret: SECRET,
    poi_id: DEMO_POI,
    simulator_url: 'http://127.0.0.1:8090',
    coupons: [{ short_link: 'http://127.0.0.1:8090/s/demo1/', code: '104686126200131' }],
  };
  writeFileSync(join(folder, file), content ?? JSON.stringify(demo), { mode: 0o600 });
}

function pos(args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, [POS, ...args], {
    cwd: folder,
    ...options,
    env: { TZ: 'Asia/Shanghai', ...options.env },
  });
}

function sentBody(): unknown {
  return JSON.parse(gateway.requests[0]?.body ?? 'null');
}

describe('pos verify', () => {
  it('redeems with the demo app and shows the cashier all that counts', async () => {
    writeDemo();
    gateway.script.push(answerRecord());
    const result = await pos(
      'verify --short-link http://127.0.0.1:8090/s/demo1/ --token bill-1 --operator cashier-008 --device ipad-1 --note 前台'.split(
        ' ',
      ),
    );
    expect(result.exitCode).toBe(0);
    expect(result.stdout.split('\n')[0]).toBe('✅ 核销成功');
    for (const shown of [
      '双人下午茶套餐',
      '1086312045673319463',
      '7372594810362817586',
      '¥79.00',
      '¥79.05',
      '¥0.07',
      '2026-03-15 18:31:08',
      'bill-1',
    ]) {
      expect(result.stdout).toContain(shown);
    }
    expect(result.stdout).not.toContain('\u001b');
    expect(sentBody()).toEqual({
      poi_id: DEMO_POI,
      short_link: 'http://127.0.0.1:8090/s/demo1/',
      verify_token: 'bill-1',
      extra: { operator_id: 'cashier-008', device_id: 'ipad-1', note: '前台' },
    });
  });

  it('names the token before the request, and in English too', async () => {
    writeDemo();
    gateway.script.push(answerRecord({ enrichment_status: 'pending', pay_amount: 0 }));
    const result = await pos(['verify', '--code', '104686126200131', '--lang', 'en']);
    const token = /verify token (\S+)/.exec(result.stderr)?.[1];
    expect(sentBody()).toMatchObject({ verify_token: token });
    expect(result.stdout).toMatch(/^✅ Redeemed\n/);
    expect(result.stdout).toContain('the order’s data follows later');
    expect(result.stdout).not.toContain('¥0.00');
  });

  it('passes a prepared coupon on with its own token', async () => {
    writeDemo();
    gateway.script.push(answerRecord());
    await pos(['verify', '--encrypted-code=-CgY/+==', '--token', 'from-prepare', '--poi', '42']);
    expect(sentBody()).toEqual({
      poi_id: '42',
      encrypted_code: '-CgY/+==',
      verify_token: 'from-prepare',
      extra: {},
    });
  });

  it('ends with 1 and the advice when the coupon is refused', async () => {
    writeDemo();
    gateway.script.push(
      answerRecord({
        verify_status: 'failed',
        error_code: 1208,
        error_description: '该券已被核销',
        advice: '请顾客换一张券',
        enrichment_status: 'skipped',
      }),
    );
    const { exitCode, stdout } = await pos(['verify', '--code', '104686126200131']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^❌ 核销失败\n {3}该券已被核销 \(1208\)\n {3}请这样做：请顾客换一张券\n/);
    expect(stdout).not.toContain('¥');
  });

  it('ends with 1 when the link is not a coupon’s', async () => {
    writeDemo();
    gateway.script.push(answerError(400, 'coupon.short_link_invalid'));
    const { exitCode, stdout } = await pos(['verify', '--short-link', 'https://example.com/']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('text of coupon.short_link_invalid');
  });

  it('ends with 3 and says how to ask again when it is still processing', async () => {
    writeDemo();
    // A refused look-up ends the asking at once.
    gateway.script.push(answerRecord({ verify_status: 'processing' }), answerError(403, 'app.disabled'));
    const { exitCode, stdout } = await pos(['verify', '--code', '104686126200131', '--token', "bill's 9"]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain('⏳ 处理中');
    expect(stdout).toContain(`npm run pos -- lookup --token 'bill'\\''s 9'`);
  });

  it('ends with 4 and says so when the gateway refuses', async () => {
    writeDemo();
    gateway.script.push(answerError(409, 'verification.token_reused'));
    const { exitCode, stdout } = await pos(['verify', '--code', '104686126200131']);
    expect(exitCode).toBe(4);
    expect(stdout).toContain('verification.token_reused, HTTP 409');
    expect(stdout).not.toContain('同一令牌');
    expect(stdout).toContain('req-test-1');
  });

  it('says that this attempt did nothing, and with which token to try again, when that is certain', async () => {
    writeDemo();
    gateway.script.push(answerError(503, 'gateway.busy', undefined, { 'Retry-After': '60' }));
    const { exitCode, stdout } = await pos(['verify', '--code', '104686126200131', '--token', 'bill-5']);
    expect(exitCode).toBe(4);
    expect(stdout).toContain('这一次什么都没做。稍后请用同一令牌再试：--token bill-5');
  });

  it('shows what the server signed line by line, when it tells', async () => {
    writeDemo();
    gateway.script.push(
      answerError(401, 'auth.bad_signature', { string_to_sign: 'DYGW-HMAC-SHA256\nck\n1' }),
    );
    const { stdout } = await pos(['lookup', '--token', 'bill-6']);
    expect(stdout).toContain('string_to_sign: DYGW-HMAC-SHA256␊\n     ck␊\n     1\n');
  });

  it('ends with 4, the outcome as unknown and the token when it is interrupted', async () => {
    writeDemo();
    let interrupt: (() => void) | undefined;
    gateway.script.push((request, response) => {
      stayMute(request, response);
      interrupt?.();
    });
    const { exitCode, stdout } = await pos(['verify', '--code', '104686126200131', '--token', 'bill-4'], {
      onStderr: (stop) => (interrupt = stop),
    });
    expect(exitCode).toBe(4);
    expect(stdout).toContain('⏳ 结果未知');
    expect(stdout).toContain('lookup --token bill-4');
  });

  it('prints the answer as it came with --json, errors too', async () => {
    writeDemo();
    const raw = '{"data":{"verify_status":"success","verify_token":"t","certificate":7372594810362817586}}';
    gateway.script.push(answer(200, raw), answerError(403, 'app.poi_not_allowed'));
    const verify = ['verify', '--code', '104686126200131', '--token', 't', '--json'];
    expect((await pos(verify)).stdout).toBe(`${raw}\n`);
    const refused = await pos(verify);
    expect(refused.exitCode).toBe(4);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'app.poi_not_allowed' } });
  });
});

describe('pos prepare', () => {
  it('lists the usable coupons with every digit of their ids', async () => {
    writeDemo();
    const certificate = `{"encrypted_code":"CgY=","certificate_id":7372594810362817586,"expire_time":1781366399,"sku":{"title":"双人下午茶套餐"},"amount":{"pay_amount":7900}}`;
    gateway.script.push(
      answer(
        200,
        `{"data":{"error_code":0,"verify_token":"4c1f","certificates":[${certificate}]},"extra":{"error_code":0}}`,
      ),
    );
    const { exitCode, stdout } = await pos(['prepare', '--code', '104686126200131']);
    expect(exitCode).toBe(0);
    for (const shown of [
      '可用的券 1 张',
      '4c1f',
      'CgY=',
      '7372594810362817586',
      '¥79.00',
      '2026-06-13 23:59:59',
    ]) {
      expect(stdout).toContain(shown);
    }
  });

  it('ends with 1 when there is none', async () => {
    writeDemo();
    gateway.script.push(answer(200, '{"data":{"error_code":1208,"description":"该券已被核销"}}'));
    const { exitCode, stdout } = await pos(['prepare', '--code', '104686126200131']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('该券已被核销 (1208)');
  });
});

describe('pos lookup', () => {
  it('shows the verification, and says when there is none', async () => {
    writeDemo();
    gateway.script.push(answerRecord(), answerError(404, 'verification.not_found'));
    expect(await pos(['lookup', '--token', 'bill-1'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('✅ 核销成功') as unknown,
    });
    expect(await pos(['lookup', '--token', 'bill-2'])).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining('没有这笔核销') as unknown,
    });
  });
});

describe('pos sign', () => {
  it('prints every step of a vector', async () => {
    for (const vector of VECTORS) {
      const { exitCode, stdout } = await pos([
        'sign',
        `--method=${vector.method}`,
        `--path=${vector.request_target}`,
        ...(vector.body === '' ? [] : [`--body=${vector.body}`]),
        `--timestamp=${vector.timestamp}`,
        `--nonce=${vector.nonce}`,
        `--key=${vector.client_key}`,
        `--secret=${vector.secret}`,
      ]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(vector.body_sha256);
      expect(stdout).toContain(vector.string_to_sign.split('\n').join('␊\n   '));
      expect(stdout).toContain(vector.signature);
      expect(stdout).not.toContain(vector.secret);
    }
  });

  it('prints a curl command that the gateway accepts, quotes and a file included', async () => {
    writeDemo();
    writeFileSync(join(folder, "bo'dy.json"), '{"poi_id": "1",\n "note": "it\'s 券"} ');
    for (const args of [
      ['--method', 'post', '--path', '/v1/open/coupons/verify', '--body', `{"note":"it's 券"}`],
      ['--method', 'POST', '--path', '/v1/open/coupons/prepare', '--body', "@bo'dy.json"],
      ['--method', 'GET', '--path', "/v1/open/douyin/stores?a=1&b='x'"],
    ]) {
      const signed = await pos(['sign', ...args, '--json']);
      const { curl } = JSON.parse(signed.stdout) as { curl: string };
      gateway.script.push(answer(200, '{"ok":1}'));
      expect(await runProgram('bash', ['-c', curl], { cwd: folder })).toMatchObject({
        exitCode: 0,
        stdout: '{"ok":1}',
      });
    }
    expect(gateway.requests.map((request) => request.authProblem)).toEqual([null, null, null]);
  });

  for (const path of ['v1', '/a b', '/券', '/a/../b', '/a/.', '/a#b', '/a{1,2}']) {
    it(`refuses the path ${path}, which would not be sent as it is signed`, async () => {
      writeDemo();
      const { exitCode, stderr } = await pos(['sign', '--method', 'GET', `--path=${path}`]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--path')]);
    });
  }
});

describe('the connection', () => {
  it('is found in DATA_DIR', async () => {
    writeDemo('elsewhere/demo.json');
    gateway.script.push(answerRecord());
    const result = await pos(['lookup', '--token', 't'], { env: { DATA_DIR: join(folder, 'elsewhere') } });
    expect(result.exitCode).toBe(0);
  });

  it('is taken from flags before the environment, and from the environment before the demo', async () => {
    writeDemo(
      '.data/demo.json',
      JSON.stringify({ url: 'http://127.0.0.1:9', client_key: 'x', secret: 'y', poi_id: 'z' }),
    );
    gateway.script.push(answerRecord(), answerRecord());
    const env = { DYGW_URL: gateway.url, DYGW_CLIENT_KEY: CLIENT_KEY, DYGW_SECRET: SECRET };
    expect((await pos(['lookup', '--token', 't'], { env })).exitCode).toBe(0);
    const flags = ['--url', gateway.url, '--key', CLIENT_KEY, '--secret', SECRET];
    const wrong = { DYGW_URL: 'http://127.0.0.1:9', DYGW_CLIENT_KEY: 'x', DYGW_SECRET: 'y' };
    expect((await pos(['lookup', '--token', 't', ...flags], { env: wrong })).exitCode).toBe(0);
  });

  it('that is missing or half given is a message, with 2', async () => {
    const missing = await pos(['lookup', '--token', 't']);
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('npm start')]);
    const half = await pos(['lookup', '--token', 't', '--key', 'k']);
    expect([half.exitCode, half.stderr]).toEqual([2, expect.stringContaining('--secret')]);
    const noStore = await pos(['verify', '--code', '1', '--key', 'k', '--secret', 's']);
    expect([noStore.exitCode, noStore.stderr]).toEqual([2, expect.stringContaining('--poi')]);
    const noUrl = await pos([
      'lookup',
      '--token',
      't',
      '--key',
      'k',
      '--secret',
      's',
      '--url',
      '127.0.0.1:8080',
    ]);
    expect([noUrl.exitCode, noUrl.stderr]).toEqual([2, expect.stringContaining('--url')]);
    writeDemo('.data/demo.json', '{"url":"http://127.0.0.1:1"}');
    const broken = await pos(['lookup', '--token', 't']);
    expect([broken.exitCode, broken.stderr]).toEqual([2, expect.stringContaining('client_key is missing')]);
  });

  it('that fails is told with 4, as text and as JSON', async () => {
    writeDemo();
    await gateway.stop();
    const { exitCode, stdout } = await pos(['lookup', '--token', 't', '--wait', '8', '--json']);
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'client.network' } });
  });
});

describe('the command line', () => {
  for (const [args, named] of [
    [['redeem'], 'redeem'],
    [['verify', '--coupon', '1'], '--coupon'],
    [['verify', '-x'], '-x'],
    [['verify'], '--short-link'],
    [['verify', '--code', '1', '--short-link', 'x'], '--short-link'],
    [['verify', '--encrypted-code', 'x'], '--token'],
    [['verify', '--code', '--json'], '--code'],
    [['verify', '--code', '1', '--code', '2'], '--code'],
    [['verify', '--code', '1', '2'], '2'],
    [['verify', '--code', '1', '--token', ''], '--token'],
    [['verify', '--code', '1', '--json=no'], '--json'],
    [['prepare', '--code', '1', '--token', 't'], '--token'],
    [['lookup'], '--token'],
    [['sign', '--method', 'GET'], '--path'],
    [['lookup', '--token', 't', '--wait', '0'], '--wait'],
  ] as const) {
    it(`refuses "${args.join(' ')}" by name, in both languages`, () => {
      const { problems } = parseArguments(args);
      expect(problems.join()).toContain(named);
      expect(parseArguments([...args, '--lang=en']).problems.join()).toContain(named);
    });
  }

  it('refuses a third language', () => {
    expect(parseArguments(['lookup', '--token', 't', '--lang', 'fr']).problems).toEqual([
      '--lang 只能是 zh 或 en',
    ]);
  });

  it('takes what it documents', () => {
    for (const args of [
      [
        'verify',
        '--code',
        '1',
        '--token',
        't',
        '--poi',
        'p',
        '--operator',
        'o',
        '--device',
        'd',
        '--note',
        'n',
      ],
      ['--json', 'verify', '--short-link=https://v.douyin.com/x/', '--wait', '5', '--lang', 'en'],
      ['verify', '--encrypted-code=-x', '--token', 't', '--url', 'u', '--key', 'k', '--secret', 's'],
    ]) {
      expect(parseArguments(args)).toMatchObject({ command: 'verify', problems: [] });
    }
  });

  it('that is wrong prints the mistakes and the usage, ends with 2 and sends nothing', async () => {
    writeDemo();
    const { exitCode, stdout, stderr } = await pos(['verify', '--coupon', '1', '--code', '2']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^没有选项 --coupon\n[^]*\n\n用法：npm run pos/);
    const nothing = await pos([]);
    expect([nothing.exitCode, nothing.stderr]).toEqual([2, expect.stringContaining('用法')]);
    expect(gateway.requests).toHaveLength(0);
  });

  it('explains itself in both languages', async () => {
    expect(await pos(['--help'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('用法') as unknown,
    });
    expect(await pos(['verify', '--help', '--lang', 'en'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Exit codes: 0 success') as unknown,
    });
  });
});
