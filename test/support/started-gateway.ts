// A gateway as a user starts it: `main.ts start` as a child process on a folder of its own, with its servers, its API
// and worker processes found by what it prints, ended or killed by process id. Calling it is till.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Demo, demoFile, readDemo } from '../../clients/pos/demo.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { findRunningProcess } from '../../src/embedded/running-process.ts';
import { COMPILE_CACHE } from './compile-cache.ts';
import { eventually } from './eventually.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 45_000;
/** Processes of a killed gateway end by themselves: its children drain, its servers are signalled by their watches. */
const DESCENDANTS_TIMEOUT_MS = 40_000;

export interface GatewayExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The processes of `start` and everything they printed. */
export class GatewayProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<GatewayExit>;
  readonly #chunks: Buffer[] = [];

  /** @param launch what runs `start`: a program and its arguments, with `start`'s own behind them */
  constructor(env: Readonly<Record<string, string>>, launch: readonly string[] = []) {
    const [program = process.execPath, ...args] = [...launch, process.execPath, MAIN, 'start'];
    this.child = spawn(program, args, {
      env: { ...machineEnvironment(), ...COMPILE_CACHE, LOG_FORMAT: 'json', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    this.exit = once(this.child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** What `start`, its API and its worker wrote to stdout and stderr so far. */
  get output(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The records of the log among the output. */
  get records(): readonly Record<string, unknown>[] {
    return (
      this.output
        .split('\n')
        // The last one may not be whole yet.
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    );
  }
}

/** Variables of the machine that a program needs to run at all; a developer's own gateway variables stay out. */
function machineEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TEMPORAL_CLI', 'XDG_CACHE_HOME', 'XDG_DATA_HOME'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A gateway that printed `ready`. */
export class StartedGateway {
  readonly process: GatewayProcess;
  readonly dataDir: string;
  readonly demo: Demo;
  readonly url: string;
  readonly uiUrl: string;
  readonly simulatorUrl: string;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly servers: { readonly postgresPid: number; readonly temporalPid: number };

  constructor(gateway: GatewayProcess, dataDir: string, demo: Demo, servers: EmbeddedServers) {
    this.process = gateway;
    this.dataDir = dataDir;
    this.demo = demo;
    this.url = printedAddress(gateway.output, /^ready (\S+)$/m);
    this.uiUrl = printedAddress(gateway.output, /UI +(http:\S+)$/m);
    this.simulatorUrl = printedAddress(gateway.output, /simulator +(http:\S+)$/m);
    this.databaseUrl = servers.databaseUrl;
    this.temporalAddress = servers.temporalAddress;
    this.servers = servers;
  }

  get output(): string {
    return this.process.output;
  }

  /** The process that runs this command now, by its newest sign of life in the log. */
  pidOf(command: 'api' | 'worker'): number {
    const message = { api: 'the API listens', worker: 'the worker serves' }[command];
    const record = this.process.records.findLast(
      ({ process: name, msg }) => name === command && msg === message,
    );
    if (typeof record?.['pid'] !== 'number') throw new Error(`No ${command} process has said "${message}"`);
    return record['pid'];
  }

  /** Kills one child as the kernel would; the rest of the gateway is not told. */
  kill(command: 'api' | 'worker'): void {
    process.kill(this.pidOf(command), 'SIGKILL');
  }

  /** Every process that belongs to this gateway beside `start` itself. */
  descendants(): readonly number[] {
    return [this.pidOf('api'), this.pidOf('worker'), this.servers.postgresPid, this.servers.temporalPid];
  }

  /** Resolves when none of these processes runs any more. */
  async untilGone(pids: readonly number[]): Promise<void> {
    await eventually(async () => {
      const running = (await Promise.all(pids.map(findRunningProcess))).filter((found) => found !== null);
      if (running.length > 0)
        throw new Error(`still running: ${running.map((found) => found.commandLine).join(' | ')}`);
      return true;
    }, DESCENDANTS_TIMEOUT_MS);
  }

  /** Sends the signal and waits until `start` is gone. Its exit is also right if it had ended before. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<GatewayExit> {
    this.process.child.kill(signal);
    return withinBound(this.process.exit, STOP_TIMEOUT_MS, () => `start did not end:\n${tail(this.output)}`);
  }
}

/**
 * Starts a gateway and waits until it is ready.
 * @param env variables that differ from the defaults; ports are free ones unless given
 */
export async function startGateway(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  launch: readonly string[] = [],
): Promise<StartedGateway> {
  const gateway = new GatewayProcess(
    {
      PORT: String(await findFreePort(0)),
      METRICS_PORT: String(await findFreePort(0)),
      ...env,
      DATA_DIR: dataDir,
    },
    launch,
  );
  await eventually(() => {
    if (!gateway.hasExited) return /^ready /m.test(gateway.output);
    throw new Error(`start ended:\n${tail(gateway.output)}`);
  }, START_TIMEOUT_MS).catch(async (err: unknown) => {
    gateway.child.kill('SIGTERM');
    await gateway.exit;
    throw err;
  });
  const demo = readDemo(demoFile({ DATA_DIR: dataDir }));
  if (!demo) throw new Error('start was ready without a demo app');
  return new StartedGateway(gateway, dataDir, demo, await findServers(dataDir));
}

/** Runs `start` to its end, for starts that must fail. */
export async function startInVain(
  env: Readonly<Record<string, string>>,
): Promise<GatewayExit & { output: string }> {
  const gateway = new GatewayProcess(env);
  const exit = await withinBound(
    gateway.exit,
    START_TIMEOUT_MS,
    () => `start did not end:\n${tail(gateway.output)}`,
  );
  return { ...exit, output: gateway.output };
}

interface EmbeddedServers {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly postgresPid: number;
  readonly temporalPid: number;
}

/** Where the embedded servers listen, from what they leave in the data folder. */
async function findServers(dataDir: string): Promise<EmbeddedServers> {
  const read = (...path: string[]) => readFile(join(dataDir, ...path), 'utf8');
  const [password, postmaster, temporalPid] = await Promise.all([
    read('postgres', 'password'),
    read('postgres', 'home', 'cluster', 'postmaster.pid'),
    read('temporal', 'pid'),
  ]);
  const [postgresPid, , , postgresPort] = postmaster.split('\n').map((line) => line.trim());
  const temporal = await findRunningProcess(Number(temporalPid));
  const temporalPort = / --port (\d+) /.exec(temporal?.commandLine ?? '')?.[1];
  if (!temporal || !temporalPort) throw new Error('The embedded Temporal server does not run');
  return {
    databaseUrl: `postgres://postgres:${password.trim()}@127.0.0.1:${postgresPort}/dy_gateway`,
    temporalAddress: `127.0.0.1:${temporalPort}`,
    postgresPid: Number(postgresPid),
    temporalPid: temporal.pid,
  };
}

function printedAddress(output: string, pattern: RegExp): string {
  const address = pattern.exec(output)?.[1];
  if (!address) throw new Error(`start printed nothing like ${pattern.source}:\n${tail(output)}`);
  return address;
}

function tail(output: string): string {
  return output.slice(-4000);
}

async function withinBound<T>(promise: Promise<T>, timeoutMs: number, describe: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(describe())), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
