// The states of completing an order's data after a redeemed coupon. It never changes a verdict.

/** `skipped`: no order to ask for, or nothing was verified. `stuck`: automatic tries ended; operators are asked. */
export type EnrichmentStatus = 'pending' | 'success' | 'stuck' | 'skipped';

/** One coupon's part of its order; null where Douyin does not tell. Fen. */
export interface OrderPart {
  readonly certificateId: string;
  readonly payAmountFen: number | null;
  readonly receiptAmountFen: number | null;
  readonly discountAmountFen: number | null;
}

/** Order data Douyin's order query gives; null where it does not tell. Amounts in fen. */
export interface OrderDetails {
  readonly orderId: string;
  readonly extOrderId: string;
  readonly orderStatus: number;
  readonly productId: string;
  readonly productName: string;
  readonly skuId: string;
  readonly skuName: string;
  readonly payAmountFen: number | null;
  readonly receiptAmountFen: number | null;
  readonly discountAmountFen: number | null;
  /** How many coupons the order holds; null where it does not tell. Only one coupon's order has that coupon's amounts. */
  readonly couponCount: number | null;
  /** The part of each coupon, where the order tells them apart; else none at all. */
  readonly parts: readonly OrderPart[];
  readonly createOrderTime: Date | null;
  readonly payTime: Date | null;
}
