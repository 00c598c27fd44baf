// The key that encrypts secrets at rest on a machine where none is configured: made once, kept in the data folder.
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEY_BYTES = 32;

/** @returns the key in base64; the same one at every start on this data folder */
export async function ensureSecretsKey(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secrets-key');
  // Written aside and then given its name: a start killed in between must not leave half a key.
  const draftPath = `${path}.${process.pid}`;
  await writeFile(draftPath, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
  try {
    await link(draftPath, path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
  } finally {
    await rm(draftPath, { force: true });
  }
  return (await readFile(path, 'utf8')).trim();
}
