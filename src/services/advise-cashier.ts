// Puts the advice beside a verification: for a coupon we redeemed ourselves earlier it says when and where.
import { advise, type AdviceOptions, mayHaveBeenUsedHere } from '../domain/advice.ts';
import type { Verification } from '../domain/verification.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';

export interface AdviseCashierDeps {
  readonly db: Database;
  readonly logger: Logger;
}

/** Never throws: a verdict is worth more than its advice, which is then the one without our earlier record. */
export async function adviseCashier(
  deps: AdviseCashierDeps,
  verification: Verification,
  options: AdviceOptions,
): Promise<string> {
  return advise(verification, await findEarlierUse(deps, verification), options);
}

async function findEarlierUse(
  deps: AdviseCashierDeps,
  verification: Verification,
): Promise<Verification | null> {
  if (!mayHaveBeenUsedHere(verification)) return null;
  const usedById = verification.usedByVerificationId;
  try {
    return await deps.db.run(({ verifications, reports }) =>
      usedById === null ? reports.findEarlierSuccess(verification) : verifications.findById(usedById),
    );
  } catch (err) {
    deps.logger.warn(
      { verification_id: verification.id, reason: String(err) },
      'earlier use of a coupon not read',
    );
    return null;
  }
}
