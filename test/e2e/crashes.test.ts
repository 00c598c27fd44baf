// Processes killed with -9 while verifications are under way: each verification ends with one verdict, the one Douyin's
// ledger shows, and no coupon is redeemed twice.
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { DyGatewayError, type VerificationView } from '../../clients/typescript/index.ts';
import { eventually } from '../support/eventually.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { SimulatorControl, type SimulatedOrder } from '../support/simulator-control.ts';
import { type StartedGateway, startGateway } from '../support/started-gateway.ts';
import { type Till, tillOf } from '../support/till.ts';

const IN_FLIGHT = 20;
const MODES = ['short_link', 'code', 'encrypted_code'] as const;
const SETTLE_TIMEOUT_MS = 40_000;
/** A killed process's workflow task is given to another after 5 s, its replacement needs some seconds to start. */
const RECOVERY_LIMIT_MS = 30_000;

const FAST = {
  DOUYIN_TIMEOUT_MS: '2000',
  DOUYIN_REPEAT_DELAYS_MS: '200,400,800,1600,3200',
  ENRICH_RETRY_DELAYS_MS: '200,400,800,1600,3200',
};

describe('a gateway whose processes are killed', () => {
  const makeFolder = scratchFolders();
  let gateway: StartedGateway;
  let simulator: SimulatorControl;
  let till: Till;

  beforeAll(async () => {
    gateway = await startGateway(await makeFolder(), FAST);
    simulator = new SimulatorControl(gateway.simulatorUrl);
    till = tillOf(gateway);
  }, 90_000);

  beforeEach(() => simulator.clearFaults());

  afterAll(() => gateway?.end(), 60_000);

  it.each(['prepare', 'verify'] as const)(
    'settles every verification, none twice, when the API is killed amid %s',
    async (endpoint) => {
      const orders = await simulator.createOrders(IN_FLIGHT);
      // Some before their effect, some after it, some answered already: the kill finds every step.
      for (const kind of ['latency-before-effect', 'latency-after-effect'] as const) {
        for (const order of orders.filter(
          (_order, position) => (position % 2 === 0) === (kind === 'latency-before-effect'),
        )) {
          await simulator.addFault({
            kind,
            endpoints: [endpoint],
            orderId: order.order_id,
            delayMs: 300,
            delayMaxMs: 1500,
          });
        }
      }
      const killedPid = gateway.pidOf('api');
      const callsBefore = await simulator.calls();
      const sales = startSales(till, orders);
      await eventually(
        async () => (await simulator.calls())[endpoint] - callsBefore[endpoint] >= IN_FLIGHT / 2,
      );
      expect(await simulator.callsInFlight()).toBeGreaterThan(0);

      const killedAt = performance.now();
      gateway.kill('api');
      const told = await sales.answers;
      const settled = await settle(till, sales.tokens);
      const recoveryMs = performance.now() - killedAt;
      report(
        `the API killed amid ${endpoint}: all ${IN_FLIGHT} settled ${Math.round(recoveryMs)} ms after it`,
      );

      expect(gateway.pidOf('api')).not.toBe(killedPid);
      await expectAccounted(simulator, orders, told, settled);
      expect(recoveryMs).toBeLessThan(RECOVERY_LIMIT_MS);
    },
    SETTLE_TIMEOUT_MS * 2,
  );

  it(
    'settles every verification, none twice, when the worker is killed while it repeats unknown ones',
    async () => {
      const orders = await simulator.createOrders(IN_FLIGHT);
      // The first answer never comes; the worker's repeats are slow.
      for (const order of orders) {
        await simulator.addFault({
          kind: 'cut-after-effect',
          endpoints: ['verify'],
          orderId: order.order_id,
        });
        await simulator.addFault({
          kind: 'latency-before-effect',
          endpoints: ['verify'],
          orderId: order.order_id,
          nth: 2,
          delayMs: 1500,
        });
      }
      const killedPid = gateway.pidOf('worker');
      const callsBefore = await simulator.calls();
      const sales = startSales(till, orders);
      await eventually(async () => (await simulator.calls()).verify - callsBefore.verify > IN_FLIGHT);

      const killedAt = performance.now();
      gateway.kill('worker');
      const told = await sales.answers;
      const settled = await settle(till, sales.tokens);
      report(
        `the worker killed amid repeats: all ${IN_FLIGHT} settled ${Math.round(performance.now() - killedAt)} ms after it`,
      );

      await eventually(() => gateway.pidOf('worker') !== killedPid);
      await expectAccounted(simulator, orders, told, settled);
    },
    SETTLE_TIMEOUT_MS * 3,
  );
});

describe('a gateway whose `start` is killed', () => {
  const makeFolder = scratchFolders();

  it(
    'takes all its processes with it, and the next start goes on with the data',
    async () => {
      const dataDir = await makeFolder();
      const killed = await startGateway(dataDir, FAST);
      const orders = await new SimulatorControl(killed.simulatorUrl).createOrders(IN_FLIGHT);
      const simulator = new SimulatorControl(killed.simulatorUrl);
      const done = await tillOf(killed).redeem(orders[0] as SimulatedOrder, 'short_link');
      for (const order of orders.slice(1)) {
        await simulator.addFault({
          kind: 'latency-after-effect',
          endpoints: ['verify'],
          orderId: order.order_id,
          delayMs: 1500,
        });
      }
      const callsBefore = await simulator.calls();
      const sales = startSales(tillOf(killed), orders.slice(1), 3_000);
      await eventually(async () => (await simulator.calls()).verify - callsBefore.verify >= IN_FLIGHT / 2);
      const descendants = killed.descendants();
      await killed.end('SIGKILL');
      await sales.answers;
      await killed.untilGone(descendants);

      const next = await startGateway(dataDir, FAST);
      try {
        const till = tillOf(next);
        expect(next.demo.client_key).toBe(killed.demo.client_key);
        expect(await till.client.findVerification(done.verify_token)).toMatchObject({
          id: done.id,
          verify_status: 'success',
          verify_id: done.verify_id,
        });
        // The till asks again with the tokens it kept, as its manual says.
        const nextSales = startSales(till, orders.slice(1), undefined, sales.tokens);
        const told = await nextSales.answers;
        const settled = await settle(till, sales.tokens);
        await expectAccounted(new SimulatorControl(next.simulatorUrl), orders.slice(1), told, settled);
      } finally {
        expect(await next.end()).toEqual({ code: 0, signal: null });
      }
    },
    SETTLE_TIMEOUT_MS * 4,
  );
});

interface Sales {
  readonly tokens: readonly string[];
  /** What the tills were told in the end; null where nothing answered in time. */
  readonly answers: Promise<readonly (VerificationView | null)[]>;
}

/** One till per coupon, at once; each repeats with its own token until it is answered. */
function startSales(
  till: Till,
  orders: readonly SimulatedOrder[],
  deadlineMs = SETTLE_TIMEOUT_MS,
  tokens: readonly string[] = orders.map(() => randomUUID()),
): Sales {
  const sell = async (order: SimulatedOrder, position: number) => {
    const verifyToken = tokens[position] as string;
    const common = { poi_id: till.poiId, verify_token: verifyToken };
    const coupon =
      MODES[position % 2] === 'short_link'
        ? { short_link: order.short_link }
        : { code: order.coupons[0]?.code ?? '' };
    try {
      return await till.client.verify({ ...common, ...coupon }, { deadlineMs });
    } catch (err) {
      // "I do not know", or "I never reached it": legal for a till whose gateway is gone, and never a verdict.
      const wasNotReached = err instanceof DyGatewayError && err.code === 'client.network';
      if (wasNotReached || (err instanceof DyGatewayError && err.isOutcomeUnknown)) return null;
      throw err;
    }
  };
  return { tokens, answers: Promise.all(orders.map(sell)) };
}

async function settle(till: Till, tokens: readonly string[]): Promise<readonly VerificationView[]> {
  return Promise.all(
    tokens.map((token) =>
      eventually(async () => {
        const view = await till.client.findVerification(token, { deadlineMs: SETTLE_TIMEOUT_MS });
        return view && view.verify_status !== 'processing' ? view : null;
      }, SETTLE_TIMEOUT_MS),
    ),
  );
}

/** Ledger, records and what the tills were told agree, coupon by coupon. */
async function expectAccounted(
  simulator: SimulatorControl,
  orders: readonly SimulatedOrder[],
  told: readonly (VerificationView | null)[],
  settled: readonly VerificationView[],
): Promise<void> {
  const ledger = await simulator.ledgerOf(orders);
  expect(settled.map((view) => [view.verify_status, view.order_id, view.verify_id])).toEqual(
    orders.map((order) => [
      'success',
      order.order_id,
      ledger.find((line) => line.order_id === order.order_id)?.verify_id,
    ]),
  );
  expect(ledger).toHaveLength(orders.length);
  for (const view of told) {
    if (view && view.verify_status !== 'processing') {
      expect(view.verify_id).toBe(settled.find(({ id }) => id === view.id)?.verify_id);
    }
  }
  const truths = await Promise.all(ledger.map((line) => simulator.truth(line.verify_token ?? '')));
  expect(truths.map((truth) => truth.parameter_sets)).toEqual(truths.map(() => 1));
}

/** Past jest's console, which would print a stack with it. */
function report(message: string): void {
  process.stderr.write(`${message}\n`);
}
