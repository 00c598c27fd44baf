// A verification's states, the one table of changes that are legal, and what a repeat of (app, verify_token) means.
// Storing them is src/db, whose conditions are derived from this table; running them is workflows/ and activities/.

import type { CouponStatus, VerifyMode } from './coupon.ts';
import type { EnrichmentStatus } from './enrichment.ts';
import type { EndReason, EndReasonDetail, OutcomeNote } from './outcome-notes.ts';

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
export const VERIFICATION_STEPS = [
  'accepted',
  'prepared',
  'sent',
  'settled',
  'unsettled',
  'not_attempted',
] as const;
export type VerificationStep = (typeof VERIFICATION_STEPS)[number];

/**
 * What the last verify came to, null before there is an answer or its absence:
 * - `unanswered` it may have been done; repeat it
 * - `in_review`  Douyin's risk review decides within 48 hours; ask, do not repeat
 * - `refused`    Douyin refused a repeat; only look-ups decide
 */
export type LastOutcome = 'unanswered' | 'in_review' | 'refused';

/**
 * Why nothing is sent any more, only looked up:
 * - `said_used`  Douyin answered a verify that the coupon is used, without naming whose use that is
 * - `shown_used` Douyin names the use, and it is another's: a repeat would be refused, or redeem it once more should
 *                somebody take that use back
 * - `operator`   an operator is about to decide
 */
export type SendsStop = 'said_used' | 'shown_used' | 'operator';

/** One verification, as stored. Amounts are fen; Douyin's ids are text; moments without `douyin` are the database's. */
export interface Verification {
  readonly id: number;
  /** The database's time when this row was read: ages are measured against it. */
  readonly asOf: Date;
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
  /** Which coupon of its request this row is, from 1, and how many the request has. */
  readonly itemNo: number;
  readonly itemCount: number;

  readonly verifyStatus: VerifyStatus;
  readonly step: VerificationStep;
  /** Counts the tries of one token: 1, and one more each time a `not_attempted` one is tried again. */
  readonly round: number;
  /** Names the round for good: a database that was restored may give the same id and round to another request. */
  readonly roundKey: string | null;
  readonly roundStartedAt: Date;
  /** Why the gateway, not Douyin, ended it; null where Douyin did, or nobody yet. */
  readonly reason: EndReason | null;
  readonly reasonDetail: EndReasonDetail | null;
  /** Douyin's code and words; 0 and '' where it gave none. */
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
  /** When the latest look-up that did not decide was begun. */
  readonly lastLookedUpAt: Date | null;
  /** By Douyin's clock, never later than the truth; null where the sending process did not know Douyin's time. */
  readonly douyinPreparedAt: Date | null;
  readonly douyinFirstSentAt: Date | null;
  /** null while it may be sent. */
  readonly sendsStoppedBy: SendsStop | null;
  readonly lastOutcome: LastOutcome | null;
  /** What the last verify or look-up said, for operators. */
  readonly lastNote: OutcomeNote | null;
  /**
   * Another verification of ours that explains this one: the redemption it was refused for, or the one in doubt that it
   * was held for.
   */
  readonly relatedVerificationId: number | null;

  readonly cancelStatus: '' | 'processing' | 'cancelled' | 'refused';
  readonly cancelledAt: Date | null;

  readonly expireTime: Date | null;
  readonly verifyTime: Date | null;
  readonly createOrderTime: Date | null;
  readonly payTime: Date | null;
  readonly settledAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One run of one verification. A late step of an earlier round, or of a row that was lost, changes nothing. */
export interface RoundKey {
  readonly id: number;
  readonly round: number;
  readonly roundKey: string | null;
}

/** The sends that whoever judges has seen. */
export type SeenSends = Pick<Verification, 'sendCount' | 'openSendCount'>;

/**
 * Douyin keeps a verify token idempotent for a "short time" of unpublished length. Later than this after the first
 * send it is not repeated any more, only looked up: on a times card a late repeat could use it once more. Milliseconds.
 */
export const REPEAT_WINDOW_MS = 15 * 60_000;

/** Douyin's risk review takes up to 48 hours and then redeems by itself if it passes. Milliseconds. */
export const REVIEW_LASTS_MS = 48 * 3_600_000;

/** The times that decide, milliseconds. */
export interface SettlementPolicy {
  /** How long to wait before the nth repeat of an unknown verify. */
  readonly repeatDelaysMs: readonly number[];
  /** A request whose sender gave up may still take effect this long after it was sent, and not later. */
  readonly sendArrivesWithinMs: number;
  /** An unused coupon this long after the last verify was sent was not redeemed by it. */
  readonly unusedIsFinalAfterMs: number;
  /**
   * A first verify is counted within this time of its request, or never: by then the till was told something else, or
   * has gone, and a coupon redeemed behind the customer's back is worse than one more scan.
   */
  readonly firstSendWithinMs: number;
  /** A verify that was counted goes out within this time, or not at all. */
  readonly sendStartsWithinMs: number;
}

/** What guards look at. */
export type GuardedRow = Pick<
  Verification,
  | 'step'
  | 'sendCount'
  | 'openSendCount'
  | 'firstSentAt'
  | 'lastSentAt'
  | 'lastLookedUpAt'
  | 'lastOutcome'
  | 'sendsStoppedBy'
  | 'roundStartedAt'
  | 'asOf'
  | 'verifyStatus'
  | 'enrichmentStatus'
>;

/** What guards are told beside the row. */
export interface GuardContext {
  /** null where no transition with the guard `sends_as_seen` is asked for. */
  readonly seen: SeenSends | null;
  readonly policy: Pick<SettlementPolicy, 'firstSendWithinMs' | 'sendArrivesWithinMs'>;
  /** Whether the app is active and may act for the store. */
  readonly isAppAllowed: boolean;
  /**
   * Whether another verification that may have redeemed is undecided: of the same coupon, or of the same order where the
   * coupon was picked from prepare's list.
   */
  readonly hasSiblingInDoubt: boolean;
  /** Whether another verification was redeemed, or may yet be, under the same token of Douyin's. */
  readonly isTokenShared: boolean;
}

/** Each condition that a change may have beside its steps. The database states the same in SQL. */
export const GUARDS = {
  /** No send that may have had an effect. */
  nothing_sent: (row) => row.openSendCount === 0,
  something_sent: (row) => row.openSendCount > 0,
  /** Nobody has sent anything beside what the judgement knows. */
  sends_as_seen: (row, { seen }) =>
    seen !== null && row.sendCount === seen.sendCount && row.openSendCount === seen.openSendCount,
  not_in_review: (row) => row.lastOutcome !== 'in_review',
  /** Nobody knows what Douyin makes of a token that it has forgotten. */
  repeat_in_window: (row) =>
    row.openSendCount === 0 || row.firstSentAt === null || ageMs(row, row.firstSentAt) <= REPEAT_WINDOW_MS,
  /** Until then Douyin may yet redeem by itself. */
  review_is_over: (row) =>
    row.lastOutcome !== 'in_review' ||
    (row.lastSentAt !== null && ageMs(row, row.lastSentAt) >= REVIEW_LASTS_MS),
  sends_not_stopped: (row) => row.sendsStoppedBy === null,
  /** A repeat may go out later: what it repeats was sent while the till waited. */
  first_send_in_time: (row, { policy }) =>
    row.openSendCount > 0 || ageMs(row, row.roundStartedAt) <= policy.firstSendWithinMs,
  /** An app that was disabled, or lost the store, since its request sends nothing new. */
  first_send_allowed: (row, { isAppAllowed }) => row.openSendCount > 0 || isAppAllowed,
  /** Prepare's list cannot be trusted while another coupon of the order may just have been redeemed for this till. */
  no_sibling_in_doubt: (row, { hasSiblingInDoubt }) => row.openSendCount > 0 || !hasSiblingInDoubt,
  /** Every send has taken its effect, or never will. */
  sends_have_arrived: (row, { policy }) =>
    row.lastSentAt === null || ageMs(row, row.lastSentAt) >= policy.sendArrivesWithinMs,
  /**
   * Douyin was asked once more after every send had taken its effect, and a review its own: what a person saw before
   * tells nothing of a repeat that went out since.
   */
  looked_up_since: (row, { policy }) =>
    row.lastLookedUpAt !== null &&
    (row.lastSentAt === null ||
      row.lastLookedUpAt.getTime() - row.lastSentAt.getTime() >=
        (row.lastOutcome === 'in_review' ? REVIEW_LASTS_MS : policy.sendArrivesWithinMs)),
  /**
   * Douyin answers two callers of one token the one redemption, and does not always name it. Whoever stores later sees
   * the other's send, so that of two at least one is looked up.
   */
  token_is_own: (_row, { isTokenShared }) => !isTokenShared,
  is_too_late: (row, { policy }) => ageMs(row, row.roundStartedAt) > policy.firstSendWithinMs,
} as const satisfies Record<string, (row: GuardedRow, context: GuardContext) => boolean>;
export type Guard = keyof typeof GUARDS;

/** How long ago, by the database's clock alone. */
function ageMs(row: Pick<GuardedRow, 'asOf'>, moment: Date): number {
  return row.asOf.getTime() - moment.getTime();
}

interface Transition {
  readonly from: readonly VerificationStep[];
  readonly to: VerificationStep | 'same';
  readonly guards: readonly Guard[];
  readonly event: EventKind;
}

const UNSENT = ['accepted', 'prepared'] as const;
const SENT = ['sent', 'unsettled'] as const;
const OPEN = [...UNSENT, ...SENT] as const;

/** Every change of a verification up to its verdict, by name. What is not here does not happen. */
export const TRANSITIONS = {
  resolve_link: { from: ['accepted'], to: 'same', guards: [], event: 'short_link_resolved' },
  prepare: { from: ['accepted'], to: 'prepared', guards: [], event: 'prepared' },
  /** The prepared coupon's order has another verification in doubt: prepare's list cannot be trusted any more. */
  discard_prepared: {
    from: ['prepared', 'sent'],
    to: 'accepted',
    guards: ['nothing_sent'],
    event: 'held_for_sibling',
  },
  count_send: {
    from: ['prepared', ...SENT],
    to: 'sent',
    guards: [
      'not_in_review',
      'repeat_in_window',
      'sends_not_stopped',
      'first_send_in_time',
      'first_send_allowed',
      'no_sibling_in_doubt',
    ],
    event: 'verify_sent',
  },
  /** The last send certainly did nothing. One that stays counted only makes the next one a repeat. */
  uncount_send: { from: SENT, to: 'same', guards: ['something_sent', 'sends_as_seen'], event: 'not_sent' },
  note_unknown: { from: SENT, to: 'same', guards: [], event: 'outcome_unknown' },
  mark_unsettled: { from: ['sent'], to: 'unsettled', guards: ['something_sent'], event: 'unsettled' },
  stop_sends: { from: OPEN, to: 'same', guards: ['sends_not_stopped'], event: 'sends_stopped' },

  /** Douyin's word that it redeemed holds whatever else is under way, also if a fail-over has forgotten the count. */
  verify_succeeded: { from: OPEN, to: 'settled', guards: ['token_is_own'], event: 'verified' },
  look_up_succeeded: { from: SENT, to: 'settled', guards: [], event: 'found_redeemed' },
  /** Not once another runner has prepared: what this prepare was refused for may be that one's verify. */
  prepare_refused: { from: ['accepted'], to: 'settled', guards: ['nothing_sent'], event: 'refused' },
  verify_refused: { from: SENT, to: 'settled', guards: ['sends_as_seen'], event: 'refused' },
  look_up_refused: {
    from: SENT,
    to: 'settled',
    guards: ['sends_as_seen', 'sends_have_arrived', 'review_is_over'],
    event: 'found_not_redeemed',
  },
  /** What was never sent redeemed nothing, whatever the person saw: it ends unsent, and its token stays usable. */
  operator_resolved_success: { from: SENT, to: 'settled', guards: ['something_sent'], event: 'resolved' },
  operator_resolved_failed: {
    from: SENT,
    to: 'settled',
    guards: ['something_sent', 'sends_as_seen', 'sends_have_arrived', 'review_is_over', 'looked_up_since'],
    event: 'resolved',
  },
  end_not_attempted: { from: OPEN, to: 'not_attempted', guards: ['nothing_sent'], event: 'not_attempted' },
  /** Nobody sends it any more, whoever still runs it. */
  end_too_late: {
    from: OPEN,
    to: 'not_attempted',
    guards: ['nothing_sent', 'is_too_late'],
    event: 'not_attempted',
  },
  reopen: { from: ['not_attempted'], to: 'accepted', guards: [], event: 'tried_again' },
  /** In encrypted_code mode the caller has prepared already. */
  reopen_prepared: { from: ['not_attempted'], to: 'prepared', guards: [], event: 'tried_again' },
} as const satisfies Record<string, Transition>;
export type TransitionName = keyof typeof TRANSITIONS;

/** Whether a change is legal in this state. */
export function mayTransition(name: TransitionName, row: GuardedRow, context: GuardContext): boolean {
  const { from, guards }: Transition = TRANSITIONS[name];
  return from.includes(row.step) && guards.every((guard) => GUARDS[guard](row, context));
}

/** The verify status that belongs to a step; null where both verdicts do. */
export const STATUS_OF_STEP: Readonly<Record<VerificationStep, VerifyStatus | null>> = {
  accepted: 'processing',
  prepared: 'processing',
  sent: 'processing',
  unsettled: 'processing',
  settled: null,
  not_attempted: 'failed',
};

/** Everything a timeline can tell of. */
export const EVENT_KINDS = [
  'accepted',
  'tried_again',
  'short_link_resolved',
  'prepared',
  'held_for_sibling',
  'verify_sent',
  'not_sent',
  'outcome_unknown',
  'unsettled',
  'sends_stopped',
  'verified',
  'refused',
  'found_redeemed',
  'found_not_redeemed',
  'resolved',
  'not_attempted',
  'contradicted',
  'enrichment_tried',
  'enrichment_success',
  'enrichment_stuck',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Whether the row can never change its verdict again. */
export function isSettled(verification: Pick<Verification, 'step'>): boolean {
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

/** Whether a verification of which nothing was sent has become too old to be sent. */
export function isTooLateToSend(verification: GuardedRow, policy: GuardContext['policy']): boolean {
  return mayTransition('end_too_late', verification, {
    seen: null,
    policy,
    isAppAllowed: true,
    hasSiblingInDoubt: false,
    isTokenShared: false,
  });
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
