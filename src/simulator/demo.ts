// The coupons a new user finds: one of each kind that behaves differently at the till.
import type { OrderInput } from './order-spec.ts';
import type { SimulatorState } from './state.ts';

const DEMO_ORDERS: readonly OrderInput[] = [
  { title: '双人下午茶套餐' },
  {
    title: '四人火锅套餐',
    coupons: 2,
    originalAmountFen: 26_800,
    payAmountFen: 19_900,
    marketPriceFen: 32_800,
  },
  {
    title: '100 元代金券',
    kind: 'voucher',
    originalAmountFen: 10_000,
    payAmountFen: 8_800,
    marketPriceFen: 10_000,
  },
  { title: '洗车五次卡', kind: 'times_card', timesCount: 5, originalAmountFen: 25_000, payAmountFen: 19_900 },
  { title: '已退款的套餐', couponStatus: 'refunded' },
  { title: '已过期的套餐', startTime: 1_700_000_000, expireTime: 1_710_000_000, createTime: 1_699_990_000 },
];

/** Creates the demonstration coupons unless there are orders already. */
export function createDemoOrders(state: SimulatorState): void {
  if (state.listOrders().total > 0) return;
  for (const order of DEMO_ORDERS) state.createOrder(order);
}
