// Settles, by an operator's word, a verification that Douyin cannot tell about. The runner stores and audits it.
import { AppError } from '../domain/errors.ts';
import type { Verification } from '../domain/verification.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { VerificationResolver } from '../ports/verification-runner.ts';
import type { Actor } from './actor.ts';

export interface ResolveVerificationDeps {
  readonly db: Database;
  readonly resolver: VerificationResolver;
}

/**
 * @returns the record as it is then
 * @throws AppError `verification.not_found`, `verification.not_processing`, `gateway.engine_unavailable`,
 *   `gateway.database_unavailable`
 */
export async function resolveVerification(
  deps: ResolveVerificationDeps,
  id: number,
  decision: { readonly verifyStatus: 'success' | 'failed'; readonly note: string },
  actor: Actor,
): Promise<Verification> {
  const verification = await find(deps.db, id);
  if (verification.verifyStatus !== 'processing') throw new AppError('verification.not_processing');
  await deps.resolver.resolve(
    {
      verificationId: id,
      round: verification.round,
      mode: verification.mode,
      poiId: verification.poiId,
      appCode: verification.appCode,
      appName: verification.appName,
    },
    { ...decision, actor: actor.uid, requestId: actor.requestId },
  );
  return find(deps.db, id);
}

async function find(db: Database, id: number): Promise<Verification> {
  const found = await db.run(({ verifications }) => verifications.findById(id));
  if (!found) throw new AppError('verification.not_found');
  return found;
}
