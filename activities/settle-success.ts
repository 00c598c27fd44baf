// Stores a success. One redemption at Douyin belongs to one verification of ours: if another holds it already (the same
// Douyin token used by two apps, or two tills racing for one coupon), this one is refused as used.
import { AppError } from '../src/domain/errors.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { VerificationRepository } from '../src/db/repositories/verification.repository.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { storePatiently } from './store-patiently.ts';

/** Douyin's code for a coupon that is used already. */
export const ALREADY_VERIFIED = 1208;

type SuccessColumns = Omit<Parameters<VerificationRepository['settle']>[1], 'verifyStatus'>;

/** @returns the row, `success` or `failed`; null if it was settled, or belongs to another round, already */
export async function settleSuccess(
  deps: ActivityDeps,
  key: VerificationKey,
  verification: Verification,
  columns: SuccessColumns,
  details: Record<string, unknown>,
): Promise<Verification | null> {
  const row = { id: key.verificationId, round: key.round };
  try {
    return await storePatiently(deps, (verifications) =>
      verifications.settle(
        row,
        { ...columns, verifyStatus: 'success', errorCode: 0, errorDescription: '' },
        details,
        deps.clock.now(),
      ),
    );
  } catch (err) {
    if (!(err instanceof AppError) || err.code !== 'verification.redeemed_by_another') throw err;
  }
  return storePatiently(deps, async (verifications) => {
    const usedBy = await verifications.findSuccessOnCoupon(
      verification.certificateId,
      verification.encryptedCode,
    );
    return verifications.settle(
      row,
      {
        verifyStatus: 'failed',
        errorCode: ALREADY_VERIFIED,
        errorDescription: '券已由另一笔核销使用',
        couponStatus: 'USED',
        usedByVerificationId: usedBy?.id ?? null,
      },
      { ...details, reason: 'redeemed_by_another' },
      deps.clock.now(),
    );
  });
}
