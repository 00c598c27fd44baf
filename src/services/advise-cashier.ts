// Puts the advice beside a verification: for a coupon we redeemed ourselves earlier it says when and where.
import { advise, type AdviceOptions } from '../domain/advice.ts';
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
  const usedById = verification.usedByVerificationId;
  if (usedById === null) return advise(verification, null, options);
  try {
    const usedBy = await deps.db.run(({ verifications }) => verifications.findById(usedById));
    return advise(verification, usedBy, options);
  } catch (err) {
    deps.logger.warn(
      { verification_id: verification.id, reason: String(err) },
      'earlier use of a coupon not read',
    );
    return advise(verification, null, options);
  }
}
