import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { FolderInUseError, lockFolder } from '../../src/embedded/folder-lock.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

const MODULE = new URL('../../src/embedded/folder-lock.ts', import.meta.url).href;

describe('lockFolder', () => {
  const makeFolder = scratchFolders();

  it('refuses a second owner and names the first', async () => {
    const path = join(await makeFolder(), 'lock');
    await lockFolder(path, 'the data folder');
    const second = lockFolder(path, 'the data folder');
    await expect(second).rejects.toThrow(FolderInUseError);
    await expect(second).rejects.toThrow(`in use by the running process ${process.pid}`);
  });

  it('can be taken again after it was given back', async () => {
    const path = join(await makeFolder(), 'lock');
    const unlock = await lockFolder(path, 'the data folder');
    await unlock();
    await unlock();
    const unlockAgain = await lockFolder(path, 'the data folder');
    await expect(lockFolder(path, 'the data folder')).rejects.toThrow(FolderInUseError);
    await unlockAgain();
  });

  it('lets exactly one of many take it', async () => {
    const path = join(await makeFolder(), 'lock');
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, () => lockFolder(path, 'the data folder')),
    );
    expect(attempts.filter((attempt) => attempt.status === 'fulfilled')).toHaveLength(1);
  });

  it('holds between processes, and is free once its owner was killed', async () => {
    const path = join(await makeFolder(), 'lock');
    const script = `
      const { lockFolder } = await import(${JSON.stringify(MODULE)});
      await lockFolder(${JSON.stringify(path)}, 'the data folder');
      console.log('locked');
      setInterval(() => undefined, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(owner.stdout, 'data');
      await expect(lockFolder(path, 'the data folder')).rejects.toThrow(`running process ${owner.pid}`);
    } finally {
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    }
    await lockFolder(path, 'the data folder');
  });
});
