// The states of completing an order's data after a redeemed coupon. It never changes a verdict.

/** `skipped`: no order to ask for, or nothing was verified. `stuck`: automatic tries ended; operators are asked. */
export type EnrichmentStatus = 'pending' | 'success' | 'stuck' | 'skipped';

/** What one try brought. `reason` is for operators and carries no code, token or personal data. */
export type EnrichmentTry =
  { readonly kind: 'completed' } | { readonly kind: 'incomplete'; readonly reason: string };

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
  /** How many coupons the order holds: with more than one, its amounts are not one coupon's. */
  readonly couponCount: number;
  readonly createOrderTime: Date | null;
  readonly payTime: Date | null;
}
