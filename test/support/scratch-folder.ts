// A folder of a test's own, which every user may enter and which is removed when the test file ends.
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from '@jest/globals';

/**
 * Makes scratch folders for one test file. Call it at the top of a `describe`.
 * @returns makes one more folder and answers its real path
 */
export function scratchFolders(): () => Promise<string> {
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));
  return async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'dy-gateway-scratch-')));
    // mkdtemp makes it for us alone; an embedded PostgreSQL runs as another user when the tests run as root.
    await chmod(folder, 0o755);
    folders.push(folder);
    return folder;
  };
}
