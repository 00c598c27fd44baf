// How an unknown verify is decided: when to repeat, when to ask Douyin's reads instead, and what their answers prove.
// Ages are measured by the database's clock against its own stamps, moments of Douyin's by Douyin's clock: no verdict
// rests on comparing two clocks.

import type { Certificate, CertificateUse } from './coupon.ts';
import type { OutcomeNote } from './outcome-notes.ts';
import {
  REPEAT_WINDOW_MS,
  REVIEW_LASTS_MS,
  type SettlementPolicy,
  type Verification,
} from './verification.ts';

/** Douyin's times are whole seconds, from more than one machine of Douyin's. Milliseconds. */
const DOUYIN_TIME_MARGIN_MS = 3000;

/** A card's use counts as one from before our first send only where it is this much older. Milliseconds. */
const EARLIER_USE_MARGIN_MS = 5 * 60_000;

type Sent = Pick<
  Verification,
  | 'asOf'
  | 'poiId'
  | 'isTimesCard'
  | 'timesUsedBefore'
  | 'sendCount'
  | 'openSendCount'
  | 'firstSentAt'
  | 'lastSentAt'
  | 'lastOutcome'
  | 'sendsStoppedBy'
  | 'douyinFirstSentAt'
  | 'douyinPreparedAt'
>;

/** What to do next with a verify that was sent and not decided, and how long to wait before it. */
export interface SettlementStep {
  readonly step: 'repeat' | 'look_up';
  readonly waitMs: number;
}

export function nextSettlementStep(verification: Sent, policy: SettlementPolicy): SettlementStep {
  if (isOnlyLookedUp(verification)) {
    return { step: 'look_up', waitMs: untilSendsHaveArrivedMs(verification, policy) };
  }
  const delayMs = policy.repeatDelaysMs[Math.max(0, verification.sendCount - 1)];
  if (delayMs === undefined || verification.lastOutcome === 'in_review' || isPastRepeating(verification)) {
    return { step: 'look_up', waitMs: 0 };
  }
  return { step: 'repeat', waitMs: delayMs };
}

/**
 * How long until one that a look-up did not decide is looked up again. One that is not repeated any more is looked up
 * where it would have been repeated: Douyin's reads lag by minutes, and somebody waits for it.
 * @returns null where the run's own long pause will do
 */
export function untilNextLookUpMs(verification: Sent, policy: SettlementPolicy): number | null {
  if (!isOnlyLookedUp(verification)) return null;
  const arrivesInMs = untilSendsHaveArrivedMs(verification, policy);
  if (arrivesInMs > 0) return arrivesInMs;
  return isPastRepeating(verification) ? null : Math.max(...policy.repeatDelaysMs);
}

/**
 * Whether another repeat would tell nothing: Douyin has refused one, or called the coupon used. Only whether an earlier
 * send did it is left to ask. Or an operator is about to decide.
 */
function isOnlyLookedUp({
  lastOutcome,
  sendsStoppedBy,
}: Pick<Sent, 'lastOutcome' | 'sendsStoppedBy'>): boolean {
  return lastOutcome === 'refused' || sendsStoppedBy !== null;
}

/** Whether the token is too old to be sent again safely. */
function isPastRepeating(verification: Pick<Sent, 'openSendCount' | 'firstSentAt' | 'asOf'>): boolean {
  return (
    verification.openSendCount > 0 &&
    verification.firstSentAt !== null &&
    verification.asOf.getTime() - verification.firstSentAt.getTime() > REPEAT_WINDOW_MS
  );
}

/** How long until every request that was sent has taken its effect, or never will. Milliseconds. */
export function untilSendsHaveArrivedMs(
  verification: Pick<Sent, 'lastSentAt' | 'asOf'>,
  policy: Pick<SettlementPolicy, 'sendArrivesWithinMs'>,
): number {
  if (verification.lastSentAt === null) return 0;
  const sinceLastSendMs = verification.asOf.getTime() - verification.lastSentAt.getTime();
  return Math.max(0, policy.sendArrivesWithinMs - sinceLastSendMs);
}

/** How long until an operator may say that it failed: no send, and no review of Douyin's, redeems any more then. */
export function untilOperatorMayRefuseMs(
  verification: Pick<Sent, 'lastSentAt' | 'asOf' | 'lastOutcome'>,
  policy: Pick<SettlementPolicy, 'sendArrivesWithinMs'>,
): number {
  const isInReview = verification.lastOutcome === 'in_review';
  return untilSendsHaveArrivedMs(
    verification,
    isInReview ? { sendArrivesWithinMs: Math.max(policy.sendArrivesWithinMs, REVIEW_LASTS_MS) } : policy,
  );
}

/** What Douyin's reads prove about our verify. */
export type LookUpVerdict =
  | { readonly kind: 'success'; readonly use: CertificateUse }
  | { readonly kind: 'refused'; readonly reason: 'used_elsewhere' | 'refunded' | 'unused' }
  /** `isUsedByAnother`: a repeat would be refused; once every send has arrived this becomes a refusal. */
  | { readonly kind: 'undecided'; readonly note: OutcomeNote; readonly isUsedByAnother: boolean };

/** Another verification of ours that a use of the coupon may belong to. */
export type Claim = Pick<
  Verification,
  'id' | 'poiId' | 'verifyStatus' | 'douyinFirstSentAt' | 'douyinPreparedAt' | 'verifyTime' | 'verifyId'
>;

/** What is known about one coupon when a verify of it is looked up. */
export interface LookUpEvidence {
  /** As Douyin shows it now; null if it knows none. */
  readonly certificate: Certificate | null;
  /** Its uses as the verify records list them; they seldom name the store. */
  readonly recordedUses: readonly CertificateUse[];
  /** Whether no record of the time in question is missing from them: a list that was cut shows no "no use". */
  readonly areRecordsWhole: boolean;
  /** By Douyin's clock, before our first send; null if that cannot be told. */
  readonly notBefore: Date | null;
  /** Verifications that are decided: each has its use. Douyin does not always tell its id. */
  readonly claims: readonly Claim[];
  /** Those whose outcome is unknown too and which come first: each may have a use. */
  readonly rivals: readonly Claim[];
}

/**
 * When our first send was, by Douyin's clock and never later than the truth: as stamped then; else when prepare showed
 * the coupon unused; else Douyin's time now less the age of our first send by the database's clock.
 * @param douyinNow Douyin's time at `asOf`, or null if it is not known
 */
export function firstSendByDouyin(
  verification: Pick<Sent, 'douyinFirstSentAt' | 'douyinPreparedAt' | 'firstSentAt' | 'asOf'>,
  douyinNow: Date | null,
): Date | null {
  const stamped = verification.douyinFirstSentAt ?? verification.douyinPreparedAt;
  if (stamped !== null || douyinNow === null || verification.firstSentAt === null) return stamped;
  return new Date(douyinNow.getTime() - (verification.asOf.getTime() - verification.firstSentAt.getTime()));
}

/** One use as both of Douyin's reads tell it. */
interface Use extends CertificateUse {
  /** The reads name different stores, or channels. */
  readonly isContradictory: boolean;
}

/** Decides by what certificate/get and the verify records show. */
export function judgeLookUp(
  verification: Sent,
  evidence: LookUpEvidence,
  policy: SettlementPolicy,
): LookUpVerdict {
  const { certificate, claims, rivals } = evidence;
  const uses = mergeUses(evidence);
  const claimed = claimedVerifyIds(uses, claims);
  const mayBeOurs = (use: Use): boolean =>
    !claimed.has(use.verifyId) && isLikeOurs(verification, use, evidence.notBefore);

  const candidates = uses.filter((use) => !use.isCancelled && mayBeOurs(use));
  // Each rival takes one that it can have made, and what is left after that is ours. Taking another's would leave that
  // one without any, and it would be told that it redeemed nothing.
  const taken = claimedVerifyIds(uses, [...claims, ...rivals]);
  const ours = candidates.find((use) => !taken.has(use.verifyId));
  if (ours) return { kind: 'success', use: ours };
  if (candidates.length > 0) {
    return undecided('look_up_rival', { rivals: rivals.map(({ id }) => `#${id}`).join('、') });
  }
  // The customer has the coupon back, yet it was redeemed: what the shop did about it only people know.
  if (uses.some((use) => use.isCancelled && mayBeOurs(use))) return undecided('look_up_own_use_cancelled');

  // What was not read may be ours.
  if (!evidence.areRecordsWhole) return undecided('look_up_records_cut');

  // A live use that nobody can tell whose it is contradicts a coupon that is shown unused: one of the reads lags behind.
  const isEveryUseForeign = uses.every(
    (use) => use.isCancelled || isProvedForeign(verification, use, claimed),
  );
  // A verify that was answered "used" contradicts reads without any use that explains it: only people can weigh them.
  const isSaidUsed = verification.sendsStoppedBy === 'said_used';
  const isExplained = uses.some((use) => !use.isCancelled && isProvedForeign(verification, use, claimed));
  const isUnused = isUnusedForGood(verification, policy);
  const unusedOr = (note: OutcomeNote['code'], reason: 'unused' | 'refunded' = 'unused'): LookUpVerdict => {
    if (isSaidUsed && !isExplained) return undecided('look_up_said_used');
    return isUnused ? { kind: 'refused', reason } : undecided(note);
  };
  // Douyin may not know a used coupon's code any more: an absent coupon proves nothing.
  if (!certificate) return undecided('look_up_unknown_coupon');

  if (verification.isTimesCard || certificate.kind === 'times_card') {
    // Attributed by id: a count that rose or fell may hide ours. An earlier use of a card is no contradiction.
    const live = uses.filter((use) => !use.isCancelled);
    const isAccountedFor =
      certificate.timesUsed !== null &&
      live.length >= certificate.timesUsed &&
      areOthersEarlier(
        verification,
        live.filter((use) => !isProvedForeign(verification, use, claimed)),
        evidence.notBefore,
      );
    return isAccountedFor ? unusedOr('look_up_unused') : undecided('look_up_times_card');
  }
  if (certificate.status !== 'USED' && !isEveryUseForeign) return undecided('look_up_whose_use');
  switch (certificate.status) {
    case 'USED': {
      const latest = latestUse(uses.filter((use) => !use.isCancelled));
      if (latest === null || !isProvedForeign(verification, latest, claimed)) {
        return undecided('look_up_whose_use');
      }
      // That use may be cancelled, and what is under review or under way then still redeems.
      const isTooLateForOurs =
        verification.lastOutcome === 'in_review'
          ? isUnused
          : untilSendsHaveArrivedMs(verification, policy) === 0;
      return isTooLateForOurs
        ? { kind: 'refused', reason: 'used_elsewhere' }
        : { ...undecided('look_up_used_elsewhere'), isUsedByAnother: true };
    }
    case 'REFUNDED':
    case 'REFUNDING':
    case 'CANCELLED':
      return unusedOr('look_up_refunding', 'refunded');
    case 'UNUSED':
    case 'EXPIRED':
      return unusedOr('look_up_unused');
    case 'UNKNOWN':
    case '':
      return undecided('look_up_unknown_status');
  }
}

function undecided(
  code: OutcomeNote['code'],
  data?: OutcomeNote['data'],
): Extract<LookUpVerdict, { kind: 'undecided' }> {
  return { kind: 'undecided', note: data ? { code, data } : { code }, isUsedByAnother: false };
}

/** Whether a coupon that Douyin does not show used was not, and will not be, redeemed by our sends. */
function isUnusedForGood(verification: Sent, policy: SettlementPolicy): boolean {
  if (verification.lastSentAt === null) return false;
  const sinceLastSendMs = verification.asOf.getTime() - verification.lastSentAt.getTime();
  switch (verification.lastOutcome) {
    case 'refused':
      return untilSendsHaveArrivedMs(verification, policy) === 0;
    case 'in_review':
      return sinceLastSendMs >= REVIEW_LASTS_MS + policy.unusedIsFinalAfterMs;
    case 'unanswered':
    case null:
      return sinceLastSendMs >= policy.unusedIsFinalAfterMs;
  }
}

/** Each use once, the earliest first. A record that names no store leaves it to the certificate. */
function mergeUses({ certificate, recordedUses }: LookUpEvidence): readonly Use[] {
  const byId = new Map<string, Use>();
  const shown = [...(certificate?.uses ?? []), ...(certificate?.lastUse ? [certificate.lastUse] : [])];
  for (const use of [...shown, ...recordedUses]) {
    if (use.verifyId === '') continue;
    const known = byId.get(use.verifyId);
    byId.set(use.verifyId, known ? mergeUse(known, use) : { ...use, isContradictory: false });
  }
  return [...byId.values()].sort((a, b) => timeOf(a) - timeOf(b));
}

function mergeUse(known: Use, other: CertificateUse): Use {
  const differ = (a: string, b: string, none: string) => a !== none && b !== none && a !== b;
  return {
    ...known,
    verifyTime: known.verifyTime ?? other.verifyTime,
    channel: known.channel === 'unknown' ? other.channel : known.channel,
    poiId: known.poiId || other.poiId,
    isCancelled: known.isCancelled || other.isCancelled,
    isContradictory:
      known.isContradictory ||
      differ(known.poiId, other.poiId, '') ||
      differ(known.channel, other.channel, 'unknown'),
  };
}

function timeOf(use: CertificateUse): number {
  return use.verifyTime?.getTime() ?? 0;
}

/** The latest, if it can be told which that is. */
function latestUse(uses: readonly Use[]): Use | null {
  return uses.some((use) => use.verifyTime === null && uses.length > 1) ? null : (uses.at(-1) ?? null);
}

/** A use is held against us only if Douyin says without contradiction that it was another's. */
function isProvedForeign(verification: Pick<Sent, 'poiId'>, use: Use, claimed: ReadonlySet<string>): boolean {
  if (claimed.has(use.verifyId)) return true;
  return !use.isContradictory && isMadeElsewhere(use, verification.poiId);
}

/** Whether Douyin says that a use was made through another channel, or in another store. */
export function isMadeElsewhere(use: Pick<CertificateUse, 'channel' | 'poiId'>, poiId: string): boolean {
  return use.channel === 'other' || (use.poiId !== '' && use.poiId !== poiId);
}

function isLikeOurs(verification: Sent, use: Use, notBefore: Date | null): boolean {
  return (
    use.channel === 'open_api' &&
    !use.isContradictory &&
    use.poiId === verification.poiId &&
    use.verifyTime !== null &&
    verification.openSendCount > 0 &&
    notBefore !== null &&
    !isBefore(use, notBefore)
  );
}

function isBefore(
  use: CertificateUse,
  notBefore: Date | null,
  marginMs: number = DOUYIN_TIME_MARGIN_MS,
): boolean {
  return (
    use.verifyTime !== null && notBefore !== null && use.verifyTime.getTime() < notBefore.getTime() - marginMs
  );
}

/**
 * Whether the uses of a times card that are not proved to be another's were all made before we asked: never more than
 * prepare had counted, and none so near that a clock of Douyin's that is a little off would make ours one of them.
 */
function areOthersEarlier(
  { timesUsedBefore }: Pick<Sent, 'timesUsedBefore'>,
  uses: readonly Use[],
  notBefore: Date | null,
): boolean {
  return (
    uses.length <= (timesUsedBefore ?? Infinity) &&
    uses.every((use) => isBefore(use, notBefore, EARLIER_USE_MARGIN_MS))
  );
}

/** The ids of the uses that are others'. A claim without an id takes the first use it can have made that nobody names. */
function claimedVerifyIds(uses: readonly Use[], claims: readonly Claim[]): ReadonlySet<string> {
  const claimed = new Set(claims.map((claim) => claim.verifyId));
  claimed.delete('');
  for (const claim of claims.filter((unnamed) => unnamed.verifyId === '')) {
    const use = uses.find((candidate) => !claimed.has(candidate.verifyId) && canBeOf(claim, candidate));
    if (use) claimed.add(use.verifyId);
  }
  return claimed;
}

function canBeOf(claim: Claim, use: Use): boolean {
  if (use.channel !== 'open_api' || use.isContradictory || use.isCancelled || use.poiId !== claim.poiId) {
    return false;
  }
  if (use.verifyTime === null) return true;
  const notBefore = claim.douyinFirstSentAt ?? claim.douyinPreparedAt;
  const notAfter = claim.verifyStatus === 'success' ? claim.verifyTime : null;
  const atMs = use.verifyTime.getTime();
  return (
    atMs >= (notBefore?.getTime() ?? -Infinity) - DOUYIN_TIME_MARGIN_MS &&
    atMs <= (notAfter?.getTime() ?? Infinity) + DOUYIN_TIME_MARGIN_MS
  );
}
