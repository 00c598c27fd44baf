// trade/order/query and shop/poi/query.
import { describe, expect, it } from '@jest/globals';
import {
  ACCOUNT_ID,
  codesOf,
  only,
  refusedWith,
  type Reply,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

type Json = Record<string, unknown>;
const dataOf = (reply: Reply) => (reply.json as { data: Json }).data;
const ordersOf = (reply: Reply) => dataOf(reply)['orders'] as Json[];
const idsOf = (reply: Reply) => ordersOf(reply).map((order) => order['order_id']);

describe('GET /goodlife/v1/trade/order/query/', () => {
  it('answers an order with some amounts as text', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const order = simulator.state.createOrder({ coupons: 2 });
    await douyin.verify(verifyBody(order, await douyin.prepared(order), 2));
    const nowSeconds = clock.now() / 1000;
    const reply = await douyin.orders({ order_id: order.orderId });
    expect(dataOf(reply)).toMatchObject({ error_code: 0, page: { page_num: 1, page_size: 20, total: 1 } });
    expect(only(ordersOf(reply))).toEqual({
      order_id: order.orderId,
      order_type: 21,
      order_status: 1,
      sku_id: '1790440745530376',
      sku_name: '双人下午茶套餐',
      count: 2,
      products: [
        {
          product_id: '1790440745530001',
          product_name: '双人下午茶套餐',
          sku_id: '1790440745530376',
          num: 2,
          origin_amount: 9900,
        },
      ],
      original_amount: 19800,
      pay_amount: 15800,
      payment_discount: 0,
      receipt_amount: '15800',
      discount_amount: '4000',
      create_order_time: nowSeconds - 3610,
      pay_time: nowSeconds - 3602,
      update_order_time: nowSeconds,
      poi_id: STORE,
      certificate: order.coupons.map((coupon) => ({
        certificate_id: coupon.certificateId,
        order_item_id: expect.stringMatching(/^\d{19}$/),
        item_status: 100,
        item_update_time: nowSeconds,
        refund_amount: 0,
        refund_time: 0,
      })),
      sub_order_amount_infos: order.coupons.map(() => ({
        sub_order_id: expect.stringMatching(/^\d{19}$/),
        sub_order_type: 100,
        pay_amount: '7900',
        receipt_amount: '7900',
        origin_amount: '9900',
        discount_amount: '2000',
      })),
    });
  });

  it('splits its amounts into one part per coupon, two, one for all, or none', async () => {
    const { simulator, douyin } = await start();
    const { state } = simulator;
    const order = state.createOrder({ coupons: 2, payAmountsFen: [5000, 6000], receiptAmountFen: 4500 });
    const ask = async () => only(ordersOf(await douyin.orders({ order_id: order.orderId })));
    const perCoupon = await ask();
    const items = (perCoupon['certificate'] as Json[]).map((item) => item['order_item_id']);
    expect(perCoupon).toMatchObject({
      pay_amount: 11_000,
      receipt_amount: '9000',
      discount_amount: '8800',
      sub_order_amount_infos: [
        { sub_order_id: items[0], pay_amount: '5000', receipt_amount: '4500', discount_amount: '4900' },
        { sub_order_id: items[1], pay_amount: '6000', receipt_amount: '4500', discount_amount: '3900' },
      ],
    });
    state.changeSettings({ subOrders: 'repeated' });
    expect(await ask()).toMatchObject({
      sub_order_amount_infos: [
        { sub_order_id: items[0], sub_order_type: 100, pay_amount: '5000' },
        { sub_order_id: items[0], sub_order_type: 3, pay_amount: '100' },
        { sub_order_id: items[1], sub_order_type: 100, pay_amount: '6000' },
        { sub_order_id: items[1], sub_order_type: 3, pay_amount: '100' },
      ],
    });
    state.changeSettings({ subOrders: 'total' });
    const [whole, ...more] = (await ask())['sub_order_amount_infos'] as Json[];
    expect(more).toEqual([]);
    expect(whole).toMatchObject({ pay_amount: '11000', receipt_amount: '9000' });
    expect(items).not.toContain(whole?.['sub_order_id']);
    state.changeSettings({ subOrders: 'absent' });
    expect(await ask()).not.toHaveProperty('sub_order_amount_infos');
  });

  it('goes from to be used to done, and to closed when everything was refunded', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ coupons: 2 });
    const status = async () =>
      only(ordersOf(await douyin.orders({ order_id: order.orderId })))['order_status'];
    const [first, second] = order.coupons.map((coupon) => coupon.certificateId) as [string, string];
    expect(await status()).toBe(201);
    simulator.state.useCouponAtTill(first, { poiId: STORE });
    expect(await status()).toBe(201);
    simulator.state.changeCoupon(second, { action: 'set_status', status: 'refunded' });
    expect(await status()).toBe(1);
    simulator.state.changeCoupon(first, { action: 'set_status', status: 'refunded' });
    expect(await status()).toBe(101);
  });

  it('leaves certificate_id empty while unused, and shows refunds', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ coupons: 2 });
    simulator.state.changeCoupon(order.coupons[1]?.certificateId ?? '', {
      action: 'set_status',
      status: 'refunded',
    });
    expect(only(ordersOf(await douyin.orders({ order_id: order.orderId })))).toMatchObject({
      order_status: 201,
      certificate: [
        { certificate_id: '', refund_amount: 0 },
        { certificate_id: '', item_status: 301, refund_amount: 7900, refund_time: expect.any(Number) },
      ],
    });
  });

  it('shows an unpaid order with pay_time 0 and a times card as type 51', async () => {
    const { simulator, douyin } = await start();
    const unpaid = simulator.state.createOrder({ status: 'unpaid' });
    const card = simulator.state.createOrder({ kind: 'times_card' });
    expect(only(ordersOf(await douyin.orders({ order_id: unpaid.orderId })))).toMatchObject({
      pay_time: 0,
      order_status: 100,
    });
    expect(only(ordersOf(await douyin.orders({ order_id: card.orderId })))).toMatchObject({ order_type: 51 });
  });

  it('answers an empty list for an order it does not have', async () => {
    const { douyin } = await start();
    expect(dataOf(await douyin.orders({ order_id: '1' }))).toMatchObject({
      error_code: 0,
      orders: [],
      page: { total: 0 },
    });
  });

  it('hides an order for a while after its last change when switched so', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now, settings: { orderDataDelayMs: 5000 } });
    const { orderId } = simulator.state.createOrder();
    clock.advance(4999);
    expect(idsOf(await douyin.orders({ order_id: orderId }))).toEqual([]);
    clock.advance(1);
    expect(idsOf(await douyin.orders({ order_id: orderId }))).toEqual([orderId]);
  });

  it('pages, and walks deeper by search_after', async () => {
    const { simulator, douyin } = await start();
    const orderIds = simulator.state.createOrders({}, 5).map((order) => order.orderId);
    expect(idsOf(await douyin.orders({ page_num: '2', page_size: '2' }))).toEqual(orderIds.slice(2, 4));
    const first = await douyin.orders({ page_size: '3' });
    const searchAfter = dataOf(first)['search_after'] as { Size: number; CursorValue: string[] };
    expect(searchAfter.Size).toBe(3);
    const rest = await douyin.orders({
      page_num: '200',
      page_size: '100',
      cursor: searchAfter.CursorValue.join(','),
    });
    expect(idsOf(rest)).toEqual(orderIds.slice(3));
  });

  it('refuses pages out of bounds, and too deep ones with 4000002', async () => {
    const { douyin } = await start();
    expect(codesOf(await douyin.orders({ page_num: '101', page_size: '100' }))).toEqual(refusedWith(4000002));
    expect(codesOf(await douyin.orders({ page_num: '100', page_size: '100' })).data).toBe(0);
    for (const query of [{ page_size: '101' }, { page_size: '0' }, { page_num: '0' }, { page_num: '' }]) {
      expect(codesOf(await douyin.orders(query))).toEqual(refusedWith(2100005));
    }
  });

  it('filters by external id, open id, status and times', async () => {
    const { simulator, douyin } = await start();
    const wanted = simulator.state.createOrder({
      extOrderId: 'pos-1',
      openId: 'open-1',
      createTime: 1_780_000_000,
    });
    simulator.state.createOrder({ status: 'unpaid', createTime: 1_790_000_000 });
    for (const query of [
      { ext_order_id: 'pos-1' },
      { open_id: 'open-1' },
      { order_status: '201' },
      { create_order_start_time: '1780000000', create_order_end_time: '1780000000' },
    ]) {
      expect(idsOf(await douyin.orders(query as Record<string, string>))).toEqual([wanted.orderId]);
    }
  });

  it('needs the account, and ours', async () => {
    const { douyin } = await start();
    expect(codesOf(await douyin.orders({ account_id: '' }))).toEqual(refusedWith(2100005));
    expect(codesOf(await douyin.orders({ account_id: '7126518000000099999' }))).toEqual(refusedWith(2119005));
  });
});

describe('GET /goodlife/v1/shop/poi/query/', () => {
  it('answers the merchant’s stores', async () => {
    const { douyin } = await start();
    const reply = await douyin.stores({ poi_id: STORE });
    expect(dataOf(reply)).toEqual({
      error_code: 0,
      description: 'success',
      total: 1,
      pois: [
        {
          poi: {
            poi_id: STORE,
            poi_name: '示例店（中山路）',
            address: '中山路 88 号',
            latitude: 31.230416,
            longitude: 121.473701,
          },
          account: {
            parent_account: { account_id: ACCOUNT_ID, account_name: '示例商家', account_type: 'Trademark' },
            poi_account: {
              account_id: '7126518000000000088',
              account_name: '示例店（中山路）',
              account_type: 'Shop',
            },
          },
          root_account: { account_id: ACCOUNT_ID, account_name: '示例商家' },
        },
      ],
    });
  });

  it('pages by at most 50', async () => {
    const { douyin } = await start();
    expect(dataOf(await douyin.stores({ page: '2', size: '2' }))).toMatchObject({ total: 3, pois: [{}] });
    for (const query of [{ size: '51' }, { page: '0' }, { relation_type: '3' }]) {
      expect(codesOf(await douyin.stores(query as Record<string, string>))).toEqual(refusedWith(2100005));
    }
  });
});

describe('calls per second', () => {
  it('are refused with 2119003 beyond the limit that is set', async () => {
    const clock = standingClock();
    const { douyin } = await start({ clock: clock.now, settings: { callsPerSecond: { order_query: 2 } } });
    const codes = [];
    for (let index = 0; index < 3; index += 1) codes.push(codesOf(await douyin.orders()).data);
    clock.advance(1000);
    codes.push(codesOf(await douyin.orders()).data);
    expect(codes).toEqual([0, 0, 2119003, 0]);
  });
});
