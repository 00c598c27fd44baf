// Starts Temporal's dev server with its UI for one machine: development, tests, a first try. Production brings its own
// and sets TEMPORAL_ADDRESS. Which program is started is found by temporal-cli.ts.
import { rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

import { Connection } from '@temporalio/client';

import { openBoundedLog } from './bounded-log.ts';
import { prepareDataFolder } from './data-folder.ts';
import { lockFolder } from './folder-lock.ts';
import { findFreePort } from './free-port.ts';
import {
  findListeningPorts,
  findProcessesByArguments,
  type ShutdownStep,
  stopLeftoverProcess,
} from './running-process.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const DEFAULT_PORT = 7233;
const DEFAULT_UI_PORT = 8233;
const DEFAULT_NAMESPACE = 'default';
const LOOPBACK = '127.0.0.1';
const START_TIMEOUT_MS = 30_000;
const HEALTH_TIMEOUT_MS = 2_000;
const MAX_PORT_ATTEMPTS = 3;

const SHUTDOWN: readonly [ShutdownStep, ...ShutdownStep[]] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];

/** Quicker for a server that a killed start left: somebody waits for the new one, and its file survives a kill. */
const LEFTOVER_SHUTDOWN: readonly ShutdownStep[] = [
  { signal: 'SIGTERM', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];

export interface EmbeddedTemporalOptions {
  /** The `temporal` program. */
  readonly cliPath: string;
  /** Where workflows and the log lie; any writable folder. Made if it does not exist. */
  readonly dataDir: string;
  /** `memory` forgets everything at the end: for tests. */
  readonly storage?: 'file' | 'memory';
  /** Taken if free, else any free one. */
  readonly preferredPort?: number;
  readonly preferredUiPort?: number;
  readonly namespace?: string;
  /** Settings of the server beside the gateway's own, by their names in Temporal's dynamic configuration. */
  readonly dynamicConfig?: Readonly<Record<string, number>>;
  readonly report: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface EmbeddedTemporal {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** Ends the server and gives the data folder free. Bounded; safe to call twice. */
  stop(): Promise<void>;
}

async function clearLeftover(
  databasePath: string,
  dataDir: string,
  report: (message: string) => void,
): Promise<void> {
  // Whoever calls the program, it is started in the data folder.
  const servers = await findProcessesByArguments(['--db-filename', databasePath], { workingIn: [dataDir] });
  for (const server of servers) {
    await stopLeftoverProcess(server, LEFTOVER_SHUTDOWN);
    report(`stopped the Temporal server an earlier run left behind (process ${server.pid})`);
  }
}

/**
 * Makes a first start that was cut short begin anew: the server sets its tables up only when the file is missing, and
 * never mends a file that lacks some of them.
 * @returns says that the server has served, so that the file is whole
 */
async function guardFirstStart(databasePath: string): Promise<() => Promise<void>> {
  const markPath = `${databasePath}.incomplete`;
  const exists = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if (await exists(markPath)) {
    for (const suffix of ['', '-wal', '-shm']) await rm(databasePath + suffix, { force: true });
  } else if (!(await exists(databasePath))) {
    await writeFile(markPath, '');
  }
  return () => rm(markPath, { force: true });
}

/** Whether anything listens. Asked before gRPC is, whose client waits a second after a refused connection. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port, timeout: HEALTH_TIMEOUT_MS });
    const settle = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

/** The frontend answers and knows the namespace. */
async function isServing(port: number, namespace: string): Promise<boolean> {
  if (!(await isListening(port))) return false;
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({
      address: `${LOOPBACK}:${port}`,
      connectTimeout: HEALTH_TIMEOUT_MS,
    });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + HEALTH_TIMEOUT_MS, () =>
      workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    // Not up yet. What keeps it from coming up is in its log, which the time-out shows.
    return false;
  } finally {
    await connection?.close();
  }
}

/**
 * Whether this very process has its ports. Until it binds them another server can, and that one answers like ours; ours
 * then ends, but not at once.
 */
async function hasPorts(pid: number, ports: readonly number[]): Promise<boolean> {
  const listening = await findListeningPorts(pid);
  return listening === null || ports.every((port) => listening.has(port));
}

async function runServer(
  options: EmbeddedTemporalOptions,
  databasePath: string,
  pidPath: string,
): Promise<{ server: ServerProcess; port: number; uiPort: number }> {
  const namespace = options.namespace ?? DEFAULT_NAMESPACE;
  const log = openBoundedLog(join(options.dataDir, 'logs', 'temporal.log'));
  for (let attempt = 1; ; attempt += 1) {
    const isFirst = attempt === 1;
    const port = await findFreePort(isFirst ? (options.preferredPort ?? DEFAULT_PORT) : 0);
    const uiPort = await findFreePort(isFirst ? (options.preferredUiPort ?? DEFAULT_UI_PORT) : 0);
    const server = await startServerProcess({
      name: 'Temporal',
      command: options.cliPath,
      args: [
        'server',
        'start-dev',
        ...['--ip', LOOPBACK, '--port', String(port), '--ui-ip', LOOPBACK, '--ui-port', String(uiPort)],
        ...['--namespace', namespace, '--log-level', 'warn', '--ui-disable-news-fetch'],
        // The verify path stands on it; said here so that another default of another version does not undo it.
        ...['--dynamic-config-value', 'system.enableEagerWorkflowStart=true'],
        ...Object.entries(options.dynamicConfig ?? {}).flatMap(([name, value]) => [
          '--dynamic-config-value',
          `${name}=${value}`,
        ]),
        // One sync to disk per commit instead of several, as durable.
        ...(options.storage === 'memory'
          ? []
          : ['--db-filename', databasePath, '--sqlite-pragma', 'journal_mode=WAL']),
      ],
      cwd: options.dataDir,
      log,
      environment: { TEMPORAL_VERSION_CHECK_DISABLED: '1' },
      shutdown: SHUTDOWN,
      report: options.report,
    });
    await writeFile(pidPath, String(server.pid));
    try {
      await server.waitUntilReady(
        async () => (await isServing(port, namespace)) && (await hasPorts(server.pid, [port, uiPort])),
        START_TIMEOUT_MS,
        options.signal,
      );
      return { server, port, uiPort };
    } catch (err) {
      // Between the look for a free port and the server's bind another program can take it. The server is gone now, so
      // a port that is not free is somebody else's; what it said about that may lie too far up in its log.
      const areFree = (await findFreePort(port)) === port && (await findFreePort(uiPort)) === uiPort;
      const isPortTaken = !areFree || String((err as Error).message).includes('address already in use');
      if (!isPortTaken || attempt >= MAX_PORT_ATTEMPTS || options.signal?.aborted === true) throw err;
    }
  }
}

/**
 * Starts Temporal's dev server on the data folder, with its UI, on 127.0.0.1 only. A server left by a killed gateway is
 * stopped first.
 * @throws FolderInUseError if a living process runs on the same data folder
 * @throws Error that says what to do, if the folder cannot be written or the server does not start
 */
export async function startEmbeddedTemporal(options: EmbeddedTemporalOptions): Promise<EmbeddedTemporal> {
  const { dataDir, report, signal } = options;
  signal?.throwIfAborted();
  const folder = await prepareDataFolder(dataDir, 'temporal');
  const unlock = await lockFolder(join(folder, 'lock'), `the data folder ${dataDir}`);
  try {
    const databasePath = join(folder, 'temporal.sqlite');
    const pidPath = join(folder, 'pid');
    await clearLeftover(databasePath, dataDir, report);
    const firstStartSucceeded = await guardFirstStart(databasePath);
    const { server, port, uiPort } = await runServer(options, databasePath, pidPath);
    await firstStartSucceeded();
    return {
      address: `${LOOPBACK}:${port}`,
      uiUrl: `http://${LOOPBACK}:${uiPort}`,
      pid: server.pid,
      async stop() {
        await server.stop();
        await rm(pidPath, { force: true });
        await unlock();
      },
    };
  } catch (err) {
    await unlock();
    throw err;
  }
}
