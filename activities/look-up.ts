// Asks Douyin's reads (certificate get, verify records) what became of a verify, and stores what they prove.
import { AppError } from '../src/domain/errors.ts';
import type { CertificateUse, ShownCertificate } from '../src/domain/coupon.ts';
import { ALREADY_VERIFIED } from '../src/domain/douyin-codes.ts';
import {
  byDouyinClock,
  judgeLookUp,
  type LookUpVerdict,
  MAX_CLOCK_OFFSET_MS,
  nextSettlementStep,
  otherStoresOfUses,
} from '../src/domain/settlement.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { VerifyRecord } from '../src/ports/douyin.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { settleSuccess } from './settle-success.ts';
import { storePatiently } from './store-patiently.ts';
import type { Closed, Unknown } from './types.ts';
import { closeWith } from './verification-progress.ts';

/** An answer that took longer says too little of the clocks. */
const MAX_ANSWER_MS = 5000;
const MAX_RECORDS = 200;
const MAX_OTHERS = 200;
const MAX_OTHER_STORES = 3;
const RECORDS_MARGIN_MS = 60_000;

/** What the reads say of one verify, and which coupon they were about. */
export interface LookedUp {
  readonly verdict: LookUpVerdict;
  readonly certificateId: string;
}

/** @returns `undecided` also when Douyin cannot be asked now, with the reason in words */
export async function lookUp(deps: ActivityDeps, verification: Verification): Promise<LookedUp> {
  let certificateId = verification.certificateId;
  try {
    const askedAt = deps.clock.now();
    const certificate = await deps.douyin.getCertificate(verification.encryptedCode, 'look_up');
    certificateId = certificate?.certificateId || certificateId;
    const clockOffsetMs = measureClockOffset(certificate?.shownAt ?? null, askedAt, deps.clock.now());
    if (clockOffsetMs !== null && Math.abs(clockOffsetMs) > MAX_CLOCK_OFFSET_MS) {
      const seconds = Math.round(clockOffsetMs / 1000);
      deps.logger.error(
        { seconds },
        'our clock and Douyin’s differ too much to judge what was redeemed when',
      );
      return {
        verdict: { kind: 'undecided', reason: `抖音的时钟比本机快 ${seconds} 秒，请校准本机时钟` },
        certificateId,
      };
    }
    const inDouyinTime = (ours: Verification) => byDouyinClock(ours, clockOffsetMs ?? 0);
    const sent = inDouyinTime(verification);
    const recordedUses =
      certificateId === ''
        ? []
        : await readRecordedUses(deps, { ...sent, certificateId }, certificate, clockOffsetMs !== null);
    const isUsed = recordedUses.length > 0 || certificate?.lastUse || certificate?.uses.length;
    if (clockOffsetMs === null && isUsed) {
      return {
        verdict: { kind: 'undecided', reason: '抖音没有及时告知它的时间，无法判断券是何时使用的' },
        certificateId,
      };
    }
    // Listed after every read: whoever made a use that they show had counted its send before.
    const others = await deps.db.run((repositories) =>
      repositories.verifications.listOthersOnCoupon({ ...verification, certificateId }, MAX_OTHERS),
    );
    const now = deps.clock.now();
    const verdict = judgeLookUp(
      sent,
      {
        certificate,
        recordedUses,
        claims: others.filter((other) => other.verifyStatus === 'success').map(inDouyinTime),
        rivals: others.filter((other) => comesFirst(deps, verification, other, now)).map(inDouyinTime),
      },
      deps,
      now,
    );
    return { verdict, certificateId };
  } catch (err) {
    if (err instanceof AppError && err.kind.startsWith('upstream_')) {
      return { verdict: { kind: 'undecided', reason: err.message }, certificateId };
    }
    throw err;
  }
}

/**
 * How far Douyin's clock is ahead of ours, to the second; an answer that was long under way would make it seem behind.
 * @returns null if that cannot be told
 */
function measureClockOffset(shownAt: Date | null, askedAt: Date, answeredAt: Date): number | null {
  if (shownAt === null || answeredAt.getTime() - askedAt.getTime() > MAX_ANSWER_MS) return null;
  return shownAt.getTime() - answeredAt.getTime();
}

/** Of two unknown ones the older takes its use first; but one that is still repeated may be told apart by its token. */
function comesFirst(deps: ActivityDeps, verification: Verification, other: Verification, now: Date): boolean {
  return (
    other.verifyStatus === 'processing' &&
    other.poiId === verification.poiId &&
    (other.id < verification.id || nextSettlementStep(other, deps.repeatDelaysMs, now).step === 'repeat')
  );
}

/**
 * The coupon's uses since our first send, of our store and of the others that the certificate names. A record that
 * names no store has one only if the certificate names it for the same use.
 * @param sent its moments by Douyin's clock, if `isClockKnown`; else any time that the clocks may differ by is covered
 */
async function readRecordedUses(
  deps: ActivityDeps,
  sent: Verification,
  certificate: ShownCertificate | null,
  isClockKnown: boolean,
): Promise<readonly CertificateUse[]> {
  const marginMs = isClockKnown ? RECORDS_MARGIN_MS : MAX_CLOCK_OFFSET_MS;
  const firstSentAt = sent.firstSentAt ?? sent.createdAt;
  const now = certificate?.shownAt ?? deps.clock.now();
  const otherPoiIds = otherStoresOfUses(sent, certificate).slice(0, MAX_OTHER_STORES);
  const recordsOf = async (poiId: string): Promise<readonly VerifyRecord[]> => {
    const records = await deps.douyin.queryVerifyRecords({
      poiId,
      from: new Date(firstSentAt.getTime() - marginMs),
      to: new Date(now.getTime() + marginMs),
      limit: MAX_RECORDS,
    });
    return records.filter((record) => record.certificateId === sent.certificateId);
  };
  const own = await recordsOf(sent.poiId);
  const uses: CertificateUse[] = own.map((record) => ({
    ...record,
    poiId: record.poiId || (storeOfUse(certificate, record.verifyId) === sent.poiId ? sent.poiId : ''),
  }));
  for (const poiId of otherPoiIds) {
    // Asked for our store Douyin did not list it, so it did not ignore which store it was asked for.
    const elsewhere = (await recordsOf(poiId)).filter(
      (record) => !own.some((ours) => ours.verifyId === record.verifyId),
    );
    uses.push(
      ...elsewhere.map((record) => ({
        ...record,
        poiId: record.poiId || (storeOfUse(certificate, record.verifyId) === poiId ? poiId : ''),
      })),
    );
  }
  return uses;
}

/** The store that the certificate names for a use; '' where it does not name that use, or no store for it. */
function storeOfUse(certificate: ShownCertificate | null, verifyId: string): string {
  const uses = [...(certificate?.uses ?? []), ...(certificate?.lastUse ? [certificate.lastUse] : [])];
  return uses.find((use) => use.verifyId === verifyId)?.poiId ?? '';
}

const REFUSALS = {
  used_elsewhere: { errorCode: ALREADY_VERIFIED, couponStatus: 'USED', description: '券已在别处核销' },
  refunded: { errorCode: -1, couponStatus: 'REFUNDED', description: '券已退款' },
  unused: { errorCode: -1, couponStatus: 'UNUSED', description: '抖音显示该券未被核销' },
} as const;

/** Stores a verdict of the reads: final. */
export async function settleByLookUp(
  deps: ActivityDeps,
  key: VerificationKey,
  verification: Verification,
  lookedUp: LookedUp & { readonly verdict: Exclude<LookUpVerdict, { kind: 'undecided' }> },
  stillRunning: (verification: Verification) => Unknown,
): Promise<Unknown | Closed> {
  const { verdict, certificateId } = lookedUp;
  if (verdict.kind === 'success') {
    const settled = await settleSuccess(
      deps,
      key,
      {
        certificateId,
        verifyId: verdict.use.verifyId,
        couponStatus: 'USED',
        verifyRecordsCount: (verification.timesUsedBefore ?? 0) + 1,
        verifyTime: verdict.use.verifyTime ?? deps.clock.now(),
        enrichmentStatus: verification.orderId === '' ? 'skipped' : 'pending',
      },
      { by: 'look_up' },
    );
    // Another verification took this use meanwhile: the next look-up counts it as that one's.
    return settled === 'redeemed_by_another'
      ? stillRunning(verification)
      : closeWith(deps, key, settled, stillRunning);
  }
  const closed = await storePatiently(deps, async (verifications) => {
    const refusal = REFUSALS[verdict.reason];
    const usedBy =
      verdict.reason === 'used_elsewhere'
        ? await verifications.findSuccessOnCoupon(certificateId, verification.encryptedCode)
        : null;
    return verifications.settle(
      { id: key.verificationId, round: key.round },
      {
        verifyStatus: 'failed',
        // Douyin's own refusal of a repeat says more than what the reads imply.
        errorCode: verification.lastOutcomeKind === 'refused' ? verification.errorCode : refusal.errorCode,
        errorDescription:
          verification.lastOutcomeKind === 'refused' ? verification.errorDescription : refusal.description,
        couponStatus: refusal.couponStatus,
        usedByVerificationId: usedBy?.id ?? null,
      },
      { by: 'look_up', reason: verdict.reason },
      deps.clock.now(),
      // A send that was counted since may have an effect the reads did not show yet.
      { counted: verification },
    );
  });
  return closeWith(deps, key, closed, stillRunning);
}
