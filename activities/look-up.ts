// Asks Douyin's reads (certificate get, verify records) what became of a verify, and stores what they prove.
import { AppError } from '../src/domain/errors.ts';
import { judgeLookUp, type LookUpVerdict, nextSettlementStep } from '../src/domain/settlement.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { CertificateUse } from '../src/domain/coupon.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { ALREADY_VERIFIED, settleSuccess } from './settle-success.ts';
import { storePatiently } from './store-patiently.ts';
import type { Closed, Unknown } from './types.ts';
import { closeWith } from './verification-progress.ts';

const MAX_RECORDS = 200;
const MAX_OTHERS = 50;
const RECORDS_MARGIN_MS = 60_000;

/** @returns `undecided` also when Douyin cannot be asked now, with the reason in words */
export async function lookUp(deps: ActivityDeps, verification: Verification): Promise<LookUpVerdict> {
  try {
    const certificate = await deps.douyin.getCertificate(verification.encryptedCode);
    const certificateId = certificate?.certificateId || verification.certificateId;
    const others = await deps.db.run((repositories) =>
      repositories.verifications.listOthersOnCoupon({ ...verification, certificateId }, MAX_OTHERS),
    );
    const now = deps.clock.now();
    return judgeLookUp(
      verification,
      {
        certificate,
        recordedUses: certificateId === '' ? [] : await recordedUses(deps, verification, certificateId),
        claimedVerifyIds: others
          .filter((other) => other.verifyStatus === 'success')
          .map((other) => other.verifyId),
        // The one sent first is looked up first; one that is still repeated may yet be told apart by its token.
        rivals: others
          .filter((other) => other.verifyStatus === 'processing')
          .filter(
            (other) =>
              other.id < verification.id ||
              nextSettlementStep(other, deps.repeatDelaysMs, now).step === 'repeat',
          )
          .map((other) => other.id),
      },
      deps.unusedIsFinalAfterMs,
      now,
    );
  } catch (err) {
    if (err instanceof AppError && err.kind.startsWith('upstream_'))
      return { kind: 'undecided', reason: err.message };
    throw err;
  }
}

async function recordedUses(
  deps: ActivityDeps,
  verification: Verification,
  certificateId: string,
): Promise<readonly CertificateUse[]> {
  const records = await deps.douyin.queryVerifyRecords({
    poiId: verification.poiId,
    from: new Date(
      (verification.firstSentAt?.getTime() ?? verification.createdAt.getTime()) - RECORDS_MARGIN_MS,
    ),
    to: new Date(deps.clock.now().getTime() + RECORDS_MARGIN_MS),
    limit: MAX_RECORDS,
  });
  return records.filter((record) => record.certificateId === certificateId);
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
  verdict: Exclude<LookUpVerdict, { kind: 'undecided' }>,
  stillRunning: (verification: Verification) => Unknown,
): Promise<Unknown | Closed> {
  const row = { id: key.verificationId, round: key.round };
  if (verdict.kind === 'success') {
    const settled = await settleSuccess(
      deps,
      key,
      verification,
      {
        verifyId: verdict.use.verifyId,
        couponStatus: 'USED',
        verifyRecordsCount: (verification.timesUsedBefore ?? 0) + 1,
        verifyTime: verdict.use.verifyTime ?? deps.clock.now(),
        enrichmentStatus: verification.orderId === '' ? 'skipped' : 'pending',
      },
      { by: 'look_up' },
    );
    return closeWith(deps, key, settled, stillRunning);
  }
  const closed = await storePatiently(deps, async (verifications) => {
    const refusal = REFUSALS[verdict.reason];
    const usedBy =
      verdict.reason === 'used_elsewhere'
        ? await verifications.findSuccessOnCoupon(verification.certificateId, verification.encryptedCode)
        : null;
    return verifications.settle(
      row,
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
    );
  });
  return closeWith(deps, key, closed, stillRunning);
}
