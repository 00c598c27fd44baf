// The whole system under torture: embedded servers with durable data, the simulator, two API processes and two workers, and a
// proxy on every connection between them. What is broken when is the nemesis's.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { loadConfig } from '../../../src/config.ts';
import { migrate } from '../../../src/commands/migrate.ts';
import { findFreePort } from '../../../src/embedded/free-port.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/postgres.ts';
import { findTemporalCli, prepareCacheFolder } from '../../../src/embedded/temporal-cli.ts';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../../src/embedded/temporal.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { LINKS, type Link, type Plan, PROCESS_TARGETS, type ProcessTarget, type Target } from './plan.ts';
import { EmbeddedServer, SupervisedChild, type Victim } from './processes.ts';
import { SimulatorControl } from './simulator-control.ts';
import { TillSecrets } from './till-secrets.ts';
import { TcpProxy } from './tcp-proxy.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const SKEWED_CLOCK = new URL('./skewed-clock.ts', import.meta.url).href;
const SIMULATOR = fileURLToPath(new URL('./simulator-process.ts', import.meta.url));
const DATABASE = 'torture';

/** Quick enough that a run of minutes sees every stage of settling; shaped like production's values. */
export const SETTINGS = {
  DOUYIN_TIMEOUT_MS: '1500',
  DOUYIN_CALLS_PER_SECOND: 'prepare=9999,get_certificate=9999,query_verify_records=9999,query_order=9999',
  DOUYIN_SLOW_DOWN_MS: '50',
  DOUYIN_REPEAT_DELAYS_MS: '200,300,500,800,1200,1500,2000,2000,2500,2500,3000,3000,4000,4000',
  SETTLE_LOOK_AGAIN_MS: '2000',
  ENRICH_RETRY_DELAYS_MS: '300,700,1500,3000,3000,3000,5000,5000,5000,5000',
  SWEEP_INTERVAL_MS: '3000',
  VERIFY_BUDGET_MS: '3000',
  MAX_IN_FLIGHT: '48',
  DATABASE_POOL_SIZE: '12',
} as const;

type ProcessName = ProcessTarget;

export interface AppCredentials {
  readonly id: number;
  readonly clientKey: string;
  readonly secrets: TillSecrets;
}

export interface SystemOptions {
  readonly folder: string;
  readonly seed: string;
  readonly clocks: Plan['clocks'];
  readonly report: (message: string) => void;
  readonly onUnexpectedExit: (name: string, how: string) => void;
  readonly signal: AbortSignal;
}

export class System {
  readonly victims: Readonly<Record<Target, Victim>>;
  readonly proxies: Readonly<Record<Link, TcpProxy>>;
  readonly simulator: SimulatorControl;
  readonly apps: readonly [AppCredentials, AppCredentials];
  /** `host:port`, which no proxy stands before. */
  readonly temporalAddress: string;
  readonly #folder: string;
  readonly #databaseUrl: string;
  readonly #apiPorts: readonly number[];
  readonly #secretsKeys: Map<ProcessTarget, readonly string[]>;
  readonly #stops: readonly (() => Promise<unknown>)[];

  constructor(parts: {
    victims: Readonly<Record<Target, Victim>>;
    proxies: Readonly<Record<Link, TcpProxy>>;
    simulator: SimulatorControl;
    apps: readonly [AppCredentials, AppCredentials];
    temporalAddress: string;
    folder: string;
    databaseUrl: string;
    apiPorts: readonly number[];
    secretsKeys: Map<ProcessTarget, readonly string[]>;
    stops: readonly (() => Promise<unknown>)[];
  }) {
    this.victims = parts.victims;
    this.proxies = parts.proxies;
    this.simulator = parts.simulator;
    this.apps = parts.apps;
    this.temporalAddress = parts.temporalAddress;
    this.#folder = parts.folder;
    this.#databaseUrl = parts.databaseUrl;
    this.#apiPorts = parts.apiPorts;
    this.#secretsKeys = parts.secretsKeys;
    this.#stops = parts.stops;
  }

  /** A short link as a till scans it: its host is reached through the nemesis's proxy. */
  scannable(shortLink: string): string {
    const url = new URL(shortLink);
    url.host = this.proxies['all:short-links'].address;
    return url.href;
  }

  /** Sets how far a clock is off, milliseconds. */
  async setClock(target: ProcessTarget | 'douyin', offsetMs: number): Promise<void> {
    if (target === 'douyin') await this.simulator.changeSettings({ clockOffsetMs: offsetMs });
    else await writeFile(clockFile(this.#folder, target), String(offsetMs));
  }

  /** Reads the database directly, as the checker does. */
  async query<Row>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const client = new pg.Client({ connectionString: this.#databaseUrl, connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql, [...values])).rows as Row[];
    } finally {
      await client.end();
    }
  }

  /**
   * Gives an app a second secret through the API, also after a try whose answer was lost.
   * @returns false if no API could be asked, or none of them did it
   */
  async addAppSecret(app: 0 | 1, secret: string): Promise<boolean> {
    const { id } = this.apps[app];
    if ((await this.#liveSecretIds(app)).length === 2) return true;
    return (await this.#administer('POST', `/v1/internal/apps/${id}/secrets`, { secret })) !== null;
  }

  /** Ends all of an app's secrets but the newest. @returns false as long as that is not done */
  async endOtherAppSecrets(app: 0 | 1): Promise<boolean> {
    const { id } = this.apps[app];
    for (const secretId of (await this.#liveSecretIds(app)).slice(1))
      await this.#administer('DELETE', `/v1/internal/apps/${id}/secrets/${secretId}`);
    return (await this.#liveSecretIds(app)).length === 1;
  }

  /** Newest first. */
  async #liveSecretIds(app: 0 | 1): Promise<readonly number[]> {
    const secrets = await this.query<{ id: number }>(
      'select id::int from app_secrets where app_id = $1 and ended_at is null order by id desc',
      [this.apps[app].id],
    );
    return secrets.map(({ id }) => id);
  }

  /** A request of an administrator to whichever API answers. @returns null if none did it */
  async #administer(method: string, path: string, body?: object): Promise<object | null> {
    for (const port of this.#apiPorts) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', 'X-XTJ-UID': 'torture' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ADMINISTER_TIMEOUT_MS),
      }).catch(() => null);
      if (answer?.ok) return (await answer.json()) as object;
      await answer?.body?.cancel();
    }
    return null;
  }

  /** The key that all processes have, and one that none has yet. */
  secretsKeys(): { readonly old: string; readonly added: string } {
    const [old] = this.#secretsKeys.get('api-1') ?? [];
    if (old === undefined) throw new Error('The processes have no SECRETS_KEY');
    return { old, added: makeSecretsKey() };
  }

  /** What SECRETS_KEY lists from the process's next start on. */
  setSecretsKeys(target: ProcessTarget, keys: readonly string[]): void {
    this.#secretsKeys.set(target, keys);
  }

  /** Whether something that is needed is still sealed with this key of SECRETS_KEY. */
  async isKeyInUse(key: string): Promise<boolean> {
    const keyId = createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 8);
    const sealed = await this.query<{ keyId: string }>(
      `select split_part(sealed_secret, '.', 2) as "keyId" from app_secrets where ended_at is null
       union select split_part(sealed_token, '.', 2) from access_tokens`,
    );
    return sealed.some((one) => one.keyId === keyId);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

const ADMINISTER_TIMEOUT_MS = 5000;

function makeSecretsKey(): string {
  return randomBytes(32).toString('base64');
}

function clockFile(folder: string, target: ProcessTarget): string {
  return join(folder, `clock-${target}`);
}

/** @throws when a part does not start; what did start is ended again */
export async function startSystem(options: SystemOptions): Promise<System> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    return await startParts(options, stops);
  } catch (err) {
    for (const stop of stops) await stop().catch(() => undefined);
    throw err;
  }
}

async function startParts(options: SystemOptions, stops: (() => Promise<unknown>)[]): Promise<System> {
  const { folder, seed, report, signal, onUnexpectedExit } = options;
  const logs = join(folder, 'logs');
  await mkdir(logs, { recursive: true });
  report('starting PostgreSQL, Temporal and the simulator');
  const quiet = () => undefined;

  const postgresPort = await findFreePort(0);
  const postgres = new EmbeddedServer<EmbeddedPostgres>(() =>
    onItsPort('PostgreSQL', postgresPort, signal, async () => {
      const server = await startEmbeddedPostgres({
        dataDir: folder,
        preferredPort: postgresPort,
        databaseName: DATABASE,
        durability: 'full',
        report: quiet,
        signal,
      });
      return { server, port: server.port };
    }),
  );
  const cliPath = await findTemporalCli({
    explicitPath: process.env['TEMPORAL_CLI'],
    cacheDir: await prepareCacheFolder(),
    report,
    signal,
  });
  const [temporalPort, temporalUiPort] = [await findFreePort(0), await findFreePort(0)];
  const temporal = new EmbeddedServer<EmbeddedTemporal>(() =>
    onItsPort('Temporal', temporalPort, signal, async () => {
      const server = await startEmbeddedTemporal({
        cliPath,
        dataDir: folder,
        preferredPort: temporalPort,
        preferredUiPort: temporalUiPort,
        report: quiet,
        signal,
      });
      return { server, port: Number(server.address.split(':')[1]) };
    }),
  );
  const simulatorProcess = new SupervisedChild({
    name: 'simulator',
    modulePath: SIMULATOR,
    env: () => ({ TORTURE_JOURNAL: join(folder, 'simulator-journal.jsonl'), TORTURE_SEED: seed }),
    logPath: join(logs, 'simulator.log'),
    onUnexpectedExit,
  });
  // Stopped in the reverse order: each part still has what it needs while it ends.
  stops.unshift(
    () => simulatorProcess.stop(),
    () => temporal.stop(),
    () => postgres.stop(),
  );
  const [simulatorReady] = await Promise.all([
    simulatorProcess.startAndTell(),
    postgres.start(),
    temporal.start(),
  ]);
  const simulatorUrl = new URL(String(simulatorReady['url']));

  const apiPorts = [await findFreePort(0), await findFreePort(0)] as const;
  const targetPorts: Readonly<Record<string, () => number>> = {
    postgres: () => postgresPort,
    temporal: () => temporalPort,
    douyin: () => Number(simulatorUrl.port),
    'short-links': () => Number(simulatorUrl.port),
    'api-1': () => apiPorts[0],
    'api-2': () => apiPorts[1],
  };
  const proxies = Object.fromEntries(
    LINKS.map((link) => [link, new TcpProxy(targetPorts[link.split(':')[1] ?? ''] ?? (() => 0))]),
  ) as Record<Link, TcpProxy>;
  await Promise.all(Object.values(proxies).map((proxy) => proxy.listen()));
  stops.unshift(() => Promise.all(Object.values(proxies).map((proxy) => proxy.close())));

  const databaseUrl = postgres.running.url;
  const firstKey = makeSecretsKey();
  const secretsKeys = new Map<ProcessTarget, readonly string[]>(
    PROCESS_TARGETS.map((target) => [target, [firstKey]]),
  );
  const envOf = (name: ProcessName): Record<string, string> => {
    const throughProxy = new URL(databaseUrl);
    throughProxy.host = proxies[`${name}:postgres`].address;
    return {
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      METRICS_PORT: '0',
      DATABASE_URL: throughProxy.href,
      TEMPORAL_ADDRESS: proxies[`${name}:temporal`].address,
      DOUYIN_BASE_URL: `http://${proxies[`${name}:douyin`].address}`,
      DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
      DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
      DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
      SHORT_LINK_HOSTS: proxies['all:short-links'].address,
      SECRETS_KEY: (secretsKeys.get(name) ?? []).join(','),
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      ...SETTINGS,
    };
  };
  const migrateConfig = loadConfig({
    ...envOf('worker-1'),
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
  });
  await migrate(migrateConfig, createLogger({ level: 'silent', format: 'json', process: 'torture' }), signal);

  for (const target of PROCESS_TARGETS) {
    await writeFile(clockFile(folder, target), String(options.clocks[target]));
  }
  report('starting two API processes and two workers');
  const childOf = (name: ProcessName, env: Record<string, string>) =>
    new SupervisedChild({
      name,
      modulePath: MAIN,
      args: [name.startsWith('worker') ? 'worker' : 'api'],
      env: () => ({
        ...envOf(name),
        ...env,
        NODE_OPTIONS: `--import ${SKEWED_CLOCK}`,
        TORTURE_CLOCK_FILE: clockFile(folder, name),
      }),
      logPath: join(logs, `${name}.log`),
      onUnexpectedExit,
    });
  const apis = [
    childOf('api-1', { PORT: String(apiPorts[0]) }),
    childOf('api-2', { PORT: String(apiPorts[1]) }),
  ] as const;
  const workers = [childOf('worker-1', {}), childOf('worker-2', {})] as const;
  const children = [...apis, ...workers];
  stops.unshift(() => Promise.all(children.map((child) => child.stop())));
  await Promise.all(children.map((child) => child.start()));
  return new System({
    victims: {
      'api-1': apis[0],
      'api-2': apis[1],
      'worker-1': workers[0],
      'worker-2': workers[1],
      temporal,
      postgres,
    },
    proxies,
    simulator: new SimulatorControl(simulatorUrl.origin),
    apps: [await createApp(apiPorts[0], 'a'), await createApp(apiPorts[0], 'b')],
    temporalAddress: `127.0.0.1:${temporalPort}`,
    folder,
    databaseUrl,
    apiPorts,
    secretsKeys,
    stops,
  });
}

const PORT_TRIES = 20;
const PORT_PAUSE_MS = 250;

/** After a kill the port may take a moment to be free, and a server somewhere else would be lost to the gateway. */
async function onItsPort<Running extends { stop(): Promise<void> }>(
  name: string,
  port: number,
  signal: AbortSignal,
  launch: () => Promise<{ server: Running; port: number }>,
): Promise<Running> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    if ((await findFreePort(port)) === port) {
      const launched = await launch();
      if (launched.port === port) return launched.server;
      await launched.server.stop();
    }
    if (tries >= PORT_TRIES) throw new Error(`${name} could not come back on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, PORT_PAUSE_MS));
  }
}

async function createApp(apiPort: number, name: string): Promise<AppCredentials> {
  const response = await fetch(`http://127.0.0.1:${apiPort}/v1/internal/apps`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-XTJ-UID': 'torture' },
    body: JSON.stringify({ name: `收银台 ${name}`, code: `till-${name}` }),
  });
  const body = (await response.json()) as {
    data?: { app: { id: number; client_key: string }; secret: string };
  };
  if (!body.data) throw new Error(`The gateway made no app: HTTP ${response.status}`);
  return {
    id: body.data.app.id,
    clientKey: body.data.app.client_key,
    secrets: new TillSecrets(body.data.secret),
  };
}
