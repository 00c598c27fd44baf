// Looks at processes: whether a recorded one still runs, which ones work on a folder, which ports one listens on, and how
// to end one that outlived its parent. A pid alone proves nothing, for the system hands it out again.
import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const POLL_INTERVAL_MS = 50;

/** Names one process for good. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in whatever form this system tells it; equal for one process, never for two. */
  readonly startedAt: string;
}

export interface RunningProcess extends ProcessIdentity {
  /** The program's name as the system shows it; also that of a process that shows another command line. */
  readonly name: string;
  /** The arguments, joined by blanks. */
  readonly commandLine: string;
  /** The arguments one by one, the program first; null where the system tells them only joined (not Linux). */
  readonly args: readonly string[] | null;
}

/** One signal of a shutdown and how long it is given before the next one follows. */
export interface ShutdownStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** Start times count from the boot, so two boots must not be mixed up. */
let bootId: Promise<string> | undefined;

async function findByProcFolder(pid: number): Promise<RunningProcess | null> {
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => 'this-boot',
  );
  let status: string;
  let commandLine: string;
  try {
    [status, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
  } catch {
    // The folder goes away with the process, also between two reads.
    return null;
  }
  // The name in brackets may itself hold blanks and brackets: count the fields behind the last one.
  const nameEnd = status.lastIndexOf(')');
  const fields = status.slice(nameEnd + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (ticks === undefined || state === 'Z' || state === 'X') return null;
  const args = commandLine.replace(/\0$/, '').split('\0');
  return {
    pid,
    startedAt: `${await bootId} ${ticks}`,
    name: status.slice(status.indexOf('(') + 1, nameEnd),
    commandLine: args.join(' ').trim(),
    args,
  };
}

async function findByProcessList(pid: number): Promise<RunningProcess | null> {
  const tell = (column: string) =>
    promisify(execFile)('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
  try {
    const [state, startedAt, name, commandLine] = await Promise.all([
      tell('stat'),
      tell('lstart'),
      tell('comm'),
      tell('command'),
    ]);
    if (state.stdout.trim().startsWith('Z')) return null;
    return {
      pid,
      startedAt: startedAt.stdout.trim(),
      name: name.stdout.trim(),
      commandLine: commandLine.stdout.trim(),
      args: null,
    };
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

/** Whether exactly this process still runs, and not another one that was given its pid. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await findRunningProcess(identity.pid))?.startedAt === identity.startedAt;
}

async function listPids(): Promise<readonly number[]> {
  const names =
    process.platform === 'linux'
      ? await readdir('/proc')
      : (await promisify(execFile)('ps', ['-axo', 'pid='])).stdout.split('\n');
  return names.map(Number).filter((pid) => Number.isSafeInteger(pid) && pid > 1 && pid !== process.pid);
}

/** Whether these arguments follow each other among those of the process, each of them whole. */
function holdsArguments({ args, commandLine }: RunningProcess, wanted: readonly string[]): boolean {
  if (args === null) return ` ${commandLine} `.includes(` ${wanted.join(' ')} `);
  return args.some((_, start) => wanted.every((argument, offset) => args[start + offset] === argument));
}

/**
 * The processes that were started with these arguments, one after the other, and that work in one of these very folders.
 * An argument that only begins or ends like one of them, or that holds them as a part, is another: a server on `/x/ab`, or
 * somebody's search for this one. And a path alone proves nothing: a folder that was moved away takes the server that
 * works in it along, and in a container the same path is another folder.
 * @param options.name the program's name; any when absent
 * @returns without those of which the system does not tell where they work: they are not this user's
 */
export async function findProcessesByArguments(
  wanted: readonly string[],
  options: { readonly workingIn: readonly string[]; readonly name?: string },
): Promise<readonly RunningProcess[]> {
  // On other systems one look at all of them, then one at each that seems right.
  const pids = process.platform === 'linux' ? await listPids() : await listPidsByText(wanted.join(' '));
  const found = await Promise.all(pids.map(findRunningProcess));
  const fitting = found
    .filter((each) => each !== null)
    .filter((each) => holdsArguments(each, wanted))
    .filter(({ name }) => options.name === undefined || basename(name) === options.name);
  const folders = await Promise.all(options.workingIn.map((folder) => stat(folder).catch(() => null)));
  const working = await Promise.all(fitting.map(({ pid }) => statWorkingFolder(pid)));
  return fitting.filter((_, position) =>
    folders.some((folder) => isSameFolder(folder, working[position] ?? null)),
  );
}

/** @returns null where the system does not tell */
async function statWorkingFolder(pid: number): Promise<Stats | null> {
  if (process.platform === 'linux') return stat(`/proc/${pid}/cwd`).catch(() => null);
  const { stdout } = await promisify(execFile)('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn']).catch(
    () => ({ stdout: '' }),
  );
  const path = /^n(.+)$/m.exec(stdout)?.[1];
  return path === undefined ? null : stat(path).catch(() => null);
}

function isSameFolder(one: Stats | null, other: Stats | null): boolean {
  return one !== null && other !== null && one.ino === other.ino && one.dev === other.dev;
}

async function listPidsByText(text: string): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,command='], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const lines = stdout.split('\n').filter((line) => line.includes(text));
  return lines.map((line) => Number.parseInt(line, 10)).filter((pid) => pid !== process.pid);
}

/**
 * The processes of a program that work in this very folder. Needed for those whose command line does not tell it.
 * @returns none where the system does not tell (not Linux, or no right to ask)
 */
export async function findProcessesWorkingIn(
  folder: string,
  programName: string,
): Promise<readonly RunningProcess[]> {
  if (process.platform !== 'linux') return [];
  const wanted = await stat(folder).catch(() => null);
  if (wanted === null) return [];
  const found = await Promise.all(
    (await listPids()).map(async (pid) => {
      return isSameFolder(wanted, await statWorkingFolder(pid)) ? findRunningProcess(pid) : null;
    }),
  );
  return found.filter((each) => each !== null).filter(({ name }) => name === programName);
}

/** TCP's state LISTEN in Linux's table of sockets. */
const LISTENING = '0A';

async function readListeningPortsOfProc(pid: number): Promise<ReadonlySet<number>> {
  const folder = `/proc/${pid}`;
  const sockets = new Set(
    await Promise.all(
      // A descriptor may be closed between the two looks.
      (await readdir(`${folder}/fd`)).map((name) => readlink(`${folder}/fd/${name}`).catch(() => '')),
    ),
  );
  const tables = await Promise.all(
    // No such table: IPv6 is switched off.
    ['tcp', 'tcp6'].map((name) => readFile(`${folder}/net/${name}`, 'utf8').catch(() => '')),
  );
  const ports = new Set<number>();
  for (const line of tables.join('\n').split('\n')) {
    const [, localAddress, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTENING && sockets.has(`socket:[${inode}]`)) {
      ports.add(Number.parseInt(localAddress?.split(':').at(-1) ?? '', 16));
    }
  }
  return ports;
}

async function readListeningPortsOfList(pid: number): Promise<ReadonlySet<number>> {
  const options = ['-nP', '-a', '-p', String(pid), '-iTCP', '-sTCP:LISTEN', '-Fn'];
  const { stdout } = await promisify(execFile)('lsof', options).catch((err: unknown) => {
    // `lsof` exits 1 when it finds none.
    if ((err as { code?: unknown }).code === 1) return { stdout: '' };
    throw err;
  });
  return new Set(Array.from(stdout.matchAll(/^n.*:(\d+)$/gm), ([, port]) => Number(port)));
}

/**
 * The TCP ports that this very process listens on; none if it does not run. That something answers on a port does not
 * tell who does.
 * @returns null where the system does not tell
 */
export async function findListeningPorts(pid: number): Promise<ReadonlySet<number> | null> {
  try {
    return await (process.platform === 'linux'
      ? readListeningPortsOfProc(pid)
      : readListeningPortsOfList(pid));
  } catch {
    // An ended process has no folder; where that is not the reason, its descriptors may not be read.
    return (await findRunningProcess(pid)) === null ? new Set() : null;
  }
}

/** @returns whether the process was gone before the time was over */
export async function waitForEnd(identity: ProcessIdentity, waitMs: number): Promise<boolean> {
  for (const deadline = performance.now() + waitMs; ; await delay(POLL_INTERVAL_MS)) {
    if (!(await isRunning(identity))) return true;
    if (performance.now() > deadline) return false;
  }
}

/**
 * Ends a process that outlived its parent.
 * @param leftover proved by the caller to belong to the data folder
 * @param steps signals from the kindest to the last
 * @throws Error if it survives every step, or may not be signalled
 */
export async function stopLeftoverProcess(
  leftover: ProcessIdentity,
  steps: readonly ShutdownStep[],
): Promise<void> {
  const { pid } = leftover;
  for (const { signal, waitMs } of steps) {
    if (!(await isRunning(leftover))) return;
    try {
      process.kill(pid, signal);
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw new Error(`process ${pid} is left over on this data folder and may not be stopped by this user`, {
        cause: err,
      });
    }
    if (await waitForEnd(leftover, waitMs)) return;
  }
  throw new Error(`process ${pid} is left over on this data folder and does not end; stop it by hand`);
}
