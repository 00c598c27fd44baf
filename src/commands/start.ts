// `start`: the whole gateway on one machine. Starts embedded what no address is given for, migrates, runs the API and a
// worker as child processes, restarts them if they die, and ends everything together.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  ConfigError,
  type Environment,
  isRealDouyin,
  loadConfig,
  parseEnvironment,
  workflowBundleFolder,
} from '../config.ts';
import { prepareDataFolder } from '../embedded/data-folder.ts';
import { findFreePort } from '../embedded/free-port.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { startEmbeddedTemporal } from '../embedded/temporal.ts';
import { findTemporalCli, prepareCacheFolder } from '../embedded/temporal-cli.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { SIMULATOR_DEFAULTS } from '../simulator/defaults.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { keepWorkflowBundle } from '../temporal/workflow-bundle.ts';
import { shutDown } from '../timing/shut-down.ts';
import { ensureDemo } from './demo.ts';
import { type DataFolderHold, holdDataFolder } from './last-start.ts';
import { ensureSecretsKey } from './local-secrets-key.ts';
import { migrate } from './migrate.ts';
import { type ProcessContext, untilStopped } from './process-context.ts';

const SIMULATOR_PORT = 8090;
const PORT_PATIENCE_MS = 5000;
const PORT_PAUSE_MS = 100;
const CHILD_STOP_MS = 40_000;
const PART_STOP_MS = 20_000;
const FIRST_RESTART_PAUSE_MS = 200;
const LONGEST_RESTART_PAUSE_MS = 10_000;
/** A child that ran this long had started well: its next restart is quick again. */
const STEADY_MS = 30_000;

interface Part {
  readonly name: string;
  readonly stop: () => Promise<unknown>;
}

export async function run(context: ProcessContext): Promise<void> {
  const environment = parseEnvironment(context.env);
  refuseGaps(environment);
  const report = (message: string) => process.stderr.write(`… ${message}\n`);
  const dataDir = environment.DATA_DIR;
  const hold = await holdDataFolder(await prepareDataFolder(dataDir, '.'), context.launcherPid, report);
  const parts: Part[] = [];
  try {
    const patienceMs = hold.followsKilledStart ? PORT_PATIENCE_MS : 0;
    await refuseBusyPort(environment.HOST, 'PORT', environment.PORT, patienceMs);
    await refuseBusyPort(environment.HOST, 'METRICS_PORT', environment.METRICS_PORT, patienceMs);
    if (environment.INTERNAL_PORT !== undefined) {
      const host = environment.INTERNAL_HOST ?? '127.0.0.1';
      await refuseBusyPort(host, 'INTERNAL_PORT', environment.INTERNAL_PORT, patienceMs);
    }
    const embedded = await startEmbedded(context, environment, dataDir, parts, report);
    const env = { ...context.env, ...embedded.env };
    const config = loadConfig(env);
    const logger = createLogger({ ...config.log, process: 'start' });
    report('preparing the database and Temporal');
    await migrate(config, createLogger({ ...config.log, level: 'warn', process: 'start' }), context.stop);

    // Not while the servers come up: bundling holds this process for seconds, and its time-outs would strike.
    await keepBundle(dataDir);

    report('starting the API and a worker');
    const api = superviseChild('api', env, hold, logger, context.stop);
    parts.push({ name: 'api', stop: api.stop });
    const worker = superviseChild(
      'worker',
      { ...env, METRICS_PORT: String(await findFreePort(environment.METRICS_PORT + 1)) },
      hold,
      logger,
      context.stop,
    );
    parts.push({ name: 'worker', stop: worker.stop });
    const [ready] = await Promise.race([
      Promise.all([api.ready, worker.ready]),
      untilStopped(context.stop).then(() => [null] as const),
    ]);
    if (!ready) return;
    const url = String(ready['url']);
    const demo = embedded.simulator
      ? await ensureDemo(config, logger, dataDir, url, embedded.simulator)
      : null;
    process.stdout.write(
      welcome({ url, internalUrl: String(ready['internalUrl']) }, embedded, demo, context.env['DATA_DIR']),
    );
    // Else it is written at an ordered end only, and the start after `kill -9` would have to compile everything.
    flushCompileCache();
    await untilStopped(context.stop);
    report('stopping');
  } finally {
    // Last started, first stopped: the API and the worker still have their servers while they drain.
    const logger = createLogger({ level: 'warn', format: 'pretty', process: 'start' });
    const children = parts.filter((part) => part.name === 'api' || part.name === 'worker');
    const servers = parts.filter((part) => !children.includes(part));
    await shutDown(logger, [
      {
        name: 'api and worker',
        timeoutMs: CHILD_STOP_MS,
        run: () => Promise.all(children.map((part) => part.stop())),
      },
      {
        name: 'servers',
        timeoutMs: PART_STOP_MS,
        run: () => Promise.all(servers.map((part) => part.stop())),
      },
    ]);
    await hold.release();
  }
}

/** Without it the API and the worker bundle by themselves, and say what is wrong if they cannot. */
async function keepBundle(dataDir: string): Promise<void> {
  const logger = createLogger({ level: 'warn', format: 'pretty', process: 'start' });
  await keepWorkflowBundle(workflowBundleFolder(dataDir), logger).catch((err: unknown) =>
    logger.warn({ err }, 'the bundled workflows are not kept'),
  );
}

/**
 * In production nothing is embedded or made up; beside the real Douyin at least no key is: whoever loses the data folder
 * would lose all secrets with it.
 */
function refuseGaps(environment: Environment): void {
  const isMissing = (name: keyof Environment) => environment[name] === undefined;
  if (environment.NODE_ENV === 'production') {
    const needed = ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'DOUYIN_BASE_URL', 'SECRETS_KEY'] as const;
    const missing = needed.filter(isMissing);
    if (missing.length === 0) return;
    throw new ConfigError(
      missing.map((name) => `${name} is missing: with NODE_ENV=production nothing is embedded or made up`),
    );
  }
  if (isRealDouyin(environment.DOUYIN_BASE_URL) && isMissing('SECRETS_KEY')) {
    throw new ConfigError([
      'SECRETS_KEY is missing: with the real Douyin no key is made up. Set NODE_ENV=production too, which asks for all that production needs',
    ]);
  }
}

/** @param patienceMs how long a dying process may still hold the port */
async function refuseBusyPort(
  host: string,
  variable: string,
  port: number,
  patienceMs: number,
): Promise<void> {
  if (port === 0) return;
  for (const giveUpAt = performance.now() + patienceMs; ; await delay(PORT_PAUSE_MS)) {
    if ((await findFreePort(port)) === port) return;
    if (performance.now() < giveUpAt) continue;
    throw new Error(
      `${host}:${port} is in use; stop what listens there, or start with another ${variable}, e.g. ${variable}=${port + 1}`,
    );
  }
}

interface Embedded {
  /** The variables the embedded parts stand for. */
  readonly env: Record<string, string>;
  readonly uiUrl: string | null;
  /** Without its password. */
  readonly databaseAddress: string | null;
  readonly simulator: Simulator | null;
}

async function startEmbedded(
  context: ProcessContext,
  environment: Environment,
  dataDir: string,
  parts: Part[],
  report: (message: string) => void,
): Promise<Embedded> {
  const env: Record<string, string> = {
    SECRETS_KEY: environment.SECRETS_KEY?.join(',') ?? (await ensureSecretsKey(dataDir)),
  };
  let uiUrl: string | null = null;
  let databaseAddress: string | null = null;
  let simulator: Simulator | null = null;
  const starts = await Promise.allSettled([
    environment.DATABASE_URL === undefined &&
      startEmbeddedPostgres({ dataDir, databaseName: 'dy_gateway', report, signal: context.stop }).then(
        (postgres) => {
          parts.push({ name: 'postgres', stop: () => postgres.stop() });
          env['DATABASE_URL'] = postgres.url;
          const { host, pathname } = new URL(postgres.url);
          databaseAddress = `${host}${pathname}`;
        },
      ),
    environment.TEMPORAL_ADDRESS === undefined &&
      (async () => {
        const cliPath = await findTemporalCli({
          explicitPath: environment.TEMPORAL_CLI,
          cacheDir: await prepareCacheFolder(context.env),
          report,
          signal: context.stop,
        });
        const temporal = await startEmbeddedTemporal({
          cliPath,
          dataDir,
          namespace: environment.TEMPORAL_NAMESPACE,
          report,
          signal: context.stop,
        });
        parts.push({ name: 'temporal', stop: () => temporal.stop() });
        env['TEMPORAL_ADDRESS'] = temporal.address;
        uiUrl = temporal.uiUrl;
      })(),
    environment.DOUYIN_BASE_URL === undefined &&
      (async () => {
        simulator = await startSimulator({
          port: await findFreePort(SIMULATOR_PORT),
          dataFile: `${await prepareDataFolder(dataDir, 'simulator')}/journal.jsonl`,
          demo: true,
        });
        parts.push({ name: 'simulator', stop: () => (simulator as Simulator).close() });
        env['DOUYIN_BASE_URL'] = simulator.url;
        env['DOUYIN_CLIENT_KEY'] = SIMULATOR_DEFAULTS.clientKey;
        env['DOUYIN_CLIENT_SECRET'] = SIMULATOR_DEFAULTS.clientSecret;
        env['DOUYIN_ACCOUNT_ID'] = SIMULATOR_DEFAULTS.accountId;
        env['SHORT_LINK_HOSTS'] = [new URL(simulator.url).host, ...environment.SHORT_LINK_HOSTS].join(',');
      })(),
  ]);
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) throw failed.reason;
  return { env, uiUrl, databaseAddress, simulator };
}

interface SupervisedChild {
  /** The first readiness message. */
  readonly ready: Promise<Record<string, unknown>>;
  readonly stop: () => Promise<void>;
}

/**
 * Runs one of our commands as a child and starts it again when it dies. A child whose very first start fails is not
 * restarted: its message says what to mend.
 */
function superviseChild(
  command: string,
  env: NodeJS.ProcessEnv,
  hold: DataFolderHold,
  logger: Logger,
  stop: AbortSignal,
): SupervisedChild {
  const ready = Promise.withResolvers<Record<string, unknown>>();
  const stopping = new AbortController();
  let child: ChildProcess | null = null;
  let wasReady = false;
  const supervise = async () => {
    let pauseMs = FIRST_RESTART_PAUSE_MS;
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      // In a process group of its own: Ctrl-C reaches `start` alone, which then ends its children in order.
      child = fork(fileURLToPath(new URL('../main.ts', import.meta.url)), [command], { env, detached: true });
      child.on('message', (message) => {
        wasReady = true;
        ready.resolve(message as Record<string, unknown>);
      });
      const exit = once(child, 'exit');
      if (child.pid !== undefined) await hold.recordChild(command, child.pid);
      const [code, signal] = (await exit) as [number | null, string | null];
      if (stopping.signal.aborted || stop.aborted) return;
      if (!wasReady) {
        ready.reject(new Error(`the ${command} process could not start (see its message above)`));
        return;
      }
      if (performance.now() - startedAt > STEADY_MS) pauseMs = FIRST_RESTART_PAUSE_MS;
      logger.error({ command, code, signal, pauseMs }, 'a process died and is started again');
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_RESTART_PAUSE_MS);
    }
  };
  const ended = supervise();
  return {
    ready: ready.promise,
    async stop() {
      stopping.abort();
      child?.kill('SIGTERM');
      await ended;
    },
  };
}

function welcome(
  { url, internalUrl }: { readonly url: string; readonly internalUrl: string },
  { env, uiUrl, databaseAddress, simulator }: Embedded,
  demo: { readonly shortLink: string } | null,
  givenDataDir: string | undefined,
): string {
  const lines = [
    '',
    `ready ${url}`,
    '',
    ...(uiUrl ? [`  Temporal 界面 · UI          ${uiUrl}`] : []),
    ...(simulator ? [`  抖音模拟器 · simulator      ${simulator.url}`] : []),
    `  接口文档 · API docs         ${url}/docs`,
    ...(internalUrl === url ? [] : [`  内部接口 · internal         ${internalUrl}`]),
    ...(uiUrl ? [`  Temporal                    ${env['TEMPORAL_ADDRESS']}`] : []),
    ...(databaseAddress ? [`  PostgreSQL                  ${databaseAddress}`] : []),
    '',
    ...(demo
      ? [
          '  核销一张演示券 · redeem a demo coupon (in another terminal):',
          '',
          `    ${givenDataDir ? `DATA_DIR=${givenDataDir} ` : ''}npm run pos -- verify --short-link ${demo.shortLink}`,
          '',
        ]
      : []),
    '  Ctrl-C 结束 · ends everything',
    '',
    '',
  ];
  return lines.join('\n');
}
