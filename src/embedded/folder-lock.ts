// Keeps two gateways from starting the same embedded server on one data folder. The lock names its owner, so one left by
// a killed process is recognised and taken over.
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { findRunningProcess } from './running-process.ts';

const MAX_ATTEMPTS = 5;

interface LockOwner {
  readonly pid: number;
  readonly startedAt: string;
}

/** Thrown when another living process holds the lock. */
export class FolderInUseError extends Error {
  readonly ownerPid: number;

  constructor(message: string, ownerPid: number) {
    super(message);
    this.name = 'FolderInUseError';
    this.ownerPid = ownerPid;
  }
}

function parseOwner(text: string): LockOwner | null {
  try {
    const owner = JSON.parse(text) as Partial<LockOwner>;
    if (typeof owner.pid !== 'number' || typeof owner.startedAt !== 'string') return null;
    return { pid: owner.pid, startedAt: owner.startedAt };
  } catch {
    // Not written by us, or damaged: it names nobody, so nobody holds it.
    return null;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  }
}

/**
 * Tells who holds a lock file.
 * @returns the pid of the living owner, or null
 */
export async function findLockOwner(lockPath: string): Promise<number | null> {
  const text = await readIfThere(lockPath);
  const owner = text === null ? null : parseOwner(text);
  if (owner === null) return null;
  const running = await findRunningProcess(owner.pid);
  return running?.startedAt === owner.startedAt ? owner.pid : null;
}

/**
 * Takes the lock, or takes it over from a process that is no more.
 * @param describe what the lock protects, for the error message
 * @returns a function that gives it back
 * @throws FolderInUseError with the pid of the living owner
 */
export async function lockFolder(lockPath: string, describe: string): Promise<() => Promise<void>> {
  const self = await findRunningProcess(process.pid);
  if (self === null) throw new Error('this process does not find itself in the process list');
  const content = JSON.stringify({ pid: self.pid, startedAt: self.startedAt } satisfies LockOwner);
  // Written aside and linked into place: the lock is never seen half written, and linking fails if there is one.
  const draftPath = `${lockPath}.${randomUUID()}`;
  await writeFile(draftPath, content, { mode: 0o644 });
  try {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      try {
        await link(draftPath, lockPath);
        return () => rm(lockPath, { force: true });
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
      }
      await removeStaleLock(lockPath, describe);
    }
  } finally {
    await rm(draftPath, { force: true });
  }
  throw new Error(`${describe}: the lock ${lockPath} keeps changing hands; try again`);
}

async function removeStaleLock(lockPath: string, describe: string): Promise<void> {
  const ownerPid = await findLockOwner(lockPath);
  if (ownerPid !== null) {
    throw new FolderInUseError(
      `${describe} is in use by the running process ${ownerPid}; stop that one first, or choose another DATA_DIR`,
      ownerPid,
    );
  }
  // Of several that find the same stale lock only one can move it away; a mover that caught a fresh lock puts it back.
  const movedPath = `${lockPath}.stale-${randomUUID()}`;
  try {
    await rename(lockPath, movedPath);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw err;
  }
  if ((await findLockOwner(movedPath)) !== null) await link(movedPath, lockPath);
  await rm(movedPath, { force: true });
}
