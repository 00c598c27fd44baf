// Every kind of fault: whether the call has its effect, and what its client gets to see.
import { describe, expect, it } from '@jest/globals';
import {
  FAULT_KINDS,
  type FaultInput,
  type FaultKind,
  type OrderView,
  type Simulator,
} from '../../src/simulator/simulator.ts';
import {
  type Caller,
  codesOf,
  refusedWith,
  type Reply,
  resultsOf,
  start,
  STORE,
  verifyBody,
} from './support.ts';

/** What a client sees: an answer, no answer until it gave up, or a connection that broke. */
type Seen = Reply | 'timeout' | 'broken';
interface Expectation {
  effect: 'verified' | 'none';
  seen: (seen: Seen) => void;
  input?: Partial<FaultInput>;
}

const CLIENT_TIMEOUT_MS = 150;
const PATIENT_MS = 5_000;

async function see(call: (init: RequestInit) => Promise<Reply>, timeoutMs: number): Promise<Seen> {
  try {
    return await call({ signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'timeout' : 'broken';
  }
}

async function verifyUnder(fault: FaultInput, timeoutMs = PATIENT_MS) {
  const { simulator, douyin } = await start();
  const order = simulator.state.createOrder({ coupons: 2 });
  const verifyToken = await douyin.prepared(order);
  simulator.state.addFault(fault);
  const headers = { 'content-type': 'application/json', 'access-token': await douyin.accessToken() };
  const seen = await see(
    (init) => douyin.verify(verifyBody(order, verifyToken, 2), { headers, ...init }),
    timeoutMs,
  );
  return { simulator, douyin, order, verifyToken, seen };
}

const reply = (seen: Seen): Reply => {
  if (seen === 'timeout' || seen === 'broken') throw new Error(`no answer: ${seen}`);
  return seen;
};
const timeout = (seen: Seen) => {
  expect(seen).toBe('timeout');
};
const broken = (seen: Seen) => {
  expect(seen).toBe('broken');
};
const succeeded = (seen: Seen) => {
  expect(resultsOf(reply(seen))).toEqual([0, 0]);
};
const httpStatus = (status: number) => (seen: Seen) => {
  expect(reply(seen).status).toBe(status);
  expect(reply(seen).json).toBeUndefined();
};
const refused = (code: number) => (seen: Seen) => {
  expect(reply(seen).status).toBe(200);
  expect(codesOf(reply(seen))).toEqual(refusedWith(code));
};
const codes = (data: unknown, extra: unknown) => (seen: Seen) => {
  expect(codesOf(reply(seen))).toEqual({ data, extra, sub: 0 });
};
const text = (expected: string | RegExp) => (seen: Seen) => {
  expect(reply(seen).status).toBe(200);
  expect(reply(seen).text).toMatch(expected);
  expect(reply(seen).json).toBeUndefined();
};
const results =
  (...expected: unknown[]) =>
  (seen: Seen) => {
    expect(codesOf(reply(seen))).toEqual(refusedWith(0));
    expect(resultsOf(reply(seen))).toEqual(expected);
  };
const firstItem = (expected: object) => (seen: Seen) => {
  expect((reply(seen).json as { data: { verify_results: unknown[] } }).data.verify_results[0]).toMatchObject(
    expected,
  );
};
const unreadableResults = (count: number) => (seen: Seen) => {
  const read = resultsOf(reply(seen));
  expect(read).toHaveLength(2);
  expect(read.filter((result) => !Number.isInteger(result))).toHaveLength(count);
};
const noField = (path: string) => (seen: Seen) => {
  expect(reply(seen).json).not.toHaveProperty(path);
};

const verifyExpectations: Partial<Record<FaultKind, Expectation>> = {
  'latency-before-effect': { effect: 'verified', seen: succeeded, input: { delayMs: 20, delayMaxMs: 40 } },
  'latency-after-effect': { effect: 'verified', seen: succeeded, input: { delayMs: 20 } },
  'hang-before-effect': { effect: 'none', seen: timeout },
  'hang-after-effect': { effect: 'verified', seen: timeout },
  'slow-drip': { effect: 'verified', seen: succeeded, input: { delayMs: 2 } },
  'cut-before-effect': { effect: 'none', seen: broken },
  'cut-after-effect': { effect: 'verified', seen: broken },
  'cut-mid-answer': { effect: 'verified', seen: broken },
  'refuse-connections': { effect: 'none', seen: broken, input: { durationMs: 20 } },
  'http-5xx-before-effect': { effect: 'none', seen: httpStatus(500) },
  'http-5xx-after-effect': { effect: 'verified', seen: httpStatus(504), input: { status: 504 } },
  'http-429-before-effect': { effect: 'none', seen: httpStatus(429) },
  'http-429-after-effect': { effect: 'verified', seen: httpStatus(429) },
  'http-4xx-before-effect': { effect: 'none', seen: httpStatus(403) },
  'redirect-before-effect': { effect: 'none', seen: httpStatus(302) },
  'html-before-effect': { effect: 'none', seen: text('<!doctype html>') },
  'html-after-effect': { effect: 'verified', seen: text('<!doctype html>') },
  'not-json-after-effect': { effect: 'verified', seen: text('upstream connect error') },
  'cut-json-after-effect': { effect: 'verified', seen: text(/^\{"data":\{"error_code":0,/) },
  'wrong-shape-after-effect': {
    effect: 'verified',
    seen: (seen) => {
      expect(['[]', 'null']).toContain(reply(seen).text);
    },
  },
  'empty-body-before-effect': { effect: 'none', seen: text(/^$/) },
  'empty-body-after-effect': { effect: 'verified', seen: text(/^$/) },
  'error-code-before-effect': { effect: 'none', seen: refused(28001005), input: { code: 28001005 } },
  'error-code-after-effect': { effect: 'verified', seen: refused(2119002), input: { code: 2119002 } },
  'error-code-in-data-only': { effect: 'none', seen: codes(5000001, 0), input: { code: 5000001 } },
  'error-code-in-extra-only': { effect: 'none', seen: codes(0, 5000001), input: { code: 5000001 } },
  'error-codes-differ': { effect: 'none', seen: codes(3000001, 2119002) },
  'retry-text-before-effect': {
    effect: 'none',
    seen: (seen) => {
      expect(reply(seen).text).toMatch(/服务器错误，请稍后重试|您的访问过于频繁，请稍后重试/);
    },
  },
  'retry-text-after-effect': { effect: 'verified', seen: refused(2999998) },
  'too-frequent': { effect: 'none', seen: refused(2119003) },
  'quota-used-up': { effect: 'none', seen: refused(2190001) },
  'ip-not-listed': { effect: 'none', seen: refused(2100007) },
  'permission-missing': { effect: 'none', seen: refused(2190004) },
  'token-expired': { effect: 'none', seen: refused(2190008) },
  'token-invalid': { effect: 'none', seen: refused(28001003), input: { code: 28001003 } },
  'codes-as-text': {
    effect: 'verified',
    seen: (seen) => {
      codes('0', '0')(seen);
      expect(resultsOf(reply(seen))).toEqual([0, 0]);
    },
  },
  'codes-null': { effect: 'verified', seen: codes(null, null) },
  'codes-absent': { effect: 'verified', seen: codes(undefined, undefined) },
  'data-code-empty': { effect: 'verified', seen: codes('', 0) },
  'data-code-null': { effect: 'verified', seen: codes(null, 0) },
  'extra-code-absent': { effect: 'verified', seen: codes(0, undefined) },
  'extra-absent': { effect: 'verified', seen: noField('extra') },
  'extra-and-date-absent': {
    effect: 'verified',
    seen: (seen) => {
      expect(reply(seen).json).not.toHaveProperty('extra');
      expect(reply(seen).headers.get('date')).toBeNull();
    },
  },
  'times-in-milliseconds': {
    effect: 'verified',
    seen: (seen) => {
      expect(String((reply(seen).json as { extra: { now: number } }).extra.now)).toHaveLength(13);
    },
  },
  'ids-empty': {
    effect: 'verified',
    seen: firstItem({ result: 0, verify_id: null, certificate_id: '', order_id: '0', origin_code: '' }),
  },
  'order-id-absent': { effect: 'verified', seen: noField('data.verify_results.0.order_id') },
  'answer-for-another-order': {
    effect: 'verified',
    seen: firstItem({ result: 0, order_id: '1086999999999999463' }),
  },
  'answer-for-another-store': { effect: 'verified', seen: firstItem({ account_id: '7126518999999999901' }) },
  'answer-for-another-certificate': {
    effect: 'verified',
    seen: firstItem({ certificate_id: '7379999999999999587', code: expect.stringContaining('somebodyelse') }),
  },
  'results-absent-before-effect': { effect: 'none', seen: noField('data.verify_results') },
  'results-absent-after-effect': { effect: 'verified', seen: noField('data.verify_results') },
  'results-fewer-after-effect': { effect: 'verified', seen: results(0) },
  'results-reordered': { effect: 'verified', seen: results(0, 0) },
  'results-as-text': { effect: 'verified', seen: results('0', '0') },
  'items-refused': { effect: 'none', seen: results(1250, 1250), input: { code: 1250 } },
  'items-partly-refused': { effect: 'verified', seen: results(0, 1265) },
  'items-refused-after-effect': { effect: 'verified', seen: results(1265, 1265) },
  'items-unlisted-before-effect': { effect: 'none', seen: results(9999, 9999) },
  'items-unlisted-after-effect': { effect: 'verified', seen: results(7, 7), input: { code: 7 } },
  'items-unreadable-before-effect': { effect: 'none', seen: unreadableResults(2) },
  'items-unreadable-after-effect': { effect: 'verified', seen: unreadableResults(2) },
  'items-partly-unreadable-after-effect': { effect: 'verified', seen: unreadableResults(1) },
  'extra-now-milliseconds': {
    effect: 'verified',
    seen: (seen) => {
      expect(String((reply(seen).json as { extra: { now: number } }).extra.now)).toHaveLength(13);
    },
  },
  'extra-now-absent': { effect: 'verified', seen: noField('extra.now') },
  'risk-review-passes': { effect: 'none', seen: results(1229, 1229), input: { durationMs: 3_600_000 } },
  'risk-review-fails': { effect: 'none', seen: results(1229, 1229) },
};
/** Kinds that are not about verify have tests of their own below. */
const ELSEWHERE: FaultKind[] = [
  'verify-token-empty',
  'stale-certificate',
  'amounts-empty',
  'token-too-frequent',
  'late-effect-after-cut',
  'refusal-as-item',
  'refusal-as-error-code',
];

describe('faults of verify', () => {
  it('are all tried here', () => {
    expect([...Object.keys(verifyExpectations), ...ELSEWHERE].sort()).toEqual([...FAULT_KINDS].sort());
    expect(FAULT_KINDS.length).toBeGreaterThanOrEqual(25);
  });

  it.each(Object.entries(verifyExpectations) as [FaultKind, Expectation][])(
    '%s: effect and answer are as named',
    async (kind, { effect, seen: expectSeen, input }) => {
      const isHang = kind.startsWith('hang');
      const { simulator, verifyToken, seen } = await verifyUnder(
        { kind, endpoints: ['verify'], ...input },
        isHang ? CLIENT_TIMEOUT_MS : PATIENT_MS,
      );
      expectSeen(seen);
      expect(simulator.state.truth(verifyToken)?.effect).toBe(effect);
      const [call] = simulator.state.calls({ endpoint: 'verify' });
      expect(call).toMatchObject({ fault: kind, faultSource: 'fault-1' });
      expect(call?.effects).toBe(effect === 'none' ? 0 : kind === 'items-partly-refused' ? 1 : 2);
      expect(simulator.state.counters().faults).toEqual({ [kind]: 1 });
    },
  );

  it.each([
    'hang-after-effect',
    'cut-after-effect',
    'cut-mid-answer',
    'http-5xx-after-effect',
    'error-code-after-effect',
  ] as const)(
    'after %s the same token and parameters get the first result, with one effect in all',
    async (kind) => {
      const { simulator, douyin, order, verifyToken } = await verifyUnder(
        { kind, endpoints: ['verify'] },
        kind === 'hang-after-effect' ? CLIENT_TIMEOUT_MS : PATIENT_MS,
      );
      const again = await douyin.verify(verifyBody(order, verifyToken, 2));
      expect(resultsOf(again)).toEqual([0, 0]);
      expect(simulator.state.ledger()).toHaveLength(2);
      expect(simulator.state.truth(verifyToken)).toMatchObject({ sends: 2, parameterSets: 1 });
    },
  );

  it('has its effect late when a client gave up during a latency', async () => {
    const { simulator, verifyToken, seen } = await verifyUnder(
      { kind: 'latency-before-effect', endpoints: ['verify'], delayMs: 300 },
      100,
    );
    expect(seen).toBe('timeout');
    expect(simulator.state.truth(verifyToken)?.effect).toBe('none');
    while (simulator.state.truth(verifyToken)?.effect === 'none') await new Promise(setImmediate);
    expect(simulator.state.calls({ endpoint: 'verify' })[0]).toMatchObject({
      outcome: 'abandoned',
      effects: 2,
    });
  });

  it('has its effect after the client lost its call, and after a later prepare', async () => {
    const { simulator, douyin, order, verifyToken, seen } = await verifyUnder({
      kind: 'late-effect-after-cut',
      endpoints: ['verify'],
      delayMs: 400,
    });
    expect(seen).toBe('broken');
    expect(simulator.state.counters()).toMatchObject({ inFlight: 0, unjudged: 1 });
    const later = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(codesOf(later)).toEqual(refusedWith(0));
    expect(simulator.state.truth(verifyToken)?.effect).toBe('none');
    const { verify_token: laterToken } = (later.json as { data: { verify_token: string } }).data;
    while (simulator.state.counters().unjudged > 0) await new Promise(setImmediate);
    expect(simulator.state.truth(verifyToken)?.effect).toBe('verified');
    expect(resultsOf(await douyin.verify(verifyBody(order, laterToken, 2)))).toEqual([1208, 1208]);
    const [call] = simulator.state.calls({ endpoint: 'verify' });
    expect(call).toMatchObject({ outcome: 'cut', effects: 2 });
    expect((call?.judgedTrueAtMs ?? 0) - (call?.trueAtMs ?? 0)).toBeGreaterThanOrEqual(399);
  });

  it.each([
    ['refusal-as-item', 'error_code'],
    ['refusal-as-error-code', 'item'],
  ] as const)('%s spells a refusal otherwise than the settings', async (kind, refusalAs) => {
    const { simulator, douyin } = await start({ settings: { refusalAs } });
    const order = simulator.state.createOrder();
    const token = await douyin.prepared(order);
    simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId: STORE });
    simulator.state.addFault({ kind, endpoints: ['verify'] });
    const bent = await douyin.verify(verifyBody(order, token));
    const straight = await douyin.verify(verifyBody(order, token));
    const [item, whole] = kind === 'refusal-as-item' ? [bent, straight] : [straight, bent];
    expect(resultsOf(item)).toEqual([1208]);
    expect(codesOf(item)).toEqual(refusedWith(0));
    expect(codesOf(whole)).toEqual(refusedWith(1208));
  });

  it('really ends the access tokens', async () => {
    for (const [kind, code] of [
      ['token-expired', 2190008],
      ['token-invalid', 2190002],
    ] as const) {
      const { douyin } = await verifyUnder({ kind, endpoints: ['verify'] });
      expect(codesOf(await douyin.stores())).toEqual(refusedWith(code));
      douyin.token = undefined;
      expect(codesOf(await douyin.stores()).data).toBe(0);
    }
  });

  it('refuses new connections for as long as it was told, then listens on the same port', async () => {
    const { simulator, douyin } = await start();
    await douyin.accessToken();
    simulator.state.refuseConnections(200);
    await expect(douyin.stores()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    const again = async (): Promise<unknown> => codesOf(await douyin.stores()).data;
    let code: unknown;
    for (let tries = 0; code === undefined && tries < 200; tries += 1) {
      code = await again().catch(
        () => new Promise<undefined>((resolve) => setTimeout(resolve, 10, undefined)),
      );
    }
    expect(code).toBe(0);
  });
});

describe('faults of other calls', () => {
  async function one(): Promise<{ simulator: Simulator; douyin: Caller; order: OrderView }> {
    const { simulator, douyin } = await start();
    return { simulator, douyin, order: simulator.state.createOrder() };
  }

  it('verify-token-empty blanks the token of a prepare', async () => {
    const { simulator, douyin, order } = await one();
    simulator.state.addFault({ kind: 'verify-token-empty' });
    const prepared = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(prepared.json).toMatchObject({ data: { error_code: 0, verify_token: '' } });
  });

  it('stale-certificate shows a verified coupon as unused', async () => {
    const { simulator, douyin, order } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    simulator.state.addFault({ kind: 'stale-certificate', endpoints: ['get'] });
    const code = order.coupons[0]?.encryptedCode ?? '';
    const stale = await douyin.getCertificate(code);
    expect(stale.json).toMatchObject({ data: { certificate: { status: 1 } } });
    expect(stale.json).not.toHaveProperty('data.certificate.verify');
    expect((await douyin.getCertificate(code)).json).toMatchObject({ data: { certificate: { status: 2 } } });
  });

  it('answer-for-another-store and -certificate keep the types ids have in a certificate', async () => {
    const { simulator, douyin, order } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const code = order.coupons[0]?.encryptedCode ?? '';
    simulator.state.addFault({ kind: 'answer-for-another-store', endpoints: ['get'] });
    expect((await douyin.getCertificate(code)).json).toMatchObject({
      data: { certificate: { verify: { poi_id: 7189999999999999789n } } },
    });
    simulator.state.addFault({ kind: 'answer-for-another-certificate', endpoints: ['get'] });
    expect((await douyin.getCertificate(code)).json).toMatchObject({
      data: {
        certificate: {
          certificate_id: 7379999999999999587n,
          verify: { certificate_id: '7379999999999999587' },
        },
      },
    });
  });

  it('amounts-empty leaves nothing of the amounts of an order', async () => {
    const { simulator, douyin, order } = await one();
    simulator.state.addFault({ kind: 'amounts-empty', endpoints: ['order_query'] });
    expect((await douyin.orders({ order_id: order.orderId })).json).toMatchObject({
      data: { orders: [{ receipt_amount: null, discount_amount: '', pay_amount: '0' }] },
    });
  });

  it('times-in-milliseconds gives a certificate 13 digits', async () => {
    const { simulator, douyin, order } = await one();
    simulator.state.addFault({ kind: 'times-in-milliseconds', endpoints: ['get'] });
    const seen = await douyin.getCertificate(order.coupons[0]?.encryptedCode ?? '');
    const { certificate } = (seen.json as { data: { certificate: { expire_time: number } } }).data;
    expect(certificate.expire_time).toBe((order.coupons[0]?.expireTime ?? 0) * 1000);
  });

  it('hit short links as cuts, hangs and HTTP errors', async () => {
    const { simulator, douyin, order } = await one();
    const path = new URL(order.shortLink).pathname;
    simulator.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['short_link'], status: 502 });
    expect((await douyin.send(path)).status).toBe(502);
    simulator.state.addFault({
      kind: 'cut-before-effect',
      endpoints: ['short_link'],
      orderId: order.orderId,
    });
    expect(await see((init) => douyin.send(path, init), PATIENT_MS)).toBe('broken');
    expect((await douyin.send(path)).status).toBe(302);
  });

  it('speak the token endpoints’ own envelope', async () => {
    const { simulator, douyin } = await one();
    simulator.state.addFault({ kind: 'error-code-before-effect', endpoints: ['client_token'] });
    expect((await douyin.fetchToken()).json).toMatchObject({ data: { error_code: 10001 }, message: 'error' });
  });

  it('token-too-frequent is 10020', async () => {
    const { simulator, douyin } = await one();
    simulator.state.addFault({ kind: 'token-too-frequent', endpoints: ['stable_token'] });
    expect((await douyin.fetchToken('stable_client_token')).json).toMatchObject({
      data: { error_code: 10020 },
    });
  });

  it.each([
    ['results-absent-before-effect', 'none', undefined],
    ['results-absent-after-effect', 'cancelled', undefined],
    ['results-fewer-after-effect', 'cancelled', []],
    ['results-as-text', 'cancelled', ['0']],
    ['items-unlisted-before-effect', 'none', [9999]],
    ['items-unlisted-after-effect', 'cancelled', [9999]],
    ['items-refused-after-effect', 'cancelled', [1265]],
  ] as const)('%s fits cancel: %s', async (kind, effect, expected) => {
    const { simulator, douyin, order } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const [use] = simulator.state.uses();
    simulator.state.addFault({ kind, endpoints: ['cancel'] });
    const seen = await douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId });
    expect(codesOf(seen)).toEqual(refusedWith(0));
    const { cancel_results: items } = (seen.json as { data: { cancel_results?: object[] } }).data;
    expect(items?.map((item) => (item as { result_code: unknown }).result_code)).toEqual(expected);
    for (const item of items ?? []) expect(item).toMatchObject({ verify_id: use?.verifyId });
    expect(simulator.state.counters().cancelled).toBe(effect === 'cancelled' ? 1 : 0);
  });

  it('late-effect-after-cut takes a verification back after the client lost its call', async () => {
    const { simulator, douyin, order } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const [use] = simulator.state.uses();
    simulator.state.addFault({ kind: 'late-effect-after-cut', endpoints: ['cancel'], delayMs: 100 });
    await expect(
      douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId }),
    ).rejects.toThrow('fetch failed');
    while (simulator.state.counters().unjudged > 0) await new Promise(setImmediate);
    expect(simulator.state.uses()[0]?.cancelledBy).toBe('api');
  });

  it('leave a refusal of Douyin’s as it is', async () => {
    const { simulator, douyin } = await one();
    simulator.state.addFault({ kind: 'codes-as-text', endpoints: ['prepare'] });
    expect(codesOf(await douyin.prepare({ code: '999999999999999' }))).toEqual(refusedWith(1212));
  });
});

describe('matching', () => {
  it('hits the nth call and as many after it as told', async () => {
    const { simulator, douyin } = await start();
    simulator.state.addFault({ kind: 'ip-not-listed', endpoints: ['poi_query'], nth: 2, count: 2 });
    const seen = [];
    for (let index = 0; index < 5; index += 1) seen.push(codesOf(await douyin.stores()).data);
    expect(seen).toEqual([0, 2100007, 2100007, 0, 0]);
    expect(simulator.state.listFaults()).toMatchObject([{ matched: 5, applied: 2 }]);
  });

  it('hits always until it is removed', async () => {
    const { simulator, douyin } = await start();
    const { faultId } = simulator.state.addFault({ kind: 'ip-not-listed', count: 'always' });
    for (let index = 0; index < 3; index += 1) expect(codesOf(await douyin.stores()).data).toBe(2100007);
    simulator.state.removeFault(faultId);
    expect(codesOf(await douyin.stores()).data).toBe(0);
  });

  it('hits only the coupon, order, token or store it names', async () => {
    const { simulator, douyin } = await start();
    const [hit, spared] = simulator.state.createOrders({}, 2);
    if (hit === undefined || spared === undefined) throw new Error('two orders were asked for');
    const tokens = { hit: await douyin.prepared(hit), spared: await douyin.prepared(spared) };
    const names: Partial<FaultInput>[] = [
      { orderId: hit.orderId },
      { certificateId: hit.coupons[0]?.certificateId },
      { encryptedCode: hit.coupons[0]?.encryptedCode },
      { verifyToken: tokens.hit },
    ];
    for (const name of names) {
      simulator.state.addFault({ kind: 'too-frequent', endpoints: ['verify'], ...name });
      const codeOf = async (order: OrderView, token: string) =>
        codesOf(await douyin.verify(verifyBody(order, token))).data;
      expect(await codeOf(spared, tokens.spared)).toBe(0);
      expect(await codeOf(hit, tokens.hit)).toBe(2119003);
      expect(await codeOf(hit, tokens.hit)).toBe(0);
    }
    simulator.state.addFault({ kind: 'too-frequent', endpoints: ['poi_query'], poiId: STORE });
    expect(codesOf(await douyin.stores()).data).toBe(0);
    expect(codesOf(await douyin.stores({ poi_id: STORE })).data).toBe(2119003);
  });

  it('refuses a kind that makes no sense for the call', async () => {
    const { simulator } = await start();
    expect(() => simulator.state.addFault({ kind: 'results-reordered', endpoints: ['prepare'] })).toThrow(
      'makes no sense',
    );
  });
});
