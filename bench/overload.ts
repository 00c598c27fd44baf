// What the gateway does with three times the load this machine can carry: finds the peak by raising the offered rate,
// offers a multiple of it, and looks whether the redemptions go on at the peak's pace, refusals come at once, nothing is
// done twice, and all is as before when the load is gone. TEMPORAL_ADDRESS and DATABASE_URL name servers to be used
// instead of embedded ones.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { migrate } from '../src/commands/migrate.ts';
import { loadConfig } from '../src/config.ts';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { startEmbeddedTemporal } from '../src/embedded/temporal.ts';
import { findTemporalCli, prepareCacheFolder } from '../src/embedded/temporal-cli.ts';
import { createLogger } from '../src/observability/logger.ts';
import { SIMULATOR_DEFAULTS } from '../src/simulator/defaults.ts';
import { createClientApp, type Credentials } from '../test/support/http-gateway.ts';
import { type SimulatedOrder, SimulatorControl } from '../test/support/simulator-control.ts';
import { verifyWorkflowId } from '../workflows/contract.ts';
import type { Load, Reply } from './overload-client.ts';
import { numbersOf, quantile, report, verdict } from './shared.ts';

const USAGE =
  'usage: npm run bench -- overload [--first-rate 10] [--step 10] [--step-seconds 6] [--times 3] [--seconds 30]\n' +
  '         [--peak RATE: skips the search] [--max-in-flight N] [--latency-ms 30]\n';
const WARM_UP_S = 6;
const WARM_UP_RATE = 10;
/** A rate is carried if so much of what was offered is redeemed, and quickly. */
const CARRIED_SHARE = 0.95;
const CARRIED_P90_MS = 1000;
const MAX_STEPS = 20;
const TURN_S = 10;
/** The simulator makes so many at a time. */
const MAX_ORDERS = 1000;
const AIM_GOODPUT = 0.8;
const AIM_REFUSAL_P99_MS = 50;
/** How much slower than before the overload a quiet request may be afterwards. */
const AIM_RECOVERY = 2;
const HISTORIES = 300;
const SETTLE_TIMEOUT_MS = 120_000;
const SETTLE_LOOK_MS = 500;

export async function run(args: readonly string[]): Promise<void> {
  const options = readArguments(args);
  const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-overload-'));
  await chmod(folder, 0o755);
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const system = await startSystem(folder, options, closers);
    const offer = async (name: string, ratePerSecond: number, seconds: number): Promise<readonly Reply[]> => {
      const orders: SimulatedOrder[] = [];
      for (let left = Math.round(ratePerSecond * seconds); left > 0; left -= MAX_ORDERS) {
        orders.push(...(await system.simulator.createOrders(Math.min(left, MAX_ORDERS))));
      }
      const replies = await system.offer({
        url: system.url,
        credentials: system.till,
        poiId: SIMULATOR_DEFAULTS.stores[0].poiId,
        ratePerSecond,
        codes: orders.map((order) => order.coupons[0]?.code ?? ''),
        name,
      });
      report(`${name}: ${ratePerSecond}/s for ${seconds} s: ${summary(replies, seconds)}`);
      return replies;
    };
    await offer('warm-up', WARM_UP_RATE, WARM_UP_S);

    const peak = options.peak ?? (await findPeak(offer, options));
    await settled(system);
    const quietRate = Math.max(1, Math.round(peak / 4));
    const before = await offer('quiet before', quietRate, options.stepSeconds);
    // In turns, so that whatever else the machine does disturbs both alike.
    const atPeak: (readonly Reply[])[] = [];
    const overloaded: (readonly Reply[])[] = [];
    for (let turn = 1; turn <= Math.ceil(options.seconds / TURN_S); turn += 1) {
      atPeak.push(await offer(`peak ${turn}`, peak, TURN_S));
      overloaded.push(await offer(`overload ${turn}`, Math.round(peak * options.times), TURN_S));
    }
    const after = await offer('quiet after', quietRate, options.stepSeconds);
    const settledMs = await settled(system);
    process.stdout.write(
      describe({
        peak,
        times: options.times,
        maxInFlight: system.maxInFlight,
        before,
        peakGoodput: mean(atPeak.map(goodputOf)),
        goodput: mean(overloaded.map(goodputOf)),
        overloaded: overloaded.flat(),
        after,
        settledMs,
        ...(await inspect(system)),
      }),
    );
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

interface Options {
  readonly firstRate: number;
  readonly step: number;
  readonly stepSeconds: number;
  readonly times: number;
  readonly seconds: number;
  readonly peak: number | null;
  readonly maxInFlight: string | undefined;
  readonly latencyMs: number;
}

function readArguments(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'first-rate': { type: 'string', default: '10' },
      step: { type: 'string', default: '10' },
      'step-seconds': { type: 'string', default: '6' },
      times: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '30' },
      peak: { type: 'string' },
      'max-in-flight': { type: 'string' },
      'latency-ms': { type: 'string', default: '30' },
    },
  });
  const within = numbersOf(USAGE);
  return {
    firstRate: within(values['first-rate'], 1, 1000),
    step: within(values.step, 1, 1000),
    stepSeconds: within(values['step-seconds'], 2, 60),
    times: within(values.times, 1, 20),
    seconds: within(values.seconds, 2, 300),
    peak: values.peak === undefined ? null : within(values.peak, 1, 2000),
    maxInFlight: values['max-in-flight'],
    latencyMs: within(values['latency-ms'], 0, 2000),
  };
}

type Offer = (name: string, ratePerSecond: number, seconds: number) => Promise<readonly Reply[]>;

/** The most redemptions per second that any offered rate brought, up to the first that is not carried. */
async function findPeak(offer: Offer, options: Options): Promise<number> {
  let peak = 0;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const rate = options.firstRate + step * options.step;
    const replies = await offer(`step ${step + 1}`, rate, options.stepSeconds);
    const goodput = goodputOf(replies);
    peak = Math.max(peak, goodput);
    const isCarried =
      goodput >= CARRIED_SHARE * rate && quantile(timesOf(replies, 'success'), 0.9) <= CARRIED_P90_MS;
    if (!isCarried) break;
  }
  return Math.round(peak);
}

/** Redemptions told to a till, per second of the time it took to tell them. */
function goodputOf(replies: readonly Reply[]): number {
  const good = replies.filter((reply) => reply.outcome === 'success');
  const lastMs = Math.max(
    ...replies.map((reply) => reply.sentAtMs),
    ...good.map((r) => r.sentAtMs + r.tookMs),
  );
  return good.length / (lastMs / 1000);
}

interface System {
  readonly url: string;
  readonly till: Credentials;
  readonly maxInFlight: number;
  readonly simulator: SimulatorControl;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  offer(load: Load): Promise<readonly Reply[]>;
}

async function startSystem(
  folder: string,
  options: Options,
  closers: (() => Promise<unknown>)[],
): Promise<System> {
  report('starting servers, an API, a worker, the simulator and the tills');
  const quiet = () => undefined;
  let databaseUrl = process.env['DATABASE_URL'];
  if (!databaseUrl) {
    const postgres = await startEmbeddedPostgres({
      dataDir: folder,
      preferredPort: 0,
      databaseName: 'overload',
      report: quiet,
    });
    closers.push(() => postgres.stop());
    databaseUrl = postgres.url;
  }
  let temporalAddress = process.env['TEMPORAL_ADDRESS'];
  if (!temporalAddress) {
    const temporal = await startEmbeddedTemporal({
      cliPath: await findTemporalCli({
        explicitPath: process.env['TEMPORAL_CLI'],
        cacheDir: await prepareCacheFolder(),
        report: quiet,
      }),
      dataDir: folder,
      preferredPort: 0,
      preferredUiPort: 0,
      report: quiet,
    });
    closers.push(() => temporal.stop());
    temporalAddress = temporal.address;
  }
  const start = async (module: string, args: readonly string[], env: Record<string, string>) => {
    const child = fork(fileURLToPath(new URL(module, import.meta.url)), [...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    closers.push(() => end(child));
    const isUp = once(child, 'message') as Promise<[{ readonly url?: string }]>;
    const isGone = once(child, 'exit').then(() =>
      Promise.reject(new Error(`${module} ${args.join(' ')} could not start`)),
    );
    const [ready] = await Promise.race([isUp, isGone]);
    return { child, ready };
  };
  const simulator = await start('../src/main.ts', ['simulator'], { PORT: '0' });
  const simulatorUrl = simulator.ready.url ?? '';
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS_PORT: '0',
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    DOUYIN_BASE_URL: simulatorUrl,
    DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
    DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
    DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
    // It is this machine that is to be full, not Douyin's quota.
    DOUYIN_CALLS_PER_SECOND: 'prepare=9999,get_certificate=9999,query_order=9999',
    SHORT_LINK_HOSTS: new URL(simulatorUrl).host,
    SECRETS_KEY: randomBytes(32).toString('base64'),
    LOG_FORMAT: 'json',
    ...(options.maxInFlight === undefined ? {} : { MAX_IN_FLIGHT: options.maxInFlight }),
  };
  const config = loadConfig(env);
  const logger = createLogger({ level: 'warn', format: 'json', process: 'bench' });
  await migrate(config, logger, new AbortController().signal);
  const api = await start('../src/main.ts', ['api'], env);
  await start('../src/main.ts', ['worker'], env);
  const client = await start('overload-client.ts', [], {});
  const control = new SimulatorControl(simulatorUrl);
  await control.changeSettings({ latencyMinMs: options.latencyMs, latencyMaxMs: options.latencyMs });
  const url = api.ready.url ?? '';
  return {
    url,
    till: await createClientApp(url),
    maxInFlight: config.verification.maxInFlight,
    simulator: control,
    databaseUrl,
    temporalAddress,
    async offer(load) {
      const answered = once(client.child, 'message');
      client.child.send(load);
      const [replies] = (await answered) as [readonly Reply[]];
      return replies;
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function query<Row>(system: System, sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: system.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Waits until every verification is decided. @returns how long that took; Infinity if it did not happen in time */
async function settled(system: System): Promise<number> {
  const startedAt = performance.now();
  for (; performance.now() - startedAt < SETTLE_TIMEOUT_MS; await delay(SETTLE_LOOK_MS)) {
    const [row] = await query<{ open: number }>(
      system,
      `select count(*)::integer as open from verifications where verify_status = 'processing'`,
    );
    if (row?.open === 0) return performance.now() - startedAt;
  }
  return Infinity;
}

interface Findings {
  /** Coupons redeemed more than once. */
  readonly redeemedTwice: number;
  /** Verifications whose verify was sent more than once. */
  readonly sentTwice: number;
  readonly historiesRead: number;
  readonly taskTimeouts: number;
}

async function inspect(system: System): Promise<Findings> {
  const perCoupon = new Map<string, number>();
  for (const line of await system.simulator.ledger()) {
    perCoupon.set(line.certificate_id, (perCoupon.get(line.certificate_id) ?? 0) + 1);
  }
  const [sends] = await query<{ twice: number }>(
    system,
    `select count(*)::integer as twice from verifications where send_count > 1`,
  );
  // The slowest are where a task would have timed out.
  const rows = await query<{ id: string }>(
    system,
    `select id from verifications where step <> 'accepted' order by settled_at - created_at desc nulls first limit ${HISTORIES}`,
  );
  const connection = await Connection.connect({ address: system.temporalAddress });
  let taskTimeouts = 0;
  try {
    const client = new Client({ connection });
    for (const { id } of rows) {
      const { events } = await client.workflow.getHandle(verifyWorkflowId(Number(id))).fetchHistory();
      taskTimeouts += (events ?? []).filter((event) => event.workflowTaskTimedOutEventAttributes).length;
    }
  } finally {
    await connection.close();
  }
  return {
    redeemedTwice: [...perCoupon.values()].filter((uses) => uses > 1).length,
    sentTwice: sends?.twice ?? 0,
    historiesRead: rows.length,
    taskTimeouts,
  };
}

interface Figures extends Findings {
  readonly peak: number;
  readonly times: number;
  readonly maxInFlight: number;
  readonly before: readonly Reply[];
  /** Redemptions per second while the peak was offered, and a multiple of it. */
  readonly peakGoodput: number;
  readonly goodput: number;
  readonly overloaded: readonly Reply[];
  readonly after: readonly Reply[];
  readonly settledMs: number;
}

function describe(figures: Figures): string {
  const { peak, times, maxInFlight, before, peakGoodput, goodput, overloaded, after, settledMs } = figures;
  const refusals = overloaded.filter((reply) => reply.outcome.startsWith('503'));
  const refusedMs = refusals.map((reply) => reply.tookMs).toSorted((a, b) => a - b);
  const refusalP99Ms = quantile(refusedMs, 0.99);
  const withoutRetryAfter = refusals.filter((reply) => !reply.hasRetryAfter).length;
  const [beforeMs, afterMs] = [before, after].map((replies) => quantile(timesOf(replies, 'success'), 0.5));
  const served = timesOf(overloaded, 'success');
  return [
    '',
    `MAX_IN_FLIGHT ${maxInFlight}; offered in turns of ${TURN_S} s: the peak of ${peak}/s, and ${times} × that`,
    '',
    `redeemed at the peak ${peakGoodput.toFixed(1)}/s, under overload ${goodput.toFixed(1)}/s = ` +
      `${((100 * goodput) / peakGoodput).toFixed(0)} % (aim: ${AIM_GOODPUT * 100} %) ${verdict(goodput >= AIM_GOODPUT * peakGoodput)}`,
    `redemptions under overload: p50 ${quantile(served, 0.5).toFixed(0)} ms, p99 ${quantile(served, 0.99).toFixed(0)} ms`,
    `refusals: ${refusals.length}, p50 ${quantile(refusedMs, 0.5).toFixed(0)} ms, p99 ${refusalP99Ms.toFixed(0)} ms ` +
      `(aim: ${AIM_REFUSAL_P99_MS} ms) ${verdict(refusalP99Ms <= AIM_REFUSAL_P99_MS)}, without Retry-After: ${withoutRetryAfter}`,
    `coupons redeemed twice: ${figures.redeemedTwice}, verifies sent twice: ${figures.sentTwice} ` +
      verdict(figures.redeemedTwice + figures.sentTwice === 0),
    `workflow tasks timed out: ${figures.taskTimeouts} in the ${figures.historiesRead} slowest histories ` +
      verdict(figures.taskTimeouts === 0),
    `quiet p50 before ${beforeMs?.toFixed(0)} ms, right after ${afterMs?.toFixed(0)} ms ` +
      verdict((afterMs ?? NaN) <= AIM_RECOVERY * (beforeMs ?? NaN)),
    `everything decided ${(settledMs / 1000).toFixed(1)} s after the last request`,
    '',
    '',
  ].join('\n');
}

function summary(replies: readonly Reply[], seconds: number): string {
  const counts = new Map<string, number>();
  for (const { outcome } of replies) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const times = timesOf(replies, 'success');
  const outcomes = [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  return (
    `${goodputOf(replies).toFixed(1)}/s redeemed in ${seconds} s; ${outcomes}; ` +
    `p50 ${quantile(times, 0.5).toFixed(0)}, p90 ${quantile(times, 0.9).toFixed(0)}, p99 ${quantile(times, 0.99).toFixed(0)} ms`
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Ascending, milliseconds. */
function timesOf(replies: readonly Reply[], outcome: string): readonly number[] {
  return replies
    .filter((reply) => reply.outcome === outcome)
    .map((reply) => reply.tookMs)
    .toSorted((a, b) => a - b);
}
