// Stores a success. One redemption at Douyin belongs to one verification of ours: the same Douyin token may have been
// used by two apps, or two tills may have raced for one coupon.
import { AppError } from '../src/domain/errors.ts';
import type { VerificationRepository } from '../src/db/repositories/verification.repository.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { storePatiently } from './store-patiently.ts';

type SuccessColumns = Omit<Parameters<VerificationRepository['settle']>[1], 'verifyStatus'>;

/**
 * @returns the row; null if it was settled, or belongs to another round, already; `redeemed_by_another` if Douyin's
 *   verify id belongs to another verification of ours, with nothing stored
 */
export async function settleSuccess(
  deps: ActivityDeps,
  key: VerificationKey,
  columns: SuccessColumns,
  details: Record<string, unknown>,
): Promise<Verification | null | 'redeemed_by_another'> {
  try {
    return await storePatiently(deps, (verifications) =>
      verifications.settle(
        { id: key.verificationId, round: key.round },
        { ...columns, verifyStatus: 'success', errorCode: 0, errorDescription: '' },
        details,
        deps.clock.now(),
      ),
    );
  } catch (err) {
    if (err instanceof AppError && err.code === 'verification.redeemed_by_another')
      return 'redeemed_by_another';
    throw err;
  }
}
