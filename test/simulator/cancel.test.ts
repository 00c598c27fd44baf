// certificate/cancel: within the hour, once, and never what is settled.
import { describe, expect, it } from '@jest/globals';
import type { OrderInput } from '../../src/simulator/simulator.ts';
import { codesOf, refusedWith, resultsOf, standingClock, start, verifyBody } from './support.ts';

const MINUTE_MS = 60_000;

async function verified(input: OrderInput = {}) {
  const clock = standingClock();
  const { simulator, douyin } = await start({ clock: clock.now });
  const order = simulator.state.createOrder(input);
  await douyin.verify(verifyBody(order, await douyin.prepared(order)));
  const line = simulator.state.ledger()[0];
  const body = { verify_id: line?.verifyId, certificate_id: line?.certificateId };
  return { clock, simulator, douyin, order, body };
}

describe('POST /goodlife/v1/fulfilment/certificate/cancel/', () => {
  it('takes a verification back, and the coupon can be used with a new QR code', async () => {
    const { simulator, douyin, order, body } = await verified();
    const reply = await douyin.cancel(body);
    expect(reply.json).toMatchObject({
      data: {
        error_code: 0,
        cancel_results: [{ order_id: order.orderId, verify_id: body.verify_id, result_code: 0 }],
      },
    });
    expect(simulator.state.ledger().map((line) => line.kind)).toEqual(['verified', 'cancelled']);
    const refreshed = simulator.state.refreshQr(order.orderId);
    const again = await douyin.verify(verifyBody(order, await douyin.prepared(refreshed)));
    expect(resultsOf(again)).toEqual([0]);
    const verifyIds = simulator.state.ledger({ kind: 'verified' }).map((line) => line.verifyId);
    expect(new Set(verifyIds).size).toBe(2);
  });

  it('is refused after an hour with 3000001 and its sub code', async () => {
    const { clock, douyin, body, simulator } = await verified();
    clock.advance(60 * MINUTE_MS);
    const reply = await douyin.cancel(body);
    expect(codesOf(reply)).toEqual(refusedWith(3000001, 2034000910));
    expect(reply.text).toContain('已超过可撤销时限');
    expect(simulator.state.counters()).toMatchObject({ verified: 1, cancelled: 0 });
  });

  it('is refused once the verification is settled', async () => {
    const { douyin, body, simulator } = await verified();
    simulator.state.changeCoupon(body.certificate_id ?? '', { action: 'settle' });
    expect(codesOf(await douyin.cancel(body))).toEqual(refusedWith(3000001, 2034000910));
  });

  it('is refused a second time, except with the same cancel_token within the hour', async () => {
    const { clock, douyin, body, simulator } = await verified();
    const withToken = { ...body, cancel_token: 'c-1' };
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 0 }] },
    });
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 0 }] },
    });
    expect((await douyin.cancel(body)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 1265 }] },
    });
    clock.advance(60 * MINUTE_MS);
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 1265 }] },
    });
    expect(simulator.state.counters().cancelled).toBe(1);
  });

  it('gives one use of a times card back', async () => {
    const { simulator, douyin, order, body } = await verified({ kind: 'times_card', timesCount: 1 });
    expect(simulator.state.getOrder(order.orderId).coupons[0]?.status).toBe('used');
    await douyin.cancel(body);
    expect(simulator.state.getOrder(order.orderId).coupons[0]).toMatchObject({
      status: 'unused',
      timesUsed: 0,
    });
  });

  it('refuses ids that do not belong together and ids that are no texts', async () => {
    const { douyin, body, simulator } = await verified();
    const other = simulator.state.createOrder().coupons[0]?.certificateId;
    expect(codesOf(await douyin.cancel({ ...body, certificate_id: other }))).toEqual(refusedWith(1033000519));
    expect(codesOf(await douyin.cancel({ ...body, verify_id: '1' }))).toEqual(refusedWith(1033000519));
    expect(codesOf(await douyin.cancel({ ...body, verify_id: 1 }))).toEqual(refusedWith(2100005));
  });
});
