// Puts the advice beside verifications: for a coupon that we redeemed ourselves, or may have, it says when and where.
import { advise, type AdviceOptions } from '../domain/advice.ts';
import type { Verification } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';

export interface AdviseCashierDeps {
  readonly db: Database;
  readonly logger: Logger;
}

/** A verification and what the cashier should do about it, `''` for nothing. */
export interface AdvisedVerification {
  readonly verification: Verification;
  readonly advice: string;
}

/** Never throws: a verdict is worth more than its advice, which is then the one without our earlier record. */
export async function adviseCashier(
  deps: AdviseCashierDeps,
  verification: Verification,
  options: AdviceOptions,
): Promise<string> {
  const [advised] = await adviseOnAll(deps, [verification], options, CALLER_PATIENCE_MS);
  return advised?.advice ?? '';
}

/**
 * The same for many, with one look into the database for all.
 * @param patienceMs how long that look may take; the pool's own time-outs if it is left out
 */
export async function adviseOnAll(
  deps: AdviseCashierDeps,
  verifications: readonly Verification[],
  options: AdviceOptions,
  patienceMs?: number,
): Promise<readonly AdvisedVerification[]> {
  const related = await findRelated(deps, verifications, patienceMs);
  return verifications.map((verification) => ({
    verification,
    advice: advise(verification, related.get(verification.relatedVerificationId ?? 0) ?? null, options),
  }));
}

async function findRelated(
  deps: AdviseCashierDeps,
  verifications: readonly Verification[],
  patienceMs: number | undefined,
): Promise<ReadonlyMap<number, Verification>> {
  const ids = verifications
    .map(({ relatedVerificationId }) => relatedVerificationId)
    .filter((id) => id !== null);
  if (ids.length === 0) return new Map();
  try {
    const found = await deps.db.run(({ reports }) => reports.findByIds(ids), patienceMs);
    return new Map(found.map((verification) => [verification.id, verification]));
  } catch (err) {
    deps.logger.warn({ reason: String(err) }, 'earlier verifications of coupons not read');
    return new Map();
  }
}
