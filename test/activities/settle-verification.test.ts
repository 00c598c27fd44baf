import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FIRST_SEND_DEADLINE_MS } from '../../src/domain/verification.ts';
import type { FaultInput, OrderInput } from '../../src/simulator/simulator.ts';
import type { VerificationKey } from '../../workflows/contract.ts';
import {
  type Bench,
  databaseAway,
  openBench,
  OTHER_STORE,
  type Runner,
  STORE,
  UNUSED_IS_FINAL_AFTER_MS,
} from './support.ts';

let bench: Bench;
let runner: Runner;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
beforeEach(() => {
  runner = bench.startRunner();
});
afterEach(() => {
  bench.state.clearFaults();
});

const lookUp = (key: VerificationKey, by: Runner = runner) => by.activities.lookUpVerification(key);

/** A verification whose one send was lost, before or after its effect. */
async function unknown(kind: 'cut-before-effect' | 'cut-after-effect', order: OrderInput = {}) {
  const made = bench.state.createOrder(order);
  const coupon = made.coupons[0]!;
  const key = await bench.prepared({ requestValue: coupon.code });
  bench.state.addFault({ kind, endpoints: ['verify'], orderId: made.orderId });
  await runner.activities.verifyCoupon(key);
  return { key, order: made, coupon };
}

describe('lookUpVerification', () => {
  it('finds our redemption, and stores it once', async () => {
    const { key, order } = await unknown('cut-after-effect');
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success', needsEnrichment: true });
    expect(await lookUp(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
    const [effect] = bench.state.ledger({ orderId: order.orderId });
    expect(await bench.row(key)).toMatchObject({
      verifyId: effect?.verifyId,
      couponStatus: 'USED',
      errorCode: 0,
    });
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'verified')).toHaveLength(1);
  });

  it('leaves an unused coupon to an operator, says so once, and ends it after an hour', async () => {
    const { key } = await unknown('cut-before-effect');
    expect(await lookUp(key)).toMatchObject({ state: 'unknown', next: 'look_up', waitMs: 0 });
    await lookUp(key);
    expect(await bench.row(key)).toMatchObject({ step: 'unsettled', verifyStatus: 'processing' });
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'unsettled')).toHaveLength(1);
    expect(runner.alerts).toEqual(['verification.unsettled']);
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'closed', verifyStatus: 'failed', reason: '' });
    expect(await bench.row(key)).toMatchObject({ couponStatus: 'UNUSED', step: 'settled' });
  });

  it.each<[string, FaultInput]>([
    ['get is away', { kind: 'http-5xx-before-effect', endpoints: ['get'] }],
    ['get is refused', { kind: 'permission-missing', endpoints: ['get'] }],
    ['get does not tell Douyin’s time', { kind: 'extra-and-date-absent', endpoints: ['get'] }],
    ['get answers for another coupon', { kind: 'answer-for-another-certificate', endpoints: ['get'] }],
    ['the records are away', { kind: 'http-5xx-before-effect', endpoints: ['verify_record'] }],
    ['the records are refused', { kind: 'permission-missing', endpoints: ['verify_record'] }],
    ['the records are no JSON', { kind: 'not-json-after-effect', endpoints: ['verify_record'] }],
  ])('decides nothing while %s', async (_what, fault) => {
    const { key, coupon } = await unknown('cut-before-effect');
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    bench.state.addFault({ ...fault, count: 'always' });
    bench.state.changeSettings({ dateHeader: 'absent' });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.state.changeSettings({ dateHeader: 'douyin' });
    bench.state.clearFaults();
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', errorCode: 1208 });
  });

  it.each<[string, FaultInput]>([
    ['get lags behind', { kind: 'stale-certificate', endpoints: ['get'] }],
    ['get names another store', { kind: 'answer-for-another-store', endpoints: ['get'] }],
    ['get tells no ids', { kind: 'ids-empty', endpoints: ['get'] }],
  ])('does not believe the records alone when %s, but once both agree', async (_what, fault) => {
    const { key } = await unknown('cut-after-effect');
    bench.state.addFault(fault);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  describe('by a clock that differs from Douyin’s', () => {
    const setClockAhead = (ms: number) =>
      Object.assign(runner.deps, { clock: { now: () => new Date(bench.clock.nowMs + ms) } });

    it.each([60_000, -60_000])('finds our redemption, %d ms ahead', async (ms) => {
      setClockAhead(ms);
      const { key } = await unknown('cut-after-effect');
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    });

    it('judges nothing by an answer that took long: it says too little of the clocks', async () => {
      const { key } = await unknown('cut-after-effect');
      const { douyin } = runner.deps;
      const get = douyin.getCertificate.bind(douyin);
      douyin.getCertificate = async (...input) => {
        const certificate = await get(...input);
        bench.clock.advance(5001);
        return certificate;
      };
      expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
      douyin.getCertificate = get;
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    });

    it('judges nothing by one that is hours wrong', async () => {
      const { key } = await unknown('cut-after-effect');
      setClockAhead(2 * 3_600_000);
      expect(await lookUp(key)).toMatchObject({
        state: 'unknown',
        outcome: expect.stringContaining('校准本机时钟'),
      });
      setClockAhead(0);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    });
  });

  it('takes no use for a foreign one when get and the records are both about something else', async () => {
    const { key } = await unknown('cut-after-effect');
    bench.state.addFault({ kind: 'answer-for-another-store', endpoints: ['get'] });
    bench.state.addFault({ kind: 'answer-for-another-certificate', endpoints: ['verify_record'] });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it.each(['findById', 'listOthersOnCoupon'] as const)(
    'does not take the use of another verification that redeems after its %s',
    async (statement) => {
      const { key, order, coupon } = await unknown('cut-before-effect');
      const other = await bench.prepared({ requestValue: coupon.code });
      runner.interpose('after', statement, async () => {
        bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
        await bench.startRunner().activities.verifyCoupon(other);
      });
      expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
      expect(await runner.activities.verifyCoupon(other)).toMatchObject({ verifyStatus: 'success' });
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', errorCode: 1208 });
    },
  );

  it('gives one redemption to one of two that look at the same time', async () => {
    const { key, order, coupon } = await unknown('cut-before-effect');
    const other = await bench.prepared({ requestValue: coupon.code });
    bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
    await runner.activities.verifyCoupon(other);
    // Neither is repeated any more.
    bench.clock.advance(20 * 60_000);
    runner.interpose('before', 'settle', () => lookUp(other, bench.startRunner()));
    const verdicts = [await lookUp(key), await lookUp(other)];
    expect(verdicts).toMatchObject([
      { verifyStatus: 'success' },
      { verifyStatus: 'failed', errorCode: 1208 },
    ]);
  });

  it('closes as not attempted what turns out never to have been sent', async () => {
    const { key } = await unknown('cut-before-effect');
    await bench.query(`update verifications set open_send_count = 0 where id = ${key.verificationId}`);
    expect(await lookUp(key)).toMatchObject({ state: 'closed', reason: 'douyin.unavailable' });
    expect(await bench.row(key)).toMatchObject({ step: 'not_attempted' });
  });

  it('stores its verdict when the database comes back', async () => {
    const { key } = await unknown('cut-after-effect');
    runner.interpose('before', 'settle', () => databaseAway(false));
    runner.interpose('after', 'settle', () => databaseAway(true));
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it('tells a refund from a redemption', async () => {
    const { key, coupon } = await unknown('cut-before-effect');
    bench.state.changeCoupon(coupon.certificateId, { action: 'set_status', status: 'refunded' });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await bench.row(key)).toMatchObject({ couponStatus: 'REFUNDED', errorDescription: '券已退款' });
  });

  it('does not give up a times card that somebody else has used meanwhile', async () => {
    const { key, coupon } = await unknown('cut-before-effect', { kind: 'times_card', timesCount: 5 });
    const other = await bench.prepared({ requestValue: coupon.code });
    await runner.activities.verifyCoupon(other);
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await bench.row(other)).toMatchObject({ verifyStatus: 'success' });
  });
});

describe('resolveVerification', () => {
  const decision = {
    verifyStatus: 'failed',
    note: '店员确认未核销',
    actor: 'ops-7',
    requestId: 'request-1',
  } as const;
  const audits = (key: VerificationKey) =>
    bench.query(`select actor, request_id from audit_log where target_id = '${key.verificationId}'`);

  it('takes the operator’s word, audited, and takes it once', async () => {
    const { key } = await unknown('cut-before-effect');
    expect(await runner.activities.resolveVerification({ ...key, ...decision })).toMatchObject({
      verifyStatus: 'failed',
    });
    // Run again by the engine, which did not hear of the first run's end.
    expect(await runner.activities.resolveVerification({ ...key, ...decision })).toMatchObject({
      verifyStatus: 'failed',
    });
    expect(await audits(key)).toEqual([{ actor: 'ops-7', request_id: 'request-1' }]);
  });

  it.each([
    ['another operator', { actor: 'ops-8' }],
    ['another request', { requestId: 'request-2' }],
  ])('refuses the word of %s on what is decided', async (_who, change) => {
    const { key } = await unknown('cut-before-effect');
    await runner.activities.resolveVerification({ ...key, ...decision });
    await expect(
      runner.activities.resolveVerification({ ...key, ...decision, ...change }),
    ).rejects.toMatchObject({
      type: 'verification.not_processing',
      nonRetryable: true,
    });
    expect(await audits(key)).toHaveLength(1);
  });

  it('raises an alert when Douyin’s success comes after a contrary decision', async () => {
    const { key } = await unknown('cut-before-effect');
    runner.interpose('before', 'settle', () =>
      bench.startRunner().activities.resolveVerification({ ...key, ...decision }),
    );
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(runner.alerts).toContain('verification.contradicted');
  });
});

describe('sweepStranded', () => {
  const IDLE_MS = 31_000;
  const startsOf = (key: VerificationKey) =>
    bench.starts.filter((start) => start.verificationId === key.verificationId);

  it('starts again what nothing has touched for a while, once per while', async () => {
    const { key } = await unknown('cut-before-effect');
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(0);
    bench.clock.advance(IDLE_MS);
    await runner.activities.sweepStranded();
    await bench.startRunner().activities.sweepStranded();
    expect(startsOf(key)).toMatchObject([{ round: 1, mode: 'code', poiId: STORE }]);
    bench.clock.advance(IDLE_MS);
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(2);
  });

  it('closes what was never sent and has waited too long, instead of sending it behind the customer’s back', async () => {
    const order = bench.state.createOrder();
    const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
    bench.clock.advance(FIRST_SEND_DEADLINE_MS + 1);
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(0);
    expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', reason: 'douyin.unavailable' });
  });

  it('never closes what may have been redeemed, however old', async () => {
    const { key } = await unknown('cut-after-effect');
    bench.clock.advance(10 * FIRST_SEND_DEADLINE_MS);
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(1);
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing' });
  });
});
