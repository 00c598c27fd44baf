// The same verify token again, under every reading of "idempotent for a short time": what the repeat is answered, for how
// long, and what comes after the window and after a cancel.
import { describe, expect, it } from '@jest/globals';
import type { OrderInput, Settings } from '../../src/simulator/simulator.ts';
import { codesOf, refusedWith, type Reply, resultsOf, standingClock, start, verifyBody } from './support.ts';

const MINUTE_MS = 60_000;
const CARD: OrderInput = { kind: 'times_card', timesCount: 3 };

async function prepared(settings: Partial<Settings>, input: OrderInput = {}) {
  const clock = standingClock();
  const { simulator, douyin } = await start({ clock: clock.now, settings });
  const order = simulator.state.createOrder(input);
  const verifyToken = await douyin.prepared(order);
  const verify = () => douyin.verify(verifyBody(order, verifyToken, order.coupons.length));
  const cancel = async () => {
    const use = simulator.state.uses().find(({ cancelledAtMs }) => cancelledAtMs === null);
    await douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId });
  };
  return { clock, state: simulator.state, douyin, order, verifyToken, verify, cancel };
}

const verifyIdsOf = (reply: Reply) =>
  (reply.json as { data: { verify_results: { verify_id?: string }[] } }).data.verify_results.map(
    (item) => item.verify_id,
  );

describe('a repeat within the window', () => {
  it.each([
    ['same', [0, 0]],
    ['1208', [1208, 1208]],
    ['2', [2, 2]],
  ] as const)('is answered by the setting: %s', async (replayAnswer, expected) => {
    const { verify, state } = await prepared({ replayAnswer }, { coupons: 2 });
    const first = await verify();
    expect(resultsOf(first)).toEqual([0, 0]);
    const again = await verify();
    expect(resultsOf(again)).toEqual(expected);
    if (replayAnswer === 'same') expect(verifyIdsOf(again)).toEqual(verifyIdsOf(first));
    expect(state.uses()).toHaveLength(2);
  });

  it('is 1208 after the call that redeemed was answered an error', async () => {
    const { verify, state } = await prepared({ replayAnswer: 'error_then_1208' });
    expect(codesOf(await verify())).toEqual(refusedWith(2119002));
    expect(state.uses()).toHaveLength(1);
    expect(resultsOf(await verify())).toEqual([1208]);
    expect(resultsOf(await verify())).toEqual([1208]);
    expect(state.uses()).toHaveLength(1);
  });

  it('leaves what was refused as it was', async () => {
    const { verify, state, order } = await prepared({ replayAnswer: '2' }, { coupons: 2 });
    state.changeCoupon(order.coupons[0]?.certificateId ?? '', { action: 'set_status', status: 'refunded' });
    expect(resultsOf(await verify())).toEqual([1265, 0]);
    expect(resultsOf(await verify())).toEqual([1265, 2]);
  });

  it('can have no end', async () => {
    const { verify, state, clock } = await prepared({ replayWindowMs: 'unlimited' }, CARD);
    await verify();
    clock.advance(100 * MINUTE_MS);
    expect(resultsOf(await verify())).toEqual([0]);
    expect(state.uses()).toHaveLength(1);
  });

  it('does not notice that the clock of Douyin jumped', async () => {
    const { verify, state } = await prepared({ replayWindowMs: MINUTE_MS }, CARD);
    await verify();
    state.changeSettings({ clockOffsetMs: 30 * MINUTE_MS, replayAfterWindow: 'redeem' });
    expect(resultsOf(await verify())).toEqual([0]);
    expect(state.uses()).toHaveLength(1);
  });
});

describe('a repeat after the window', () => {
  it.each(['refuse', 'redeem'] as const)('of an ordinary coupon is 1208: %s', async (replayAfterWindow) => {
    const { verify, state } = await prepared({ replayAfterWindow, replayWindowMs: 0 });
    await verify();
    expect(resultsOf(await verify())).toEqual([1208]);
    expect(state.uses()).toHaveLength(1);
  });

  it.each([
    ['refuse', 1250, 1],
    ['redeem', 0, 2],
  ] as const)('of a times card may use one more use: %s', async (replayAfterWindow, result, uses) => {
    const { verify, state, clock, verifyToken } = await prepared({ replayAfterWindow }, CARD);
    await verify();
    clock.advance(10 * MINUTE_MS);
    expect(resultsOf(await verify())).toEqual([result]);
    expect(state.uses({ verifyToken })).toHaveLength(uses);
    expect(state.truth(verifyToken)?.effects).toHaveLength(uses);
  });
});

describe('a repeat after a cancel', () => {
  it.each([
    ['same', 0, 1, 'cancelled'],
    ['refuse', 1250, 1, 'cancelled'],
    ['redeem', 0, 2, 'verified'],
  ] as const)('within the window: %s', async (replayAfterCancel, result, uses, effect) => {
    const { verify, state, cancel, verifyToken } = await prepared({ replayAfterCancel });
    await verify();
    await cancel();
    expect(resultsOf(await verify())).toEqual([result]);
    expect(state.uses()).toHaveLength(uses);
    expect(state.truth(verifyToken)?.effect).toBe(effect);
  });

  it.each([
    ['same', 1250],
    ['refuse', 1250],
    ['redeem', 0],
  ] as const)('after the window: %s', async (replayAfterCancel, result) => {
    const { verify, cancel } = await prepared({ replayAfterCancel, replayWindowMs: 0 });
    await verify();
    await cancel();
    expect(resultsOf(await verify())).toEqual([result]);
  });

  it('finds the coupon used when another verification took it meanwhile', async () => {
    const { verify, cancel, state, order, douyin } = await prepared({ replayAfterCancel: 'redeem' });
    await verify();
    await cancel();
    await douyin.verify(verifyBody(order, await douyin.prepared(state.refreshQr(order.orderId))));
    expect(resultsOf(await verify())).toEqual([1208]);
    expect(state.uses()).toHaveLength(2);
  });
});
