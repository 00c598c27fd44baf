// Looks at processes this one did not start: whether a recorded pid is still the process it was recorded for, and how to
// end a server that outlived its parent. A pid alone proves nothing, for the system hands it out again.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const POLL_INTERVAL_MS = 50;

export interface RunningProcess {
  readonly pid: number;
  /** When the process started, in whatever form this system tells it; equal for one process, never for two. */
  readonly startedAt: string;
  /** The arguments, joined by blanks. */
  readonly commandLine: string;
}

/** One signal of a shutdown and how long it is given before the next one follows. */
export interface ShutdownStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

async function findByProcFolder(pid: number): Promise<RunningProcess | null> {
  let stat: string;
  let commandLine: string;
  try {
    [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
  } catch {
    // The folder goes away with the process, also between two reads.
    return null;
  }
  // The name in brackets may itself hold blanks and brackets: count the fields behind the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startedAt] = [fields[0], fields[19]];
  if (startedAt === undefined || state === 'Z' || state === 'X') return null;
  return { pid, startedAt, commandLine: commandLine.split('\0').join(' ').trim() };
}

async function findByProcessList(pid: number): Promise<RunningProcess | null> {
  const tell = (column: string) =>
    promisify(execFile)('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
  try {
    const [state, startedAt, commandLine] = await Promise.all([
      tell('stat'),
      tell('lstart'),
      tell('command'),
    ]);
    if (state.stdout.trim().startsWith('Z')) return null;
    return { pid, startedAt: startedAt.stdout.trim(), commandLine: commandLine.stdout.trim() };
  } catch (err) {
    // `ps` exits 1 when there is no such process; anything else means that it could not tell.
    if ((err as { code?: unknown }).code === 1) return null;
    throw err;
  }
}

/**
 * Looks a process up by its pid.
 * @returns null if it does not run (a zombie does not run either)
 */
export function findRunningProcess(pid: number): Promise<RunningProcess | null> {
  return process.platform === 'linux' ? findByProcFolder(pid) : findByProcessList(pid);
}

/**
 * Ends a server whose parent was killed before it could stop it.
 * @param commandLinePart what the command line of that server, and of no other process, contains
 * @param steps signals from the kindest to the last
 * @returns whether there was one
 * @throws Error if it survives every step
 */
export async function stopLeftoverProcess(
  pid: number,
  commandLinePart: string,
  steps: readonly ShutdownStep[],
): Promise<boolean> {
  const leftover = await findRunningProcess(pid);
  if (leftover === null || !leftover.commandLine.includes(commandLinePart)) return false;
  const isGone = async () => (await findRunningProcess(pid))?.startedAt !== leftover.startedAt;
  for (const { signal, waitMs } of steps) {
    if (await isGone()) return true;
    try {
      process.kill(pid, signal);
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ESRCH') return true;
      throw new Error(
        `process ${pid} is a leftover server of this data folder and may not be stopped by this user`,
        {
          cause: err,
        },
      );
    }
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await delay(POLL_INTERVAL_MS)) {
      if (await isGone()) return true;
    }
  }
  throw new Error(
    `process ${pid} is a leftover server of this data folder and does not end; stop it by hand`,
  );
}
