// What may end a verification, and what each end tells: the only way to a verdict. By whom it was decided is part of it.
import type { Price } from './amounts.ts';
import type { CouponStatus } from './coupon.ts';
import type { DecidedReason, EndReasonDetail, NotAttemptedReason } from './outcome-notes.ts';
import { DOUYIN_CODES } from './douyin-codes.ts';
import type { SeenSends, TransitionName, Verification } from './verification.ts';

/** One redemption as Douyin told it. Ids as text, '' where it does not tell. */
export interface Redemption {
  readonly verifyId: string;
  readonly certificateId: string;
  readonly orderId: string;
  readonly originCode: string;
  readonly productId: string;
  /** By Douyin; null where it does not tell: then the moment its word arrived counts. */
  readonly verifyTime: Date | null;
  /** Which use of the coupon this is, from 1. */
  readonly recordsCount: number;
  /** What this very use cost, as the verify itself told it. */
  readonly price: Price;
}

/** What prepare told about the coupon. */
export interface PreparedCoupon {
  readonly encryptedCode: string;
  readonly certificateId: string;
  readonly couponStatus: CouponStatus;
  readonly originCode: string;
  readonly expireTime: Date | null;
  readonly productId: string;
  readonly skuId: string;
  readonly skuName: string;
  readonly sourceOrderId: string;
  /** The coupon's own; of a times card nothing, for it is that of all its uses. */
  readonly price: Price;
  readonly isTimesCard: boolean;
  readonly timesUsedBefore: number | null;
}

/** Who decided, by name in the audit log. The note is theirs. */
export interface OperatorDecision {
  readonly actor: string;
  readonly note: string;
  readonly requestId: string;
}

/** A verdict. `seen` are the sends that a refusal was judged by: one that was made beside them may have redeemed. */
export type Settlement =
  | {
      readonly verdict: 'success';
      readonly by: 'verify';
      readonly redemption: Redemption;
      readonly response: string;
      readonly attempt: number;
    }
  | { readonly verdict: 'success'; readonly by: 'look_up'; readonly redemption: Redemption }
  | { readonly verdict: 'success'; readonly by: 'operator'; readonly decision: OperatorDecision }
  | {
      readonly verdict: 'refused';
      readonly by: 'prepare';
      /** Douyin's code and words, or why nothing that it lists can be used. */
      readonly cause:
        | { readonly errorCode: number; readonly description: string }
        | { readonly reason: DecidedReason; readonly detail: EndReasonDetail | null };
      readonly coupon: PreparedCoupon | null;
      readonly orderId: string;
      readonly relatedVerificationId: number | null;
    }
  | {
      readonly verdict: 'refused';
      readonly by: 'verify';
      readonly errorCode: number;
      readonly description: string;
      readonly response: string;
      readonly attempt: number;
      readonly relatedVerificationId: number | null;
      readonly seen: SeenSends;
    }
  | {
      readonly verdict: 'refused';
      readonly by: 'look_up';
      readonly reason: 'used_elsewhere' | 'refunded' | 'unused';
      /** Douyin's own refusal of a repeat says more than what the reads imply. */
      readonly refusal: { readonly errorCode: number; readonly description: string } | null;
      readonly relatedVerificationId: number | null;
      readonly seen: SeenSends;
    }
  | {
      readonly verdict: 'refused';
      readonly by: 'operator';
      readonly decision: OperatorDecision;
      readonly seen: SeenSends;
    };

/** The end of a round of which nothing was sent; the same token may try again. */
export interface NotAttempted {
  readonly reason: NotAttemptedReason;
  /** Douyin's code and words where it refused the gateway. */
  readonly douyin: { readonly errorCode: number; readonly description: string } | null;
  /** The verification in doubt that it was held for. */
  readonly relatedVerificationId: number | null;
}

/** Which change of the table a settlement is. */
export function transitionOf(settlement: Settlement): TransitionName {
  switch (settlement.verdict) {
    case 'success':
      return SUCCESS_TRANSITIONS[settlement.by];
    case 'refused':
      return REFUSAL_TRANSITIONS[settlement.by];
  }
}

const SUCCESS_TRANSITIONS = {
  verify: 'verify_succeeded',
  look_up: 'look_up_succeeded',
  operator: 'operator_resolved_success',
} as const satisfies Record<Extract<Settlement, { verdict: 'success' }>['by'], TransitionName>;

const REFUSAL_TRANSITIONS = {
  prepare: 'prepare_refused',
  verify: 'verify_refused',
  look_up: 'look_up_refused',
  operator: 'operator_resolved_failed',
} as const satisfies Record<Extract<Settlement, { verdict: 'refused' }>['by'], TransitionName>;

/**
 * What Douyin said about a verification that was over by then:
 * - `redeemed`       a verify, or a use that looks like ours; the use's id, '' where Douyin does not name it
 * - `said_used`      a repeat was answered "used": an earlier send did it, or somebody else
 * - `in_review`      Douyin reviews the redemption, and may yet make it
 * - `refused`        the only verify was refused, or the coupon is shown unused or refunded
 * - `used_elsewhere` the coupon's use is another's
 */
export type LateWord =
  | { readonly kind: 'redeemed'; readonly verifyId: string }
  | { readonly kind: 'said_used' }
  | { readonly kind: 'in_review' }
  | { readonly kind: 'refused'; readonly errorCode: number }
  | { readonly kind: 'used_elsewhere' };

/** How a verification was over, by whomever. */
export type Ended = Pick<Verification, 'verifyStatus' | 'verifyId' | 'errorCode'>;

/** Whether Douyin's word differs from how the verification ended, so that people must look at it. */
export function isContradicted(ended: Ended, word: LateWord): boolean {
  const isSuccess = ended.verifyStatus === 'success';
  switch (word.kind) {
    case 'redeemed':
      return (
        !isSuccess || (word.verifyId !== '' && ended.verifyId !== '' && word.verifyId !== ended.verifyId)
      );
    case 'in_review':
      return !isSuccess;
    case 'said_used':
      return !isSuccess && DOUYIN_CODES[ended.errorCode]?.meaning !== 'already_verified';
    case 'refused':
      // A redemption that Douyin has named stands against what it says of another send. A person's word does not.
      return isSuccess && ended.verifyId === '';
    case 'used_elsewhere':
      return isSuccess;
  }
}
