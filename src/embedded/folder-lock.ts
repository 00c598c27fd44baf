// Keeps two gateways from starting the same embedded server on one data folder. The lock is SQLite's on an empty file,
// which the kernel gives free when its owner dies however it dies: there is no stale lock to recognise.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** Thrown when another living process, or another part of this one, holds the lock. */
export class FolderInUseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FolderInUseError';
  }
}

/**
 * Takes the lock for the life of this process, or until it is given back.
 * @param lockPath a file of its own, made if it does not exist; nobody else may open it
 * @param description what the lock protects, for the error message
 * @returns a function that gives it back; safe to call twice
 * @throws FolderInUseError with the pid of the owner
 */
export async function lockFolder(lockPath: string, description: string): Promise<() => Promise<void>> {
  // The pid is for people only, and in a file of its own: closing the lock file after a look would free the lock.
  const ownerPath = `${lockPath}-owner`;
  const lock = new DatabaseSync(lockPath);
  try {
    lock.exec('begin exclusive');
  } catch (err) {
    lock.close();
    if ((err as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw err;
    const ownerPid = await readFile(ownerPath, 'utf8').catch(() => 'of unknown id');
    throw new FolderInUseError(
      `${description} is in use by the running process ${ownerPid}; stop that one first, or choose another DATA_DIR`,
    );
  }
  await writeFile(ownerPath, String(process.pid));
  return async () => {
    if (!lock.isOpen) return;
    await rm(ownerPath, { force: true });
    lock.close();
  };
}
