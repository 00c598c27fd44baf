// Puts the advice beside verifications: for a coupon we redeemed ourselves earlier it says when and where.
import { advise, type AdviceOptions, mayHaveBeenUsedHere } from '../domain/advice.ts';
import type { Verification } from '../domain/verification.ts';
import type { Database } from '../db/unit-of-work.ts';
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
  const [advised] = await adviseOnAll(deps, [verification], options);
  return advised?.advice ?? '';
}

/** The same for many, with one look into the database for all. */
export async function adviseOnAll(
  deps: AdviseCashierDeps,
  verifications: readonly Verification[],
  options: AdviceOptions,
): Promise<readonly AdvisedVerification[]> {
  const earlier = await findEarlierUses(deps, verifications.filter(mayHaveBeenUsedHere));
  return verifications.map((verification) => ({
    verification,
    advice: advise(verification, earlier.get(verification.id) ?? null, options),
  }));
}

async function findEarlierUses(
  deps: AdviseCashierDeps,
  verifications: readonly Verification[],
): Promise<ReadonlyMap<number, Verification>> {
  if (verifications.length === 0) return new Map();
  try {
    return await deps.db.run(({ reports }) => reports.findEarlierUses(verifications.map(({ id }) => id)));
  } catch (err) {
    deps.logger.warn({ reason: String(err) }, 'earlier uses of coupons not read');
    return new Map();
  }
}
