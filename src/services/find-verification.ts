// Finds a verification by the token its caller gave it. An app sees its own alone.
import { AppError } from '../domain/errors.ts';
import { isTooLateToSend, type SettlementPolicy, type Verification } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';

export interface FindVerificationDeps {
  readonly db: Database;
  readonly policy: SettlementPolicy;
}

/**
 * @returns the record as it stands; a round that was not attempted is `failed` with its reason
 * @throws AppError `verification.not_found`, `gateway.database_unavailable`
 */
export async function findVerificationByToken(
  deps: FindVerificationDeps,
  key: { readonly appId: number; readonly verifyToken: string },
): Promise<Verification> {
  const found = await deps.db.run(
    ({ verifications }) => verifications.findByToken(key.appId, key.verifyToken),
    CALLER_PATIENCE_MS,
  );
  if (!found) throw new AppError('verification.not_found');
  return closeIfTooLate(deps, found);
}

/** Whoever finds a round of which nothing was sent in time closes it: nobody will send it any more. */
export async function closeIfTooLate(deps: FindVerificationDeps, row: Verification): Promise<Verification> {
  if (!isTooLateToSend(row, deps.policy)) return row;
  const closed = await deps.db.run(
    async ({ verifications }) => (await verifications.endTooLate(row)) ?? verifications.findById(row.id),
    CALLER_PATIENCE_MS,
  );
  return closed ?? row;
}
