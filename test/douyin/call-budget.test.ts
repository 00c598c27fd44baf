import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '../../src/domain/errors.ts';
import { CallBudget, type CallBudgetOptions, type CallPurpose } from '../../src/douyin/call-budget.ts';
import { HttpDouyin } from '../../src/douyin/client.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { type InMemoryPause, InMemoryPauseStore } from './in-memory-pause-store.ts';
import { fixedTokens, keepingLogger } from './support.ts';

const FIRST_PAUSE_MS = 1000;
const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;

let nowMs: number;
let pauses: Map<string, InMemoryPause>;
let log: ReturnType<typeof keepingLogger>;

beforeEach(() => {
  nowMs = 0;
  pauses = new Map();
  log = keepingLogger();
});

/** A process's budget; all of them share the pauses. */
function budgetOf(more: Partial<CallBudgetOptions> = {}): CallBudget {
  return new CallBudget({
    callsPerSecond: {},
    firstPauseMs: FIRST_PAUSE_MS,
    store: new InMemoryPauseStore(pauses, () => nowMs),
    logger: log.logger,
    monotonicMs: () => nowMs,
    ...more,
  });
}

type Endpoint = Parameters<CallBudget['run']>[0];
/** Whether the call was made. */
async function made(budget: CallBudget, endpoint: Endpoint, purpose: CallPurpose): Promise<boolean> {
  try {
    return await budget.run(endpoint, purpose, () => Promise.resolve(true));
  } catch (err) {
    if (err instanceof AppError && err.code === 'douyin.unavailable') return false;
    throw err;
  }
}
const settled = () => new Promise(setImmediate);

describe('pace', () => {
  it('lets a second’s worth through at once, refuses the next, and fills up evenly', async () => {
    const budget = budgetOf({ callsPerSecond: { prepare: 10 } });
    for (let call = 0; call < 10; call += 1) expect(await made(budget, 'prepare', 'prepare')).toBe(true);
    expect(await made(budget, 'prepare', 'prepare')).toBe(false);
    nowMs += 99;
    expect(await made(budget, 'prepare', 'prepare')).toBe(false);
    nowMs += 1;
    expect(await made(budget, 'prepare', 'prepare')).toBe(true);
    nowMs += 60_000;
    const later = await Promise.all(Array.from({ length: 20 }, () => made(budget, 'prepare', 'prepare')));
    expect(later.filter(Boolean)).toHaveLength(10);
  });

  it('leaves look-ups a quarter of what enrichment also calls', async () => {
    const budget = budgetOf({ callsPerSecond: { get_certificate: 20 } });
    const enrichments = await Promise.all(
      Array.from({ length: 30 }, () => made(budget, 'get_certificate', 'enrichment')),
    );
    expect(enrichments.filter(Boolean)).toHaveLength(15);
    for (let call = 0; call < 5; call += 1) {
      expect(await made(budget, 'get_certificate', 'look_up')).toBe(true);
    }
    expect(await made(budget, 'get_certificate', 'look_up')).toBe(false);
  });

  it('lets the least important make a call now and then, however small the share is', async () => {
    const budget = budgetOf({ callsPerSecond: { query_order: 0.5 } });
    expect(await made(budget, 'query_order', 'enrichment')).toBe(true);
    expect(await made(budget, 'query_order', 'enrichment')).toBe(false);
    nowMs += 2000;
    expect(await made(budget, 'query_order', 'enrichment')).toBe(true);
  });

  it('knows no pace for verify, nor for an endpoint that is not named', async () => {
    const budget = budgetOf({ callsPerSecond: { verify: 1 } });
    for (let call = 0; call < 50; call += 1) {
      expect(await made(budget, 'verify', 'verify')).toBe(true);
      expect(await made(budget, 'query_stores', 'look_up')).toBe(true);
    }
  });
});

describe('calls at the same time', () => {
  it('bounds those nobody waits for, never the till’s, and frees the place of one that failed', async () => {
    const given: string[] = [];
    const budget = budgetOf({ onGivenUp: ({ purpose, why }) => given.push(`${purpose} ${why}`) });
    const hanging = Promise.withResolvers<boolean>();
    const start = (purpose: CallPurpose, endpoint: Endpoint) =>
      budget.run(endpoint, purpose, () => hanging.promise).catch(() => false);
    const calls = Array.from({ length: 20 }, () => start('enrichment', 'query_order'));
    const tills = Array.from({ length: 200 }, () => start('prepare', 'prepare'));
    expect(given).toEqual(Array(4).fill('enrichment under_way'));
    expect(budget.underWay('enrichment')).toBe(16);
    expect(await made(budget, 'get_certificate', 'look_up')).toBe(true);
    hanging.reject(new Error('Douyin hung'));
    await Promise.all([...calls, ...tills]);
    expect(budget.underWay('enrichment')).toBe(0);
    expect(await made(budget, 'query_order', 'enrichment')).toBe(true);
  });
});

describe('a pause Douyin asks for', () => {
  const told = async (budget: CallBudget, endpoint: Endpoint, purpose: CallPurpose) => {
    budget.noteTooFrequent(endpoint, purpose, 2119003);
    await settled();
  };

  it.each<[Endpoint, CallPurpose, readonly (readonly [Endpoint, CallPurpose, boolean])[]]>([
    [
      'query_order',
      'enrichment',
      [
        ['query_order', 'enrichment', false],
        ['get_certificate', 'enrichment', false],
        ['get_certificate', 'look_up', true],
        ['prepare', 'prepare', true],
        ['verify', 'verify', true],
      ],
    ],
    [
      'get_certificate',
      'enrichment',
      [
        ['get_certificate', 'look_up', false],
        ['query_verify_records', 'look_up', true],
        ['prepare', 'prepare', true],
      ],
    ],
    [
      'get_certificate',
      'look_up',
      [
        ['query_verify_records', 'look_up', false],
        ['query_order', 'enrichment', false],
        ['prepare', 'prepare', true],
        ['verify', 'verify', true],
      ],
    ],
    [
      'prepare',
      'prepare',
      [
        ['prepare', 'prepare', false],
        ['get_certificate', 'look_up', false],
        ['query_order', 'enrichment', false],
        ['verify', 'verify', true],
      ],
    ],
    [
      'verify',
      'verify',
      [
        ['prepare', 'prepare', false],
        ['query_order', 'enrichment', false],
        ['verify', 'verify', true],
      ],
    ],
  ])('asked of %s for %s holds exactly what it should', async (endpoint, purpose, expected) => {
    const budget = budgetOf();
    await told(budget, endpoint, purpose);
    for (const [otherEndpoint, otherPurpose, isMade] of expected) {
      expect([otherEndpoint, otherPurpose, await made(budget, otherEndpoint, otherPurpose)]).toEqual([
        otherEndpoint,
        otherPurpose,
        isMade,
      ]);
    }
    nowMs += FIRST_PAUSE_MS;
    for (const [otherEndpoint, otherPurpose] of expected) {
      expect(await made(budget, otherEndpoint, otherPurpose)).toBe(true);
    }
  });

  it('says until when, in words, and alerts once', async () => {
    const budget = budgetOf();
    await told(budget, 'prepare', 'prepare');
    await told(budget, 'prepare', 'prepare');
    await expect(budget.run('prepare', 'prepare', () => Promise.resolve())).rejects.toMatchObject({
      code: 'douyin.unavailable',
      message: expect.stringMatching(
        /^Douyin asked us to slow down until 2\S+Z \(code 2119003 at prepare\)$/,
      ),
    });
    expect(log.lines.filter((line) => line.includes('douyin.too_frequent'))).toHaveLength(1);
  });

  it('reaches the other processes within a second', async () => {
    const [here, there] = [budgetOf({ firstPauseMs: 5000 }), budgetOf()];
    expect(await made(there, 'prepare', 'prepare')).toBe(true);
    await settled();
    await told(here, 'prepare', 'prepare');
    nowMs += 1000;
    // The view that is due is read behind this call's back; the next one knows.
    await made(there, 'prepare', 'prepare');
    await settled();
    expect(await made(there, 'prepare', 'prepare')).toBe(false);
    expect(there.remainingPausesMs().get('prepare')).toBe(4000);
  });

  it('outlives a restart', async () => {
    await told(budgetOf(), 'prepare', 'prepare');
    const restarted = budgetOf();
    await restarted.refresh();
    expect(await made(restarted, 'prepare', 'prepare')).toBe(false);
    expect(restarted.remainingPausesMs().get('prepare')).toBe(FIRST_PAUSE_MS);
  });

  it.each<[Endpoint, CallPurpose, readonly number[]]>([
    ['query_order', 'enrichment', [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]],
    // A till cannot wait for minutes.
    ['prepare', 'prepare', [1, 2, 4, 5, 5]],
    ['verify', 'verify', [1, 2, 4, 5, 5]],
  ])(
    'doubles while Douyin goes on refusing %s, up to a bound, and begins anew once it was long enough',
    async (endpoint, purpose, expected) => {
      const budget = budgetOf();
      const lengths: number[] = [];
      for (const _ of expected) {
        await told(budget, endpoint, purpose);
        const lengthMs = budget.remainingPausesMs().get(endpoint) ?? 0;
        lengths.push(lengthMs / 1000);
        nowMs += lengthMs + 100;
      }
      expect(lengths).toEqual(expected);
      nowMs += (lengths.at(-1) ?? 0) * 1000;
      await told(budget, endpoint, purpose);
      expect(budget.remainingPausesMs().get(endpoint)).toBe(FIRST_PAUSE_MS);
    },
  );

  it('holds this process also while the others cannot be told, and a store that is away holds nobody', async () => {
    const away = () => Promise.reject(new AppError('gateway.database_unavailable'));
    const budget = budgetOf({ store: { list: away, extend: away } });
    await budget.refresh();
    expect(await made(budget, 'query_order', 'enrichment')).toBe(true);
    await told(budget, 'query_order', 'enrichment');
    expect(await made(budget, 'query_order', 'enrichment')).toBe(false);
    expect(log.lines.some((line) => line.includes('could not be told'))).toBe(true);
    nowMs += FIRST_PAUSE_MS;
    expect(await made(budget, 'query_order', 'enrichment')).toBe(true);
  });
});

describe('a client with a budget', () => {
  let simulator: Simulator;
  let douyin: HttpDouyin;
  let budget: CallBudget;
  beforeEach(async () => {
    simulator = await startSimulator();
    budget = budgetOf({ callsPerSecond: { query_order: 20 } });
    const { value } = await tokenOf(simulator);
    douyin = new HttpDouyin({
      baseUrl: simulator.url,
      accountId: SIMULATOR_DEFAULTS.accountId,
      timeoutMs: 500,
      tokens: fixedTokens(value),
      logger: log.logger,
      budget,
    });
  });
  afterEach(async () => {
    await douyin.close();
    await simulator.close();
  });

  const verifyInput = (prepared: Awaited<ReturnType<HttpDouyin['prepare']>>) => {
    if (prepared.kind !== 'prepared') throw new Error('prepare refused');
    return {
      douyinVerifyToken: prepared.order.verifyToken,
      poiId: POI_ID,
      encryptedCode: prepared.order.certificates[0]!.encryptedCode,
      attempt: 'first' as const,
      isCallerSupplied: false,
    };
  };

  it.each(['too-frequent', 'http-429-before-effect'] as const)(
    'takes %s on a read as a request to slow down, and asks no more until then',
    async (kind) => {
      simulator.state.addFault({ kind, endpoints: ['order_query'] });
      await expect(douyin.findOrder('1')).rejects.toMatchObject({ code: 'douyin.unavailable' });
      const asked = simulator.state.calls({ endpoint: 'order_query' }).length;
      await expect(douyin.findOrder('1')).rejects.toThrow('asked us to slow down');
      expect(simulator.state.calls({ endpoint: 'order_query' })).toHaveLength(asked);
      nowMs += FIRST_PAUSE_MS;
      await douyin.findOrder('1');
    },
  );

  it.each(['too-frequent', 'http-429-before-effect'] as const)(
    'sends what is prepared while verify itself answers %s, and prepares nothing more',
    async (kind) => {
      const orders = simulator.state.createOrders({}, 2);
      const inputs = [];
      for (const order of orders) {
        inputs.push(verifyInput(await douyin.prepare({ code: order.coupons[0]!.code }, POI_ID)));
      }
      simulator.state.addFault({ kind, endpoints: ['verify'] });
      expect(await douyin.verify(inputs[0]!)).toMatchObject({ kind: 'unknown', why: 'unanswered' });
      await expect(douyin.prepare({ code: 'any' }, POI_ID)).rejects.toMatchObject({
        code: 'douyin.unavailable',
      });
      expect(await douyin.verify(inputs[1]!)).toMatchObject({ kind: 'verified' });
      expect(await douyin.verify({ ...inputs[0]!, attempt: 'repeat' })).toMatchObject({ kind: 'verified' });
    },
  );

  it('redeems at the till at full speed while a storm of enrichments finds Douyin hanging', async () => {
    const orders = simulator.state.createOrders({}, 20);
    simulator.state.addFault({
      kind: 'hang-before-effect',
      endpoints: ['order_query', 'get'],
      count: 'always',
    });
    const storm = Array.from({ length: 300 }, (_, index) =>
      Promise.allSettled([
        douyin.findOrder(orders[index % 20]!.orderId),
        douyin.getCertificate(orders[index % 20]!.coupons[0]!.encryptedCode, 'enrichment'),
      ]),
    );
    let slowestMs = 0;
    for (const order of orders) {
      const startedAt = performance.now();
      const prepared = await douyin.prepare({ code: order.coupons[0]!.code }, POI_ID);
      expect(await douyin.verify(verifyInput(prepared))).toMatchObject({ kind: 'verified' });
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    }
    await Promise.all(storm);
    // Each hung call lasts the whole time-out of 500 ms; a till behind one would have waited that long.
    expect(slowestMs).toBeLessThan(400);
    expect(simulator.state.counters().maxInFlightByEndpoint.order_query).toBeLessThanOrEqual(16);
  });
});

async function tokenOf(simulator: Simulator): Promise<{ value: string }> {
  const response = await fetch(`${simulator.url}/oauth/client_token/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_key: SIMULATOR_DEFAULTS.clientKey,
      client_secret: SIMULATOR_DEFAULTS.clientSecret,
      grant_type: 'client_credential',
    }),
  });
  const body = (await response.json()) as { data: { access_token: string } };
  return { value: body.data.access_token };
}
