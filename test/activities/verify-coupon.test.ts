import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { REPEAT_WINDOW_MS, type Verification } from '../../src/domain/verification.ts';
import type { AccessToken } from '../../src/ports/douyin.ts';
import type { FaultInput, OrderInput } from '../../src/simulator/simulator.ts';
import type { Closed } from '../../workflows/activities.ts';
import type { VerificationKey } from '../../workflows/contract.ts';
import {
  type Bench,
  databaseAway,
  openBench,
  OTHER_STORE,
  type Runner,
  standStill,
  STORE,
} from './support.ts';
import { TEST_POLICY } from '../support/policy.ts';

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

const LATE_ARRIVAL_MS = TEST_POLICY.sendArrivesWithinMs;
const FIRST_SEND_MS = TEST_POLICY.firstSendWithinMs;
const REPEAT_DELAYS_MS = TEST_POLICY.repeatDelaysMs;

/** A paid coupon and its prepared verification. */
async function prepare(order: OrderInput = {}) {
  const made = bench.state.createOrder(order);
  const coupon = made.coupons[0]!;
  const key = await bench.prepared({ requestValue: coupon.code });
  return { key, order: made, coupon };
}

function faultAtVerify(orderId: string, fault: Omit<FaultInput, 'orderId' | 'endpoints'>): void {
  bench.state.addFault({ endpoints: ['verify'], orderId, ...fault });
}

const effectsOf = (orderId: string) => bench.state.ledger({ orderId, kind: 'verified' });
const verify = (key: VerificationKey, by: Runner = runner) => by.activities.verifyCoupon(key);
const lookUp = (key: VerificationKey) => runner.activities.lookUpVerification(key);

/** Leaves one send of which nobody knows what became. */
async function sendInVain(
  key: VerificationKey,
  orderId: string,
  kind: FaultInput['kind'] = 'cut-before-effect',
) {
  faultAtVerify(orderId, { kind });
  expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'repeat' });
}

type Expected = Partial<
  Pick<Verification, 'verifyStatus' | 'step' | 'errorCode' | 'lastOutcome' | 'openSendCount'>
>;

/** Redeemed, said in a way that is not understood: the reads tell at once. */
const LOOKED_UP: Expected = { step: 'settled', verifyStatus: 'success' };

describe('verifyCoupon', () => {
  describe('a first attempt', () => {
    const FAULTS: readonly [string, Omit<FaultInput, 'orderId' | 'endpoints'>, Expected][] = [
      ['redeems', { kind: 'latency-after-effect', delayMs: 1 }, { verifyStatus: 'success', errorCode: 0 }],
      ['redeems by codes that are text', { kind: 'codes-as-text' }, { verifyStatus: 'success', errorCode: 0 }],
      ['redeems by a missing code beside complete results', { kind: 'extra-code-absent' }, { verifyStatus: 'success' }],
      ['is looked up at once by an answer without results', { kind: 'results-absent-after-effect' }, LOOKED_UP],
      ['is looked up at once by an answer with fewer results than codes', { kind: 'results-fewer-after-effect' }, LOOKED_UP],
      ['is looked up at once by an answer for another order', { kind: 'answer-for-another-order' }, LOOKED_UP],
      ['is looked up at once by an answer for another certificate', { kind: 'answer-for-another-certificate' }, LOOKED_UP],
      ['is unknown by a cut connection', { kind: 'cut-after-effect' }, { step: 'sent', openSendCount: 1 }],
      ['is unknown by an answer cut in the middle', { kind: 'cut-mid-answer' }, { step: 'sent' }],
      ['is unknown by silence', { kind: 'hang-after-effect' }, { step: 'sent' }],
      ['is unknown by a 5xx', { kind: 'http-5xx-after-effect' }, { step: 'sent' }],
      ['is unknown by a 429', { kind: 'http-429-before-effect' }, { step: 'sent' }],
      ['is unknown by what is no JSON', { kind: 'not-json-after-effect' }, { step: 'sent' }],
      ['is unknown by a busy Douyin', { kind: 'error-code-after-effect', code: 2119002 }, { step: 'sent', errorCode: 2119002 }],
      ['is unknown by a code nobody knows', { kind: 'error-code-after-effect', code: 2999999 }, { step: 'sent', errorCode: 2999999 }],
      ['is unknown in risk review', { kind: 'risk-review-passes', durationMs: 60_000 }, { step: 'sent', lastOutcome: 'in_review' }],
      ['fails by a refused item beside success codes', { kind: 'items-refused', code: 1265 }, { verifyStatus: 'failed', step: 'settled', errorCode: 1265 }],
      ['is not attempted by a refused gateway', { kind: 'ip-not-listed' }, { step: 'not_attempted', errorCode: 2100007, openSendCount: 0 }],
      ['is not attempted by a used-up quota', { kind: 'quota-used-up' }, { step: 'not_attempted', openSendCount: 0 }],
    ]; // prettier-ignore

    it.each(FAULTS)('%s', async (_what, fault, expected) => {
      const { key, order } = await prepare();
      faultAtVerify(order.orderId, fault);
      await verify(key);
      expect(await bench.row(key)).toMatchObject({ sendCount: 1, ...expected });
    });

    it.each([1208, 2] as const)(
      'fails by result %s: the coupon was redeemed before, not by this',
      async (result) => {
        bench.state.changeSettings({ alreadyVerifiedResult: result });
        const { key, coupon } = await prepare();
        bench.state.useCouponAtTill(coupon.certificateId, { poiId: STORE });
        expect(await verify(key)).toMatchObject({
          state: 'closed',
          verifyStatus: 'failed',
          errorCode: result,
        });
        expect(await bench.row(key)).toMatchObject({ step: 'settled', relatedVerificationId: null });
      },
    );

    it('that is refused as used names our own verification that used it', async () => {
      const { key, coupon } = await prepare();
      const earlier = await bench.preparedByCaller(coupon.code);
      expect(await verify(earlier)).toMatchObject({ verifyStatus: 'success' });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'failed' });
      expect(await bench.row(key)).toMatchObject({ relatedVerificationId: earlier.verificationId });
    });

    it('sends exactly what was prepared', async () => {
      const { key, order, coupon } = await prepare();
      await verify(key);
      const row = await bench.row(key);
      const [call] = bench.state.calls({ endpoint: 'verify', orderId: order.orderId });
      expect(call?.facts).toMatchObject({
        verifyToken: row.douyinVerifyToken,
        poiId: STORE,
        encryptedCodes: [coupon.encryptedCode],
      });
    });

    it('refreshes a token that ended midway, and redeems once', async () => {
      const { key, order } = await prepare();
      bench.state.expireTokens();
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect(await bench.row(key)).toMatchObject({ sendCount: 1 });
    });

    it('after a refused access token still is one: 1208 is a failure', async () => {
      const { key, coupon } = await prepare();
      bench.state.useCouponAtTill(coupon.certificateId, { poiId: STORE });
      bench.state.expireTokens();
      expect(await verify(key)).toMatchObject({ verifyStatus: 'failed' });
    });

    it('is not attempted without an access token', async () => {
      const { key, order } = await prepare();
      bench.state.revokeTokens();
      bench.state.addFault({ kind: 'cut-before-effect', endpoints: ['client_token'], count: 'always' });
      const fresh = bench.startRunner();
      expect(await verify(key, fresh)).toMatchObject({ reason: 'douyin.unavailable' });
      expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', openSendCount: 0 });
      expect(effectsOf(order.orderId)).toHaveLength(0);
    });

    it('is not made later than its deadline', async () => {
      const { key, order } = await prepare();
      bench.clock.advance(FIRST_SEND_MS + 1);
      expect(await verify(key)).toMatchObject({ state: 'closed', reason: 'gateway.too_late' });
      expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', sendCount: 0 });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(0);
    });

    it('is not made when the process stood still after it was counted', async () => {
      const { key, order } = await prepare();
      runner.interpose('after', 'countSend', () => standStill(60_000));
      expect(await verify(key)).toMatchObject({ state: 'closed', reason: 'douyin.unavailable' });
      expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', sendCount: 1, openSendCount: 0 });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(0);
    });
  });

  describe('a repeat', () => {
    it.each([1208, 2] as const)('by result %s is the success of the earlier attempt', async (result) => {
      bench.state.changeSettings({ alreadyVerifiedResult: result, replayWindowMs: 0 });
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      expect(await verify(key)).toMatchObject({ state: 'closed', verifyStatus: 'success' });
      const [effect] = effectsOf(order.orderId);
      expect(await bench.row(key)).toMatchObject({
        verifyId: effect?.verifyId,
        errorCode: 0,
        errorDescription: '',
      });
      bench.state.changeSettings({ replayWindowMs: 600_000 });
    });

    it('uses the same token and parameters, and never prepares again', async () => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      await verify(key);
      const { douyinVerifyToken } = await bench.row(key);
      expect(bench.state.truth(douyinVerifyToken)).toMatchObject({ sends: 2, parameterSets: 1 });
      expect(bench.state.calls({ endpoint: 'prepare', orderId: order.orderId })).toHaveLength(1);
    });

    it.each<[string, (certificateId: string) => void]>([
      ['in another store', (id) => bench.state.useCouponAtTill(id, { poiId: OTHER_STORE })],
      ['at a till of this store', (id) => bench.state.useCouponAtTill(id, { poiId: STORE })],
    ])('of a coupon that was used %s meanwhile is a failure once every send has arrived', async (_where, use) => {
      const { key, order, coupon } = await prepare();
      await sendInVain(key, order.orderId);
      use(coupon.certificateId);
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up', waitMs: LATE_ARRIVAL_MS });
      bench.clock.advance(LATE_ARRIVAL_MS);
      expect(await lookUp(key)).toMatchObject({ state: 'closed', verifyStatus: 'failed', errorCode: 1208 });
      expect(await bench.row(key)).toMatchObject({ couponStatus: 'USED' });
    }); // prettier-ignore

    it('of a coupon that another verification of ours used is a failure, and names it', async () => {
      const { key, order, coupon } = await prepare();
      const other = await bench.preparedByCaller(coupon.code);
      await sendInVain(key, order.orderId);
      expect(await verify(other)).toMatchObject({ verifyStatus: 'success' });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      bench.clock.advance(LATE_ARRIVAL_MS);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', errorCode: 1208 });
      expect(await bench.row(key)).toMatchObject({ relatedVerificationId: other.verificationId });
    });

    it('waits while another verification of this coupon is unknown too, and then knows whose use it was', async () => {
      const { key, order, coupon } = await prepare();
      const other = await bench.preparedByCaller(coupon.code);
      await sendInVain(key, order.orderId);
      faultAtVerify(order.orderId, { kind: 'cut-after-effect' });
      expect(await verify(other)).toMatchObject({ state: 'unknown' });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await verify(other)).toMatchObject({ verifyStatus: 'success' });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      bench.clock.advance(LATE_ARRIVAL_MS);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed' });
    });

    it('is not made once Douyin has said that the coupon is used: a use taken back since would be redeemed again', async () => {
      bench.state.changeSettings({
        replayAnswer: '1208',
        replayAfterCancel: 'redeem',
        cancelledUses: 'dropped',
      });
      const { key, order, coupon } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      bench.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['get'], count: 'always' });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      bench.state.cancelCouponAtTill(coupon.certificateId);
      bench.state.clearFaults();
      for (let times = 0; times < 3; times += 1) await verify(key);
      expect(await bench.row(key)).toMatchObject({ sendsStoppedBy: 'said_used', sendCount: 2 });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      bench.state.changeSettings({
        replayAnswer: 'same',
        replayAfterCancel: 'same',
        cancelledUses: 'dropped',
      });
    });

    it('that is refused is final only when no earlier send can arrive any more', async () => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId);
      faultAtVerify(order.orderId, { kind: 'items-refused', code: 1265 });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up', waitMs: LATE_ARRIVAL_MS });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', lastOutcome: 'refused' });

      bench.clock.advance(LATE_ARRIVAL_MS - 1);
      expect(await lookUp(key)).toMatchObject({ state: 'unknown', waitMs: 1 });
      expect(await bench.row(key)).toMatchObject({ step: 'sent' });
      bench.clock.advance(1);
      expect(await lookUp(key)).toMatchObject({ state: 'closed', verifyStatus: 'failed', errorCode: 1265 });
    });

    it('that is refused for our own earlier effect is a success', async () => {
      bench.state.changeSettings({ replayWindowMs: 0 });
      const { key, order } = await prepare({ kind: 'times_card', timesCount: 3 });
      await sendInVain(key, order.orderId, 'cut-after-effect');
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      bench.state.changeSettings({ replayWindowMs: 600_000 });
    });

    it.each<[string, Omit<FaultInput, 'orderId' | 'endpoints'>]>([
      ['a refused gateway', { kind: 'permission-missing' }],
      ['a busy Douyin', { kind: 'error-code-before-effect', code: 2100001 }],
      ['a 5xx', { kind: 'http-5xx-before-effect' }],
      ['a cut connection', { kind: 'cut-before-effect' }],
    ])('by %s stays unknown: the first one may have redeemed it', async (_what, fault) => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      faultAtVerify(order.orderId, fault);
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'repeat' });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', openSendCount: 2 });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(await bench.row(key)).toMatchObject({ errorCode: 0, errorDescription: '' });
    });

    it('that did not leave leaves the earlier send unknown', async () => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      runner.interpose('after', 'countSend', () => standStill(10_000));
      expect(await verify(key)).toMatchObject({ state: 'unknown' });
      expect(await bench.row(key)).toMatchObject({
        verifyStatus: 'processing',
        sendCount: 2,
        openSendCount: 2,
      });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
    });

    it('is not made of one in review, which is looked up for two days', async () => {
      const { key, order } = await prepare();
      faultAtVerify(order.orderId, { kind: 'risk-review-passes', durationMs: 47 * 3_600_000 });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await bench.row(key)).toMatchObject({ sendCount: 1 });
      bench.clock.advance(46 * 3_600_000);
      expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
      bench.clock.advance(1.5 * 3_600_000);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
    });

    it('is not made once Douyin may have forgotten the token', async () => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId, 'cut-after-effect');
      bench.clock.advance(20 * 60_000);
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await bench.row(key)).toMatchObject({ sendCount: 1 });
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    });
  });

  describe('a repeated activity', () => {
    it('fails for its engine to repeat it, by the schedule’s delays, then hands over to the look-up', async () => {
      const { key, order } = await prepare();
      faultAtVerify(order.orderId, { kind: 'cut-before-effect', count: 'always' });
      await verify(key);
      for (const nextRetryDelay of REPEAT_DELAYS_MS.slice(1)) {
        await expect(runner.activities.repeatVerification(key)).rejects.toMatchObject({
          type: 'verification.unknown',
          nextRetryDelay,
        });
      }
      expect(await runner.activities.repeatVerification(key)).toMatchObject({
        state: 'unknown',
        next: 'look_up',
      });
      expect(await bench.row(key)).toMatchObject({ sendCount: REPEAT_DELAYS_MS.length + 1 });
    });

    it('has one effect and one verdict, however often it runs', async () => {
      const { key, order } = await prepare();
      const answers = [await verify(key), await verify(key), await verify(key, bench.startRunner())];
      expect(answers.map((answer) => (answer as Closed).verifyStatus)).toEqual([
        'success',
        'success',
        'success',
      ]);
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect((await bench.eventsOf(key)).filter((kind) => kind === 'verified')).toHaveLength(1);
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(1);
    });
  });

  describe('a process that dies', () => {
    class Death extends Error {}
    const die = () => {
      throw new Death();
    };

    it('between the count and the send makes the next send a repeat, which redeems', async () => {
      const { key, order } = await prepare();
      runner.interpose('after', 'countSend', die);
      await expect(verify(key)).rejects.toThrow();
      expect(await bench.row(key)).toMatchObject({ step: 'sent', openSendCount: 1 });
      expect(await verify(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect(await bench.row(key)).toMatchObject({ sendCount: 2 });
    });

    it('after the send and before the verdict is stored loses neither', async () => {
      const { key, order } = await prepare();
      runner.interpose('before', 'settle', die);
      await expect(verify(key)).rejects.toThrow();
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect(await verify(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
    });

    it('before a refusal is stored leaves it to a repeat and a look-up', async () => {
      const { key, coupon } = await prepare();
      bench.state.changeCoupon(coupon.certificateId, { action: 'set_status', status: 'refunded' });
      runner.interpose('before', 'settle', die);
      await expect(verify(key)).rejects.toThrow();
      expect(await verify(key, bench.startRunner())).toMatchObject({ state: 'unknown', next: 'look_up' });
      bench.clock.advance(LATE_ARRIVAL_MS);
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'failed', errorCode: 1265 });
    });

    it('right after the verdict was stored changes nothing', async () => {
      const { key, order } = await prepare();
      runner.interpose('after', 'settle', die);
      await expect(verify(key)).rejects.toThrow();
      expect(await verify(key, bench.startRunner())).toMatchObject({ verifyStatus: 'success' });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(1);
    });
  });

  describe('a database that breaks off', () => {
    it.each(['before', 'after'] as const)(
      '%s it stored the verdict is asked until it has it',
      async (when) => {
        const { key, order } = await prepare();
        for (let times = 1; times <= 3; times += 1) {
          if (when === 'before' || times === 1)
            runner.interpose(when, 'settle', () => databaseAway(when === 'after'));
        }
        expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
        expect(effectsOf(order.orderId)).toHaveLength(1);
        expect((await bench.eventsOf(key)).filter((kind) => kind === 'verified')).toHaveLength(1);
      },
    );

    it('after it took back a send does not take back another one', async () => {
      const { key, order } = await prepare();
      const other = bench.startRunner();
      runner.interpose('after', 'countSend', () => standStill(10_000));
      runner.interpose('after', 'uncountSend', async () => {
        faultAtVerify(order.orderId, { kind: 'cut-after-effect' });
        await verify(key, other);
        databaseAway(true);
      });
      expect(await verify(key)).toMatchObject({ state: 'unknown' });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', openSendCount: 1 });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
    });

    it('before it counted sends nothing', async () => {
      const { key, order } = await prepare();
      runner.interpose('before', 'countSend', () => databaseAway(false));
      await expect(verify(key)).rejects.toMatchObject({
        type: 'gateway.database_unavailable',
        nonRetryable: false,
      });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(0);
    });

    it('after it counted makes the next send a repeat', async () => {
      const { key } = await prepare();
      runner.interpose('after', 'countSend', () => databaseAway(true));
      await expect(verify(key)).rejects.toMatchObject({ type: 'gateway.database_unavailable' });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(await bench.row(key)).toMatchObject({ openSendCount: 2 });
    });
  });

  describe('two runners of one verification', () => {
    it('redeem once, whoever stores first', async () => {
      const { key, order } = await prepare();
      const other = bench.startRunner();
      runner.interpose('before', 'settle', () => verify(key, other));
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect(bench.state.truth((await bench.row(key)).douyinVerifyToken)).toMatchObject({
        sends: 2,
        parameterSets: 1,
      });
    });

    it('do not end as failed when the first one is refused for what the second one did', async () => {
      bench.state.changeSettings({ replayWindowMs: 0 });
      const { key, order } = await prepare();
      const other = bench.startRunner();
      // The second one counts, redeems and dies with the answer, all between the first one's count and send.
      other.interpose('before', 'settle', () => {
        throw new Error('died');
      });
      runner.interpose('after', 'countSend', () => verify(key, other).catch(() => undefined));
      expect(await verify(key)).toMatchObject({ state: 'closed', verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      bench.state.changeSettings({ replayWindowMs: 600_000 });
    });

    it('do not end as failed when one is refused while the other’s send is under way', async () => {
      const { key, order } = await prepare();
      const other = bench.startRunner();
      faultAtVerify(order.orderId, { kind: 'items-refused', code: 1250 });
      // Counted by the second one after the first one's answer and before its verdict.
      other.interpose('after', 'countSend', () => {
        throw new Error('stands still');
      });
      runner.interpose('before', 'settle', () => verify(key, other).catch(() => undefined));
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', openSendCount: 2 });
    });

    it('keep a review that one was told of, whatever the other’s late answer says', async () => {
      const { key, order } = await prepare();
      const other = bench.startRunner();
      faultAtVerify(order.orderId, { kind: 'cut-before-effect' });
      runner.interpose('before', 'noteUnknown', async () => {
        faultAtVerify(order.orderId, { kind: 'risk-review-passes', durationMs: 3_600_000 });
        await verify(key, other);
      });
      await verify(key);
      expect(await bench.row(key)).toMatchObject({ lastOutcome: 'in_review', openSendCount: 2 });
      expect(await verify(key)).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(await bench.row(key)).toMatchObject({ openSendCount: 2 });
    });

    it('are not closed as not attempted when one did not send and the other did', async () => {
      const { key, order } = await prepare();
      const other = bench.startRunner();
      faultAtVerify(order.orderId, { kind: 'cut-after-effect' });
      runner.interpose('after', 'countSend', async () => {
        await verify(key, other);
        standStill(10_000);
      });
      expect(await verify(key)).toMatchObject({ state: 'unknown' });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing' });
      expect(await verify(key)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
    });

    /** A runner that stands still between its look at the row and its count, until it is told to go on. */
    function standingStill() {
      const other = bench.startRunner();
      const token = Promise.withResolvers<AccessToken>();
      const asked = Promise.withResolvers<void>();
      const current = () => {
        asked.resolve();
        return token.promise;
      };
      Object.assign(other.deps, { accessTokens: { current } });
      return {
        other,
        asked: asked.promise,
        goOn: () => token.resolve({ token: '', expiresAt: bench.clock.now(), generation: 1 }),
      };
    }

    it('do not end as failed when one finds the coupon unused and the other sends before that is stored', async () => {
      const { key, order } = await prepare();
      await sendInVain(key, order.orderId);
      const { other, asked, goOn } = standingStill();
      const sending = verify(key, other);
      await asked;
      faultAtVerify(order.orderId, { kind: 'items-refused', code: 1250 });
      await verify(key);
      bench.clock.advance(LATE_ARRIVAL_MS);
      faultAtVerify(order.orderId, { kind: 'cut-after-effect' });
      runner.interpose('before', 'settle', () => {
        goOn();
        return sending;
      });
      expect(await lookUp(key)).toMatchObject({ state: 'unknown' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', sendCount: 3 });
      expect(await lookUp(key)).toMatchObject({ verifyStatus: 'success' });
    });

    it('do not repeat what Douyin may have forgotten, however long one stood still before its count', async () => {
      const { key, order } = await prepare({ kind: 'times_card', timesCount: 5 });
      await sendInVain(key, order.orderId, 'cut-after-effect');
      const { other, asked, goOn } = standingStill();
      const sending = verify(key, other);
      await asked;
      bench.clock.advance(REPEAT_WINDOW_MS + 1);
      goOn();
      expect(await sending).toMatchObject({ state: 'unknown', next: 'look_up' });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(1);
    });
  });

  describe('rounds', () => {
    async function secondRound(key: VerificationKey): Promise<VerificationKey> {
      const roundKey = randomUUID();
      const reopened = await runner.deps.db.run(async ({ verifications }) =>
        verifications.reopen(await bench.row(key), {
          mode: 'code',
          requestId: 'again',
          roundKey,
          waitedMs: 0,
        }),
      );
      expect(reopened).toMatchObject({ round: 2, step: 'accepted', sendCount: 0, firstSentAt: null });
      return { verificationId: key.verificationId, round: 2, roundKey };
    }

    it('a late step of an earlier round changes nothing in the next one', async () => {
      const { key, order } = await prepare();
      const late = bench.startRunner();
      faultAtVerify(order.orderId, { kind: 'ip-not-listed' });
      await verify(key);
      const second = await secondRound(key);
      for (const step of ['prepareCoupon', 'verifyCoupon', 'lookUpVerification'] as const) {
        expect(await late.activities[step](key)).toMatchObject({ state: 'closed' });
      }
      expect(await bench.row(key)).toMatchObject({ round: 2, step: 'accepted', sendCount: 0 });
      expect(await runner.activities.prepareCoupon(second)).toMatchObject({ state: 'open' });
      expect(await verify(second)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toHaveLength(1);
    }); // prettier-ignore

    it('a prepare that answers after its round was closed is not stored', async () => {
      const { coupon } = await prepare();
      const key = await bench.accept({ requestValue: coupon.code });
      runner.interpose('before', 'storePrepared', async () => {
        await runner.deps.db.run(async ({ verifications }) =>
          verifications.endNotAttempted(await bench.row(key), {
            reason: 'gateway.engine_unavailable',
            douyin: null,
            relatedVerificationId: null,
          }),
        );
      });
      expect(await runner.activities.prepareCoupon(key)).toMatchObject({ state: 'closed' });
      expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', douyinVerifyToken: '' });
    });

    it('a use from before the second round’s first send is neither taken for its own nor held against it', async () => {
      const { key, order, coupon } = await prepare();
      faultAtVerify(order.orderId, { kind: 'ip-not-listed' });
      await verify(key);
      bench.clock.advance(60_000);
      bench.state.changeSettings({ otherPrepares: 'live' });
      const outside = await bench.preparedByCaller(coupon.code);
      const second = await secondRound(key);
      await runner.activities.prepareCoupon(second);
      // Redeemed by a token that our records do not know: another system of the merchant's.
      await verify(outside);
      await bench.query(`delete from verification_events where verification_id = ${outside.verificationId}`);
      await bench.query(`delete from verifications where id = ${outside.verificationId}`);
      bench.clock.advance(5000);
      await sendInVain(second, order.orderId);
      expect(await verify(second)).toMatchObject({ state: 'unknown' });
      expect(await bench.row(second)).toMatchObject({
        verifyStatus: 'processing',
        lastNote: { code: 'look_up_whose_use' },
      });
      bench.state.changeSettings({ otherPrepares: 'die' });
    });
  });

  describe('a Douyin token that two apps were handed', () => {
    async function shared(kind: OrderInput['kind']) {
      const order = bench.state.createOrder({ kind, timesCount: 3 });
      const first = await bench.preparedByCaller(order.coupons[0]!.code);
      const { mode, requestValue, verifyToken } = await bench.row(first);
      const second = await bench.accept({ mode, requestValue, verifyToken, appId: bench.otherApp.id });
      return { order, keys: [first, second] as const };
    }

    describe.each(['groupon', 'times_card'] as const)('for a %s', (kind) => {
      it.each([
        ['named', []],
        ['not named to the first', [1]],
        ['not named to the second', [2]],
        ['named to neither', [1, 2]],
      ])('pays one bill when the redemption is %s', async (_how, unnamed) => {
        const { order, keys } = await shared(kind);
        for (const nth of unnamed) faultAtVerify(order.orderId, { kind: 'ids-empty', nth });
        expect(await verify(keys[0])).toMatchObject({ verifyStatus: 'success' });
        await verify(keys[1]);
        // A card's uses that are all another's prove nothing before the whole wait is over.
        bench.clock.advance(kind === 'groupon' ? LATE_ARRIVAL_MS : TEST_POLICY.unusedIsFinalAfterMs);
        expect(await lookUp(keys[1])).toMatchObject({ verifyStatus: 'failed' });
        expect(effectsOf(order.orderId)).toHaveLength(1);
      });
    });
  });

  it('never lets two tills with two tokens both pay by one coupon', async () => {
    const { order, coupon } = await prepare();
    const keys = await Promise.all(Array.from({ length: 6 }, () => bench.preparedByCaller(coupon.code)));
    const verdicts = await Promise.all(keys.map((key) => verify(key, bench.startRunner())));
    expect(verdicts.filter((verdict) => (verdict as Closed).verifyStatus === 'success')).toHaveLength(1);
    expect(effectsOf(order.orderId)).toHaveLength(1);
  });

  it('says which use of its times card each verification was', async () => {
    const { key, coupon } = await prepare({ kind: 'times_card', timesCount: 3 });
    await verify(key);
    const second = await bench.prepared({ requestValue: coupon.code });
    await verify(second);
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'success', verifyRecordsCount: 1 });
    expect(await bench.row(second)).toMatchObject({ verifyStatus: 'success', verifyRecordsCount: 2 });
  });

  it('gives each of several verifications its own use of a times card', async () => {
    const { order, coupon } = await prepare({ kind: 'times_card', timesCount: 3 });
    const keys = await Promise.all(Array.from({ length: 4 }, () => bench.preparedByCaller(coupon.code)));
    faultAtVerify(order.orderId, { kind: 'cut-after-effect', count: 2 });
    for (const key of keys) await verify(key);
    for (const key of keys) await verify(key);
    const rows = await Promise.all(keys.map((key) => bench.row(key)));
    const verifyIds = rows.filter((row) => row.verifyStatus === 'success').map((row) => row.verifyId);
    expect(new Set(verifyIds)).toEqual(new Set(effectsOf(order.orderId).map((effect) => effect.verifyId)));
    expect(verifyIds).toHaveLength(3);
    expect(rows.filter((row) => row.verifyStatus === 'failed')).toHaveLength(1);
  });
});
