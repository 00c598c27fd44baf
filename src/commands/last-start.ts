// What a killed `start` leaves on its data folder: `start` itself, if only npm above it was killed, and its API and
// worker. They are recorded in a file while they run, and the next start waits for them, then ends them. The embedded
// servers are found and ended by src/embedded, which knows them by their folders.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FolderInUseError, lockFolder } from '../embedded/folder-lock.ts';
import {
  findRunningProcess,
  isRunning,
  type ProcessIdentity,
  stopLeftoverProcess,
  waitForEnd,
} from '../embedded/running-process.ts';

/** `start` without its npm ends in order by itself; longer than this means that it hangs. */
const START_WAIT_MS = 8_000;
/** The same for its children, whose servers may be gone already. */
const CHILD_WAIT_MS = 3_000;
const POLL_INTERVAL_MS = 100;
const FORCE = [{ signal: 'SIGKILL', waitMs: 2_000 }] as const;

interface RecordedProcess extends ProcessIdentity {
  readonly name: string;
}

interface StartRecord {
  readonly start: RecordedProcess;
  /** The npm that ran it. */
  readonly launcher: RecordedProcess | null;
  readonly children: readonly RecordedProcess[];
}

/** The right to start on a data folder. */
export interface DataFolderHold {
  /** Whether an earlier start was killed: its ports may take a moment longer to be free. */
  readonly followsKilledStart: boolean;
  /** Tells the next start of a child process of this one. */
  recordChild(name: string, pid: number): Promise<void>;
  /** After the last child has ended. */
  release(): Promise<void>;
}

/**
 * Takes the data folder for one `start`. What a killed one left is waited for, then ended; only processes that are, by
 * pid and start time, the recorded ones.
 * @param folder the data folder's real path
 * @param launcherPid the npm that runs this process
 * @throws FolderInUseError while an earlier start lives, and the npm that ran it, if npm did
 */
export async function holdDataFolder(
  folder: string,
  launcherPid: number | null,
  report: (message: string) => void,
): Promise<DataFolderHold> {
  const recordPath = join(folder, 'start-processes.json');
  const unlock = await lockPatiently(folder, recordPath, report);
  try {
    const last = readRecord(recordPath);
    for (const child of last?.children ?? []) {
      if (await waitForEnd(child, CHILD_WAIT_MS)) continue;
      await stopLeftoverProcess(child, FORCE);
      report(`ended the ${child.name} that an earlier start left behind (process ${child.pid})`);
    }
    const own = await identify('start', process.pid);
    if (own === null) throw new Error('The system does not tell the start time of this process');
    const launcher = launcherPid === null ? null : await identify('npm', launcherPid);
    const children = new Map<string, RecordedProcess>();
    const write = () => writeRecord(recordPath, { start: own, launcher, children: [...children.values()] });
    write();
    return {
      followsKilledStart: last !== null,
      async recordChild(name, pid) {
        const child = await identify(name, pid);
        if (child === null) return;
        // In the place of the one that died and is started again.
        children.set(name, child);
        try {
          write();
        } catch (err) {
          // A full disk must not end a gateway that serves; such a child also ends when it loses its parent.
          report(`${recordPath} cannot be written: ${(err as Error).message}`);
        }
      },
      async release() {
        rmSync(recordPath, { force: true });
        await unlock();
      },
    };
  } catch (err) {
    await unlock();
    throw err;
  }
}

async function lockPatiently(
  folder: string,
  recordPath: string,
  report: (message: string) => void,
): Promise<() => Promise<void>> {
  let killAt: number | null = null;
  for (;;) {
    try {
      return await lockFolder(join(folder, 'start.lock'), `the data folder ${folder}`);
    } catch (err) {
      if (!(err instanceof FolderInUseError)) throw err;
      const orphan = await findOrphanedStart(recordPath);
      if (orphan === null) throw err;
      if (killAt === null) {
        killAt = performance.now() + START_WAIT_MS;
        report(`waiting for an earlier start whose npm was killed (process ${orphan.pid})`);
      }
      if (performance.now() > killAt) await stopLeftoverProcess(orphan, FORCE);
      await delay(POLL_INTERVAL_MS);
    }
  }
}

/** The start that has the folder, if it is only what was left of a killed `npm start`. */
async function findOrphanedStart(recordPath: string): Promise<ProcessIdentity | null> {
  const record = readRecord(recordPath);
  if (record?.launcher == null || (await isRunning(record.launcher))) return null;
  // Not running: the record is an older one, and who has the folder now has not written its own yet.
  return (await isRunning(record.start)) ? record.start : null;
}

async function identify(name: string, pid: number): Promise<RecordedProcess | null> {
  const found = await findRunningProcess(pid);
  return found && { name, pid, startedAt: found.startedAt };
}

/** @returns null too where a crash of the whole machine left half a file: then none of its processes runs either */
function readRecord(path: string): StartRecord | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as StartRecord;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT' || (err as Error).name === 'SyntaxError')
      return null;
    throw err;
  }
}

function writeRecord(path: string, record: StartRecord): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}
