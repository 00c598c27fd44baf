// What a till is told, and what becomes of its coupon, while a part of the gateway is away and after it returns.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { errorOf } from '../../support/http-gateway.ts';
import { scratchFolders } from '../../support/scratch-folder.ts';
import {
  type Answered,
  BUDGET_MS,
  MAX_IN_FLIGHT,
  type OutageSystem,
  startOutageSystem,
} from './outage-system.ts';

const START_MS = 90_000;
const TEST_MS = 90_000;
const SETTLES_WITHIN_MS = 60_000;
/** The machine's own delays, on top of what the gateway promises. */
const NOISE_MS = 1000;

const newFolder = scratchFolders();
let system: OutageSystem;
let tokens = 0;

beforeAll(async () => {
  system = await startOutageSystem(await newFolder());
  // The first verification of a process pays for what is loaded lazily.
  const [request] = someRequests(1);
  expect(verifiedStatus(await system.verify(request!))).toBe('success');
}, START_MS);
afterAll(() => system.close(), START_MS);
afterEach(() => {
  for (const proxy of Object.values(system.links).flat()) proxy.set('open');
  system.simulator.state.clearFaults();
});

function someRequests(count: number): readonly { readonly token: string; readonly code: string }[] {
  return system.newCodes(count).map((code) => ({ code, token: `outage-${(tokens += 1)}` }));
}

const verifyAll = (requests: readonly { token: string; code: string }[]) =>
  Promise.all(requests.map((request) => system.verify(request)));

function verifiedStatus({ reply }: Answered): string {
  if (reply.status !== 200) return `${reply.status} ${errorOf(reply).code}`;
  return (reply.json() as { data: { verify_status: string } }).data.verify_status;
}

const calls = (endpoint: 'prepare' | 'verify') => system.simulator.state.counters().calls[endpoint];

/** As a till does: the same request again until it has a verdict. */
async function untilSuccess(requests: readonly { token: string; code: string }[]): Promise<void> {
  for (const request of requests) {
    await eventually(async () => {
      const status = verifiedStatus(await system.verify(request));
      if (status !== 'success') throw new Error(`still ${status}`);
      return true;
    }, SETTLES_WITHIN_MS);
  }
  const rows = await system.rowsOf(requests.map((request) => request.token));
  expect(rows.map((row) => row.verify_status)).toEqual(requests.map(() => 'success'));
  expect(system.effectsOf(requests.map((request) => request.code))).toEqual(requests.map(() => 1));
}

function expectRefusedAtOnce(answers: readonly Answered[], code: string, withinMs: number): void {
  for (const { reply, tookMs } of answers) {
    expect(errorOf(reply)).toMatchObject({ status: 503, code });
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect(tookMs).toBeLessThan(withinMs);
  }
}

describe('Temporal is away', () => {
  it.each(['killed', 'unreachable', 'silent'] as const)(
    '%s: the till gets 503 within three seconds with nothing sent, and the same token redeems when it is back',
    async (how) => {
      const requests = someRequests(5);
      const before = calls('prepare');
      if (how === 'killed') await system.temporal.kill();
      else for (const proxy of system.links.temporal) proxy.set(how === 'silent' ? 'stall' : 'cut');
      expectRefusedAtOnce(await verifyAll(requests), 'gateway.engine_unavailable', 3000 + NOISE_MS);
      const rows = await system.rowsOf(requests.map((request) => request.token));
      expect(rows.map((row) => [row.step, row.send_count])).toEqual(requests.map(() => ['not_attempted', 0]));
      if (how === 'killed') await system.temporal.start();
      else for (const proxy of system.links.temporal) proxy.set('open');
      // A start that arrives late finds its row closed.
      expect(calls('prepare')).toBe(before);
      await untilSuccess(requests);
      expect(system.unexpectedExits).toEqual([]);
    },
    TEST_MS,
  );
});

describe('PostgreSQL is away', () => {
  it.each(['unreachable', 'silent'] as const)(
    '%s: the till gets 503 within two seconds with nothing sent, and the same token redeems when it is back',
    async (how) => {
      const requests = someRequests(6);
      const before = calls('prepare');
      for (const proxy of system.links.postgres) proxy.set(how === 'silent' ? 'stall' : 'cut');
      expectRefusedAtOnce(await verifyAll(requests), 'gateway.database_unavailable', 2000 + NOISE_MS);
      // The second ones find a pool that is full of dead connections.
      expectRefusedAtOnce(await verifyAll(requests), 'gateway.database_unavailable', 2000 + NOISE_MS);
      expect(calls('prepare')).toBe(before);
      for (const proxy of system.links.postgres) proxy.set('open');
      await untilSuccess(requests);
      expect(system.unexpectedExits).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'a row that is stored after its request was refused is closed again, and is never sent by itself',
    async () => {
      const [request] = someRequests(1);
      const blocker = new pg.Client({ connectionString: system.databaseUrl });
      await blocker.connect();
      await blocker.query('begin; lock table verifications in exclusive mode');
      expectRefusedAtOnce([await system.verify(request!)], 'gateway.database_unavailable', 2000 + NOISE_MS);
      await blocker.query('rollback');
      await blocker.end();
      await eventually(async () => {
        const [row] = await system.rowsOf([request!.token]);
        return row?.step === 'not_attempted' && row.send_count === 0;
      });
      await untilSuccess([request!]);
    },
    TEST_MS,
  );

  it(
    'its connections die without a word: the pool lets go of them, and tills are served again within seconds',
    async () => {
      // As many connections as a busy process has.
      await untilSuccess(someRequests(MAX_IN_FLIGHT));
      for (const proxy of system.links.postgres) proxy.abandon();
      await untilSuccess(someRequests(3 * MAX_IN_FLIGHT));
      expect(system.unexpectedExits).toEqual([]);
    },
    TEST_MS,
  );

  it.each(['unreachable', 'silent'] as const)(
    '%s between Douyin’s answer and its storing: the verdict is not lost, and redeemed once',
    async (how) => {
      const requests = someRequests(3);
      system.simulator.state.addFault({
        kind: 'latency-after-effect',
        endpoints: ['verify'],
        delayMs: 700,
        count: 3,
      });
      const sent = calls('verify') + requests.length;
      const answers = verifyAll(requests);
      await eventually(() => calls('verify') === sent);
      for (const proxy of system.links.postgres) proxy.set(how === 'silent' ? 'stall' : 'cut');
      for (const answer of await answers) {
        expect(verifiedStatus(answer)).toBe('processing');
        expect(answer.tookMs).toBeLessThan(BUDGET_MS + 1000 + NOISE_MS);
      }
      expect(system.effectsOf(requests.map((request) => request.code))).toEqual([1, 1, 1]);
      for (const proxy of system.links.postgres) proxy.set('open');
      await eventually(async () => {
        const rows = await system.rowsOf(requests.map((request) => request.token));
        return rows.every((row) => row.verify_status === 'success');
      }, SETTLES_WITHIN_MS);
      expect(system.effectsOf(requests.map((request) => request.code))).toEqual([1, 1, 1]);
      expect(system.unexpectedExits).toEqual([]);
    },
    TEST_MS,
  );
});

describe('Douyin is slow for minutes', () => {
  it(
    'the budget holds, the till hears `processing`, what is in flight stays bounded, and each is redeemed once',
    async () => {
      const requests = someRequests(4 * MAX_IN_FLIGHT);
      system.simulator.state.addFault({ kind: 'hang-after-effect', endpoints: ['verify'], count: 'always' });
      const answers = await verifyAll(requests);
      const refused = answers.filter((answer) => answer.reply.status === 503);
      // At once: long before those that were let in are answered at the end of their budget.
      const letIn = answers.filter((answer) => answer.reply.status === 200).map(({ tookMs }) => tookMs);
      expectRefusedAtOnce(refused, 'gateway.busy', Math.min(...letIn));
      const admitted = requests.filter((_, position) => answers[position]!.reply.status === 200);
      // Fewer only if this machine was slow just before.
      expect(admitted.length).toBeLessThanOrEqual(MAX_IN_FLIGHT);
      expect(admitted.length).toBeGreaterThanOrEqual(6);
      for (const answer of answers.filter((one) => one.reply.status === 200)) {
        expect(verifiedStatus(answer)).toBe('processing');
        expect(answer.tookMs).toBeLessThan(BUDGET_MS + NOISE_MS);
      }
      expect(system.simulator.state.counters().maxInFlightByEndpoint.verify).toBeLessThanOrEqual(
        MAX_IN_FLIGHT,
      );
      system.simulator.state.clearFaults();
      await untilSuccess(admitted);
      await untilSuccess(requests);
    },
    TEST_MS,
  );

  it(
    'at prepare: 502 within the budget with nothing consumed, and the same token redeems when it is quick again',
    async () => {
      const requests = someRequests(4);
      system.simulator.state.addFault({
        kind: 'hang-before-effect',
        endpoints: ['prepare'],
        count: 'always',
      });
      for (const answer of await verifyAll(requests)) {
        expect(errorOf(answer.reply)).toMatchObject({ status: 502, code: 'douyin.unavailable' });
        expect(answer.tookMs).toBeLessThan(BUDGET_MS);
      }
      const rows = await system.rowsOf(requests.map((request) => request.token));
      expect(rows.map((row) => [row.step, row.send_count])).toEqual(requests.map(() => ['not_attempted', 0]));
      system.simulator.state.clearFaults();
      await untilSuccess(requests);
    },
    TEST_MS,
  );
});
