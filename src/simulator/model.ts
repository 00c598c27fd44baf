// The things the simulator keeps: orders, their coupons, what was done to them, and the names of verifications.
// Plain data only; what may happen to it is in redemption.ts, how it is kept in world.ts.
import type { OrderSpec } from './order-spec.ts';

/** Douyin's `status` of a certificate. */
export const COUPON_STATUS = {
  unused: 1,
  used: 2,
  refund_applied: 3,
  refunded: 4,
  refund_failed: 5,
  refunding: 6,
} as const;
export type CouponStatusName = keyof typeof COUPON_STATUS;

/**
 * Who verified: `api` is Douyin's verify call by this app, `other_app` the same call by another one; `till` and
 * `till_typed` are Douyin's own app for merchants, by scanning and by typing.
 */
export type Verifier = 'api' | 'till' | 'till_typed' | 'other_app';
/** Who took a verification back. */
export type Canceller = 'api' | 'till';

/** One redemption, or one use of a times card. Cancelling it does not remove it. */
export interface Effect {
  verifyId: string;
  certificateId: string;
  encryptedCode: string;
  orderId: string;
  poiId: string;
  verifyToken: string | null;
  verifiedBy: Verifier;
  /** By Douyin's clock, which may be wrong. */
  atMs: number;
  /** By the machine's clock. */
  trueAtMs: number;
  callId: string | null;
  /** Which use of a times card this was, from 1; null for other coupons. */
  serialNumber: number | null;
  cancelledAtMs: number | null;
  cancelledTrueAtMs: number | null;
  cancelledBy: Canceller | null;
  cancelCallId: string | null;
  cancelToken: string | null;
}

/** One line of the ledger: an effect, or its cancellation. */
export interface LedgerEntry {
  sequence: number;
  kind: 'verified' | 'cancelled';
  atMs: number;
  trueAtMs: number;
  callId: string | null;
  effect: Effect;
}

/** A coupon in Douyin's risk review: answered 1229 until it is decided. */
export interface Review {
  dueAtMs: number;
  passes: boolean;
  verifyToken: string;
  poiId: string;
  callId: string;
  fingerprint: string;
  /** Every code of the verify call under review, in its order. */
  encryptedCodes: string[];
}

export interface Coupon {
  order: Order;
  index: number;
  certificateId: string;
  encryptedCode: string;
  plainCode: string;
  orderItemId: string;
  status: CouponStatusName;
  startTimeSeconds: number;
  expireTimeSeconds: number;
  /** Uses a times card has in all; 1 for every other coupon. */
  timesCount: number;
  effects: Effect[];
  /** Settled with the merchant: can no longer be cancelled, whatever the hour. */
  settled: boolean;
  refundedAtMs: number | null;
  changedAtMs: number;
  review: Review | null;
}

export interface QrCode {
  number: number;
  shortLinkId: string;
  encryptedData: string;
}

export interface Order {
  index: number;
  orderId: string;
  spec: OrderSpec;
  createdAtMs: number;
  changedAtMs: number;
  /** By the machine's clock. */
  changedTrueAtMs: number;
  coupons: Coupon[];
  /** The QR code that works; null after a verification, until the customer opens the order page again. */
  liveQr: QrCode | null;
  lastQr: QrCode;
  /** Numbers of the QR codes by whose prepares something was verified. */
  endedQrs: Set<number>;
  prepareCount: number;
}

/** What Douyin said about one code of a verify call. */
export interface JudgedItem {
  encryptedCode: string;
  result: number;
  effect: Effect | null;
}

/** One verification as named by the token of a prepare. */
export interface VerifyToken {
  verifyToken: string;
  orderId: string;
  poiId: string | null;
  /** The QR code it was prepared by; null for a plain code. */
  qrNumber: number | null;
  preparedAtMs: number;
  /** Verify calls that arrived with this token, faulted ones included. */
  sends: number;
  /** Fingerprints of the different parameters it was sent with; more than one is a client's mistake. */
  parameterSets: Set<string>;
  /** The parameters of the first call that Douyin judged: only the same ones are taken from then on. */
  boundTo: string | null;
  /** The latest answer that had an effect, and when by the machine's clock; null as long as nothing was redeemed under this token. */
  spent: { trueAtMs: number; items: JudgedItem[] } | null;
  effects: Effect[];
}

/** Uses of a coupon that are in force: verified and not cancelled. */
export function activeEffects(coupon: Coupon): Effect[] {
  return coupon.effects.filter((effect) => effect.cancelledAtMs === null);
}

export function isTimesCard(order: Order): boolean {
  return order.spec.kind === 'times_card';
}

/** Whether prepare lists the coupon as usable now, apart from the store. */
export function isUsableNow(coupon: Coupon, nowMs: number, listExpired: boolean): boolean {
  return (
    coupon.status === 'unused' &&
    coupon.review === null &&
    coupon.startTimeSeconds * 1000 <= nowMs &&
    (listExpired || !isExpired(coupon, nowMs))
  );
}

export function isExpired(coupon: Coupon, nowMs: number): boolean {
  return coupon.expireTimeSeconds * 1000 <= nowMs;
}
