// The key that encrypts secrets at rest on a machine where none is configured: made once, kept in the data folder.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEY_BYTES = 32;

/** @returns the key in base64; the same one at every start on this data folder */
export async function ensureSecretsKey(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secrets-key');
  try {
    await writeFile(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
  }
  return (await readFile(path, 'utf8')).trim();
}
