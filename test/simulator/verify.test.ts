// certificate/verify: strict requests, one effect per verification, and every way a coupon is refused.
import { describe, expect, it } from '@jest/globals';
import {
  Caller,
  codesOf,
  OTHER_STORE,
  refusedWith,
  type Reply,
  resultsOf,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

const HOUR_MS = 3_600_000;
const verifyIdOf = (reply: Reply) =>
  (reply.json as { data: { verify_results: { verify_id: string }[] } }).data.verify_results[0]?.verify_id;

describe('POST /goodlife/v1/fulfilment/certificate/verify/', () => {
  describe('success', () => {
    it('answers ids as text and writes one line to the ledger', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      const reply = await douyin.verify(verifyBody(order, token));
      const coupon = order.coupons[0];
      const [line] = simulator.state.ledger();
      expect((reply.json as { data: unknown }).data).toEqual({
        error_code: 0,
        description: 'success',
        verify_results: [
          {
            result: 0,
            msg: '验券成功',
            code: coupon?.encryptedCode,
            verify_id: line?.verifyId,
            certificate_id: coupon?.certificateId,
            order_id: order.orderId,
            origin_code: coupon?.code,
            account_id: '7126518000000000001',
          },
        ],
      });
      expect(simulator.state.ledger()).toEqual([
        {
          sequence: 1,
          kind: 'verified',
          atMs: expect.any(Number),
          trueAtMs: expect.any(Number),
          callId: simulator.state.calls({ endpoint: 'verify' })[0]?.callId,
          verifyId: expect.stringMatching(/^\d{19}$/),
          certificateId: coupon?.certificateId,
          encryptedCode: coupon?.encryptedCode,
          orderId: order.orderId,
          poiId: STORE,
          verifyToken: token,
          verifiedBy: 'api',
          serialNumber: null,
        },
      ]);
    });

    it('verifies several coupons of the order at once', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ coupons: 3 });
      const reply = await douyin.verify(verifyBody(order, await douyin.prepared(order), 3));
      expect(resultsOf(reply)).toEqual([0, 0, 0]);
      expect(simulator.state.ledger()).toHaveLength(3);
    });

    it.each([
      ['ends', 'die', 45005117],
      ['does not end', 'live', 0],
    ] as const)(
      '%s an earlier prepare of the same QR code, by setting',
      async (_what, otherPrepares, expected) => {
        const { simulator, douyin } = await start({ settings: { otherPrepares } });
        const order = simulator.state.createOrder({ coupons: 2 });
        const [first, second] = [await douyin.prepared(order), await douyin.prepared(order)];
        await douyin.verify(verifyBody(order, first));
        const other = {
          ...verifyBody(order, second),
          encrypted_codes: [order.coupons[1]?.encryptedCode],
        };
        expect(resultsOf(await douyin.verify(other))).toEqual([expected]);
        const renewed = await douyin.prepared(simulator.state.refreshQr(order.orderId));
        expect(resultsOf(await douyin.verify({ ...other, verify_token: renewed }))).toEqual([
          expected === 0 ? 1208 : 0,
        ]);
      },
    );
  });

  describe('the same token again', () => {
    it('answers the first result, without a second effect', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      const first = await douyin.verify(verifyBody(order, token));
      const second = await douyin.verify(verifyBody(order, token));
      expect((second.json as { data: unknown }).data).toEqual((first.json as { data: unknown }).data);
      expect(simulator.state.ledger()).toHaveLength(1);
      expect(simulator.state.truth(token)).toMatchObject({ effect: 'verified', sends: 2, parameterSets: 1 });
    });

    it('does not mind the order of the keys', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const { verify_token, poi_id, encrypted_codes } = verifyBody(order, await douyin.prepared(order));
      await douyin.verify({ verify_token, poi_id, encrypted_codes });
      expect(resultsOf(await douyin.verify({ encrypted_codes, poi_id, verify_token }))).toEqual([0]);
    });

    it('repeats a mixed answer as it was', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ coupons: 2 });
      const token = await douyin.prepared(order);
      simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId: STORE });
      const first = await douyin.verify(verifyBody(order, token, 2));
      expect(resultsOf(first)).toEqual([1208, 0]);
      expect(resultsOf(await douyin.verify(verifyBody(order, token, 2)))).toEqual([1208, 0]);
      expect(simulator.state.ledger({ verifyToken: token })).toHaveLength(1);
    });

    it.each([
      ['another store', { poi_id: OTHER_STORE }],
      ['another field', { verify_extra: {} }],
    ])('with %s is refused with 2100005', async (_what, change) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      await douyin.verify(verifyBody(order, token));
      const reply = await douyin.verify({ ...verifyBody(order, token), ...change });
      expect(codesOf(reply)).toEqual(refusedWith(2100005));
      expect(simulator.state.truth(token)).toMatchObject({ sends: 2, parameterSets: 2 });
    });

    it('with other parameters is refused even if nothing was verified yet', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ poiIds: [STORE] });
      const token = await douyin.prepared(order);
      expect(resultsOf(await douyin.verify(verifyBody(order, token, 1, OTHER_STORE)))).toEqual([3000002]);
      expect(codesOf(await douyin.verify(verifyBody(order, token)))).toEqual(refusedWith(2100005));
      expect(simulator.state.ledger()).toEqual([]);
    });

    it('gets 1208 once the replay window is over', async () => {
      const clock = standingClock();
      const { simulator, douyin } = await start({ clock: clock.now, settings: { replayWindowMs: 1000 } });
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      await douyin.verify(verifyBody(order, token));
      clock.advance(999);
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([0]);
      clock.advance(1);
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([1208]);
      expect(simulator.state.ledger()).toHaveLength(1);
    });

    it('never verifies a second time, not even after a cancellation', async () => {
      const clock = standingClock();
      const { simulator, douyin } = await start({ clock: clock.now, settings: { replayWindowMs: 1000 } });
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      const verified = await douyin.verify(verifyBody(order, token));
      await douyin.cancel({
        verify_id: verifyIdOf(verified),
        certificate_id: order.coupons[0]?.certificateId,
      });
      clock.advance(1000);
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([1250]);
      expect(simulator.state.truth(token)).toMatchObject({ effect: 'cancelled' });
    });
  });

  describe('another token', () => {
    it('gets 1208 for a coupon that was verified', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const [first, second] = [await douyin.prepared(order), await douyin.prepared(order)];
      await douyin.verify(verifyBody(order, first));
      const reply = await douyin.verify(verifyBody(order, second));
      expect(reply.json).toMatchObject({
        data: {
          error_code: 0,
          verify_results: [{ result: 1208, msg: '该券已被核销', code: order.coupons[0]?.encryptedCode }],
        },
        extra: { error_code: 0 },
      });
      expect(simulator.state.truth(second)).toMatchObject({ effect: 'none' });
    });

    it('gets 2 instead when switched so', async () => {
      const { simulator, douyin } = await start({ settings: { alreadyVerifiedResult: 2 } });
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId: OTHER_STORE });
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([2]);
    });

    it('loses the race of two tills: one effect', async () => {
      const { simulator, douyin } = await start({ settings: { latencyMinMs: 1, latencyMaxMs: 20 } });
      const order = simulator.state.createOrder();
      const tokens = await Promise.all(Array.from({ length: 20 }, () => douyin.prepared(order)));
      const replies = await Promise.all(tokens.map((token) => douyin.verify(verifyBody(order, token))));
      const results = replies.flatMap(resultsOf);
      expect(results.filter((result) => result === 0)).toHaveLength(1);
      expect(results.filter((result) => result === 1208)).toHaveLength(19);
      expect(simulator.state.ledger()).toHaveLength(1);
      expect(simulator.state.counters().maxInFlightByEndpoint.verify).toBeGreaterThan(1);
    });

    it('unknown to any prepare, or of another order, is refused', async () => {
      const { simulator, douyin } = await start();
      const [order, other] = simulator.state.createOrders({}, 2);
      if (order === undefined || other === undefined) throw new Error('two orders were asked for');
      const made = verifyBody(order, '4c1f2d0e-8a57-4d0b-9a3e-6f0f5b7c2e11');
      expect(codesOf(await douyin.verify(made))).toEqual(refusedWith(2100005));
      const foreign = verifyBody(order, await douyin.prepared(other));
      expect(codesOf(await douyin.verify(foreign))).toEqual(refusedWith(2100005));
      expect(simulator.state.ledger()).toEqual([]);
    });
  });

  describe('strict requests', () => {
    it.each([
      ['poi_id is a number', { poi_id: 7182937465123456 }, 2100005],
      ['poi_id is missing', { poi_id: undefined }, 2100005],
      ['poi_id is no store of the merchant', { poi_id: '7000000000000000001' }, 2100005],
      ['verify_token is missing', { verify_token: undefined }, 2100005],
      ['verify_token is a number', { verify_token: 7 }, 2100005],
      ['encrypted_codes is a text', { encrypted_codes: 'CgYIASAHKAES' }, 2100004],
      ['encrypted_codes holds numbers', { encrypted_codes: [104686126200131] }, 2100004],
      ['encrypted_codes is empty', { encrypted_codes: [] }, 1502],
      ['encrypted_codes holds an empty text', { encrypted_codes: [''] }, 1502],
      ['there are no codes at all', { encrypted_codes: undefined }, 1502],
      ['codes come in two ways', { codes: ['104686126200131'] }, 2100005],
      ['account_id is a number', { account_id: 7126518 }, 2100005],
      ['account_id is another merchant', { account_id: '7126518000000099999' }, 2119005],
    ])('refuses when %s', async (_what, change, code) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const reply = await douyin.verify({ ...verifyBody(order, await douyin.prepared(order)), ...change });
      expect(reply.status).toBe(200);
      expect(codesOf(reply)).toEqual(refusedWith(code));
      expect(simulator.state.ledger()).toEqual([]);
    });

    it('refuses a body it cannot read with 200002', async () => {
      const { douyin } = await start();
      expect(codesOf(await douyin.verify('{"verify_token":'))).toEqual(refusedWith(200002));
      expect(codesOf(await douyin.verify('[]'))).toEqual(refusedWith(200002));
      const headers = { 'access-token': await douyin.accessToken(), 'content-type': 'text/plain' };
      expect(codesOf(await douyin.verify('{}', { headers }))).toEqual(refusedWith(200002));
    });

    it('does nothing for a token that ended', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      simulator.state.expireTokens();
      expect(codesOf(await douyin.verify(verifyBody(order, token)))).toEqual(refusedWith(2190008));
      expect(simulator.state.truth(token)).toMatchObject({ effect: 'none', sends: 1 });
    });

    it('finds no coupon for a plain code: those never go to verify', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const { verify_token, poi_id } = verifyBody(order, await douyin.prepared(order));
      const code = order.coupons[0]?.code;
      expect(resultsOf(await douyin.verify({ verify_token, poi_id, codes: [code] }))).toEqual([1212]);
      const timed = { verify_token, poi_id, code_with_time_list: [{ code, verify_time: 1773570668 }] };
      expect(resultsOf(await douyin.verify(timed))).toEqual([1212]);
      expect(simulator.state.ledger()).toEqual([]);
    });
  });

  describe('refusals', () => {
    it.each([
      ['refund_applied', 1265],
      ['refunded', 1265],
      ['refunding', 1265],
      ['refund_failed', 1250],
    ] as const)('refuses a coupon that is %s with %d', async (status, result) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      simulator.state.changeCoupon(order.coupons[0]?.certificateId ?? '', { action: 'set_status', status });
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([result]);
      expect(simulator.state.ledger()).toEqual([]);
    });

    it.each([
      ['gifted', 2119006],
      ['unpaid', 2119007],
    ] as const)('refuses an order that became %s with %d', async (status, result) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      simulator.state.changeOrder(order.orderId, { status });
      expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([result]);
    });

    it.each([3000002, 1228] as const)('refuses a wrong store with %d', async (wrongStoreCode) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ poiIds: [STORE], wrongStoreCode });
      const token = await douyin.prepared(order);
      expect(resultsOf(await douyin.verify(verifyBody(order, token, 1, OTHER_STORE)))).toEqual([
        wrongStoreCode,
      ]);
    });

    it('takes another store of the merchant without per-store settlement', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ poiIds: [STORE], perStoreSettlement: false });
      const token = await douyin.prepared(order);
      expect(resultsOf(await douyin.verify(verifyBody(order, token, 1, OTHER_STORE)))).toEqual([0]);
    });

    it('refuses before and after the validity, and a code it cannot decrypt', async () => {
      const clock = standingClock();
      const { simulator, douyin } = await start({ clock: clock.now });
      const order = simulator.state.createOrder({ coupons: 3 });
      const token = await douyin.prepared(order);
      const nowSeconds = clock.now() / 1000;
      const [early, late] = order.coupons;
      simulator.state.changeCoupon(early?.certificateId ?? '', {
        action: 'set_validity',
        startTime: nowSeconds + 1,
      });
      simulator.state.changeCoupon(late?.certificateId ?? '', {
        action: 'set_validity',
        expireTime: nowSeconds,
      });
      const body = verifyBody(order, token, 3);
      const reply = await douyin.verify({
        ...body,
        encrypted_codes: [...body.encrypted_codes, 'CgYunknown=='],
      });
      expect(resultsOf(reply)).toEqual([1250, 1250, 0, 1221]);
    });

    it('verifies a coupon named twice in one call once', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder();
      const body = verifyBody(order, await douyin.prepared(order));
      const reply = await douyin.verify({
        ...body,
        encrypted_codes: [...body.encrypted_codes, ...body.encrypted_codes],
      });
      expect(resultsOf(reply)).toEqual([0, 1208]);
      expect(simulator.state.ledger()).toHaveLength(1);
    });

    it.each(['settings', 'order'] as const)(
      'spells refusals as error codes when the %s say so',
      async (where) => {
        const { simulator, douyin } = await start(
          where === 'settings' ? { settings: { refusalAs: 'error_code' } } : {},
        );
        const order = simulator.state.createOrder({
          coupons: 2,
          ...(where === 'order' ? { refusalAs: 'error_code' } : {}),
        });
        const token = await douyin.prepared(order);
        simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId: OTHER_STORE });
        const reply = await douyin.verify(verifyBody(order, token, 2));
        expect(codesOf(reply)).toEqual(refusedWith(1208));
        expect(reply.text).not.toContain('verify_results');
        expect(simulator.state.ledger({ verifyToken: token })).toEqual([]);
      },
    );
  });

  describe('times cards', () => {
    it('takes as many uses as the code is named, each with its own serial number', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ kind: 'times_card', timesCount: 3 });
      const code = order.coupons[0]?.encryptedCode;
      const body = verifyBody(order, await douyin.prepared(order));
      const reply = await douyin.verify({ ...body, encrypted_codes: [code, code] });
      expect(reply.json).toMatchObject({
        data: {
          verify_results: [
            { result: 0, verify_amount_info: { times_card_serial_amount: { serial_numb: 1 } } },
            { result: 0, verify_amount_info: { times_card_serial_amount: { serial_numb: 2 } } },
          ],
        },
      });
      const lines = simulator.state.ledger();
      expect(lines.map((line) => line.serialNumber)).toEqual([1, 2]);
      expect(new Set(lines.map((line) => line.verifyId)).size).toBe(2);
      expect(simulator.state.getOrder(order.orderId).coupons[0]).toMatchObject({
        status: 'unused',
        timesUsed: 2,
      });
    });

    it('refuses with 1241 and takes nothing when too few uses are left', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ kind: 'times_card', timesCount: 2 });
      const code = order.coupons[0]?.encryptedCode;
      const first = verifyBody(order, await douyin.prepared(order));
      expect(resultsOf(await douyin.verify({ ...first, encrypted_codes: [code, code, code] }))).toEqual([
        1241, 1241, 1241,
      ]);
      const second = verifyBody(order, await douyin.prepared(order));
      expect(resultsOf(await douyin.verify({ ...second, encrypted_codes: [code, code] }))).toEqual([0, 0]);
      expect(simulator.state.getOrder(order.orderId).coupons[0]).toMatchObject({
        status: 'used',
        timesUsed: 2,
      });
    });

    it('replays the uses of a token instead of taking more', async () => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ kind: 'times_card', timesCount: 5 });
      const body = verifyBody(order, await douyin.prepared(order));
      const first = await douyin.verify(body);
      expect(verifyIdOf(await douyin.verify(body))).toBe(verifyIdOf(first));
      expect(simulator.state.getOrder(order.orderId).coupons[0]?.timesUsed).toBe(1);
    });
  });

  describe('risk review', () => {
    it.each([
      ['risk-review-passes', 'verified', 2],
      ['risk-review-fails', 'none', 1],
    ] as const)('answers 1229, then %s', async (kind, effect, status) => {
      const clock = standingClock();
      const { simulator, douyin } = await start({ clock: clock.now });
      const order = simulator.state.createOrder();
      const token = await douyin.prepared(order);
      simulator.state.addFault({ kind, durationMs: HOUR_MS });
      const body = verifyBody(order, token);
      expect(resultsOf(await douyin.verify(body))).toEqual([1229]);
      expect(resultsOf(await douyin.verify(body))).toEqual([1229]);
      expect(simulator.state.truth(token)).toMatchObject({ effect: 'none', isInReview: true });
      clock.advance(HOUR_MS);
      expect(simulator.state.truth(token)).toMatchObject({ effect, isInReview: false });
      const caller = new Caller(simulator.url);
      const reply = await caller.getCertificate(order.coupons[0]?.encryptedCode ?? '');
      expect(reply.json).toMatchObject({ data: { certificate: { status } } });
    });

    it('verifies nothing after passing when the coupon was refunded meanwhile', async () => {
      const clock = standingClock();
      const { simulator, douyin } = await start({ clock: clock.now });
      const order = simulator.state.createOrder();
      const certificateId = order.coupons[0]?.certificateId ?? '';
      const token = await douyin.prepared(order);
      simulator.state.addFault({ kind: 'risk-review-passes', durationMs: HOUR_MS });
      await douyin.verify(verifyBody(order, token));
      expect(() => simulator.state.useCouponAtTill(certificateId, { poiId: STORE })).toThrow('in review');
      simulator.state.changeCoupon(certificateId, { action: 'set_status', status: 'refunded' });
      clock.advance(HOUR_MS);
      expect(simulator.state.truth(token)).toMatchObject({ effect: 'none', isInReview: false });
      expect(simulator.state.getCoupon(certificateId).status).toBe('refunded');
    });
  });
});
