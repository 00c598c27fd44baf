import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { FaultInput, OrderInput } from '../../src/simulator/simulator.ts';
import type { VerificationKey } from '../../workflows/contract.ts';
import { type Bench, databaseAway, openBench, OTHER_STORE, type Runner, STORE } from './support.ts';
import { REPEAT_WINDOW_MS } from '../../src/domain/verification.ts';
import { TEST_POLICY } from '../support/policy.ts';

const { unusedIsFinalAfterMs: UNUSED_IS_FINAL_AFTER_MS, firstSendWithinMs: FIRST_SEND_MS } = TEST_POLICY;

const ARRIVAL_MS = TEST_POLICY.sendArrivesWithinMs;

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
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'found_redeemed')).toHaveLength(1);
  });

  it('keeps when Douyin says that it was used, and which use of the card it was', async () => {
    const { key, order, coupon } = await unknown('cut-after-effect', { kind: 'times_card', timesCount: 3 });
    const [effect] = bench.state.ledger({ orderId: order.orderId });
    bench.clock.advance(90_000);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    const first = await bench.row(key);
    expect(first).toMatchObject({ verifyRecordsCount: 1, verifyId: effect?.verifyId });
    // To the second, as Douyin tells it.
    expect(first.verifyTime?.getTime()).toBe(Math.floor((bench.clock.nowMs - 90_000) / 1000) * 1000);

    const second = await bench.prepared({ requestValue: coupon.code });
    bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
    await runner.activities.verifyCoupon(second);
    expect(await lookUp(second)).toMatchObject({ verifyStatus: 'success' });
    expect(await bench.row(second)).toMatchObject({ verifyRecordsCount: 2 });
  });

  it('leaves an unused coupon to an operator, says so once, and ends it after an hour', async () => {
    const { key } = await unknown('cut-before-effect');
    expect(await lookUp(key)).toMatchObject({ state: 'unknown', next: 'look_up', waitMs: 0 });
    await lookUp(key);
    expect(await bench.row(key)).toMatchObject({ step: 'unsettled', verifyStatus: 'processing' });
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'unsettled')).toHaveLength(1);
    expect(runner.alertLines).toEqual([
      expect.objectContaining({
        alert: 'verification.unsettled',
        verificationId: key.verificationId,
        workflowId: `verify-${key.verificationId}`,
        reason: 'look_up_unused',
        errorCode: 0,
      }),
    ]);
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({
      state: 'closed',
      verifyStatus: 'failed',
      reason: 'verification.coupon_unused',
    });
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
    bench.clock.advance(ARRIVAL_MS);
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

  it('takes no list of records that was cut for one without a use of ours', async () => {
    const { key, coupon } = await unknown('cut-after-effect');
    bench.state.addFault({ kind: 'stale-certificate', endpoints: ['get'], count: 'always' });
    const { douyin } = runner.deps;
    const whole = douyin.queryVerifyRecords.bind(douyin);
    douyin.queryVerifyRecords = async (input) => ({
      records: (await whole(input)).records.filter(
        ({ certificateId }) => certificateId !== coupon.certificateId,
      ),
      isWhole: false,
    });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    expect(await bench.row(key)).toMatchObject({ lastNote: { code: 'look_up_records_cut' } });
    douyin.queryVerifyRecords = whole;
    bench.state.clearFaults();
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it('reads the records also where Douyin never tells its time: a use that they show is no "unused"', async () => {
    bench.state.changeSettings({ extra: 'absent', dateHeader: 'absent' });
    const silent = bench.startRunner();
    const order = bench.state.createOrder();
    const key = await bench.accept({ requestValue: order.coupons[0]!.code });
    await silent.activities.prepareCoupon(key);
    bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
    await silent.activities.verifyCoupon(key);
    bench.state.addFault({ kind: 'stale-certificate', endpoints: ['get'] });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key, silent)).toMatchObject({ state: 'unknown' });
    expect(await bench.row(key)).toMatchObject({ lastNote: { code: 'look_up_whose_use' } });
    bench.state.changeSettings({ extra: 'present', dateHeader: 'douyin' });
  });

  it('learns the coupon of a caller who has prepared, so that no other of its order is taken meanwhile', async () => {
    const order = bench.state.createOrder({ coupons: 2 });
    const coupon = order.coupons[0]!;
    const key = await bench.preparedByCaller(coupon.code);
    bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
    bench.state.addFault({ kind: 'stale-certificate', endpoints: ['get'] });
    await runner.activities.verifyCoupon(key);
    expect(await bench.row(key)).toMatchObject({ certificateId: '' });
    await lookUp(key);
    expect(await bench.row(key)).toMatchObject({ certificateId: coupon.certificateId, step: 'unsettled' });
  });

  it('learns nothing of another coupon, and never another coupon than it knows', async () => {
    const order = bench.state.createOrder();
    const key = await bench.preparedByCaller(order.coupons[0]!.code);
    bench.state.addFault({ kind: 'cut-before-effect', endpoints: ['verify'], orderId: order.orderId });
    await runner.activities.verifyCoupon(key);
    bench.state.addFault({ kind: 'answer-for-another-certificate', endpoints: ['get'] });
    await lookUp(key);
    expect(await bench.row(key)).toMatchObject({ certificateId: '', lastNote: { code: 'look_up_failed' } });

    const { key: known } = await unknown('cut-after-effect');
    await bench.query(`update verifications set certificate_id = '77' where id = ${known.verificationId}`);
    expect(await lookUp(known)).toMatchObject({ state: 'unknown' });
    expect(await bench.row(known)).toMatchObject({
      certificateId: '77',
      lastNote: { code: 'look_up_failed' },
    });
  });

  it('goes on looking up, as often as it would have repeated, once sends are stopped', async () => {
    const { key } = await unknown('cut-before-effect');
    await expect(
      runner.activities.resolveVerification({ verifyStatus: 'failed', updateId: 'u', ...key }),
    ).rejects.toMatchObject({ type: 'verification.send_in_flight' });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown', waitMs: ARRIVAL_MS });
    expect(await bench.row(key)).toMatchObject({ step: 'sent' });
    bench.clock.advance(ARRIVAL_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown', next: 'look_up', waitMs: 40_000 });
    expect(await bench.row(key)).toMatchObject({ step: 'unsettled' });
    bench.clock.advance(REPEAT_WINDOW_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown', waitMs: 0 });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', reason: 'verification.coupon_unused' });
  });

  it('reads what the release before this one wrote: a stop without a cause, and none beside an old cause', async () => {
    const { key } = await unknown('cut-before-effect');
    const set = (columns: string) =>
      bench.query(`update verifications set ${columns} where id = ${key.verificationId}`);
    await set('are_sends_stopped = true');
    expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: 'said_used' });
    await set(`are_sends_stopped = false, sends_stopped_by = 'said_used'`);
    expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: null });
    await runner.deps.db.run(({ verifications }) =>
      verifications.stopSends({ id: key.verificationId, round: 1, roundKey: key.roundKey ?? null }, 'li.si'),
    );
    expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: 'operator' });
  });

  it('does not end one as unused soon after another’s use was shown and taken back', async () => {
    const { key, coupon } = await unknown('cut-before-effect');
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    await lookUp(key);
    expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: 'shown_used', lastOutcome: 'unanswered' });
    bench.state.cancelCouponAtTill(coupon.certificateId);
    bench.clock.advance(ARRIVAL_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', reason: 'verification.coupon_unused' });
  });

  describe('whatever the clocks say', () => {
    /** Another process, whose machine knows Douyin’s time only from what it was answered. */
    it.each([11_000, -11_000, 120_000, -120_000])(
      'finds our redemption when Douyin’s clock is %d ms off',
      async (clockOffsetMs) => {
        bench.state.changeSettings({ clockOffsetMs });
        const { key } = await unknown('cut-after-effect');
        expect(await lookUp(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
        bench.state.changeSettings({ clockOffsetMs: 0 });
      },
    );

    it('finds our redemption by the HTTP Date where Douyin’s answers carry no extra', async () => {
      bench.state.changeSettings({ extra: 'absent' });
      const { key } = await unknown('cut-after-effect');
      expect(await lookUp(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
      bench.state.changeSettings({ extra: 'present' });
    });

    it('measures our first send backwards where the sender did not know Douyin’s time', async () => {
      const { key } = await unknown('cut-after-effect');
      await bench.query(
        `update verifications set douyin_first_sent_at = null, douyin_prepared_at = null where id = ${key.verificationId}`,
      );
      bench.clock.advance(60_000);
      expect(await lookUp(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
    });

    it('leaves it to an operator where Douyin never tells its time', async () => {
      bench.state.changeSettings({ extra: 'absent', dateHeader: 'absent' });
      const silent = bench.startRunner();
      const order = bench.state.createOrder();
      const key = await bench.accept({ requestValue: order.coupons[0]!.code });
      await silent.activities.prepareCoupon(key);
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await silent.activities.verifyCoupon(key);
      bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
      expect(await lookUp(key, silent)).toMatchObject({ state: 'unknown' });
      bench.state.changeSettings({ extra: 'present', dateHeader: 'douyin' });
    });
  });

  it('takes no use for a foreign one when get and the records are both about something else', async () => {
    const { key } = await unknown('cut-after-effect');
    bench.state.addFault({ kind: 'answer-for-another-store', endpoints: ['get'] });
    bench.state.addFault({ kind: 'answer-for-another-certificate', endpoints: ['verify_record'] });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it('ends nothing by answers about something else, also once every send has arrived', async () => {
    const { key } = await unknown('cut-after-effect');
    bench.clock.advance(ARRIVAL_MS);
    bench.state.addFault({ kind: 'answer-for-another-store', endpoints: ['get'] });
    bench.state.addFault({ kind: 'answer-for-another-certificate', endpoints: ['verify_record'] });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it.each(['findGuarded', 'listOthersOnCoupon'] as const)(
    'does not take the use of another verification that redeems after its %s',
    async (statement) => {
      const { key, order, coupon } = await unknown('cut-before-effect');
      const other = await bench.preparedByCaller(coupon.code);
      runner.interpose('after', statement, async () => {
        bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
        await bench.startRunner().activities.verifyCoupon(other);
      });
      expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
      expect(await runner.activities.verifyCoupon(other)).toMatchObject({ verifyStatus: 'success' });
      bench.clock.advance(ARRIVAL_MS);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', errorCode: 1208 });
    },
  );

  it('knows a redemption of ours that is long past, when two apps hold one token of Douyin’s', async () => {
    const order = bench.state.createOrder();
    const first = await bench.preparedByCaller(order.coupons[0]!.code);
    expect(await runner.activities.verifyCoupon(first)).toMatchObject({ verifyStatus: 'success' });
    bench.clock.advance(5 * 60_000);
    const { mode, requestValue, verifyToken } = await bench.row(first);
    const second = await bench.accept({ mode, requestValue, verifyToken, appId: bench.otherApp.id });
    await runner.activities.verifyCoupon(second);
    bench.clock.advance(ARRIVAL_MS);
    expect(await lookUp(second)).toMatchObject({ verifyStatus: 'failed', errorCode: 1208 });
    expect(await bench.row(second)).toMatchObject({ relatedVerificationId: first.verificationId });
  });

  it.each(['json', 'comma', 'single', 'ignored'] as const)(
    'decides by what Douyin shows where it reads poi_ids as %s',
    async (verifyRecordPoiIds) => {
      bench.state.changeSettings({ verifyRecordPoiIds });
      const { key } = await unknown('cut-after-effect');
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
      bench.state.changeSettings({ verifyRecordPoiIds: 'any' });
    },
  );

  it('tells the timeline once what it finds again and again', async () => {
    const { key } = await unknown('cut-before-effect');
    for (let hour = 0; hour < 3; hour += 1) await lookUp(key);
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'outcome_unknown')).toHaveLength(2);
  });

  it('gives one redemption to one of two that look at the same time', async () => {
    const { key, order, coupon } = await unknown('cut-before-effect');
    const other = await bench.preparedByCaller(coupon.code);
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
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await bench.row(key)).toMatchObject({
      couponStatus: 'REFUNDED',
      reason: 'verification.coupon_refunded',
    });
  });

  it('does not give up a times card that somebody else has used meanwhile', async () => {
    const { key, coupon } = await unknown('cut-before-effect', { kind: 'times_card', timesCount: 5 });
    const other = await bench.preparedByCaller(coupon.code);
    await runner.activities.verifyCoupon(other);
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.clock.advance(UNUSED_IS_FINAL_AFTER_MS);
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await bench.row(other)).toMatchObject({ verifyStatus: 'success' });
  });
});

/** As a look-up does that could not read the use that there is. */
const lookedUpInVain = (key: VerificationKey) =>
  bench.query(
    `update verifications set last_looked_up_at = '${bench.clock.now().toISOString()}' where id = ${key.verificationId}`,
  );

describe('resolveVerification', () => {
  const decision = { verifyStatus: 'failed', updateId: 'update-1' } as const;
  const audits = (key: VerificationKey) =>
    bench.query(`select actor, request_id from audit_log where target_id = '${key.verificationId}'`);
  const resolve = (key: VerificationKey, changes = {}) =>
    runner.activities.resolveVerification({ ...decision, ...changes, ...key });

  it('takes the word that came by Temporal, audited under a name nobody can type, and takes it once', async () => {
    const { key } = await unknown('cut-before-effect');
    bench.clock.advance(ARRIVAL_MS);
    await lookUp(key);
    expect(await resolve(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await audits(key)).toEqual([{ actor: 'temporal:update-1', request_id: 'update-1' }]);
    await expect(resolve(key, { updateId: 'update-2' })).rejects.toMatchObject({
      type: 'verification.not_processing',
      nonRetryable: true,
    });
    expect(await audits(key)).toHaveLength(1);
  });

  it('refuses to say failed while a send may still arrive, and from then on nothing is sent', async () => {
    const { key, order } = await unknown('cut-before-effect');
    await expect(resolve(key)).rejects.toMatchObject({
      type: 'verification.send_in_flight',
      nonRetryable: true,
    });
    expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: 'operator', verifyStatus: 'processing' });
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
    expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(1);
    bench.clock.advance(ARRIVAL_MS - 1);
    await lookUp(key);
    bench.clock.advance(1);
    // That look-up may have been too early to see what the person must not contradict: another one is asked for.
    const told: unknown[] = [];
    runner.deps.runner.lookNow = (...asked) => Promise.resolve(void told.push(asked));
    await expect(resolve(key)).rejects.toMatchObject({ type: 'verification.send_in_flight' });
    expect(told).toEqual([[key.verificationId, key.round]]);
    await lookUp(key);
    expect(await resolve(key)).toMatchObject({ verifyStatus: 'failed' });
  });

  it('does not hear a person who has seen nothing of the repeat that redeemed', async () => {
    const { key, order } = await unknown('cut-before-effect');
    bench.clock.advance(ARRIVAL_MS);
    expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
    bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
    await runner.activities.verifyCoupon(key);
    bench.clock.advance(ARRIVAL_MS);
    await expect(resolve(key)).rejects.toMatchObject({ type: 'verification.send_in_flight' });
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
  });

  it('refuses to say failed when a repeat is counted between the look at the row and the decision', async () => {
    const { key } = await unknown('cut-before-effect');
    bench.clock.advance(ARRIVAL_MS);
    await lookUp(key);
    const other = bench.startRunner();
    bench.state.addFault({ kind: 'cut-before-effect', endpoints: ['verify'] });
    runner.interpose('before', 'settle', () => other.activities.verifyCoupon(key));
    await expect(resolve(key)).rejects.toMatchObject({ type: 'verification.send_in_flight' });
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', sendCount: 2 });
  });

  it('takes a success at any time: it ends the repeats by itself', async () => {
    const { key, order } = await unknown('cut-before-effect');
    expect(await resolve(key, { verifyStatus: 'success' })).toMatchObject({
      verifyStatus: 'success',
      needsEnrichment: true,
    });
    expect(await bench.row(key)).toMatchObject({ couponStatus: 'USED', verifyTime: bench.clock.now() });
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'success' });
    expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(1);
  });

  it.each(['success', 'failed'] as const)(
    'takes no %s for what was never sent: it ends unsent, and its token stays usable',
    async (verifyStatus) => {
      const order = bench.state.createOrder();
      const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
      await expect(resolve(key, { verifyStatus })).rejects.toMatchObject({
        type: 'verification.send_in_flight',
      });
      expect(await audits(key)).toEqual([]);
      expect(await runner.activities.verifyCoupon(key)).toMatchObject({ reason: 'gateway.too_late' });
      expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', openSendCount: 0 });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toEqual([]);
    },
  );

  it('has nothing to complete without an order', async () => {
    const { key } = await unknown('cut-before-effect');
    await bench.query(`update verifications set order_id = '' where id = ${key.verificationId}`);
    expect(await resolve(key, { verifyStatus: 'success' })).toMatchObject({ needsEnrichment: false });
    expect(await bench.row(key)).toMatchObject({ enrichmentStatus: 'skipped' });
  });

  it('tells on the timeline, and by an alert, of a success of Douyin’s that comes after a contrary decision', async () => {
    const order = bench.state.createOrder();
    const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
    runner.interpose('before', 'settle', async () => {
      bench.clock.advance(ARRIVAL_MS);
      await lookedUpInVain(key);
      await bench.startRunner().activities.resolveVerification({ ...decision, ...key });
    });
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(runner.alertLines).toContainEqual(
      expect.objectContaining({
        alert: 'verification.contradicted',
        verificationId: key.verificationId,
        workflowId: `verify-${key.verificationId}`,
        reason: 'verification.resolved_by_operator',
        errorCode: 0,
      }),
    );
    expect((await bench.eventsOf(key)).slice(-2)).toEqual(['resolved', 'contradicted']);
  });
});

describe('what Douyin says after a verification has ended otherwise', () => {
  const contradictions = (key: VerificationKey) =>
    bench.query(
      `select details from verification_events where verification_id = ${key.verificationId} and kind = 'contradicted'`,
    );
  const byOperator = (key: VerificationKey, verifyStatus: 'success' | 'failed') => async () => {
    bench.clock.advance(ARRIVAL_MS);
    await lookedUpInVain(key);
    const { activities } = bench.startRunner();
    await activities.resolveVerification({ verifyStatus, updateId: 'update-1', ...key });
  };

  it('a repeat that is answered "used", after an operator’s failed', async () => {
    bench.state.changeSettings({ replayAnswer: '1208' });
    const { key } = await unknown('cut-after-effect');
    runner.interpose('before', 'noteUnknown', byOperator(key, 'failed'));
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await contradictions(key)).toEqual([{ details: { round: 1, said: 'said_used' } }]);
    expect(runner.alerts).toContain('verification.contradicted');
    bench.state.changeSettings({ replayAnswer: 'same' });
  });

  it('a review that is answered after an operator’s failed', async () => {
    const order = bench.state.createOrder();
    const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
    bench.state.addFault({
      kind: 'risk-review-passes',
      durationMs: 3_600_000,
      endpoints: ['verify'],
      orderId: order.orderId,
    });
    runner.interpose('before', 'noteUnknown', byOperator(key, 'failed'));
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await contradictions(key)).toEqual([{ details: { round: 1, said: 'in_review' } }]);
  });

  it('a look-up that finds our redemption, after an operator’s failed', async () => {
    const { key } = await unknown('cut-after-effect');
    runner.interpose('before', 'settle', byOperator(key, 'failed'));
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    expect(await contradictions(key)).toMatchObject([{ details: { said: 'redeemed' } }]);
    expect(runner.alerts).toContain('verification.contradicted');
  });

  it('a look-up that finds a use elsewhere, after an operator’s success', async () => {
    const { key, coupon } = await unknown('cut-before-effect');
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    bench.clock.advance(ARRIVAL_MS);
    runner.interpose('before', 'settle', byOperator(key, 'success'));
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    expect(await contradictions(key)).toEqual([{ details: { round: 1, said: 'used_elsewhere' } }]);
  });

  it('a refusal of the only verify, after an operator’s success', async () => {
    const order = bench.state.createOrder();
    const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
    bench.state.changeCoupon(order.coupons[0]!.certificateId, { action: 'set_status', status: 'refunded' });
    runner.interpose('before', 'settle', byOperator(key, 'success'));
    expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'success' });
    expect(await contradictions(key)).toEqual([{ details: { round: 1, said: 'refused', error_code: 1265 } }]);
  });

  it('an order’s data that shows the use elsewhere, after an operator’s success: told once', async () => {
    const { key, coupon } = await unknown('cut-before-effect');
    bench.state.useCouponAtTill(coupon.certificateId, { poiId: OTHER_STORE });
    await byOperator(key, 'success')();
    bench.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['order_query'] });
    await expect(runner.activities.fetchOrder({ verificationId: key.verificationId })).rejects.toThrow();
    await runner.activities.fetchOrder({ verificationId: key.verificationId });
    expect(await contradictions(key)).toEqual([{ details: { round: 1, said: 'used_elsewhere' } }]);
    expect(runner.alerts.filter((alert) => alert === 'verification.contradicted')).toHaveLength(1);
  });

  it('nothing is told of a success that a repeat, a look-up and the order’s data agree with', async () => {
    const { key } = await unknown('cut-after-effect');
    const other = bench.startRunner();
    runner.interpose('before', 'settle', () => other.activities.verifyCoupon(key));
    expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    await runner.activities.fetchOrder({ verificationId: key.verificationId });
    expect(await contradictions(key)).toEqual([]);
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

  it('takes the least recently looked at first, then the oldest, of verifications and of enrichments alike', async () => {
    const takes = {
      takeStranded: async () => (await unknown('cut-before-effect')).key,
      takeUnenriched: async () => {
        const key = await bench.prepared({ requestValue: bench.state.createOrder().coupons[0]!.code });
        await runner.activities.verifyCoupon(key);
        return key;
      },
    };
    for (const statement of ['takeStranded', 'takeUnenriched'] as const) {
      const make = takes[statement];
      const made = [await make(), await make(), await make()].map(({ verificationId }) => verificationId);
      const [first, second, third] = made;
      // What other tests left is looked at another day.
      const anotherDay = new Date(bench.clock.nowMs + 86_400_000).toISOString();
      await bench.query(
        `update verifications set swept_at = '${anotherDay}' where id not in (${made.join()})`,
      );
      const take = async (limit: number) => {
        bench.clock.advance(IDLE_MS);
        const taken = await runner.deps.db.run(({ verifications }) =>
          verifications[statement](IDLE_MS - 1, limit),
        );
        return taken.map(({ id }) => id).toSorted((a, b) => a - b);
      };
      expect(await take(1)).toEqual([first]);
      expect(await take(1)).toEqual([second]);
      expect(await take(1)).toEqual([third]);
      expect(await take(1)).toEqual([first]);
      expect(await take(2)).toEqual([second, third]);
    }
  });

  it('goes on with all the rest when something cannot be taken up, and fails then', async () => {
    const { key } = await unknown('cut-before-effect');
    const unsent = await bench.prepared({ requestValue: bench.state.createOrder().coupons[0]!.code });
    const redeemed = await bench.prepared({ requestValue: bench.state.createOrder().coupons[0]!.code });
    await runner.activities.verifyCoupon(redeemed);
    await bench.query(
      `insert into request_nonces (client_key, nonce, expires_at) values ('swept', 'swept', '2020-01-01')`,
    );
    bench.clock.advance(IDLE_MS);
    const enriched: number[] = [];
    runner.deps.runner.start = () => Promise.resolve({ kind: 'refused', cause: new Error('poison') });
    runner.deps.enrichmentRunner.ensureRunning = ({ verificationId }) => {
      enriched.push(verificationId);
      return Promise.resolve(true);
    };
    await expect(runner.activities.sweepStranded()).rejects.toThrow();
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing' });
    expect(await bench.row(unsent)).toMatchObject({ step: 'not_attempted' });
    expect(enriched).toContain(redeemed.verificationId);
    expect(await bench.query(`select 1 from request_nonces where client_key = 'swept'`)).toEqual([]);
  });

  it('never starts what was never sent: its till was told so, or has gone', async () => {
    const order = bench.state.createOrder();
    const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
    bench.clock.advance(FIRST_SEND_MS + 1);
    await runner.activities.sweepStranded();
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing' });
    bench.clock.advance(IDLE_MS);
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(0);
    expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', reason: 'gateway.too_late' });
  });

  it('never closes what may have been redeemed, however old', async () => {
    const { key } = await unknown('cut-after-effect');
    bench.clock.advance(10 * IDLE_MS);
    await runner.activities.sweepStranded();
    expect(startsOf(key)).toHaveLength(1);
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing' });
  });
});
