// The signed request in README.md, pasted into bash as it stands, is one the gateway accepts. A machine without its tools
// cannot paste it either.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { runProgram } from '../clients/run-program.ts';
import { answerRecord, CLIENT_KEY, SECRET, startScriptedGateway } from '../clients/scripted-gateway.ts';
import { ROOT } from './project-files.ts';

const EXAMPLE = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/```bash\n([^]*?)```/g)]
  .map(([, block = '']) => block)
  .find((block) => block.includes('X-Signature'));
const { exitCode } = await runProgram('sh', [
  '-c',
  'command -v bash && command -v openssl && command -v curl',
]);
const describeIfRunnable = exitCode === 0 ? describe : describe.skip;

describeIfRunnable('the signed request of README.md', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dygw-readme-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is accepted by a gateway that checks signatures, with the credentials `start` leaves', async () => {
    const gateway = await startScriptedGateway();
    gateway.script.push(answerRecord());
    const link = 'http://127.0.0.1:8090/s/vzxr5qq/';
    const coupons = [
      { short_link: 'http://127.0.0.1:8090/s/zjYRjwi/', code: '1' },
      { short_link: link, code: '2' },
    ];
    const demo = { url: gateway.url, client_key: CLIENT_KEY, secret: SECRET, poi_id: '71829', coupons };
    writeFileSync(join(folder, 'demo.json'), JSON.stringify(demo, null, 2));

    const result = await runProgram('bash', ['-c', EXAMPLE ?? 'exit 9'], { env: { DATA_DIR: folder } });
    await gateway.stop();

    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(gateway.requests.map((request) => request.authProblem)).toEqual([null]);
    expect(JSON.parse(gateway.requests[0]?.body ?? '')).toEqual({
      poi_id: '71829',
      short_link: link,
      verify_token: expect.stringMatching(/^till-1-\d+$/),
    });
    expect(result.stdout).toContain('"verify_status":"success"');
  });
});
