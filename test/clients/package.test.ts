// The client package as others install it: packed, unpacked into node_modules, imported as plain JavaScript.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runProgram } from './run-program.ts';

const ROOT = join(import.meta.dirname, '../..');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dygw-package-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the client package', () => {
  it('depends on nothing', () => {
    const manifest = JSON.parse(
      readFileSync(join(ROOT, 'clients/typescript/package.json'), 'utf8'),
    ) as object;
    expect(Object.keys(manifest).filter((key) => key.toLowerCase().includes('dependencies'))).toEqual([]);
  });

  it('is packed as JavaScript with types, and works when installed', async () => {
    // A copy, so that building leaves nothing behind in the repository.
    const source = join(folder, 'source');
    cpSync(join(ROOT, 'clients/typescript'), source, { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const packed = await runProgram('npm', ['pack', '--silent', '--pack-destination', folder], {
      cwd: source,
    });
    expect(packed).toMatchObject({ exitCode: 0 });

    const app = join(folder, 'app');
    const installed = join(app, 'node_modules/dy-gateway-client');
    mkdirSync(installed, { recursive: true });
    const tarball = join(folder, 'dy-gateway-client-0.1.0.tgz');
    const unpacked = await runProgram('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
    expect(unpacked).toMatchObject({ exitCode: 0 });

    writeFileSync(
      join(app, 'till.mts'),
      `import { DyGatewayClient, signRequest, type VerificationView } from 'dy-gateway-client';
       const client = new DyGatewayClient({ baseUrl: 'http://127.0.0.1:1', clientKey: 'k', secret: 's' });
       const found: Promise<VerificationView | null> = client.findVerification('..');
       const code: string = await found.then(() => 'found', (error: { code: string }) => error.code);
       const { signature } = await signRequest({
         clientKey: 'k', secret: 's', timestamp: '1', nonce: 'n', method: 'GET', requestTarget: '/', body: '' });
       console.log(code, signature.length);`,
    );
    const run = await runProgram(process.execPath, ['till.mts'], { cwd: app });
    expect(run).toMatchObject({ exitCode: 0, stdout: 'client.invalid_argument 64\n' });
    const types = await runProgram(
      join(ROOT, 'node_modules/.bin/tsc'),
      ['--noEmit', '--strict', '--module', 'nodenext', '--lib', 'es2024,dom', '--types', '', 'till.mts'],
      { cwd: app },
    );
    expect(types).toMatchObject({ exitCode: 0, stdout: '' });
  }, 120_000);
});
