// Douyin in our words. src/douyin fulfils it over HTTP; nobody else knows Douyin's fields, paths or codes.

import type { CertificateUse, PreparedOrder, ShownCertificate } from '../domain/coupon.ts';
import type { OrderDetails } from '../domain/enrichment.ts';

/** Names the coupon for prepare: what a short link carried, or the plain code. */
export type PrepareBy = { readonly encryptedData: string } | { readonly code: string };

export type PrepareOutcome =
  | { readonly kind: 'prepared'; readonly order: PreparedOrder }
  /** Douyin's word on the coupon; nothing was consumed. */
  | { readonly kind: 'refused'; readonly errorCode: number; readonly description: string };

export interface VerifyInput {
  readonly douyinVerifyToken: string;
  readonly poiId: string;
  readonly encryptedCode: string;
  /** As prepare told them, '' or absent where it did not: an answer about another coupon is no answer. */
  readonly certificateId?: string;
  readonly orderId?: string;
  /** `first` only if no earlier send of this token can have had an effect. */
  readonly attempt: 'first' | 'repeat';
  /** Whether token and code came from the caller (encrypted_code mode): then bad parameters are the caller's. */
  readonly isCallerSupplied: boolean;
  /**
   * No byte of a send may leave later than this, by the monotonic clock (`performance.now()`, milliseconds): somebody
   * else may have taken the verification over by then. Holds for the send after a refreshed access token too.
   */
  readonly mustStartBy?: number;
}

/** What a use cost, in fen, as the verify itself tells; null where it does not. */
export interface VerifiedAmount {
  readonly payFen: number | null;
  readonly originalFen: number | null;
  /** Which use of a times card it was, from 1. */
  readonly serialNumber: number | null;
}

/** What Douyin said about the one coupon that was sent. Ids as text, `''` where Douyin does not tell. */
export interface VerifiedItem {
  readonly verifyId: string;
  readonly certificateId: string;
  readonly orderId: string;
  readonly originCode: string;
  readonly productId: string;
  readonly verifyTime: Date | null;
  /** null where Douyin tells nothing: it tells it of times cards. */
  readonly amount: VerifiedAmount | null;
}

/**
 * Why an outcome is unknown, which is what decides what to do next.
 * - `unanswered`  lost, busy, or answered by something between: the same call again, on Douyin's schedule
 * - `unclear`     Douyin answered about the coupon and is not understood: look it up at once, then repeat
 * - `in_review`   Douyin may yet redeem it, within 48 hours: look it up, do not repeat
 * - `refused`     Douyin refused a repeat, perhaps for what an earlier send did: look it up, do not repeat
 */
export type UnknownWhy = 'unanswered' | 'unclear' | 'in_review' | 'refused';

/**
 * The outcome of one verify call. Unknown is a value: it may have redeemed the coupon, and is never `failed`.
 * `response` is Douyin's answer as text, byte for byte; `reason` is for operators.
 */
export type VerifyOutcome =
  | {
      readonly kind: 'verified';
      readonly item: VerifiedItem;
      readonly response: string;
      readonly isReplay: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly errorCode: number;
      readonly description: string;
      readonly response: string;
      readonly isAlreadyUsed: boolean;
    }
  | {
      readonly kind: 'unknown';
      readonly why: UnknownWhy;
      readonly reason: string;
      /** null where Douyin gave none, or one that cannot be read. */
      readonly errorCode: number | null;
      readonly description: string;
      readonly response: string | null;
    }
  /** Certainly did nothing: no request byte left, it was too late for one, or the access token was refused. */
  | { readonly kind: 'not_sent'; readonly reason: string }
  | {
      readonly kind: 'refused_gateway';
      readonly errorCode: number;
      readonly description: string;
      readonly response: string;
    };

/** Why a coupon is read: to decide an unknown verify, or to complete an order's data, which yields to that. */
export type CertificateReadPurpose = 'look_up' | 'enrichment';

export interface VerifyRecord extends CertificateUse {
  readonly certificateId: string;
}

export interface VerifyRecordList {
  readonly records: readonly VerifyRecord[];
  /** Whether Douyin's list ended before the limit: what a cut one leaves out is not known. */
  readonly isWhole: boolean;
}

/** Douyin's answer untouched. */
export interface RawAnswer {
  readonly body: Buffer;
}

/**
 * Every call is bounded by the configured time-out and by `signal`.
 * Reads and prepare throw AppError: `douyin.unavailable` (could not be asked), `douyin.refused_gateway`,
 * `douyin.broken_answer` (reads only; prepare says unavailable). verify never throws for what Douyin or the network did.
 */
export interface Douyin {
  prepare(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<PrepareOutcome>;
  /** For the prepare endpoint: Douyin's JSON as it came, also when it is a refusal. */
  prepareRaw(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<RawAnswer>;
  verify(input: VerifyInput, signal?: AbortSignal): Promise<VerifyOutcome>;
  /** null when Douyin knows no such coupon. */
  getCertificate(
    encryptedCode: string,
    purpose: CertificateReadPurpose,
    signal?: AbortSignal,
  ): Promise<ShownCertificate | null>;
  /**
   * The records between two moments that Douyin lists when asked for the store's, oldest first, at most `limit`. Douyin
   * may ignore the store, and its records need not name theirs: each is judged by what it says itself.
   */
  queryVerifyRecords(
    input: { readonly poiId: string; readonly from: Date; readonly to: Date; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<VerifyRecordList>;
  /** null while Douyin does not show the order. */
  findOrder(orderId: string, signal?: AbortSignal): Promise<OrderDetails | null>;
  /** For the stores endpoint: Douyin's JSON as it came. */
  queryStoresRaw(
    input: { readonly poiId?: string; readonly page: number; readonly pageSize: number },
    signal?: AbortSignal,
  ): Promise<RawAnswer>;
}

export type ShortLinkResolution =
  | { readonly kind: 'resolved'; readonly encryptedData: string }
  /** Not one of Douyin's links, or it holds no coupon. `reason` never holds the link. */
  | { readonly kind: 'invalid'; readonly reason: string };

export interface ShortLinks {
  /** Asks the link's host once, following nothing. @throws AppError `douyin.unavailable` when it could not be asked */
  resolve(shortLink: string, signal?: AbortSignal): Promise<ShortLinkResolution>;
}

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
  /** Grows by one with each token the gateway obtained. */
  readonly generation: number;
}

export interface AccessTokens {
  /** A token with at least `minimumLifeMs` (default: a minute) left; fetched if there is none. @throws AppError */
  current(minimumLifeMs?: number): Promise<AccessToken>;
  /** Replaces a token Douyin refused; callers naming the same generation share one fetch across processes. */
  replace(refusedGeneration: number): Promise<AccessToken>;
  /** Replaces the token if less than a third of its life is left. */
  keepFresh(): Promise<{ readonly refreshed: boolean; readonly expiresAt: Date }>;
}
