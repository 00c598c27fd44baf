// Completing a success with its order's and coupon's data: what is stored, from where, and that nothing comes late.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Verification } from '../../src/domain/verification.ts';
import type { OrderInput } from '../../src/simulator/simulator.ts';
import { type Bench, openBench, STORE } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
afterEach(() => {
  bench.state.clearFaults();
  bench.state.changeSettings({ subOrders: 'per_coupon', certificateAmount: 'present' });
});

const fetchOrder = (id: number) => bench.runner.activities.fetchOrder({ verificationId: id });

/** Redeems one more coupon, or use, of an order. */
async function redeem(code: string): Promise<Verification> {
  const key = await bench.prepared({ requestValue: code });
  const closed = await bench.runner.activities.verifyCoupon(key);
  expect(closed).toMatchObject({ state: 'closed', verifyStatus: 'success' });
  return bench.row(key);
}

/** Creates an order, redeems `times` of its coupons or uses, and completes each. */
async function redeemAndFetch(input: OrderInput, times = 1) {
  const order = bench.state.createOrder(input);
  const redeemed: Verification[] = [];
  for (let use = 0; use < times; use += 1) {
    const coupon = order.coupons[use] ?? order.coupons[0]!;
    redeemed.push(await redeem(coupon.code));
  }
  for (const { id } of redeemed) await fetchOrder(id);
  const rows = await Promise.all(redeemed.map(({ id, round }) => bench.row({ verificationId: id, round })));
  return { order, redeemed, rows, row: rows[0]! };
}

const amountsOf = ({ payAmount, receiptAmount, discountAmount, isAmountKnown }: Verification) => ({
  payAmount,
  receiptAmount,
  discountAmount,
  isAmountKnown,
});
const sum = (rows: readonly Verification[], amount: 'payAmount' | 'receiptAmount' | 'discountAmount') =>
  rows.reduce((total, row) => total + row[amount], 0);

/** Every amount differs from every other. */
const ONE: OrderInput = { payAmountFen: 7900, originalAmountFen: 9900, receiptAmountFen: 7700 };
const THREE: OrderInput = {
  coupons: 3,
  payAmountsFen: [7900, 7000, 6100],
  originalAmountFen: 9900,
  receiptAmountFen: 5500,
};

describe('fetchOrder', () => {
  it('stores each field from where it belongs', async () => {
    const createTime = Math.floor(bench.clock.nowMs / 1000) - 4000;
    const { order, redeemed, row } = await redeemAndFetch({
      ...ONE,
      title: '双人下午茶 券面',
      skuId: '1790440745530376',
      extOrderId: 'ext-7',
      createTime,
      certificateExtra: {
        sku: { product_id: '1790440745530009' },
        deduction_info_list: [{ source_order_id: '1086312045673310000' }],
      },
      orderExtra: {
        ext_order_id: 'ext-7',
        order_status: 201,
        sku_id: '1790440745530999',
        sku_name: '订单的 SKU',
        products: [{ product_id: '1790440745530001', product_name: '双人下午茶', num: 1 }],
        pay_time: createTime + 8,
      },
    });
    const effect = bench.state.ledger({ orderId: order.orderId, kind: 'verified' })[0]!;
    expect(row).toEqual({
      ...redeemed[0],
      couponStatus: 'USED',
      productId: '1790440745530009',
      productName: '双人下午茶',
      skuId: '1790440745530376',
      skuName: '双人下午茶 券面',
      verifyId: effect.verifyId,
      verifyRecordsCount: 1,
      verifyTime: expect.any(Date),
      orderId: order.orderId,
      sourceOrderId: '1086312045673310000',
      extOrderId: 'ext-7',
      orderStatus: 201,
      payAmount: 7900,
      receiptAmount: 7700,
      discountAmount: 2000,
      isAmountKnown: true,
      createOrderTime: new Date(createTime * 1000),
      payTime: new Date((createTime + 8) * 1000),
      enrichmentStatus: 'success',
      enrichmentError: '',
      enrichmentRetryCount: 0,
      updatedAt: expect.any(Date),
    });
    // To the second, as Douyin tells it; the verify itself told no time.
    expect(row.verifyTime?.getTime()).toBe(Math.floor(bench.clock.nowMs / 1000) * 1000);
    expect(await bench.eventsOf({ verificationId: row.id, round: 1 })).toContain('enrichment_success');
  });

  it('takes nothing from an order that names its coupons and not this one', async () => {
    const one = await redeem(bench.state.createOrder(ONE).coupons[0]!.code);
    const other = await redeem(bench.state.createOrder(ONE).coupons[0]!.code);
    await bench.query(`update verifications set order_id = '${other.orderId}' where id = ${one.id}`);
    await expect(fetchOrder(one.id)).rejects.toMatchObject({ type: 'enrichment.incomplete' });
    expect(await bench.row({ verificationId: one.id, round: 1 })).toMatchObject({
      enrichmentStatus: 'pending',
      createOrderTime: null,
    });
  });

  it('keeps the coupon’s own name of the product where the order has none', async () => {
    const { row } = await redeemAndFetch({
      title: '券面名',
      orderExtra: { products: [{ product_id: '5' }] },
    });
    expect(row).toMatchObject({ productName: '券面名', skuName: '券面名' });
  });

  describe('amounts', () => {
    const EACH = [
      { payAmount: 7900, receiptAmount: 5500, discountAmount: 2000, isAmountKnown: true },
      { payAmount: 7000, receiptAmount: 5500, discountAmount: 2900, isAmountKnown: true },
      { payAmount: 6100, receiptAmount: 5500, discountAmount: 3800, isAmountKnown: true },
    ];

    it.each(['present', 'absent'] as const)(
      'of an order of three are each coupon’s own, and add up to the total: certificate amounts %s',
      async (certificateAmount) => {
        bench.state.changeSettings({ certificateAmount });
        const { order, rows } = await redeemAndFetch(THREE, 3);
        expect(rows.map(amountsOf)).toEqual(EACH);
        const whole = await bench.runner.deps.douyin.findOrder(order.orderId);
        expect(whole).toMatchObject({
          payAmountFen: sum(rows, 'payAmount'),
          receiptAmountFen: sum(rows, 'receiptAmount'),
          discountAmountFen: sum(rows, 'discountAmount'),
        });
      },
    );

    it.each(['total', 'absent', 'repeated'] as const)(
      'of an order of two are the certificates’, where the order’s parts are %s, and the receipt is not known',
      async (subOrders) => {
        bench.state.changeSettings({ subOrders });
        const { rows } = await redeemAndFetch({ ...THREE, coupons: 2 }, 2);
        expect(rows.map(amountsOf)).toEqual(EACH.slice(0, 2).map((own) => ({ ...own, receiptAmount: 0 })));
      },
    );

    it('of an order of several are not known where nothing tells a coupon’s own', async () => {
      bench.state.changeSettings({ subOrders: 'total', certificateAmount: 'absent' });
      const { rows } = await redeemAndFetch(THREE, 3);
      const nothing = { payAmount: 0, receiptAmount: 0, discountAmount: 0, isAmountKnown: false };
      expect(rows.map(amountsOf)).toEqual([nothing, nothing, nothing]);
    });

    it.each(['total', 'absent', 'repeated'] as const)(
      'are the order’s where it has this one coupon: parts %s',
      async (subOrders) => {
        bench.state.changeSettings({ subOrders, certificateAmount: 'absent' });
        const { row } = await redeemAndFetch(ONE);
        expect(amountsOf(row)).toEqual({
          payAmount: 7900,
          receiptAmount: 7700,
          discountAmount: 2000,
          isAmountKnown: true,
        });
      },
    );

    it('of a times card are each use’s, and add up to its price', async () => {
      const { rows } = await redeemAndFetch(
        {
          kind: 'times_card',
          timesCount: 3,
          payAmountFen: 30_000,
          originalAmountFen: 36_000,
          serialPayAmountsFen: [9000, 10_000, 11_000],
        },
        3,
      );
      expect(rows.map(amountsOf)).toEqual([
        { payAmount: 9000, receiptAmount: 0, discountAmount: 3000, isAmountKnown: true },
        { payAmount: 10_000, receiptAmount: 0, discountAmount: 2000, isAmountKnown: true },
        { payAmount: 11_000, receiptAmount: 0, discountAmount: 1000, isAmountKnown: true },
      ]);
      expect(rows.map(({ verifyRecordsCount }) => verifyRecordsCount)).toEqual([3, 3, 3]);
      expect(sum(rows, 'payAmount')).toBe(30_000);
      expect(sum(rows, 'discountAmount')).toBe(6000);
    });
  });

  describe('before it, amounts', () => {
    it('are what prepare told of the coupon', async () => {
      const order = bench.state.createOrder(ONE);
      expect(amountsOf(await redeem(order.coupons[0]!.code))).toEqual({
        payAmount: 7900,
        receiptAmount: 0,
        discountAmount: 2000,
        isAmountKnown: true,
      });
    });

    it('of a times card are what the verify told of the very use', async () => {
      const order = bench.state.createOrder({
        kind: 'times_card',
        timesCount: 2,
        payAmountFen: 30_000,
        originalAmountFen: 36_000,
        serialPayAmountsFen: [14_000, 16_000],
      });
      const { code } = order.coupons[0]!;
      const uses = [await redeem(code), await redeem(code)];
      expect(uses.map(amountsOf)).toEqual([
        { payAmount: 14_000, receiptAmount: 0, discountAmount: 4000, isAmountKnown: true },
        { payAmount: 16_000, receiptAmount: 0, discountAmount: 2000, isAmountKnown: true },
      ]);
    });

    it('are not known where nobody told, nor before a card is verified', async () => {
      const nothing = { payAmount: 0, receiptAmount: 0, discountAmount: 0, isAmountKnown: false };
      const card = bench.state.createOrder({ kind: 'times_card', payAmountFen: 30_000 });
      const key = await bench.prepared({ requestValue: card.coupons[0]!.code });
      expect(amountsOf(await bench.row(key))).toEqual(nothing);
      bench.state.changeSettings({ certificateAmount: 'absent' });
      const order = bench.state.createOrder(ONE);
      expect(amountsOf(await redeem(order.coupons[0]!.code))).toEqual(nothing);
    });
  });

  describe('a try that does not complete', () => {
    it('stores what it got, says why, and does not undo what an earlier one got', async () => {
      const order = bench.state.createOrder(ONE);
      const { id, round } = await redeem(order.coupons[0]!.code);
      const away = (endpoint: 'get' | 'order_query') =>
        bench.state.addFault({ kind: 'http-5xx-before-effect', endpoints: [endpoint], count: 1 });

      const incomplete = async (tries: number) => {
        await expect(fetchOrder(id)).rejects.toMatchObject({ type: 'enrichment.incomplete' });
        const row = await bench.row({ verificationId: id, round });
        expect(row).toMatchObject({
          enrichmentStatus: 'pending',
          enrichmentRetryCount: tries,
          enrichmentError: expect.stringMatching(/./),
        });
        return row;
      };

      away('order_query');
      expect(await incomplete(1)).toMatchObject({ payAmount: 7900, discountAmount: 2000, receiptAmount: 0 });
      away('get');
      expect(await incomplete(2)).toMatchObject({
        payAmount: 7900,
        discountAmount: 2000,
        receiptAmount: 0,
        isAmountKnown: true,
        productName: '双人下午茶套餐',
        orderStatus: expect.any(Number),
      });
      await fetchOrder(id);
      expect(await bench.row({ verificationId: id, round })).toMatchObject({
        enrichmentStatus: 'success',
        enrichmentError: '',
        enrichmentRetryCount: 2,
        payAmount: 7900,
        discountAmount: 2000,
        receiptAmount: 7700,
      });
    });

    it('writes nothing when another has completed meanwhile', async () => {
      const order = bench.state.createOrder(ONE);
      const { id, round } = await redeem(order.coupons[0]!.code);
      const key = { verificationId: id, round };
      bench.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['order_query'], count: 1 });
      bench.runner.interpose('before', 'storeEnrichment', () => fetchOrder(id));
      await expect(fetchOrder(id)).rejects.toMatchObject({ type: 'enrichment.incomplete' });
      const completed = await bench.row(key);
      expect(completed).toMatchObject({
        enrichmentStatus: 'success',
        enrichmentError: '',
        enrichmentRetryCount: 0,
        payAmount: 7900,
        receiptAmount: 7700,
      });
      const events = await bench.eventsOf(key);
      expect(events.filter((kind) => kind.startsWith('enrichment'))).toEqual(['enrichment_success']);

      await fetchOrder(id);
      await bench.runner.activities.markEnrichmentStuck({ verificationId: id, reason: 'late' });
      expect(await bench.row(key)).toEqual(completed);
      expect(await bench.eventsOf(key)).toEqual(events);
    });

    it('is none at all for what was not redeemed', async () => {
      const order = bench.state.createOrder({ poiIds: [STORE] });
      const key = await bench.prepared({ requestValue: order.coupons[0]!.code });
      await fetchOrder(key.verificationId);
      expect(await bench.row(key)).toMatchObject({ enrichmentStatus: 'pending', orderStatus: 0 });
      expect(bench.state.calls({ endpoint: 'order_query', orderId: order.orderId })).toHaveLength(0);
    });
  });
});
