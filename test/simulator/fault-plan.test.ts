// The seeded plan: the same seed gives the same faults whatever else happens, and every coupon settles in the end.
import { describe, expect, it } from '@jest/globals';
import type { FaultPlanInput, Simulator } from '../../src/simulator/simulator.ts';
import { type Caller, codesOf, type Reply, start, verifyBody } from './support.ts';

const ORDERS = 30;
const KINDS = [
  'error-code-before-effect',
  'error-code-after-effect',
  'too-frequent',
  'codes-as-text',
] as const;

/** Verifies one coupon after another, or all at once; gives each coupon's faults in their order. */
async function faultsPerCoupon(plan: FaultPlanInput, together: boolean): Promise<string[][]> {
  const { simulator, douyin } = await start();
  await douyin.accessToken();
  const orders = simulator.state.createOrders({}, ORDERS);
  simulator.state.setFaultPlan(plan);
  const verifyOne = async (index: number): Promise<void> => {
    const order = orders[index];
    if (order === undefined) throw new Error('no such order');
    const token = await untilSuccess(() => douyin.prepare({ encrypted_data: order.encryptedData }));
    const verifyToken = (token.json as { data: { verify_token: string } }).data.verify_token;
    await untilSuccess(() => douyin.verify(verifyBody(order, verifyToken)));
  };
  const indexes = orders.map((_order, index) => index);
  if (together) await Promise.all(indexes.reverse().map(verifyOne));
  else for (const index of indexes) await verifyOne(index);
  expect(simulator.state.counters().verified).toBe(ORDERS);
  return orders.map((order) =>
    simulator.state
      .calls({ orderId: order.orderId })
      .map((call) => `${call.endpoint} ${call.fault ?? 'none'} ${String(call.answerCode)}`),
  );
}

async function untilSuccess(call: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await call();
    if (Number(codesOf(reply).data) === 0) return reply;
  }
}

async function codesOfStores(simulator: Simulator, douyin: Caller, count: number): Promise<unknown[]> {
  simulator.state.setFaultPlan({ seed: 1, rate: 1, kinds: ['ip-not-listed'] });
  const seen = [];
  for (let index = 0; index < count; index += 1) seen.push(codesOf(await douyin.stores()).data);
  return seen;
}

describe('a seeded plan', () => {
  it('gives the same faults whether coupons come one by one or all at once in another order', async () => {
    const plan = { seed: 7, rate: 0.4, kinds: [...KINDS] };
    const oneByOne = await faultsPerCoupon(plan, false);
    expect(await faultsPerCoupon(plan, true)).toEqual(oneByOne);
    expect(await faultsPerCoupon({ ...plan, seed: 8 }, false)).not.toEqual(oneByOne);
    const faults = oneByOne.flat().filter((call) => !call.includes(' none '));
    expect(new Set(faults.map((call) => call.split(' ')[1]))).toEqual(new Set(KINDS));
    const share = faults.length / oneByOne.flat().length;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.6);
  });

  it('leaves a coupon in peace after its number of faults, even at rate 1', async () => {
    const calls = await faultsPerCoupon(
      { seed: 1, rate: 1, kinds: ['ip-not-listed'], maxFaultsPerCoupon: 2 },
      false,
    );
    for (const ofCoupon of calls) {
      expect(ofCoupon).toEqual([
        'prepare ip-not-listed 2100007',
        'prepare ip-not-listed 2100007',
        'prepare none 0',
        'verify ip-not-listed 2100007',
        'verify ip-not-listed 2100007',
        'verify none 0',
      ]);
    }
  });

  it('bounds the faults of a coupon over all its verify tokens', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ couponStatus: 'refunded' });
    const tokens = [await douyin.prepared(order), await douyin.prepared(order), await douyin.prepared(order)];
    simulator.state.setFaultPlan({ seed: 1, rate: 1, kinds: ['ip-not-listed'], maxFaultsPerCoupon: 2 });
    const seen = [];
    for (const token of tokens) seen.push(codesOf(await douyin.verify(verifyBody(order, token))).data);
    expect(seen).toEqual([2100007, 2100007, 0]);
  });

  it('lets every second call through that is about no coupon', async () => {
    const { simulator, douyin } = await start();
    await douyin.accessToken();
    expect(await codesOfStores(simulator, douyin, 4)).toEqual([2100007, 0, 2100007, 0]);
  });

  it('keeps to the endpoints named, and to kinds that make sense for them', async () => {
    const { simulator, douyin } = await start();
    await douyin.accessToken();
    const order = simulator.state.createOrder();
    simulator.state.setFaultPlan({
      seed: 3,
      rate: 1,
      kinds: ['ip-not-listed', 'results-reordered'],
      endpoints: ['prepare'],
    });
    expect(codesOf(await douyin.stores()).data).toBe(0);
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encryptedData })).data).toBe(2100007);
  });

  it('hits nothing at rate 0 and nothing once it is taken away', async () => {
    const { simulator, douyin } = await start();
    simulator.state.setFaultPlan({ seed: 3, rate: 0 });
    expect(codesOf(await douyin.stores()).data).toBe(0);
    simulator.state.setFaultPlan({ seed: 3, rate: 1, kinds: ['ip-not-listed'] });
    simulator.state.setFaultPlan(null);
    expect(codesOf(await douyin.stores()).data).toBe(0);
  });
});
