// A gateway whose parts can go away one at a time: an API and a worker process on a Temporal server of their own and a
// database of this run's, with a proxy on every connection. What goes away when is the tests'.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrate } from '../../../src/commands/migrate.ts';
import { loadConfig } from '../../../src/config.ts';
import { findFreePort } from '../../../src/embedded/free-port.ts';
import { startEmbeddedTemporal } from '../../../src/embedded/temporal.ts';
import { findTemporalCli, prepareCacheFolder } from '../../../src/embedded/temporal-cli.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.ts';
import { callOpen, createClientApp, type Credentials, type Reply } from '../../support/http-gateway.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import { EmbeddedServer, SupervisedChild } from '../../torture/full/processes.ts';
import { TcpProxy } from '../../torture/full/tcp-proxy.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;

export const BUDGET_MS = 4000;
export const MAX_IN_FLIGHT = 8;

const SETTINGS = {
  DOUYIN_TIMEOUT_MS: '1000',
  DOUYIN_REPEAT_DELAYS_MS: '300,500,1000,1000,1000,1000,1000,1000,1000,1000',
  DOUYIN_SLOW_DOWN_MS: '100',
  SETTLE_LOOK_AGAIN_MS: '1000',
  ENRICH_RETRY_DELAYS_MS: '300,1000,1000',
  SWEEP_INTERVAL_MS: '1000',
  VERIFY_BUDGET_MS: String(BUDGET_MS),
  MAX_IN_FLIGHT: String(MAX_IN_FLIGHT),
} as const;

/** A verify request's answer and how long it took. */
export interface Answered {
  readonly reply: Reply;
  readonly tookMs: number;
}

export interface StoredVerification {
  readonly verify_token: string;
  readonly verify_status: string;
  readonly step: string;
  readonly round: number;
  readonly send_count: number;
}

export interface OutageSystem {
  readonly simulator: Simulator;
  readonly temporal: { kill(): Promise<void>; start(): Promise<void> };
  /** Each cuts or holds what goes between the gateway's two processes and the part. */
  readonly links: {
    readonly postgres: readonly TcpProxy[];
    readonly temporal: readonly TcpProxy[];
    readonly douyin: readonly TcpProxy[];
  };
  /** Past the proxies. */
  readonly databaseUrl: string;
  /** Processes that ended without being told to. */
  readonly unexpectedExits: readonly string[];
  /** Redeems the first coupon of a new order by its plain code. */
  verify(request: { readonly token: string; readonly code: string }): Promise<Answered>;
  newCodes(count: number): readonly string[];
  /** The rows of these tokens, read past the proxies. */
  rowsOf(tokens: readonly string[]): Promise<readonly StoredVerification[]>;
  /** How often these coupons were redeemed at Douyin. */
  effectsOf(codes: readonly string[]): readonly number[];
  close(): Promise<void>;
}

export async function startOutageSystem(folder: string): Promise<OutageSystem> {
  const stops: (() => Promise<unknown>)[] = [];
  const database = await createTestDatabase();
  const simulator = await startSimulator();
  stops.unshift(
    () => simulator.close(),
    () => database.drop(),
  );
  const cliPath = await findTemporalCli({
    explicitPath: process.env['TEMPORAL_CLI'],
    cacheDir: await prepareCacheFolder(),
    report: () => undefined,
  });
  const [temporalPort, temporalUiPort] = [await findFreePort(0), await findFreePort(0)];
  const temporal = new EmbeddedServer(() =>
    startEmbeddedTemporal({
      cliPath,
      dataDir: folder,
      preferredPort: temporalPort,
      preferredUiPort: temporalUiPort,
      report: () => undefined,
    }),
  );
  await temporal.start();
  stops.unshift(() => temporal.stop());

  const databaseUrl = new URL(database.url);
  const proxiesTo = async (port: number) => {
    const proxies = [new TcpProxy(() => port), new TcpProxy(() => port)] as const;
    await Promise.all(proxies.map((proxy) => proxy.listen()));
    stops.unshift(() => Promise.all(proxies.map((proxy) => proxy.close())));
    return proxies;
  };
  const links = {
    postgres: await proxiesTo(Number(databaseUrl.port)),
    temporal: await proxiesTo(temporalPort),
    douyin: await proxiesTo(Number(new URL(simulator.url).port)),
  };
  const secretsKey = randomBytes(32).toString('base64');
  const envOf = (position: 0 | 1): Record<string, string> => {
    const url = new URL(databaseUrl);
    url.host = links.postgres[position].address;
    return {
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      METRICS_PORT: '0',
      DATABASE_URL: url.href,
      TEMPORAL_ADDRESS: links.temporal[position].address,
      DOUYIN_BASE_URL: `http://${links.douyin[position].address}`,
      DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
      DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
      DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
      SHORT_LINK_HOSTS: new URL(simulator.url).host,
      SECRETS_KEY: secretsKey,
      LOG_FORMAT: 'json',
      ...SETTINGS,
    };
  };
  await migrate(
    loadConfig(envOf(0)),
    createLogger({ level: 'silent', format: 'json', process: 'outages' }),
    new AbortController().signal,
  );
  const unexpectedExits: string[] = [];
  const apiPort = await findFreePort(0);
  const children = (['api', 'worker'] as const).map(
    (name, position) =>
      new SupervisedChild({
        name,
        modulePath: MAIN,
        args: [name],
        env: () => ({
          ...envOf(position as 0 | 1),
          ...(name === 'api' ? { PORT: String(apiPort) } : {}),
        }),
        logPath: join(folder, `${name}.log`),
        onUnexpectedExit: (who, how) => unexpectedExits.push(`${who} ${how}`),
      }),
  );
  stops.unshift(() => Promise.all(children.map((child) => child.stop())));
  await Promise.all(children.map((child) => child.start()));
  const url = `http://127.0.0.1:${apiPort}`;
  const till: Credentials = await createClientApp(url);
  const certificateIdByCode = new Map<string, string>();

  return {
    simulator,
    temporal,
    links,
    databaseUrl: database.url,
    unexpectedExits,
    async verify({ token, code }) {
      const startedAt = performance.now();
      const reply = await callOpen(url, till, {
        method: 'POST',
        target: '/v1/open/coupons/verify',
        body: JSON.stringify({ poi_id: POI_ID, code, verify_token: token }),
      });
      return { reply, tookMs: performance.now() - startedAt };
    },
    newCodes(count) {
      return simulator.state.createOrders({}, count).map((order) => {
        const [coupon] = order.coupons;
        if (!coupon) throw new Error('An order without a coupon');
        certificateIdByCode.set(coupon.code, coupon.certificateId);
        return coupon.code;
      });
    },
    async rowsOf(tokens) {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      try {
        const { rows } = await client.query<StoredVerification>(
          `select verify_token, verify_status, step, round, send_count from verifications
           where verify_token = any($1) order by verify_token`,
          [tokens],
        );
        return rows;
      } finally {
        await client.end();
      }
    },
    effectsOf: (codes) =>
      codes.map(
        (code) =>
          simulator.state.ledger({ certificateId: certificateIdByCode.get(code) ?? '', kind: 'verified' })
            .length,
      ),
    async close() {
      for (const stop of stops) await stop();
    },
  };
}
