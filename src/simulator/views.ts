// How the control side shows orders, coupons, the ledger and the truth: copies with every id as text, never the
// simulator's own objects.
import {
  activeEffects,
  type Canceller,
  type Coupon,
  type CouponStatusName,
  type Effect,
  isExpired,
  isUsableNow,
  type LedgerEntry,
  type Order,
  type VerifyToken,
  type Verifier,
} from './model.ts';
import type { OrderSpec } from './order-spec.ts';
import { callSequenceOf } from './call-log.ts';
import type { World } from './world.ts';

export interface CouponView {
  certificateId: string;
  orderId: string;
  encryptedCode: string;
  /** The plain code, 15 digits. */
  code: string;
  status: CouponStatusName;
  isUsableNow: boolean;
  isExpired: boolean;
  isInReview: boolean;
  startTime: number;
  expireTime: number;
  timesCount: number;
  timesUsed: number;
  verifyIds: string[];
}

export interface OrderView {
  orderId: string;
  /** Absolute address of the newest QR code's short link. */
  shortLink: string;
  shortLinkId: string;
  encryptedData: string;
  /** Whether prepare still takes that QR code. */
  isQrLive: boolean;
  title: string;
  kind: OrderSpec['kind'];
  status: OrderSpec['status'];
  poiIds: string[];
  payAmountFen: number;
  coupons: CouponView[];
}

export function orderView(world: World, order: Order, baseUrl: string): OrderView {
  const { spec, lastQr } = order;
  return {
    orderId: order.orderId,
    shortLink: `${baseUrl}/s/${lastQr.shortLinkId}/`,
    shortLinkId: lastQr.shortLinkId,
    encryptedData: lastQr.encryptedData,
    isQrLive: order.liveQr !== null,
    title: spec.title,
    kind: spec.kind,
    status: spec.status,
    poiIds: [...spec.poiIds],
    payAmountFen: spec.payAmountFen,
    coupons: order.coupons.map((coupon) => couponView(world, coupon)),
  };
}

export function couponView(world: World, coupon: Coupon): CouponView {
  const nowMs = world.clock();
  const active = activeEffects(coupon);
  return {
    certificateId: coupon.certificateId,
    orderId: coupon.order.orderId,
    encryptedCode: coupon.encryptedCode,
    code: coupon.plainCode,
    status: coupon.status,
    isUsableNow: isUsableNow(coupon, nowMs, false) && coupon.order.spec.status === 'paid',
    isExpired: isExpired(coupon, nowMs),
    isInReview: coupon.review !== null,
    startTime: coupon.startTimeSeconds,
    expireTime: coupon.expireTimeSeconds,
    timesCount: coupon.timesCount,
    timesUsed: active.length,
    verifyIds: active.map((effect) => effect.verifyId),
  };
}

export interface LedgerLine {
  sequence: number;
  kind: 'verified' | 'cancelled';
  /** By Douyin's clock. */
  atMs: number;
  /** By the machine's clock. */
  trueAtMs: number;
  callId: string | null;
  verifyId: string;
  certificateId: string;
  encryptedCode: string;
  orderId: string;
  poiId: string;
  verifyToken: string | null;
  verifiedBy: Verifier;
  serialNumber: number | null;
}

export function ledgerLine({ sequence, kind, atMs, trueAtMs, callId, effect }: LedgerEntry): LedgerLine {
  const { verifyId, certificateId, encryptedCode, orderId, poiId, verifyToken, verifiedBy, serialNumber } =
    effect;
  return {
    sequence,
    kind,
    atMs,
    trueAtMs,
    callId,
    verifyId,
    certificateId,
    encryptedCode,
    orderId,
    poiId,
    verifyToken,
    verifiedBy,
    serialNumber,
  };
}

/** One use of a coupon: who redeemed it and when, and who took it back. Times twice: by Douyin's clock, and truly. */
export interface Use {
  /** That of its line in the ledger. */
  sequence: number;
  verifyId: string;
  certificateId: string;
  orderId: string;
  encryptedCode: string;
  poiId: string;
  serialNumber: number | null;
  verifiedBy: Verifier;
  verifyToken: string | null;
  callId: string | null;
  /** The call's number in the call log; null for uses outside of this API. */
  callSequence: number | null;
  atMs: number;
  trueAtMs: number;
  cancelledAtMs: number | null;
  cancelledTrueAtMs: number | null;
  cancelledBy: Canceller | null;
  cancelToken: string | null;
  cancelCallId: string | null;
}

export function useOf(sequence: number, effect: Effect): Use {
  return {
    sequence,
    verifyId: effect.verifyId,
    certificateId: effect.certificateId,
    orderId: effect.orderId,
    encryptedCode: effect.encryptedCode,
    poiId: effect.poiId,
    serialNumber: effect.serialNumber,
    verifiedBy: effect.verifiedBy,
    verifyToken: effect.verifyToken,
    callId: effect.callId,
    callSequence: effect.callId === null ? null : callSequenceOf(effect.callId),
    atMs: effect.atMs,
    trueAtMs: effect.trueAtMs,
    cancelledAtMs: effect.cancelledAtMs,
    cancelledTrueAtMs: effect.cancelledTrueAtMs,
    cancelledBy: effect.cancelledBy,
    cancelToken: effect.cancelToken,
    cancelCallId: effect.cancelCallId,
  };
}

/** What really became of one verification, for a checker to hold against what a client says. */
export interface Truth {
  verifyToken: string;
  orderId: string;
  /** `verified`: at least one use is in force; `cancelled`: all were taken back; `none`: nothing was redeemed. */
  effect: 'verified' | 'cancelled' | 'none';
  isInReview: boolean;
  preparedAtMs: number;
  /** Verify calls that arrived with this token, those a fault swallowed included. */
  sends: number;
  /** Different parameters it was sent with; anything above 1 is a client's mistake. */
  parameterSets: number;
  effects: { verifyId: string; certificateId: string; poiId: string; atMs: number; isCancelled: boolean }[];
}

export function truthOf(world: World, token: VerifyToken): Truth {
  const active = token.effects.filter((effect) => effect.cancelledAtMs === null);
  return {
    verifyToken: token.verifyToken,
    orderId: token.orderId,
    effect: active.length > 0 ? 'verified' : token.effects.length > 0 ? 'cancelled' : 'none',
    isInReview: [...world.couponsInReview].some((coupon) => coupon.review?.verifyToken === token.verifyToken),
    preparedAtMs: token.preparedAtMs,
    sends: token.sends,
    parameterSets: token.parameterSets.size,
    effects: token.effects.map((effect) => ({
      verifyId: effect.verifyId,
      certificateId: effect.certificateId,
      poiId: effect.poiId,
      atMs: effect.atMs,
      isCancelled: effect.cancelledAtMs !== null,
    })),
  };
}
