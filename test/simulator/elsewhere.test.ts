// What happens to a coupon outside of the API's calls, in Douyin's own app for merchants or by another app, and the ledger
// that tells who did what.
import { describe, expect, it } from '@jest/globals';
import {
  codesOf,
  OTHER_STORE,
  refusedWith,
  resultsOf,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

async function one(input = {}) {
  const clock = standingClock();
  const { simulator, douyin } = await start({ clock: clock.now });
  const order = simulator.state.createOrder(input);
  const coupon = order.coupons[0];
  if (coupon === undefined) throw new Error('an order without a coupon');
  const change = (body: object) =>
    douyin.send(`/_simulator/coupons/${coupon.certificateId}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return { clock, state: simulator.state, douyin, order, coupon, change };
}

describe('a use elsewhere', () => {
  it.each([
    ['scan', 'till', 2],
    ['typed', 'till_typed', 3],
    ['other_app', 'other_app', 4],
  ] as const)('by %s shows its verify_type and its store', async (channel, verifiedBy, verifyType) => {
    const { state, douyin, coupon, change } = await one();
    const reply = await change({ action: 'use_at_till', poi_id: OTHER_STORE, channel });
    expect(reply.status).toBe(200);
    expect((await douyin.getCertificate(coupon.encryptedCode)).json).toMatchObject({
      data: { certificate: { status: 2, verify: { verify_type: verifyType, poi_id: BigInt(OTHER_STORE) } } },
    });
    expect(state.uses()).toMatchObject([
      { verifiedBy, verifyToken: null, callId: null, callSequence: null, poiId: OTHER_STORE },
    ]);
  });

  it('before the verify that was prepared makes it 1208', async () => {
    const { state, douyin, order, coupon } = await one();
    const token = await douyin.prepared(order);
    state.useCouponAtTill(coupon.certificateId, { poiId: STORE, channel: 'other_app' });
    expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([1208]);
  });
});

describe('a cancel elsewhere', () => {
  it('takes back what the API verified, however late, and frees the coupon', async () => {
    const { clock, state, douyin, order, coupon, change } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    clock.advance(100 * 60_000);
    expect((await change({ action: 'cancel_at_till' })).json).toMatchObject({ status: 'unused' });
    expect(state.uses()).toMatchObject([
      {
        verifiedBy: 'api',
        cancelledBy: 'till',
        cancelToken: null,
        cancelCallId: null,
        cancelledAtMs: clock.now(),
      },
    ]);
    expect(state.ledger().map((line) => line.kind)).toEqual(['verified', 'cancelled']);
    expect(state.getCoupon(coupon.certificateId).isUsableNow).toBe(true);
    expect((await change({ action: 'cancel_at_till' })).status).toBe(400);
  });

  it('takes a named use of a times card back', async () => {
    const { state, coupon, change } = await one({ kind: 'times_card', timesCount: 3 });
    for (const poiId of [STORE, OTHER_STORE]) state.useCouponAtTill(coupon.certificateId, { poiId });
    const [first] = state.uses();
    await change({ action: 'cancel_at_till', verify_id: first?.verifyId });
    expect(state.uses().map((use) => use.cancelledBy)).toEqual(['till', null]);
  });
});

describe('a refund', () => {
  it.each([
    ['refund_applied', 3],
    ['refunding', 6],
    ['refunded', 4],
    ['refund_failed', 5],
  ] as const)(
    'that is %s shows on a coupon that was verified, and can be withdrawn',
    async (status, shown) => {
      const { state, douyin, order, coupon, change } = await one();
      await douyin.verify(verifyBody(order, await douyin.prepared(order)));
      await change({ action: 'set_status', status });
      const get = () => douyin.getCertificate(coupon.encryptedCode);
      expect((await get()).json).toMatchObject({ data: { certificate: { status: shown } } });
      const [use] = state.uses();
      const cancel = () => douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId });
      expect(codesOf(await cancel())).toEqual(refusedWith(3000001, 2034000910));
      await change({ action: 'withdraw_refund' });
      expect((await get()).json).toMatchObject({ data: { certificate: { status: 2 } } });
      expect(codesOf(await cancel())).toEqual(refusedWith(0));
    },
  );

  it('before the verify refuses it, and withdrawn lets it through', async () => {
    const { state, douyin, order, coupon } = await one();
    const token = await douyin.prepared(order);
    state.changeCoupon(coupon.certificateId, { action: 'set_status', status: 'refund_applied' });
    expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([1265]);
    state.changeCoupon(coupon.certificateId, { action: 'withdraw_refund' });
    expect(resultsOf(await douyin.verify(verifyBody(order, token)))).toEqual([0]);
  });

  it('of a verified coupon survives a cancel elsewhere', async () => {
    const { state, douyin, order, coupon } = await one();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    state.changeCoupon(coupon.certificateId, { action: 'set_status', status: 'refunded' });
    expect(state.cancelCouponAtTill(coupon.certificateId).status).toBe('refunded');
  });
});

describe('GET /uses', () => {
  it('tells per use who redeemed it when, and who took it back', async () => {
    const { clock, state, douyin, order, coupon } = await one();
    const verifyToken = await douyin.prepared(order);
    await douyin.verify(verifyBody(order, verifyToken));
    const verifiedAtMs = clock.now();
    clock.advance(5000);
    const [use] = state.uses();
    await douyin.cancel({
      verify_id: use?.verifyId,
      certificate_id: use?.certificateId,
      cancel_token: 'c-1',
    });
    const [verifyCall] = state.calls({ endpoint: 'verify' });
    const [cancelCall] = state.calls({ endpoint: 'cancel' });
    const reply = await douyin.send(`/_simulator/uses?order_id=${order.orderId}&verify_token=${verifyToken}`);
    expect(reply.json).toEqual({
      uses: [
        {
          sequence: 1,
          verify_id: use?.verifyId,
          certificate_id: coupon.certificateId,
          order_id: order.orderId,
          encrypted_code: coupon.encryptedCode,
          poi_id: STORE,
          serial_number: null,
          verified_by: 'api',
          verify_token: verifyToken,
          call_id: verifyCall?.callId,
          call_sequence: verifyCall?.sequence,
          at_ms: verifiedAtMs,
          true_at_ms: verifiedAtMs,
          cancelled_at_ms: clock.now(),
          cancelled_true_at_ms: clock.now(),
          cancelled_by: 'api',
          cancel_token: 'c-1',
          cancel_call_id: cancelCall?.callId,
        },
      ],
    });
    expect(cancelCall?.facts).toEqual({
      orderId: order.orderId,
      certificateIds: [coupon.certificateId],
      verifyIds: [use?.verifyId],
      cancelToken: 'c-1',
    });
    expect(state.uses({ after: 1 })).toEqual([]);
    expect(state.uses({ certificateId: 'another' })).toEqual([]);
  });
});

describe('kinds that deduct an amount', () => {
  it('show a stored-value card by benefit_card_info', async () => {
    const { state, douyin, order } = await one({ kind: 'stored_value_card' });
    const prepare = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(prepare.json).toMatchObject({
      data: { certificates: [{ sku: { groupon_type: 4 }, benefit_card_info: { balance_amount: 9900 } }] },
    });
    const reply = await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    expect(reply.json).toMatchObject({
      data: { verify_results: [{ result: 0, verify_amount_info: { benefit_amount: 9900 } }] },
    });
    expect(state.uses()).toHaveLength(1);
  });

  it('verify a dynamic voucher with its deduction only', async () => {
    const { state, douyin, order } = await one({ kind: 'dynamic_voucher' });
    const prepare = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(prepare.json).toMatchObject({
      data: {
        certificates: [
          {
            sku: { groupon_type: 2, voucher_type: 2 },
            dynamic_coupon_info: { max_deduction_amount: 9900 },
          },
        ],
      },
    });
    const body = verifyBody(order, await douyin.prepared(order));
    expect(codesOf(await douyin.verify(body))).toEqual(refusedWith(2100005));
    expect(state.uses()).toEqual([]);
    const verify_extra = { dynamic_coupon_info: { actual_deduction_amount: 500 } };
    expect(resultsOf(await douyin.verify({ ...body, verify_extra }))).toEqual([0]);
  });
});
