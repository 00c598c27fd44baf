// The signing examples in six languages, against every vector and against a gateway that checks signatures. Those whose
// toolchain is on this machine are run; C# and PHP, whose often is not, are always also read: the expressions that make up
// the string to sign are taken from their source and given the vectors' values.
import { createHash, createHmac } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runProgram } from './run-program.ts';
import { answerRecord, CLIENT_KEY, cutConnection, SECRET, startScriptedGateway } from './scripted-gateway.ts';
import type { SignatureVector } from './signature-vectors.ts';
import { VECTORS } from './signature-vectors.ts';

const EXAMPLES = join(import.meta.dirname, '../../clients/examples');
/** Compilers of a cold machine take their time. */
const LANGUAGE_TIMEOUT_MS = 120_000;

interface Language {
  readonly name: string;
  /** Programs that must be on the PATH. */
  readonly needs: readonly string[];
  /** Run once before, in the folder that `run` gets too. */
  readonly build?: (folder: string) => readonly string[];
  readonly run: (folder: string) => readonly string[];
}

const LANGUAGES: readonly Language[] = [
  { name: 'TypeScript', needs: [], run: () => [process.execPath, `${EXAMPLES}/typescript/dygw-example.ts`] },
  { name: 'Python', needs: ['python3'], run: () => ['python3', `${EXAMPLES}/python/dygw_example.py`] },
  {
    name: 'Java',
    needs: ['java', 'javac'],
    // Compiled once: launched from source, each run would compile it again.
    build: (folder) => ['javac', '-d', folder, `${EXAMPLES}/java/DygwExample.java`],
    run: (folder) => ['java', '-cp', folder, 'DygwExample'],
  },
  {
    name: 'Go',
    needs: ['go'],
    build: (folder) => ['go', 'build', '-o', join(folder, 'dygw-example'), `${EXAMPLES}/go/dygw_example.go`],
    run: (folder) => [join(folder, 'dygw-example')],
  },
  {
    name: 'C#',
    needs: ['mcs', 'mono'],
    build: (folder) => [
      'mcs',
      '-r:System.Net.Http',
      `-out:${join(folder, 'DygwExample.exe')}`,
      `${EXAMPLES}/csharp/DygwExample.cs`,
    ],
    run: (folder) => ['mono', join(folder, 'DygwExample.exe')],
  },
  { name: 'PHP', needs: ['php'], run: () => ['php', `${EXAMPLES}/php/dygw_example.php`] },
];

for (const language of LANGUAGES) {
  const missing = language.needs.filter((program) => !isOnPath(program));
  const describeIfRunnable = missing.length === 0 ? describe : describe.skip;
  const why = missing.length === 0 ? '' : ` (not run: no ${missing.join(', ')} here)`;

  describeIfRunnable(`the ${language.name} example${why}`, () => {
    let folder: string;
    let command: string;
    let args: readonly string[];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dygw-example-'));
      if (language.build !== undefined) {
        const [compiler = '', ...compilerArgs] = language.build(folder);
        const { exitCode, stderr } = await runProgram(compiler, compilerArgs);
        if (exitCode !== 0) throw new Error(stderr);
      }
      [command = '', ...args] = language.run(folder);
    }, LANGUAGE_TIMEOUT_MS);
    afterAll(() => rmSync(folder, { recursive: true }));

    it(
      'gives every vector’s signature and string to sign',
      async () => {
        for (const vector of VECTORS) {
          const result = await runProgram(command, [...args, 'sign'], { stdin: exampleInput(vector) });
          expect(result).toMatchObject({
            exitCode: 0,
            stdout: `${vector.signature}\n${vector.string_to_sign}`,
          });
        }
      },
      LANGUAGE_TIMEOUT_MS,
    );

    it(
      'sends a request the gateway accepts, and repeats it with the same token',
      async () => {
        const gateway = await startScriptedGateway();
        gateway.script.push(cutConnection, answerRecord());
        const link = 'https://v.douyin.com/i5Qw3X7Y/';
        const { exitCode, stdout, stderr } = await runProgram(command, [...args, 'verify', link], {
          env: { DYGW_URL: gateway.url, DYGW_CLIENT_KEY: CLIENT_KEY, DYGW_SECRET: SECRET, DYGW_POI: '71829' },
        });
        await gateway.stop();
        expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
        expect(stdout).toContain('双人下午茶套餐');
        expect(gateway.requests.map((request) => request.authProblem)).toEqual([null, null]);
        const [first, second] = gateway.requests.map(
          (request) => JSON.parse(request.body) as Record<string, string>,
        );
        expect(first).toMatchObject({ poi_id: '71829', short_link: link });
        expect(first?.['verify_token']).toMatch(/^[0-9a-f-]{32,36}$/);
        expect(second).toEqual(first);
      },
      LANGUAGE_TIMEOUT_MS,
    );
  });
}

const READ_FROM_SOURCE = [
  {
    name: 'C#',
    source: readFileSync(`${EXAMPLES}/csharp/DygwExample.cs`, 'utf8'),
    list: /stringToSign = string\.Join\("\\n",([\s\S]*?)\);\n/,
    hmac: /new HMACSHA256\(Encoding\.UTF8\.GetBytes\(secret\)\)\)\s+return ToHex\(hmac\.ComputeHash\(Encoding\.UTF8\.GetBytes\(stringToSign\)\)\)/,
    expressions: (vector: SignatureVector): Record<string, string> => ({
      '"DYGW-HMAC-SHA256"': 'DYGW-HMAC-SHA256',
      clientKey: vector.client_key,
      timestamp: vector.timestamp,
      nonce: vector.nonce,
      'method.ToUpperInvariant()': vector.method.toUpperCase(),
      requestTarget: vector.request_target,
      'Sha256Hex(body)': createHash('sha256').update(vector.body, 'utf8').digest('hex'),
    }),
  },
  {
    name: 'PHP',
    source: readFileSync(`${EXAMPLES}/php/dygw_example.php`, 'utf8'),
    list: /\$stringToSign = implode\("\\n", \[([\s\S]*?)\]\);\n/,
    hmac: /return \[hash_hmac\('sha256', \$stringToSign, \$secret\), \$stringToSign\];/,
    expressions: (vector: SignatureVector): Record<string, string> => ({
      "'DYGW-HMAC-SHA256'": 'DYGW-HMAC-SHA256',
      $clientKey: vector.client_key,
      $timestamp: vector.timestamp,
      $nonce: vector.nonce,
      'strtoupper($method)': vector.method.toUpperCase(),
      $requestTarget: vector.request_target,
      "hash('sha256', $body)": createHash('sha256').update(vector.body, 'utf8').digest('hex'),
    }),
  },
] as const;

for (const language of READ_FROM_SOURCE) {
  describe(`the ${language.name} example, read but not run`, () => {
    for (const vector of VECTORS) {
      it(`joins by LF what the vector "${vector.name}" signs`, () => {
        const [, list = ''] = language.list.exec(language.source) ?? [];
        const known = language.expressions(vector);
        const expressions = list
          .split('\n')
          .map((line) => line.trim().replace(/,$/, ''))
          .filter((expression) => expression !== '');
        const stringToSign = expressions
          .map((expression) => known[expression] ?? `<unknown: ${expression}>`)
          .join('\n');
        expect(stringToSign).toBe(vector.string_to_sign);
        expect(language.source).toMatch(language.hmac);
        expect(createHmac('sha256', vector.secret).update(stringToSign).digest('hex')).toBe(vector.signature);
      });
    }
  });
}

function exampleInput(vector: SignatureVector): string {
  const { client_key, secret, timestamp, nonce, method, request_target, body } = vector;
  return [client_key, secret, timestamp, nonce, method, request_target, body].join('\n');
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
