import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { openBoundedLog } from '../../src/embedded/bounded-log.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

describe('openBoundedLog', () => {
  const makeFolder = scratchFolders();

  it('never takes more than two files of 5 MiB, and keeps the newest lines', async () => {
    const path = join(await makeFolder(), 'logs', 'server.log');
    const log = openBoundedLog(path);
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    for (let written = 0; written < 13; written += 1) log.append(mebibyte);
    log.append(Buffer.from('the last line\n'));
    const limitBytes = 5 * 1024 * 1024;
    expect((await stat(path)).size).toBeLessThanOrEqual(limitBytes);
    expect((await stat(`${path}.1`)).size).toBeLessThanOrEqual(limitBytes);
    expect((await readFile(path, 'utf8')).endsWith('the last line\n')).toBe(true);
    expect(log.tail().endsWith('the last line')).toBe(true);
  });

  it('goes on with the file of an earlier run', async () => {
    const path = join(await makeFolder(), 'server.log');
    openBoundedLog(path).append(Buffer.from('first run\n'));
    openBoundedLog(path).append(Buffer.from('second run\n'));
    expect(await readFile(path, 'utf8')).toBe('first run\nsecond run\n');
  });
});
