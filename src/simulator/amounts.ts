// What coupons cost, in fen: each coupon of an order, and each use of a times card.
import type { Coupon } from './model.ts';

export interface CouponAmounts {
  originalFen: number;
  payFen: number;
  receiptFen: number;
}

/** A coupon's own amounts; a times card's are for all its uses together. */
export function couponAmounts({ order: { spec }, index }: Coupon): CouponAmounts {
  const payFen = spec.payAmountsFen[index] ?? spec.payAmountFen;
  return { originalFen: spec.originalAmountFen, payFen, receiptFen: spec.receiptAmountFen ?? payFen };
}

/**
 * The amounts of one use of a times card.
 * @param serialNumber which use, from 1
 */
export function useAmounts(coupon: Coupon, serialNumber: number): { originalFen: number; payFen: number } {
  const whole = couponAmounts(coupon);
  const share = (fen: number): number => {
    const even = Math.floor(fen / coupon.timesCount);
    // The last use takes what an even split leaves over, so that all uses together cost what the card did.
    return serialNumber === coupon.timesCount ? fen - even * (coupon.timesCount - 1) : even;
  };
  return {
    originalFen: share(whole.originalFen),
    payFen: coupon.order.spec.serialPayAmountsFen[serialNumber - 1] ?? share(whole.payFen),
  };
}
