// A verification's states, which changes of them are legal, and what a repeat of (app, verify_token) means.
// Storing it is src/db; running it is workflows/ and activities/.

import type { CouponStatus, VerifyMode } from './coupon.ts';
import type { EnrichmentStatus } from './enrichment.ts';

/** `success` and `failed` at step `settled` are final. */
export type VerifyStatus = 'processing' | 'success' | 'failed';

/**
 * How far it got:
 * - `accepted`      the row exists, nothing was sent to Douyin's verify
 * - `prepared`      Douyin's token and the coupon are stored
 * - `sent`          at least one verify was counted; the coupon may be redeemed
 * - `settled`       Douyin's word (or an operator's) ended it
 * - `unsettled`     repeats and look-ups did not decide; it waits for an operator
 * - `not_attempted` ended before anything could be consumed; the same token may try again
 */
export type VerificationStep = 'accepted' | 'prepared' | 'sent' | 'settled' | 'unsettled' | 'not_attempted';

/** What the last verify came to: `refused` is Douyin's word on a repeat, which look-ups must confirm. */
export type LastOutcomeKind = '' | 'unanswered' | 'in_review' | 'refused';

/** One verification, as stored. Amounts are fen; Douyin's ids are text. */
export interface Verification {
  readonly id: number;
  readonly appId: number;
  readonly appName: string;
  readonly appCode: string;
  readonly poiId: string;
  readonly mode: VerifyMode;
  /** The short link, code or encrypted code the caller sent. Never logged. */
  readonly requestValue: string;
  readonly verifyToken: string;
  readonly operatorId: string;
  readonly deviceId: string;
  readonly note: string;

  readonly verifyStatus: VerifyStatus;
  readonly step: VerificationStep;
  /** Counts the tries of one token: 1, and one more each time a `not_attempted` one is tried again. */
  readonly round: number;
  readonly roundStartedAt: Date;
  /** The gateway's own error code when the step is `not_attempted`. */
  readonly reason: string;
  readonly errorCode: number;
  readonly errorDescription: string;

  /** What the short link named, to hand to prepare. */
  readonly encryptedData: string;
  readonly douyinVerifyToken: string;
  readonly encryptedCode: string;
  readonly certificateId: string;
  readonly originCode: string;
  readonly couponStatus: CouponStatus;
  readonly productId: string;
  readonly productName: string;
  readonly skuId: string;
  readonly skuName: string;
  readonly isTimesCard: boolean;
  /** How often a times card had been used when it was prepared. */
  readonly timesUsedBefore: number | null;
  readonly verifyRecordsCount: number;
  readonly verifyId: string;
  readonly orderId: string;
  readonly sourceOrderId: string;
  readonly extOrderId: string;
  readonly orderStatus: number;
  /** The coupon's own, of a times card this use's; 0 where it is not known. */
  readonly payAmount: number;
  readonly receiptAmount: number;
  readonly discountAmount: number;
  /** Whether `payAmount` is known; null in a row of an earlier release, which did not say. */
  readonly isAmountKnown: boolean | null;
  readonly enrichmentStatus: EnrichmentStatus;
  readonly enrichmentRetryCount: number;
  readonly enrichmentError: string;
  /** Douyin's verify answer, byte for byte, or null before there is one. */
  readonly douyinResponse: string | null;

  /** Every verify request counted before it was sent. */
  readonly sendCount: number;
  /** Of those, the ones that may have had an effect: a verify sent while this is 0 is a first attempt. */
  readonly openSendCount: number;
  readonly firstSentAt: Date | null;
  readonly lastSentAt: Date | null;
  /** What the last verify or look-up said, in words, for operators. */
  readonly lastOutcome: string;
  readonly lastOutcomeKind: LastOutcomeKind;
  /** Our own earlier verification that used this coupon, when it was refused as used. */
  readonly usedByVerificationId: number | null;

  readonly expireTime: Date | null;
  readonly verifyTime: Date | null;
  readonly createOrderTime: Date | null;
  readonly payTime: Date | null;
  readonly settledAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Whether the row can never change its verdict again. */
export function isSettled(verification: Pick<Verification, 'verifyStatus' | 'step'>): boolean {
  return verification.step === 'settled';
}

/** Whether a caller waiting for this verification can be answered now. */
export function isAnswerable(verification: Pick<Verification, 'step'>): boolean {
  return (
    verification.step === 'settled' ||
    verification.step === 'not_attempted' ||
    verification.step === 'unsettled'
  );
}

/**
 * A first verify is never sent later than this after the request that asked for it: the customer at the till has
 * left by then, and a coupon redeemed behind their back is worse than one more scan. Milliseconds.
 */
export const FIRST_SEND_DEADLINE_MS = 120_000;

/** Whether a verification that was not sent yet has waited too long to be sent for the first time. */
export function isTooLateToSend(
  verification: Pick<Verification, 'openSendCount' | 'roundStartedAt'>,
  now: Date,
): boolean {
  return (
    verification.openSendCount === 0 &&
    now.getTime() - verification.roundStartedAt.getTime() > FIRST_SEND_DEADLINE_MS
  );
}

/** What was asked for, apart from who asked. */
export interface VerificationRequest {
  readonly mode: VerifyMode;
  readonly requestValue: string;
  readonly poiId: string;
}

/** What a second request with a known (app, verify_token) gets. */
export type RepeatAnswer = 'other_request' | 'stored_record' | 'wait' | 'try_again';

/** @see docs/architecture.md, the idempotency table */
export function answerRepeat(
  stored: Pick<Verification, 'mode' | 'requestValue' | 'poiId' | 'step'>,
  asked: VerificationRequest,
): RepeatAnswer {
  if (
    stored.mode !== asked.mode ||
    stored.requestValue !== asked.requestValue ||
    stored.poiId !== asked.poiId
  ) {
    return 'other_request';
  }
  switch (stored.step) {
    case 'settled':
    case 'unsettled':
      return 'stored_record';
    case 'not_attempted':
      return 'try_again';
    case 'accepted':
    case 'prepared':
    case 'sent':
      return 'wait';
  }
}
