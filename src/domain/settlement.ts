// How an unknown verify is decided: when to repeat, when to ask Douyin's reads instead, and what their answers prove.

import type { Certificate, CertificateUse } from './coupon.ts';
import type { Verification } from './verification.ts';

/**
 * Douyin keeps a verify token idempotent for a "short time" of unpublished length. Later than this after the first
 * send it is not repeated any more, only looked up: on a times card a late repeat could use it once more. Milliseconds.
 */
export const REPEAT_WINDOW_MS = 15 * 60_000;

/**
 * How far Douyin's clock may be behind ours when its verify time is compared with our first send, beyond the difference
 * that was measured. Milliseconds.
 */
const CLOCK_SKEW_MS = 10_000;

/** A clock that differs by more is a mistake that nothing may be concluded from. Milliseconds. */
export const MAX_CLOCK_OFFSET_MS = 3_600_000;

/** Douyin's risk review takes up to 48 hours and then redeems by itself if it passes. Milliseconds. */
const REVIEW_LASTS_MS = 48 * 3_600_000;

type Sent = Pick<
  Verification,
  | 'poiId'
  | 'isTimesCard'
  | 'timesUsedBefore'
  | 'sendCount'
  | 'openSendCount'
  | 'firstSentAt'
  | 'lastSentAt'
  | 'lastOutcomeKind'
>;

/** What to do next with a verify that was sent and not decided, and how long to wait before it. */
export function nextSettlementStep(
  verification: Sent,
  repeatDelaysMs: readonly number[],
  now: Date,
): { readonly step: 'repeat' | 'look_up'; readonly waitMs: number } {
  // Douyin has refused: another repeat would be refused too. Only whether an earlier send did it is left to ask.
  if (verification.lastOutcomeKind === 'refused') {
    return { step: 'look_up', waitMs: untilSendsHaveArrivedMs(verification, repeatDelaysMs, now) };
  }
  const delayMs = repeatDelaysMs[Math.max(0, verification.sendCount - 1)];
  if (
    delayMs === undefined ||
    verification.lastOutcomeKind === 'in_review' ||
    isPastRepeating(verification, now)
  ) {
    return { step: 'look_up', waitMs: 0 };
  }
  return { step: 'repeat', waitMs: delayMs };
}

/** Whether the token is too old to be sent again safely. */
function isPastRepeating(verification: Pick<Sent, 'openSendCount' | 'firstSentAt'>, now: Date): boolean {
  return (
    verification.openSendCount > 0 &&
    verification.firstSentAt !== null &&
    now.getTime() - verification.firstSentAt.getTime() > REPEAT_WINDOW_MS
  );
}

/**
 * A request whose caller gave up may still be executed while Douyin works off its backlog, but not later than the
 * longest pause of Douyin's own schedule of repeats.
 */
function untilSendsHaveArrivedMs(
  verification: Pick<Sent, 'lastSentAt'>,
  repeatDelaysMs: readonly number[],
  now: Date,
): number {
  const lastSentAtMs = verification.lastSentAt?.getTime() ?? 0;
  return Math.max(0, lastSentAtMs + Math.max(0, ...repeatDelaysMs) - now.getTime());
}

/** What Douyin's reads prove about our verify. */
export type LookUpVerdict =
  | { readonly kind: 'success'; readonly use: CertificateUse }
  | { readonly kind: 'refused'; readonly reason: 'used_elsewhere' | 'refunded' | 'unused' }
  | { readonly kind: 'undecided'; readonly reason: string };

/** Another verification of ours that a use of the coupon may belong to. */
export type Claim = Pick<Verification, 'id' | 'poiId' | 'firstSentAt' | 'settledAt' | 'verifyId'>;

/**
 * Moments of ours by Douyin's clock, which is `offsetMs` ahead of ours: Douyin tells by its own when it redeemed.
 * A gateway whose clock is fast would else take its own redemption for one from before it asked.
 */
export function byDouyinClock(verification: Verification, offsetMs: number): Verification {
  const shifted = (moment: Date | null) => moment && new Date(moment.getTime() + offsetMs);
  return {
    ...verification,
    firstSentAt: shifted(verification.firstSentAt),
    settledAt: shifted(verification.settledAt),
  };
}

/** What is known about one coupon when a verify of it is looked up. */
export interface LookUpEvidence {
  /** As Douyin shows it now; null if it knows none. */
  readonly certificate: Certificate | null;
  /** Its uses from the verify records of the stores it was used in; none if they were not asked. */
  readonly recordedUses: readonly CertificateUse[];
  /** Those that are decided: each has its use. Douyin does not always tell its id. */
  readonly claims: readonly Claim[];
  /** Those whose outcome is unknown too and which come first: each may have a use. */
  readonly rivals: readonly Claim[];
}

export interface LookUpPatience {
  readonly repeatDelaysMs: readonly number[];
  /** How long after the last send an unused coupon proves that nothing was redeemed, milliseconds. */
  readonly unusedIsFinalAfterMs: number;
}

/** Decides by what certificate/get and the verify records show. */
export function judgeLookUp(
  verification: Sent,
  evidence: LookUpEvidence,
  patience: LookUpPatience,
  now: Date,
): LookUpVerdict {
  const { certificate, recordedUses, claims, rivals } = evidence;
  const uses = [
    ...(certificate?.uses ?? []),
    ...(certificate?.lastUse ? [certificate.lastUse] : []),
    ...recordedUses,
  ].filter((use) => use.verifyId !== '');
  const claimed = claimedVerifyIds(uses, claims);
  const candidates = distinct(uses.filter((use) => isOurs(verification, use) && !claimed.has(use.verifyId)));
  // Each rival takes one that it can have made, and what is left after that is ours. Taking another's would leave that
  // one without any, and it would be told that it redeemed nothing.
  const taken = claimedVerifyIds(uses, [...claims, ...rivals]);
  const ours = candidates.find((use) => !taken.has(use.verifyId));
  if (ours) return { kind: 'success', use: ours };
  if (candidates.length > 0) {
    const ids = rivals.map(({ id }) => `#${id}`);
    return { kind: 'undecided', reason: `同店同一张券的另一笔核销 ${ids.join('、')} 尚未有结果` };
  }

  const unused: LookUpVerdict = isUnusedForGood(verification, patience, now)
    ? { kind: 'refused', reason: 'unused' }
    : { kind: 'undecided', reason: '抖音显示该券未使用，等待确认' };
  if (!certificate) {
    return verification.lastOutcomeKind === 'refused'
      ? unused
      : { kind: 'undecided', reason: '抖音查不到该券' };
  }
  // A use is held against us only if it cannot be a misreading of our own: it is another verification's, it was before
  // our first send, or both of Douyin's reads say that it was elsewhere.
  const isForeign = (use: CertificateUse): boolean =>
    claimed.has(use.verifyId) ||
    isBeforeFirstSend(verification, use) ||
    recordedUses.some(
      (recorded) =>
        recorded.verifyId === use.verifyId &&
        (recorded.poiId !== '' || recorded.channel === 'other') &&
        !isOurs(verification, recorded),
    );

  if (verification.isTimesCard || certificate.kind === 'times_card') {
    const { timesUsed } = certificate;
    const usedBefore = verification.timesUsedBefore;
    const isUntouched = timesUsed !== null && usedBefore !== null && timesUsed <= usedBefore;
    const isAccountedFor =
      timesUsed !== null && certificate.uses.length >= timesUsed && certificate.uses.every(isForeign);
    if (isUntouched || isAccountedFor) return unused;
    return { kind: 'undecided', reason: '次卡次数的变化无法全部对应到核销记录' };
  }
  switch (certificate.status) {
    case 'USED':
      return uses.some(isForeign)
        ? { kind: 'refused', reason: 'used_elsewhere' }
        : { kind: 'undecided', reason: '券已使用，但抖音的核销记录不全' };
    case 'REFUNDED':
    case 'REFUNDING':
    case 'CANCELLED':
      return { kind: 'refused', reason: 'refunded' };
    case 'UNUSED':
    case 'EXPIRED':
      return unused;
    case 'UNKNOWN':
    case '':
      return { kind: 'undecided', reason: '券状态无法识别' };
  }
}

/** Whether a coupon that Douyin shows unused was not, and will not be, redeemed by our sends. */
function isUnusedForGood(verification: Sent, patience: LookUpPatience, now: Date): boolean {
  if (verification.lastSentAt === null) return false;
  const sinceLastSendMs = now.getTime() - verification.lastSentAt.getTime();
  switch (verification.lastOutcomeKind) {
    case 'refused':
      return untilSendsHaveArrivedMs(verification, patience.repeatDelaysMs, now) === 0;
    case 'in_review':
      return sinceLastSendMs >= REVIEW_LASTS_MS + patience.unusedIsFinalAfterMs;
    case 'unanswered':
    case '':
      return sinceLastSendMs >= patience.unusedIsFinalAfterMs;
  }
}

/** The ids of the uses that are others'. A claim without an id takes the first use it can have made that nobody names. */
function claimedVerifyIds(uses: readonly CertificateUse[], claims: readonly Claim[]): ReadonlySet<string> {
  const claimed = new Set(claims.map((claim) => claim.verifyId));
  claimed.delete('');
  for (const claim of claims.filter((unnamed) => unnamed.verifyId === '')) {
    const use = distinct(uses).find(
      (candidate) => !claimed.has(candidate.verifyId) && canBeOf(claim, candidate),
    );
    if (use) claimed.add(use.verifyId);
  }
  return claimed;
}

function canBeOf(claim: Claim, use: CertificateUse): boolean {
  if (use.channel !== 'open_api' || use.isCancelled || use.poiId !== claim.poiId) return false;
  if (use.verifyTime === null) return true;
  const atMs = use.verifyTime.getTime();
  return (
    atMs >= (claim.firstSentAt?.getTime() ?? -Infinity) - CLOCK_SKEW_MS &&
    atMs <= (claim.settledAt?.getTime() ?? Infinity) + CLOCK_SKEW_MS
  );
}

/** Each use once, the earliest first. */
function distinct(uses: readonly CertificateUse[]): readonly CertificateUse[] {
  const byId = new Map(uses.map((use) => [use.verifyId, use]));
  return [...byId.values()].sort((a, b) => (a.verifyTime?.getTime() ?? 0) - (b.verifyTime?.getTime() ?? 0));
}

function isOurs(verification: Sent, use: CertificateUse): boolean {
  return (
    use.channel === 'open_api' &&
    !use.isCancelled &&
    use.poiId === verification.poiId &&
    use.verifyTime !== null &&
    verification.openSendCount > 0 &&
    !isBeforeFirstSend(verification, use)
  );
}

function isBeforeFirstSend(verification: Sent, use: CertificateUse): boolean {
  return (
    use.verifyTime !== null &&
    verification.firstSentAt !== null &&
    use.verifyTime.getTime() < verification.firstSentAt.getTime() - CLOCK_SKEW_MS
  );
}

/** Stores, other than the verification's own, in which it was used since our first send: their records are asked too. */
export function otherStoresOfUses(verification: Sent, certificate: Certificate | null): readonly string[] {
  const uses = [...(certificate?.uses ?? []), ...(certificate?.lastUse ? [certificate.lastUse] : [])];
  const poiIds = uses
    .filter((use) => !isBeforeFirstSend(verification, use))
    .map((use) => use.poiId)
    .filter((poiId) => poiId !== '' && poiId !== verification.poiId);
  return [...new Set(poiIds)];
}
