// How an unknown verify is decided: when to repeat, when to ask Douyin's reads instead, and what their answers prove.

import type { Certificate, CertificateUse } from './coupon.ts';
import type { Verification } from './verification.ts';

/**
 * Douyin keeps a verify token idempotent for a "short time" of unpublished length. Later than this after the first
 * send it is not repeated any more, only looked up: on a times card a late repeat could use it once more. Milliseconds.
 */
export const REPEAT_WINDOW_MS = 15 * 60_000;

/** How far Douyin's clock may be behind ours when its verify time is compared with our first send. Milliseconds. */
const CLOCK_SKEW_MS = 10_000;

type Sent = Pick<
  Verification,
  | 'poiId'
  | 'certificateId'
  | 'isTimesCard'
  | 'timesUsedBefore'
  | 'sendCount'
  | 'openSendCount'
  | 'firstSentAt'
  | 'lastSentAt'
  | 'lastOutcomeKind'
>;

/** What to do next with a verify that was sent and not decided. */
export function nextSettlementStep(
  verification: Sent,
  repeatDelaysMs: readonly number[],
  now: Date,
): { readonly step: 'repeat'; readonly waitMs: number } | { readonly step: 'look_up' } {
  const delayMs = repeatDelaysMs[Math.max(0, verification.sendCount - 1)];
  if (
    delayMs === undefined ||
    verification.lastOutcomeKind === 'in_review' ||
    isPastRepeating(verification, now)
  ) {
    return { step: 'look_up' };
  }
  return { step: 'repeat', waitMs: delayMs };
}

/** Whether the token is too old to be sent again safely. */
export function isPastRepeating(
  verification: Pick<Sent, 'openSendCount' | 'firstSentAt'>,
  now: Date,
): boolean {
  return (
    verification.openSendCount > 0 &&
    verification.firstSentAt !== null &&
    now.getTime() - verification.firstSentAt.getTime() > REPEAT_WINDOW_MS
  );
}

/** What Douyin's reads prove about our verify. `unused` is final only some time after the last send. */
export type LookUpVerdict =
  | { readonly kind: 'success'; readonly use: CertificateUse }
  | { readonly kind: 'refused'; readonly reason: 'used_elsewhere' | 'refunded' | 'unused' }
  | { readonly kind: 'undecided'; readonly reason: string };

/** What is known about one coupon when a verify of it is looked up. */
export interface LookUpEvidence {
  /** As Douyin shows it now; null if it knows none. */
  readonly certificate: Certificate | null;
  /** Its uses from the verify records; none if they were not asked. */
  readonly recordedUses: readonly CertificateUse[];
  /** Douyin's ids of uses that belong to other verifications of ours. */
  readonly claimedVerifyIds: readonly string[];
  /** Other verifications of ours on this coupon whose outcome is unknown too, and which come first. */
  readonly rivals: readonly number[];
}

/**
 * Decides by what certificate/get and the verify records show.
 * @param unusedIsFinalAfterMs how long after the last send an unused coupon proves that nothing was redeemed
 */
export function judgeLookUp(
  verification: Sent,
  evidence: LookUpEvidence,
  unusedIsFinalAfterMs: number,
  now: Date,
): LookUpVerdict {
  const { certificate, rivals } = evidence;
  if (rivals.length > 0)
    return { kind: 'undecided', reason: `同一张券的另一笔核销 #${rivals.join('、#')} 尚未有结果` };
  const uses = [
    ...(certificate?.uses ?? []),
    ...(certificate?.lastUse ? [certificate.lastUse] : []),
    ...evidence.recordedUses,
  ];
  const ours = uses.find(
    (use) => isOurs(verification, use) && !evidence.claimedVerifyIds.includes(use.verifyId),
  );
  if (ours) return { kind: 'success', use: ours };
  if (!certificate) return { kind: 'undecided', reason: '抖音查不到该券' };

  // Douyin's refusal of a repeat together with an unused coupon says that the earlier sends did nothing.
  const isUnusedForGood =
    verification.lastOutcomeKind === 'refused' ||
    (verification.lastSentAt !== null &&
      now.getTime() - verification.lastSentAt.getTime() >= unusedIsFinalAfterMs);
  if (verification.isTimesCard) {
    const usedBefore = verification.timesUsedBefore;
    if (usedBefore === null || certificate.timesUsed === null) {
      return { kind: 'undecided', reason: '次卡的已用次数未知' };
    }
    if (certificate.timesUsed > usedBefore)
      return { kind: 'undecided', reason: '次卡次数已减少，但没有本店的核销记录' };
    return isUnusedForGood
      ? { kind: 'refused', reason: 'unused' }
      : { kind: 'undecided', reason: '次卡次数未变，等待确认' };
  }
  switch (certificate.status) {
    case 'USED':
      return uses.length > 0
        ? { kind: 'refused', reason: 'used_elsewhere' }
        : { kind: 'undecided', reason: '券已使用，但抖音未给出核销记录' };
    case 'REFUNDED':
    case 'REFUNDING':
    case 'CANCELLED':
      return { kind: 'refused', reason: 'refunded' };
    case 'UNUSED':
    case 'EXPIRED':
      return isUnusedForGood
        ? { kind: 'refused', reason: 'unused' }
        : { kind: 'undecided', reason: '抖音显示该券未使用，等待确认' };
    case 'UNKNOWN':
    case '':
      return { kind: 'undecided', reason: '券状态无法识别' };
  }
}

function isOurs(verification: Sent, use: CertificateUse): boolean {
  return (
    use.channel === 'open_api' &&
    !use.isCancelled &&
    use.poiId === verification.poiId &&
    use.verifyTime !== null &&
    verification.firstSentAt !== null &&
    use.verifyTime.getTime() >= verification.firstSentAt.getTime() - CLOCK_SKEW_MS
  );
}
