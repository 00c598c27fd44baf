// GET /goodlife/v1/trade/order/query/: orders with amounts, some of them as text, as Douyin has it.
import { type CouponAmounts, couponAmounts } from '../amounts.ts';
import { DouyinRefusal } from '../answers.ts';
import { type JsonObject, mergeJson } from '../json.ts';
import { activeEffects, type Coupon, type Order } from '../model.ts';
import type { World } from '../world.ts';
import {
  lifeEndpoint,
  MAX_SECONDS,
  queryInteger,
  queryList,
  queryText,
  requiredQueryInteger,
  requiredQueryText,
  requireOurAccount,
} from './endpoint.ts';

const DEEPEST_PAGED_ROW = 10_000;
const ORDER_TYPE = {
  groupon: 21,
  voucher: 21,
  times_card: 51,
  stored_value_card: 21,
  dynamic_voucher: 21,
} as const;
// Not in Douyin's own documentation; see docs/simulator.md.
const ORDER_STATUS = { unpaid: 100, closed: 101, toBeUsed: 201, done: 1 } as const;
const SERVICE_FEE = { originalFen: 100, payFen: 100, receiptFen: 100 };
const ITEM_STATUS = { toBeUsed: 200, verified: 100, refunded: 301 } as const;

export const orderQueryEndpoint = lifeEndpoint({
  name: 'order_query',
  method: 'GET',
  path: '/goodlife/v1/trade/order/query/',
  facts: (_world, { query }) => {
    const orderId = query.get('order_id');
    return orderId === null ? {} : { orderId, by: 'order_id' };
  },
  data: (world, { query }) => {
    requireOurAccount(world, requiredQueryText(query, 'account_id'));
    const pageNumber = requiredQueryInteger(query, 'page_num', { min: 1, max: 1_000_000 });
    const pageSize = requiredQueryInteger(query, 'page_size', { min: 1, max: 100 });
    const cursor = queryList(query, 'cursor');
    if (cursor.length === 0 && pageNumber * pageSize > DEEPEST_PAGED_ROW) throw new DouyinRefusal(4000002);
    const matching = findOrders(world, query);
    const start = cursor.length === 0 ? (pageNumber - 1) * pageSize : afterCursor(matching, cursor);
    const page = matching.slice(start, start + pageSize);
    const last = page.at(-1);
    return {
      orders: page.map((order) => orderJson(world, order)),
      page: { page_num: pageNumber, page_size: pageSize, total: matching.length },
      search_after: last === undefined ? undefined : { Size: page.length, CursorValue: cursorOf(last) },
    };
  },
});

function findOrders(world: World, query: URLSearchParams): Order[] {
  const times = (name: string) => ({
    from: queryInteger(query, `${name}_start_time`, { min: 0, max: MAX_SECONDS }) ?? 0,
    to: queryInteger(query, `${name}_end_time`, { min: 0, max: MAX_SECONDS }) ?? MAX_SECONDS,
  });
  const created = times('create_order');
  const updated = times('update_order');
  const orderId = queryText(query, 'order_id');
  const extOrderId = queryText(query, 'ext_order_id');
  const openId = queryText(query, 'open_id');
  const status = queryInteger(query, 'order_status', { min: 0, max: 100_000 });
  const named = orderId === undefined ? undefined : world.ordersById.get(orderId);
  const candidates = orderId === undefined ? world.orders : named === undefined ? [] : [named];
  const visibleUntilMs = world.trueClock() - world.settings.orderDataDelayMs;
  return candidates.filter(
    (order) =>
      order.changedTrueAtMs <= visibleUntilMs &&
      (extOrderId === undefined || order.spec.extOrderId === extOrderId) &&
      (openId === undefined || order.spec.openId === openId) &&
      (status === undefined || orderStatus(order) === status) &&
      isWithin(order.spec.createTime, created) &&
      isWithin(updateTime(order), updated),
  );
}

function isWithin(value: number, bounds: { from: number; to: number }): boolean {
  return value >= bounds.from && value <= bounds.to;
}

/** A cursor is the last order's creation time and id, as `search_after` gave it. */
function cursorOf(order: Order): string[] {
  return [String(order.spec.createTime), order.orderId];
}

function afterCursor(orders: Order[], cursor: string[]): number {
  const index = orders.findIndex((order) => cursorOf(order).join() === cursor.join());
  if (index === -1) throw new DouyinRefusal(2100005, 'cursor不合法');
  return index + 1;
}

function orderStatus(order: Order): number {
  if (order.spec.status === 'unpaid') return ORDER_STATUS.unpaid;
  if (order.coupons.every((coupon) => coupon.status === 'refunded')) return ORDER_STATUS.closed;
  const isOpen = order.coupons.some((coupon) => coupon.status !== 'used' && coupon.status !== 'refunded');
  return isOpen ? ORDER_STATUS.toBeUsed : ORDER_STATUS.done;
}

function updateTime(order: Order): number {
  return Math.max(order.spec.createTime, Math.floor(order.changedAtMs / 1000));
}

function orderJson(world: World, order: Order): JsonObject {
  const { spec } = order;
  const count = order.coupons.length;
  const amounts = order.coupons.map(couponAmounts);
  const total = {
    originalFen: sum(amounts.map((own) => own.originalFen)),
    payFen: sum(amounts.map((own) => own.payFen)),
    receiptFen: sum(amounts.map((own) => own.receiptFen)),
  };
  const isUnpaid = spec.status === 'unpaid';
  const usedIn = order.coupons
    .flatMap((coupon) => activeEffects(coupon).map((effect) => effect.poiId))
    .at(-1);
  const json: JsonObject = {
    order_id: order.orderId,
    order_type: ORDER_TYPE[spec.kind],
    order_status: orderStatus(order),
    sku_id: spec.skuId,
    sku_name: spec.title,
    count,
    products: [
      {
        product_id: spec.productId,
        product_name: spec.productName,
        sku_id: spec.skuId,
        num: count,
        origin_amount: spec.originalAmountFen,
      },
    ],
    original_amount: total.originalFen,
    pay_amount: total.payFen,
    payment_discount: 0,
    receipt_amount: String(total.receiptFen),
    discount_amount: String(discountFen(total)),
    create_order_time: spec.createTime,
    pay_time: isUnpaid ? 0 : spec.createTime + 8,
    update_order_time: updateTime(order),
    poi_id: usedIn ?? spec.poiIds[0] ?? world.merchant.stores[0]?.poiId,
    certificate: order.coupons.map(orderItemJson),
    sub_order_amount_infos: subOrdersJson(world, order, total),
  };
  return mergeJson(json, spec.orderExtra);
}

function subOrdersJson(world: World, order: Order, total: CouponAmounts): JsonObject[] | undefined {
  switch (world.settings.subOrders) {
    case 'per_coupon':
      return order.coupons.map((coupon) => subOrderJson(coupon.orderItemId, couponAmounts(coupon)));
    case 'repeated':
      // A service part beside the goods, under the coupon's own id: neither is the coupon's amount for certain.
      return order.coupons.flatMap((coupon) => [
        subOrderJson(coupon.orderItemId, couponAmounts(coupon)),
        { ...subOrderJson(coupon.orderItemId, SERVICE_FEE), sub_order_type: 3 },
      ]);
    case 'total':
      return [subOrderJson(world.ids.subOrderId(order.index), total)];
    case 'absent':
      return undefined;
  }
}

function subOrderJson(subOrderId: string, amounts: CouponAmounts): JsonObject {
  return {
    sub_order_id: subOrderId,
    sub_order_type: 100,
    pay_amount: String(amounts.payFen),
    receipt_amount: String(amounts.receiptFen),
    origin_amount: String(amounts.originalFen),
    discount_amount: String(discountFen(amounts)),
  };
}

function discountFen({ originalFen, payFen }: CouponAmounts): number {
  return Math.max(0, originalFen - payFen);
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function orderItemJson(coupon: Coupon): JsonObject {
  const isRefunded = coupon.status === 'refunded';
  const isUsed = coupon.status === 'used' || activeEffects(coupon).length > 0;
  return {
    // Douyin leaves the id out while the coupon is unpaid or unused.
    certificate_id: isUsed ? coupon.certificateId : '',
    order_item_id: coupon.orderItemId,
    item_status: isRefunded ? ITEM_STATUS.refunded : isUsed ? ITEM_STATUS.verified : ITEM_STATUS.toBeUsed,
    item_update_time: Math.floor(coupon.changedAtMs / 1000),
    refund_amount: isRefunded ? couponAmounts(coupon).payFen : 0,
    refund_time: coupon.refundedAtMs === null ? 0 : Math.floor(coupon.refundedAtMs / 1000),
  };
}
