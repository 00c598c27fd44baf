// How much the gateway adds to the reply time of Douyin's own calls, next to two baselines in the same run: the bare
// calls, and a textbook workflow that makes them in three regular activities. Absolute times are this machine's;
// the ratios are what to compare.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { Pool } from 'undici';
import { loadConfig } from '../src/config.ts';
import { type Core, openCore } from '../src/deps.ts';
import { createLogger } from '../src/observability/logger.ts';
import { verifyWorkflowId } from '../workflows/contract.ts';
import { SIMULATOR_DEFAULTS } from '../src/simulator/defaults.ts';
import { signedHeaders } from '../test/support/http-gateway.ts';
import { SimulatorControl, type SimulatedOrder } from '../test/support/simulator-control.ts';
import { type StartedGateway, startGateway } from '../test/support/started-gateway.ts';
import { douyinCalls } from './douyin-calls.ts';
import { TEXTBOOK_QUEUE, TEXTBOOK_WORKFLOW, type TextbookInput } from './textbook/contract.ts';
import { atRate, numbersOf, quantile, report, verdict } from './shared.ts';

const USAGE =
  'usage: npm run bench -- verify [--requests 150] [--rate 5] [--latency-ms 30] (per system; rate per second)\n';
/** Requests of one system in a row; the systems take turns, so that whatever disturbs the machine hits all alike. */
const BLOCK = 15;
const WARM_UP = 20;
const MAX_REQUESTS = 2000;
const AIM_OVER_BARE_MS = 25;
const AIM_CLOSER = 3;
const QUIET_TIMEOUT_MS = 10_000;
/** Linux counts processor time in hundredths of a second. */
const CPU_TICK_MS = 10;

const SYSTEMS = ['bare', 'gateway', 'textbook'] as const;
type System = (typeof SYSTEMS)[number];

const TITLES: Readonly<Record<System, string>> = {
  bare: 'bare Douyin calls',
  gateway: 'gateway',
  textbook: 'textbook workflow',
};

interface Redemption {
  readonly orderId: string;
  /** Empty for the bare calls. */
  readonly workflowId: string;
  readonly durationMs: number;
}

/** Redeems one coupon by its short link. @returns the id of the workflow that did. @throws if it was not redeemed */
type Redeem = (order: SimulatedOrder) => Promise<string>;

interface Measurement {
  readonly redemptions: Redemption[];
  cpuMs: Record<string, number>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { requests, rate, latencyMs } = readArguments(args);
  const dataDir = await mkdtemp(join(tmpdir(), 'dy-gateway-bench-'));
  await chmod(dataDir, 0o755);
  const closers: (() => Promise<unknown>)[] = [() => rm(dataDir, { recursive: true, force: true })];
  try {
    report('starting a gateway');
    const gateway = await startGateway(dataDir);
    closers.push(() => gateway.end());
    const env = await environmentOf(gateway);
    const core = await openCore(
      loadConfig(env),
      createLogger({ level: 'warn', format: 'json', process: 'bench' }),
    );
    closers.push(() => core.close());
    const textbook = await startTextbook(env);
    closers.push(() => textbook.stop());
    const gatewayPool = new Pool(gateway.url, { connections: 32 });
    closers.push(() => gatewayPool.close());

    const simulator = new SimulatorControl(gateway.simulatorUrl);
    await simulator.changeSettings({ latencyMinMs: latencyMs, latencyMaxMs: latencyMs });
    const redeem: Record<System, Redeem> = {
      bare: redeemBarely(core, gateway.demo.poi_id),
      gateway: redeemAtGateway(gatewayPool, gateway),
      textbook: textbook.redeem,
    };
    const processes = processesOf(gateway, textbook.pid);

    const [first, ...warmUps] = await simulator.createOrders(1 + WARM_UP * SYSTEMS.length);
    if (!first) throw new Error('The simulator created no order');
    const [firstRedemption] = await runBlock(redeem.gateway, [first], rate);
    for (const [position, system] of SYSTEMS.entries()) {
      report(`warming up: ${TITLES[system]}`);
      await runBlock(redeem[system], warmUps.slice(position * WARM_UP, (position + 1) * WARM_UP), rate);
    }

    const measured = Object.fromEntries(
      SYSTEMS.map((system) => [system, { redemptions: [], cpuMs: {} } satisfies Measurement]),
    ) as unknown as Record<System, Measurement>;
    let gatewayStatements = 0;
    const blocks = Math.ceil(requests / BLOCK);
    for (let block = 0; block < blocks; block += 1) {
      report(`measuring: block ${block + 1} of ${blocks}`);
      for (let turn = 0; turn < SYSTEMS.length; turn += 1) {
        const system = SYSTEMS[(block + turn) % SYSTEMS.length] as System;
        const size = Math.min(BLOCK, requests - block * BLOCK);
        const orders = await simulator.createOrders(size);
        const before = await processes.cpuMs();
        const statementsBefore = system === 'gateway' ? await countStatements(gateway) : 0;
        measured[system].redemptions.push(...(await runBlock(redeem[system], orders, rate)));
        await untilQuiet(simulator);
        const after = await processes.cpuMs();
        for (const [name, ms] of Object.entries(after)) {
          measured[system].cpuMs[name] = (measured[system].cpuMs[name] ?? 0) + ms - (before[name] ?? 0);
        }
        if (system === 'gateway') gatewayStatements += (await countStatements(gateway)) - statementsBefore;
      }
    }
    const own = await ownTimes(simulator);
    const netMs = (redemption: Redemption) => redemption.durationMs - (own.get(redemption.orderId) ?? NaN);
    const writesOf = (system: System) =>
      countTransitions(gateway, measured[system].redemptions.at(-1)?.workflowId ?? '');
    const writes = { gateway: await writesOf('gateway'), textbook: await writesOf('textbook') };
    process.stdout.write(
      describe({
        requests,
        rate,
        latencyMs,
        netMs: Object.fromEntries(
          SYSTEMS.map((system) => [
            system,
            measured[system].redemptions.map(netMs).toSorted((a, b) => a - b),
          ]),
        ) as Record<System, number[]>,
        firstMs: firstRedemption ? netMs(firstRedemption) : NaN,
        cpuMs: Object.fromEntries(
          SYSTEMS.map((system) => [
            system,
            Object.fromEntries(
              Object.entries(measured[system].cpuMs).map(([name, ms]) => [name, ms / requests]),
            ),
          ]),
        ) as Record<System, Record<string, number>>,
        statements: gatewayStatements / requests,
        writes,
      }),
    );
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

function readArguments(args: readonly string[]): { requests: number; rate: number; latencyMs: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '150' },
      rate: { type: 'string', default: '5' },
      'latency-ms': { type: 'string', default: '30' },
    },
  });
  const within = numbersOf(USAGE);
  return {
    requests: Math.ceil(within(values.requests, BLOCK, MAX_REQUESTS)),
    rate: within(values.rate, 0.1, 100),
    latencyMs: Math.ceil(within(values['latency-ms'], 0, 2000)),
  };
}

async function runBlock(
  redeem: Redeem,
  orders: readonly SimulatedOrder[],
  rate: number,
): Promise<Redemption[]> {
  return atRate(orders, rate, async (order) => {
    const sentAt = performance.now();
    const workflowId = await redeem(order);
    return { orderId: order.order_id, workflowId, durationMs: performance.now() - sentAt };
  });
}

/** Work after the reply (the order's data) belongs to its block and must not run into the next one. */
async function untilQuiet(simulator: SimulatorControl): Promise<void> {
  let quietLooks = 0;
  let calls = -1;
  for (
    const giveUpAt = performance.now() + QUIET_TIMEOUT_MS;
    performance.now() < giveUpAt;
    await delay(100)
  ) {
    const now = Object.values(await simulator.calls()).reduce((sum, count) => sum + count, 0);
    quietLooks = now === calls && (await simulator.callsInFlight()) === 0 ? quietLooks + 1 : 0;
    if (quietLooks === 3) return;
    calls = now;
  }
  throw new Error(`Douyin was still being called ${QUIET_TIMEOUT_MS} ms after the last reply`);
}

/** How long the simulator took for the calls a till waits for, milliseconds, by order. */
async function ownTimes(simulator: SimulatorControl): Promise<ReadonlyMap<string, number>> {
  const byOrder = new Map<string, number>();
  for await (const call of simulator.allCalls()) {
    const { order_id: orderId } = call.facts;
    if (orderId === undefined || call.duration_ms === null) continue;
    if (!['short_link', 'prepare', 'verify'].includes(call.endpoint)) continue;
    byOrder.set(orderId, (byOrder.get(orderId) ?? 0) + call.duration_ms);
  }
  return byOrder;
}

function redeemBarely(core: Core, poiId: string): Redeem {
  const calls = douyinCalls(core);
  return async (order) => {
    const encryptedData = await calls.resolve(order.short_link);
    const coupon = await calls.prepare({ encryptedData, poiId });
    requireVerified(await calls.verify({ ...coupon, poiId }));
    return '';
  };
}

function redeemAtGateway(pool: Pool, gateway: StartedGateway): Redeem {
  const target = '/v1/open/coupons/verify';
  const credentials = { clientKey: gateway.demo.client_key, secret: gateway.demo.secret };
  return async (order) => {
    const body = JSON.stringify({ poi_id: gateway.demo.poi_id, short_link: order.short_link });
    const { body: answer } = await pool.request({
      method: 'POST',
      path: target,
      headers: {
        'Content-Type': 'application/json',
        ...signedHeaders(credentials, { method: 'POST', target, body }),
      },
      body,
    });
    const { data } = (await answer.json()) as { data?: { id: number; verify_status: string } };
    requireVerified(data?.verify_status === 'success' ? 'verified' : JSON.stringify(data));
    return verifyWorkflowId(data?.id ?? 0);
  };
}

function requireVerified(outcome: string): void {
  if (outcome !== 'verified') throw new Error(`A coupon was not redeemed: ${outcome}`);
}

interface Textbook {
  readonly pid: number;
  readonly redeem: Redeem;
  stop(): Promise<void>;
}

async function startTextbook(env: Readonly<Record<string, string>>): Promise<Textbook> {
  const worker: ChildProcess = fork(fileURLToPath(new URL('textbook/worker.ts', import.meta.url)), {
    env: { ...process.env, ...env },
  });
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(() => Promise.reject(new Error('The textbook worker could not start'))),
  ]);
  const connection = await Connection.connect({ address: env['TEMPORAL_ADDRESS'] ?? '' });
  const client = new Client({ connection });
  return {
    pid: worker.pid ?? 0,
    redeem: async (order) => {
      const input: TextbookInput = { shortLink: order.short_link, poiId: SIMULATOR_DEFAULTS.stores[0].poiId };
      const workflowId = `textbook-${randomUUID()}`;
      const outcome: unknown = await client.workflow.execute(TEXTBOOK_WORKFLOW, {
        workflowId,
        taskQueue: TEXTBOOK_QUEUE,
        args: [input],
      });
      requireVerified(String(outcome));
      return workflowId;
    },
    async stop() {
      const exit = once(worker, 'exit');
      worker.disconnect();
      await exit;
      await connection.close();
    },
  };
}

/** The variables of a process that works on the same parts as the gateway. */
async function environmentOf(gateway: StartedGateway): Promise<Record<string, string>> {
  return {
    DATABASE_URL: gateway.databaseUrl,
    TEMPORAL_ADDRESS: gateway.temporalAddress,
    DOUYIN_BASE_URL: gateway.simulatorUrl,
    DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
    DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
    DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
    SHORT_LINK_HOSTS: new URL(gateway.simulatorUrl).host,
    SECRETS_KEY: (await readFile(join(gateway.dataDir, 'secrets-key'), 'utf8')).trim(),
  };
}

/** Processor time used so far, milliseconds, by part; empty where the system does not tell. */
function processesOf(gateway: StartedGateway, textbookPid: number) {
  const { postgresPid, temporalPid } = gateway.servers;
  return {
    cpuMs: async (): Promise<Record<string, number>> => {
      if (process.platform !== 'linux') return {};
      const [api, worker, temporal, textbook, postgres] = await Promise.all([
        cpuMsOf(gateway.pidOf('api')),
        cpuMsOf(gateway.pidOf('worker')),
        cpuMsOf(temporalPid),
        cpuMsOf(textbookPid),
        childrenOf(postgresPid).then(async (pids) =>
          (await Promise.all(pids.map(cpuMsOf))).reduce((a, b) => a + b, 0),
        ),
      ]);
      return { api, worker, 'textbook worker': textbook, Temporal: temporal, PostgreSQL: postgres };
    },
  };
}

async function cpuMsOf(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return fields === null ? 0 : (Number(fields[11]) + Number(fields[12])) * CPU_TICK_MS;
}

async function childrenOf(parentPid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(pids.map(async (pid) => Number((await statOf(pid))?.[1])));
  return pids.filter((_pid, position) => parents[position] === parentPid);
}

/** The fields of /proc/<pid>/stat behind the name, which may itself hold blanks; null if the process is gone. */
async function statOf(pid: number): Promise<readonly string[] | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Statements the database has run; each of the gateway's commits by itself. */
async function countStatements(gateway: StartedGateway): Promise<number> {
  const client = new pg.Client({ connectionString: gateway.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>(
      'select xact_commit as count from pg_stat_database where datname = current_database()',
    );
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}

/** How often Temporal wrote this workflow's state. */
async function countTransitions(gateway: StartedGateway, workflowId: string): Promise<number> {
  const connection = await Connection.connect({ address: gateway.temporalAddress });
  try {
    const description = await new Client({ connection }).workflow.getHandle(workflowId).describe();
    return Number(description.raw.workflowExecutionInfo?.stateTransitionCount);
  } finally {
    await connection.close();
  }
}

interface Figures {
  readonly requests: number;
  readonly rate: number;
  readonly latencyMs: number;
  /** Reply times minus Douyin's own time, ascending. */
  readonly netMs: Readonly<Record<System, readonly number[]>>;
  readonly firstMs: number;
  /** Per verification, by part. */
  readonly cpuMs: Readonly<Record<System, Readonly<Record<string, number>>>>;
  readonly statements: number;
  readonly writes: { readonly gateway: number; readonly textbook: number };
}

function describe({ requests, rate, latencyMs, netMs, firstMs, cpuMs, statements, writes }: Figures): string {
  const p50 = Object.fromEntries(SYSTEMS.map((system) => [system, quantile(netMs[system], 0.5)])) as Record<
    System,
    number
  >;
  const overBareMs = p50.gateway - p50.bare;
  const closer = (p50.textbook - p50.bare) / overBareMs;
  const row = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(20)}${cells.map((cell) => cell.padStart(9)).join('')}`;
  const cpuOf = (system: System) =>
    Object.entries(cpuMs[system])
      .filter(([, ms]) => ms >= 0.1)
      .map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
      .join(', ');
  return [
    '',
    `Reply time minus Douyin's own (3 calls of ${latencyMs} ms), ms; ${requests} requests each at ${rate}/s, in turns`,
    '',
    row('', ['p50', 'p90', 'p99']),
    ...SYSTEMS.map((system) =>
      row(
        TITLES[system],
        [0.5, 0.9, 0.99].map((share) => quantile(netMs[system], share).toFixed(1)),
      ),
    ),
    '',
    `gateway over bare: ${overBareMs.toFixed(1)} ms p50 (aim: at most ${AIM_OVER_BARE_MS}) ${verdict(overBareMs <= AIM_OVER_BARE_MS)}`,
    `textbook over bare / gateway over bare: ${closer.toFixed(1)} × (aim: at least ${AIM_CLOSER}) ${verdict(closer >= AIM_CLOSER)}`,
    `first request after the start: ${firstMs.toFixed(1)} ms`,
    '',
    `CPU ms per verification   gateway: ${cpuOf('gateway')}`,
    `                         textbook: ${cpuOf('textbook')}`,
    `database statements per verification, its order's data included: ${statements.toFixed(1)}`,
    `Temporal writes per verification: gateway ${writes.gateway}, textbook ${writes.textbook}`,
    '',
    '',
  ].join('\n');
}
