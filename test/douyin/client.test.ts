import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpDouyin, type DouyinCall } from '../../src/douyin/client.ts';
import { DouyinAccessTokens } from '../../src/douyin/access-token.ts';
import { pickUsableCertificate, type Certificate } from '../../src/domain/coupon.ts';
import { Secret } from '../../src/observability/secret.ts';
import type { VerifyInput } from '../../src/ports/douyin.ts';
import {
  FAULT_KINDS,
  SIMULATOR_DEFAULTS,
  startSimulator,
  type FaultInput,
  type FaultKind,
  type OrderInput,
  type OrderView,
  type Simulator,
} from '../../src/simulator/simulator.ts';
import { InMemoryTokenRow, InMemoryTokenStore } from './in-memory-token-store.ts';
import { fixedTokens, httpServer, keepingLogger, systemClock } from './support.ts';

const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;
const OTHER_POI_ID = SIMULATOR_DEFAULTS.stores[1].poiId;
const TIMEOUT_MS = 700;
const LONGER_THAN_TIMEOUT_MS = 1500;

let simulator: Simulator;
let tokens: DouyinAccessTokens;
let douyin: HttpDouyin;
let calls: DouyinCall[];
let log: ReturnType<typeof keepingLogger>;

beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

beforeEach(() => {
  simulator.state.clearFaults();
  calls = [];
  log = keepingLogger();
  tokens = new DouyinAccessTokens({
    baseUrl: simulator.url,
    clientKey: SIMULATOR_DEFAULTS.clientKey,
    clientSecret: new Secret(SIMULATOR_DEFAULTS.clientSecret),
    store: new InMemoryTokenStore(new InMemoryTokenRow()),
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    logger: log.logger,
  });
  douyin = new HttpDouyin({
    baseUrl: simulator.url,
    accountId: SIMULATOR_DEFAULTS.accountId,
    timeoutMs: TIMEOUT_MS,
    tokens,
    logger: log.logger,
    onCall: (call) => calls.push(call),
  });
});
afterEach(async () => {
  await douyin.close();
  await tokens.close();
});

const firstOf = <T>(list: readonly T[]): T => {
  const [first] = list;
  if (first === undefined) throw new Error('the list is empty');
  return first;
};
const couponOf = (order: OrderView) => firstOf(order.coupons);
/** Prepares an order's first coupon for a verify. */
async function prepared(input: OrderInput = {}): Promise<{ order: OrderView; verify: VerifyInput }> {
  const order = simulator.state.createOrder(input);
  const outcome = await douyin.prepare({ encryptedData: order.encryptedData }, POI_ID);
  if (outcome.kind !== 'prepared') throw new Error(`prepare was ${outcome.kind}`);
  const certificate = pickUsableCertificate(outcome.order.certificates, new Date()) as Certificate;
  return {
    order,
    verify: {
      douyinVerifyToken: outcome.order.verifyToken,
      poiId: POI_ID,
      encryptedCode: certificate.encryptedCode,
      certificateId: certificate.certificateId,
      orderId: outcome.order.orderId,
      attempt: 'first',
      isCallerSupplied: false,
    },
  };
}

const redemptions = (order: OrderView) => simulator.state.ledger({ orderId: order.orderId }).length;
const sendsOf = (verify: VerifyInput) => simulator.state.truth(verify.douyinVerifyToken)?.sends;

describe('prepare', () => {
  it('lists the order’s coupons by what the short link carried, ids digit by digit', async () => {
    const order = simulator.state.createOrder({ coupons: 2, title: '双人下午茶套餐', payAmountFen: 7900 });
    const outcome = await douyin.prepare({ encryptedData: order.encryptedData }, POI_ID);
    expect(outcome).toMatchObject({
      kind: 'prepared',
      order: {
        orderId: order.orderId,
        certificates: order.coupons.map((coupon) => ({
          certificateId: coupon.certificateId,
          encryptedCode: coupon.encryptedCode,
          status: 'UNUSED',
          skuTitle: '双人下午茶套餐',
          payAmountFen: 7900,
        })),
      },
    });
    expect(outcome.kind === 'prepared' && outcome.order.verifyToken).toMatch(/./);
  });

  it('lists them by a plain code, and gives each prepare its own verify token', async () => {
    const order = simulator.state.createOrder();
    const prepareOnce = () => douyin.prepare({ code: couponOf(order).code }, POI_ID);
    const [first, second] = [await prepareOnce(), await prepareOnce()];
    if (first.kind !== 'prepared' || second.kind !== 'prepared') throw new Error('not prepared');
    expect(first.order.certificates).toEqual(second.order.certificates);
    expect(first.order.verifyToken).not.toBe(second.order.verifyToken);
  });

  it('tells Douyin’s refusal of a code or a QR code it does not know', async () => {
    expect(await douyin.prepare({ code: '000000000000000' }, POI_ID)).toMatchObject({
      kind: 'refused',
      errorCode: expect.any(Number),
      description: expect.stringMatching(/./),
    });
    expect(await douyin.prepare({ encryptedData: 'not+one/of=Douyin’s' }, POI_ID)).toMatchObject({
      kind: 'refused',
    });
  });

  it.each<[FaultKind, object, string]>([
    ['http-5xx-before-effect', {}, 'douyin.unavailable'],
    ['http-429-before-effect', {}, 'douyin.unavailable'],
    ['html-after-effect', {}, 'douyin.unavailable'],
    ['cut-json-after-effect', {}, 'douyin.unavailable'],
    ['wrong-shape-after-effect', {}, 'douyin.unavailable'],
    ['empty-body-after-effect', {}, 'douyin.unavailable'],
    ['codes-absent', {}, 'douyin.unavailable'],
    ['verify-token-empty', {}, 'douyin.unavailable'],
    ['hang-before-effect', {}, 'douyin.unavailable'],
    ['error-code-before-effect', { code: 2119002 }, 'douyin.unavailable'],
    ['too-frequent', {}, 'douyin.unavailable'],
    ['retry-text-before-effect', {}, 'douyin.unavailable'],
    ['ip-not-listed', {}, 'douyin.refused_gateway'],
    ['permission-missing', {}, 'douyin.refused_gateway'],
    ['quota-used-up', {}, 'douyin.refused_gateway'],
    ['error-code-before-effect', { code: 2100005 }, 'douyin.refused_gateway'],
  ])('%s %j: %s, nothing consumed', async (kind, parameters, code) => {
    const order = simulator.state.createOrder();
    simulator.state.addFault({
      kind,
      endpoints: ['prepare'],
      orderId: order.orderId,
      count: 2,
      ...parameters,
    });
    await expect(douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)).rejects.toMatchObject({
      code,
    });
    expect(redemptions(order)).toBe(0);
  });

  it('names Douyin’s code in an error’s data, and its log id in the internal text', async () => {
    const order = simulator.state.createOrder();
    simulator.state.addFault({ kind: 'permission-missing', endpoints: ['prepare'] });
    await expect(douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)).rejects.toMatchObject({
      data: { douyin_error_code: 2190004 },
      message: expect.stringMatching(/code 2190004, logid \S+/),
    });
  });

  it('takes bad parameters for the cashier’s when a plain code was typed, and an unlisted code for Douyin’s word', async () => {
    const order = simulator.state.createOrder();
    const fault: FaultInput = { kind: 'error-code-before-effect', endpoints: ['prepare'] };
    simulator.state.addFault({ ...fault, code: 2100005 });
    expect(await douyin.prepare({ code: couponOf(order).code }, POI_ID)).toMatchObject({
      errorCode: 2100005,
    });
    simulator.state.clearFaults();
    simulator.state.addFault({ ...fault, code: 3000001 });
    expect(await douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)).toMatchObject({
      kind: 'refused',
      errorCode: 3000001,
    });
    expect(log.lines.filter((line) => line.includes('douyin.unlisted_code'))).toHaveLength(1);
  });

  it('asks once more when the connection broke, once', async () => {
    const order = simulator.state.createOrder();
    simulator.state.addFault({ kind: 'cut-after-effect', endpoints: ['prepare'], orderId: order.orderId });
    expect(await douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)).toMatchObject({
      kind: 'prepared',
    });
    simulator.state.addFault({
      kind: 'cut-before-effect',
      endpoints: ['prepare'],
      orderId: order.orderId,
      count: 2,
    });
    await expect(douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)).rejects.toMatchObject({
      code: 'douyin.unavailable',
    });
    expect(simulator.state.calls({ endpoint: 'prepare', orderId: order.orderId })).toHaveLength(4);
  });
});

describe('prepareRaw', () => {
  it('gives Douyin’s bytes, also of a refusal', async () => {
    const order = simulator.state.createOrder();
    const { body } = await douyin.prepareRaw({ code: couponOf(order).code }, POI_ID);
    expect(body.toString()).toContain(`"certificate_id":${couponOf(order).certificateId}`);
    const refused = await douyin.prepareRaw({ code: '000000000000000' }, POI_ID);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ data: { error_code: expect.any(Number) } });
  });

  it.each<[FaultKind, string]>([
    ['html-after-effect', 'douyin.unavailable'],
    ['too-frequent', 'douyin.unavailable'],
    ['permission-missing', 'douyin.refused_gateway'],
  ])('%s: %s', async (kind, code) => {
    const order = simulator.state.createOrder();
    simulator.state.addFault({ kind, endpoints: ['prepare'], orderId: order.orderId });
    await expect(douyin.prepareRaw({ code: couponOf(order).code }, POI_ID)).rejects.toMatchObject({ code });
  });

  it('refreshes a token that ended', async () => {
    const order = simulator.state.createOrder();
    await tokens.current();
    simulator.state.expireTokens();
    const { body } = await douyin.prepareRaw({ code: couponOf(order).code }, POI_ID);
    expect(JSON.parse(body.toString())).toMatchObject({ data: { error_code: 0 } });
  });
});

describe('verify', () => {
  it('redeems the coupon and tells what Douyin said of it', async () => {
    const { order, verify } = await prepared();
    const outcome = await douyin.verify(verify);
    expect(outcome).toMatchObject({
      kind: 'verified',
      isReplay: false,
      item: {
        certificateId: couponOf(order).certificateId,
        orderId: order.orderId,
        originCode: couponOf(order).code,
      },
      response: expect.stringContaining('verify_results'),
    });
    expect(redemptions(order)).toBe(1);
  });

  it('gets the first answer again for the same token and parameters, and redeems nothing more', async () => {
    const { order, verify } = await prepared();
    await douyin.verify(verify);
    expect(await douyin.verify({ ...verify, attempt: 'repeat' })).toMatchObject({
      kind: 'verified',
      isReplay: false,
    });
    expect(redemptions(order)).toBe(1);
  });

  it('is refused as already used under another token', async () => {
    const order = simulator.state.createOrder();
    const both = await Promise.all(
      [1, 2].map(() => douyin.prepare({ encryptedData: order.encryptedData }, POI_ID)),
    );
    const outcomes = [];
    for (const outcome of both) {
      if (outcome.kind !== 'prepared') throw new Error('not prepared');
      outcomes.push(
        await douyin.verify({
          douyinVerifyToken: outcome.order.verifyToken,
          poiId: POI_ID,
          encryptedCode: couponOf(order).encryptedCode,
          attempt: 'first',
          isCallerSupplied: false,
        }),
      );
    }
    expect(outcomes).toMatchObject([
      { kind: 'verified' },
      { kind: 'refused', isAlreadyUsed: true, errorCode: 1208 },
    ]);
    expect(redemptions(order)).toBe(1);
  });

  it('is refused in a store the coupon is not for, by item or by error code', async () => {
    for (const refusalAs of ['item', 'error_code'] as const) {
      const { order, verify } = await prepared({ refusalAs });
      simulator.state.changeOrder(order.orderId, { poiIds: [OTHER_POI_ID] });
      expect(await douyin.verify(verify)).toMatchObject({
        kind: 'refused',
        errorCode: 3000002,
        isAlreadyUsed: false,
      });
    }
  });

  const NOT_FOR_VERIFY = new Set<FaultKind>([
    'verify-token-empty',
    'stale-certificate',
    'refuse-connections',
    'token-too-frequent',
  ]);
  /** It makes Douyin's final word untrue; no client can tell. */
  const UNTRUE = new Set<FaultKind>(['items-refused-after-effect']);
  const verifyFaults = FAULT_KINDS.filter((kind) => !NOT_FOR_VERIFY.has(kind) && !UNTRUE.has(kind));

  it.each(verifyFaults)('never tells a first attempt wrongly, and settles by repeats: %s', async (kind) => {
    const { order, verify } = await prepared();
    simulator.state.addFault({
      kind,
      endpoints: ['verify'],
      verifyToken: verify.douyinVerifyToken,
      delayMs: kind === 'slow-drip' ? 5 : LONGER_THAN_TIMEOUT_MS,
      durationMs: 0,
    });
    const first = await douyin.verify(verify);
    if (first.kind === 'verified') expect(redemptions(order)).toBe(1);
    else if (first.kind !== 'unknown') expect(redemptions(order)).toBe(0);
    expect(sendsOf(verify)).toBe(kind.startsWith('token-') ? 2 : 1);
    expect(simulator.state.listFaults()).toMatchObject([{ applied: 1 }]);
    if (first.kind !== 'unknown') return;

    const repeated = await douyin.verify({ ...verify, attempt: 'repeat' });
    expect(repeated.kind).toBe('verified');
    expect(redemptions(order)).toBe(1);
  });

  it.each<[FaultKind, object, string]>([
    ['latency-after-effect', { delayMs: LONGER_THAN_TIMEOUT_MS }, 'unknown'],
    ['cut-before-effect', {}, 'unknown'],
    ['cut-mid-answer', {}, 'unknown'],
    ['http-5xx-after-effect', {}, 'unknown'],
    ['not-json-after-effect', {}, 'unknown'],
    ['error-code-after-effect', { code: 2119002 }, 'unknown'],
    ['error-code-before-effect', { code: 3000001 }, 'unknown'],
    ['error-codes-differ', {}, 'unknown'],
    ['codes-as-text', {}, 'verified'],
    ['data-code-null', {}, 'verified'],
    ['extra-absent', {}, 'verified'],
    ['ids-empty', {}, 'verified'],
    ['results-absent-after-effect', {}, 'unknown'],
    ['answer-for-another-certificate', {}, 'unknown'],
    ['answer-for-another-order', {}, 'unknown'],
    ['items-refused', {}, 'refused'],
    ['permission-missing', {}, 'refused_gateway'],
    ['ip-not-listed', {}, 'refused_gateway'],
    ['error-code-before-effect', { code: 2100005 }, 'refused_gateway'],
    ['token-expired', {}, 'verified'],
    ['token-invalid', {}, 'verified'],
  ])('%s %j on a first attempt: %s', async (kind, parameters, expected) => {
    const { verify } = await prepared();
    simulator.state.addFault({
      kind,
      endpoints: ['verify'],
      verifyToken: verify.douyinVerifyToken,
      ...parameters,
    });
    expect((await douyin.verify(verify)).kind).toBe(expected);
    expect(calls.at(-1)).toMatchObject({ endpoint: 'verify', outcome: expected });
  });

  it('takes bad parameters for the caller’s when token and code are the caller’s', async () => {
    const { verify } = await prepared();
    const outcome = await douyin.verify({ ...verify, douyinVerifyToken: 'made up', isCallerSupplied: true });
    expect(outcome).toMatchObject({ kind: 'refused' });
  });

  it('sends it again with a fresh token, once, and is still a first attempt then', async () => {
    const { order, verify } = await prepared();
    simulator.state.useCouponAtTill(couponOf(order).certificateId, { poiId: POI_ID });
    simulator.state.expireTokens();
    expect(await douyin.verify(verify)).toMatchObject({ kind: 'refused', isAlreadyUsed: true });
    expect(sendsOf(verify)).toBe(2);
  });

  it('says that the gateway is refused when a fresh token is refused too, and leaves a repeat unknown', async () => {
    const { order, verify } = await prepared();
    simulator.state.addFault({
      kind: 'error-code-before-effect',
      code: 2190008,
      endpoints: ['verify'],
      count: 'always',
    });
    expect(await douyin.verify(verify)).toMatchObject({ kind: 'refused_gateway', errorCode: 2190008 });
    expect(await douyin.verify({ ...verify, attempt: 'repeat' })).toMatchObject({
      kind: 'unknown',
      why: 'unanswered',
    });
    expect(sendsOf(verify)).toBe(4);
    expect(redemptions(order)).toBe(0);
  });

  it('sends nothing when there is no access token', async () => {
    const { order, verify } = await prepared();
    simulator.state.expireTokens();
    simulator.state.addFault({
      kind: 'http-5xx-before-effect',
      endpoints: ['client_token'],
      count: 'always',
    });
    const outcome = await douyin.verify(verify);
    expect(outcome).toMatchObject({ kind: 'not_sent', reason: expect.stringContaining('2190008') });
    expect(await douyin.verify({ ...verify, attempt: 'repeat' })).toMatchObject({ kind: 'unknown' });
    expect(redemptions(order)).toBe(0);
  });
});

describe('getCertificate', () => {
  it('shows a redeemed coupon with our use of it', async () => {
    const { order, verify } = await prepared();
    expect(await douyin.getCertificate(verify.encryptedCode, 'look_up')).toMatchObject({
      status: 'UNUSED',
      lastUse: null,
    });
    const outcome = await douyin.verify(verify);
    expect(await douyin.getCertificate(verify.encryptedCode, 'look_up')).toMatchObject({
      certificateId: couponOf(order).certificateId,
      status: 'USED',
      lastUse: {
        channel: 'open_api',
        poiId: POI_ID,
        verifyId: outcome.kind === 'verified' && outcome.item.verifyId,
        isCancelled: false,
      },
    });
  });

  it('tells a use at a till from one through the API', async () => {
    const { order, verify } = await prepared();
    simulator.state.useCouponAtTill(couponOf(order).certificateId, { poiId: OTHER_POI_ID });
    expect(await douyin.getCertificate(verify.encryptedCode, 'look_up')).toMatchObject({
      status: 'USED',
      lastUse: { channel: 'other', poiId: OTHER_POI_ID },
    });
  });

  it('counts the uses of a times card', async () => {
    const { verify } = await prepared({ kind: 'times_card', timesCount: 3 });
    await douyin.verify(verify);
    expect(await douyin.getCertificate(verify.encryptedCode, 'look_up')).toMatchObject({
      kind: 'times_card',
      timesCount: 3,
      timesUsed: 1,
      uses: [{ channel: 'open_api', poiId: POI_ID }],
    });
  });

  it('is null for a code Douyin does not know', async () => {
    expect(await douyin.getCertificate('CgYIASAHKAESunknown==', 'look_up')).toBeNull();
  });

  it.each<[FaultKind, object, string]>([
    ['answer-for-another-certificate', {}, 'douyin.broken_answer'],
    ['html-after-effect', {}, 'douyin.broken_answer'],
    ['codes-absent', {}, 'douyin.broken_answer'],
    ['error-code-before-effect', { code: 3000001 }, 'douyin.broken_answer'],
    ['http-5xx-before-effect', {}, 'douyin.unavailable'],
    ['too-frequent', {}, 'douyin.unavailable'],
    ['permission-missing', {}, 'douyin.refused_gateway'],
  ])('%s %j: %s', async (kind, parameters, code) => {
    const { verify } = await prepared();
    simulator.state.addFault({
      kind,
      endpoints: ['get'],
      encryptedCode: verify.encryptedCode,
      ...parameters,
    });
    await expect(douyin.getCertificate(verify.encryptedCode, 'look_up')).rejects.toMatchObject({ code });
    expect(calls.at(-1)).toMatchObject({ endpoint: 'get_certificate', outcome: code });
  });
});

describe('getCertificate, where Douyin tells the coupon in several places', () => {
  const askedOf = async (data: object) => {
    const server = await httpServer((_request, response) =>
      response.end(JSON.stringify({ data: { error_code: 0, ...data }, extra: { error_code: 0 } })),
    );
    const client = new HttpDouyin({
      baseUrl: server.url,
      accountId: '1',
      timeoutMs: TIMEOUT_MS,
      tokens: fixedTokens(),
      logger: log.logger,
    });
    try {
      return await client.getCertificate('a', 'look_up');
    } finally {
      await client.close();
      await server.close();
    }
  };
  const one = { encrypted_code: 'a', certificate_id: 1 };

  it.each(['certificate', 'certificate_v2', 'certificate_v_2'])('reads %s', async (name) => {
    expect(await askedOf({ [name]: { ...one, status: 2 } })).toMatchObject({ status: 'USED' });
  });

  it('merges them, none replacing another', async () => {
    expect(
      await askedOf({
        certificate: { encrypted_code: 'a' },
        certificate_v2: { ...one, status: 2 },
        certificate_v_2: { ...one, status: 1, verify: { verify_id: 'u1', verify_type: 4 } },
      }),
    ).toMatchObject({ certificateId: '1', status: 'USED', lastUse: { verifyId: 'u1' } });
    expect(await askedOf({ certificate: {}, certificate_v2: {}, certificate_v_2: null })).toBeNull();
  });

  it('does not take two coupons for one', async () => {
    await expect(
      askedOf({ certificate: one, certificate_v2: { certificate_id: 2, status: 2 } }),
    ).rejects.toMatchObject({ code: 'douyin.broken_answer' });
    await expect(
      askedOf({ certificate: one, certificate_v2: { ...one, encrypted_code: 'b' } }),
    ).rejects.toMatchObject({ code: 'douyin.broken_answer' });
  });
});

describe('queryVerifyRecords', () => {
  it('walks all pages up to the limit, oldest first', async () => {
    const from = new Date(Date.now() - 1000);
    const orders = simulator.state.createOrders({ coupons: 10 }, 3);
    const startMs = Date.now();
    for (const [index, coupon] of orders.flatMap((order) => order.coupons).entries()) {
      const poiId = index % 6 === 5 ? OTHER_POI_ID : POI_ID;
      simulator.state.useCouponAtTill(coupon.certificateId, { poiId, atMs: startMs + index * 1000 });
    }
    const to = new Date(startMs + 60_000);
    const { records, isWhole } = await douyin.queryVerifyRecords({ poiId: POI_ID, from, to, limit: 200 });
    expect(isWhole).toBe(true);
    const ours = orders
      .flatMap((order) => order.coupons)
      .filter((_, index) => index % 6 !== 5)
      .map(({ certificateId }) => certificateId);
    expect(records.map(({ certificateId }) => certificateId).filter((id) => ours.includes(id))).toEqual(ours);
    // Douyin's records name no store: none is put there.
    expect(records.every(({ poiId }) => poiId === '')).toBe(true);
    // A full page that is told in two lists is followed by another one all the same.
    const { v2Lists } = simulator.state.settings;
    simulator.state.changeSettings({ v2Lists: 'split' });
    const split = await douyin.queryVerifyRecords({ poiId: POI_ID, from, to, limit: 200 });
    simulator.state.changeSettings({ v2Lists });
    // In one second they come in any order.
    expect(new Set(split.records.map(({ verifyId }) => verifyId))).toEqual(
      new Set(records.map(({ verifyId }) => verifyId)),
    );
    const cut = await douyin.queryVerifyRecords({ poiId: POI_ID, from, to, limit: 3 });
    expect(cut.records).toHaveLength(3);
    expect(cut.isWhole).toBe(false);
  });
});

describe('queryVerifyRecords, where Douyin ignores what it was asked', () => {
  it('gives every record that is listed, each with its own store or none, and does not walk in circles', async () => {
    const record = (verifyId: number, poiId: string) => ({ verify_id: verifyId, cursor: '7', poi_id: poiId });
    const stores = [POI_ID, OTHER_POI_ID, ''];
    const records = Array.from({ length: 20 }, (_, index) => record(index + 1, stores[index % 3] ?? ''));
    let requests = 0;
    const server = await httpServer((_request, response) => {
      requests += 1;
      response.end(JSON.stringify({ data: { error_code: 0, records }, extra: { error_code: 0 } }));
    });
    const confused = new HttpDouyin({
      baseUrl: server.url,
      accountId: '1',
      timeoutMs: TIMEOUT_MS,
      tokens: fixedTokens(),
      logger: log.logger,
    });
    const input = { poiId: POI_ID, from: new Date(0), to: new Date(), limit: 200 };
    const { records: listed } = await confused.queryVerifyRecords(input);
    expect(listed.map(({ poiId }) => poiId)).toEqual(records.map(({ poi_id: poiId }) => poiId));
    expect(requests).toBe(2);
    await confused.close();
    await server.close();
  });
});

describe('findOrder', () => {
  it('tells amounts, product and times of an order', async () => {
    const { order } = await prepared({
      coupons: 2,
      payAmountFen: 7900,
      originalAmountFen: 9900,
      title: '下午茶',
    });
    expect(await douyin.findOrder(order.orderId)).toMatchObject({
      orderId: order.orderId,
      payAmountFen: 15800,
      receiptAmountFen: 15800,
      discountAmountFen: 4000,
      couponCount: 2,
      skuName: '下午茶',
      createOrderTime: expect.any(Date),
      payTime: expect.any(Date),
    });
  });

  it('is null while Douyin does not show the order', async () => {
    expect(await douyin.findOrder('1086000000000000000')).toBeNull();
  });

  it('does not take another order’s data', async () => {
    const order = simulator.state.createOrder();
    simulator.state.addFault({ kind: 'answer-for-another-order', endpoints: ['order_query'] });
    await expect(douyin.findOrder(order.orderId)).rejects.toMatchObject({ code: 'douyin.broken_answer' });
  });
});

describe('queryStoresRaw', () => {
  it('gives Douyin’s bytes', async () => {
    const { body } = await douyin.queryStoresRaw({ poiId: POI_ID, page: 1, pageSize: 20 });
    expect(JSON.parse(body.toString())).toMatchObject({
      data: { error_code: 0, pois: [{ poi: { poi_id: POI_ID } }] },
    });
  });
});

describe('logs, errors and outcomes', () => {
  it('hold no token, secret or coupon code, whatever goes wrong', async () => {
    const seen: string[] = [];
    const secrets: string[] = [SIMULATOR_DEFAULTS.clientSecret];
    for (const kind of [
      'cut-after-effect',
      'html-after-effect',
      'error-code-after-effect',
      'token-expired',
    ] as const) {
      const { order, verify } = await prepared();
      secrets.push(
        verify.encryptedCode,
        verify.douyinVerifyToken,
        couponOf(order).code,
        order.encryptedData,
        encodeURIComponent(order.encryptedData),
        (await tokens.current()).token,
      );
      simulator.state.addFault({ kind, endpoints: ['verify', 'get', 'prepare'], count: 'always' });
      const outcome = await douyin.verify(verify);
      if ('reason' in outcome) seen.push(outcome.reason);
      for (const call of [
        () => douyin.getCertificate(verify.encryptedCode, 'look_up'),
        () => douyin.prepare({ code: couponOf(order).code }, POI_ID),
        () => douyin.prepare({ encryptedData: order.encryptedData }, POI_ID),
      ]) {
        await call().catch((err: Error) => seen.push(err.message, JSON.stringify(err), err.stack ?? ''));
      }
      simulator.state.clearFaults();
    }
    expect(seen.length).toBeGreaterThan(10);
    const all = [...seen, ...log.lines, JSON.stringify(calls)].join('\n');
    for (const secret of secrets) expect(all).not.toContain(secret);
  });
});
