// Runs one server as a child process: its output goes to a bounded log, it dies soon after this process however that
// ends, and stopping it is bounded. Knows nothing about what the server is.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

import type { BoundedLog } from './bounded-log.ts';
import type { ShutdownStep } from './running-process.ts';

const POLL_INTERVAL_MS = 25;

/**
 * What the child sees of our environment. Not all of it: it holds secrets, and PG* and TEMPORAL_* variables would
 * change what the servers do.
 */
export function childEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC', ...more };
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

export interface ServerProcessOptions {
  /** For messages: "PostgreSQL", "Temporal". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly log: BoundedLog;
  readonly environment?: Readonly<Record<string, string>>;
  /** The user to run as, if not our own. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  /** Signals from the kindest to the last; the first is also what ends the server when this process dies. */
  readonly shutdown: readonly [ShutdownStep, ...ShutdownStep[]];
  readonly report: (message: string) => void;
}

export interface ServerProcess {
  readonly pid: number;
  /**
   * Polls until the server answers.
   * @throws Error with the end of its log if it ends first or takes too long; the server is stopped then
   */
  waitUntilReady(
    isReady: () => Promise<boolean>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  /** Ends the server, by force if need be. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Signals the server once this process is gone, also after `kill -9`: the shell sees its input end, whatever ended us.
 * In a session of its own, so that Ctrl-C in a terminal does not end it first.
 */
function spawnParentWatch(pid: number, signal: NodeJS.Signals): ChildProcess {
  const watch = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -s "$1" "$2"', 'sh', signal.replace(/^SIG/, ''), String(pid)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    },
  );
  // Without the watch the next start still cleans up.
  watch.on('error', () => undefined);
  watch.stdin?.on('error', () => undefined);
  return watch;
}

/**
 * Starts the server.
 * @throws Error if the program cannot be run
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, log, shutdown } = options;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: childEnvironment(options.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own session: Ctrl-C reaches only the gateway, which stops its servers last.
    detached: true,
    ...(options.account && { uid: options.account.uid, gid: options.account.gid }),
  });
  child.stdout.on('data', (chunk: Buffer) => log.append(chunk));
  child.stderr.on('data', (chunk: Buffer) => log.append(chunk));

  let isStopping = false;
  let hasExited = false;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      hasExited = true;
      resolve(signal ? `signal ${signal}` : `exit code ${code}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (err) => reject(new Error(`${name} cannot be run: ${err.message}`, { cause: err })));
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${name} cannot be run: it has no process id`);
  const watch = spawnParentWatch(pid, shutdown[0].signal);
  void exited.then((how) => {
    watch.kill('SIGKILL');
    if (!isStopping) options.report(`${name} ended unexpectedly with ${how}; its log is ${log.path}`);
  });

  async function stop(): Promise<void> {
    isStopping = true;
    for (const { signal, waitMs } of shutdown) {
      if (hasExited) break;
      child.kill(signal);
      const timeout = new AbortController();
      await Promise.race([
        exited,
        delay(waitMs, undefined, { signal: timeout.signal }).catch(() => undefined),
      ]);
      timeout.abort();
    }
    if (!hasExited) throw new Error(`${name} (process ${pid}) does not end; stop it by hand`);
  }

  return {
    pid,
    stop,
    async waitUntilReady(isReady, timeoutMs, signal) {
      const deadline = Date.now() + timeoutMs;
      isStopping = true; // An end during start-up is told by the error below, not by a report.
      try {
        for (;;) {
          signal?.throwIfAborted();
          if (hasExited) throw new Error(`${name} ended with ${await exited} while starting:\n${log.tail()}`);
          if (await isReady()) break;
          if (Date.now() > deadline) {
            throw new Error(
              `${name} was not ready after ${timeoutMs} ms; the end of ${log.path}:\n${log.tail()}`,
            );
          }
          await delay(POLL_INTERVAL_MS);
        }
      } catch (err) {
        await stop();
        throw err;
      }
      isStopping = false;
    },
  };
}
