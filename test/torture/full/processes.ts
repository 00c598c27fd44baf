// The processes a torture run consists of, as its nemesis sees them: each can be started, killed with SIGKILL, paused and
// let go on, always by process id. What they are for is system.ts.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { COMPILE_CACHE } from '../../support/compile-cache.ts';

/** A server or process that can be brought down and comes back on the same address. */
export interface Victim {
  /** Ends it as the kernel would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it after a kill and waits until it serves. */
  start(): Promise<void>;
  /** Stops it from running, with all that belongs to it. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it in order. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 150_000;
const STOP_TIMEOUT_MS = 30_000;
const RESTART_PAUSE_MS = 300;

export interface ChildOptions {
  readonly name: string;
  readonly modulePath: string;
  readonly args?: readonly string[];
  /** Asked at each start. */
  readonly env: () => Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Told about ends that nobody asked for. */
  readonly onUnexpectedExit: (name: string, how: string) => void;
}

/** One of our own programs as a child; started again when it ends by itself, as an orchestrator would. */
export class SupervisedChild implements Victim {
  readonly #options: ChildOptions;
  #child: ChildProcess | null = null;
  #exit: Promise<unknown> = Promise.resolve();
  #ready: Promise<Record<string, unknown>> | null = null;
  #isWanted = false;
  #hasServed = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  /** @returns what the child said when it was ready */
  async start(): Promise<void> {
    await this.startAndTell();
  }

  async startAndTell(): Promise<Record<string, unknown>> {
    this.#isWanted = true;
    this.#ready ??= this.#spawn();
    return this.#ready;
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#ready = null;
    this.#child?.kill('SIGKILL');
    await this.#exit;
  }

  pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
    return Promise.resolve();
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#ready = null;
    this.resume();
    this.#child?.kill('SIGTERM');
    const isGone = await Promise.race([
      this.#exit.then(() => true),
      delay(STOP_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (!isGone) this.#child?.kill('SIGKILL');
    await this.#exit;
  }

  #spawn(): Promise<Record<string, unknown>> {
    const { name, modulePath, args = [], env, logPath, onUnexpectedExit } = this.#options;
    const log = openSync(logPath, 'a');
    const child = fork(modulePath, [...args], {
      env: { ...machineEnvironment(), ...COMPILE_CACHE, ...env() },
      stdio: ['ignore', log, log, 'ipc'],
      execArgv: [],
      // A group of its own: Ctrl-C reaches the harness alone, which then ends its children.
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    const exit = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
    this.#exit = exit;
    const ready = Promise.withResolvers<Record<string, unknown>>();
    child.once('message', (message) => {
      this.#hasServed = true;
      ready.resolve(message as Record<string, unknown>);
    });
    const timer = setTimeout(
      () => ready.reject(new Error(`${name} was not ready after ${READY_TIMEOUT_MS} ms; see ${logPath}`)),
      READY_TIMEOUT_MS,
    );
    void exit.then(async (how) => {
      clearTimeout(timer);
      if (!this.#isWanted || this.#child !== child) {
        ready.reject(new Error(`${name} was ended while it started`));
        return;
      }
      if (!this.#hasServed) {
        ready.reject(new Error(`${name} ended by itself (${how}) before it ever served; see ${logPath}`));
        return;
      }
      onUnexpectedExit(name, how);
      await delay(RESTART_PAUSE_MS);
      if (this.#isWanted && this.#child === child) {
        this.#ready = this.#spawn();
        this.#ready.then(ready.resolve, ready.reject);
      } else {
        ready.reject(new Error(`${name} was ended while it started`));
      }
    });
    ready.promise.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    return ready.promise;
  }
}

/** An embedded server that keeps its port across starts. */
export class EmbeddedServer<
  Running extends { readonly pid: number; stop(): Promise<void> },
> implements Victim {
  readonly #launch: () => Promise<Running>;
  #running: Running | null = null;
  #paused: readonly number[] = [];

  /** @param launch starts it on its fixed port and data, and waits until it serves */
  constructor(launch: () => Promise<Running>) {
    this.#launch = launch;
  }

  get running(): Running {
    if (!this.#running) throw new Error('The server does not run');
    return this.#running;
  }

  async start(): Promise<void> {
    this.#running ??= await this.#launch();
  }

  async kill(): Promise<void> {
    const { running } = this;
    signal([running.pid], 'SIGKILL');
    // Only tidies up: the process is gone or going.
    await running.stop();
    this.#running = null;
  }

  async pause(): Promise<void> {
    const { pid } = this.running;
    // The parent first, so that it makes no new children meanwhile.
    signal([pid], 'SIGSTOP');
    const children = await childrenOf(pid);
    signal(children, 'SIGSTOP');
    this.#paused = [...children, pid];
  }

  resume(): void {
    signal(this.#paused, 'SIGCONT');
    this.#paused = [];
  }

  async stop(): Promise<void> {
    this.resume();
    await this.#running?.stop();
    this.#running = null;
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (err) {
      // A process that ended meanwhile needs no signal.
      if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
    }
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** What a program needs to run at all; a developer's own gateway variables stay out. */
function machineEnvironment(): Record<string, string> {
  return Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
