// Prepares the folder one embedded server keeps its files in, and says what to do when it cannot be used.
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes `dataDir/name` and proves that it can be written.
 * @returns its real path
 * @throws Error that names the data folder and the remedy
 */
export async function prepareDataFolder(dataDir: string, name: string): Promise<string> {
  const folder = join(dataDir, name);
  const probePath = join(folder, `.write-test-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probePath, 'x');
    await rm(probePath);
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code ?? 'unknown error';
    const remedy = code === 'ENOSPC' ? 'free some space' : 'make it writable for this user';
    throw new Error(
      `the data folder ${dataDir} cannot be written (${code}): ${remedy}, or set DATA_DIR to another folder`,
      {
        cause: err,
      },
    );
  }
  return await realpath(folder);
}
