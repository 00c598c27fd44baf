// Finds a verification by the token its caller gave it. An app sees its own alone.
import { AppError } from '../domain/errors.ts';
import type { Verification } from '../domain/verification.ts';
import type { Database } from '../db/unit-of-work.ts';
import { answerCaller } from './answer-caller.ts';

/**
 * @throws AppError `verification.not_found`, `gateway.database_unavailable`, and what ended a verification before it was
 *   attempted: `douyin.unavailable`, `douyin.refused_gateway`, `coupon.short_link_invalid`, `gateway.engine_unavailable`
 */
export async function findVerificationByToken(
  deps: { readonly db: Database },
  key: { readonly appId: number; readonly verifyToken: string },
): Promise<Verification> {
  const found = await deps.db.run(({ verifications }) =>
    verifications.findByToken(key.appId, key.verifyToken),
  );
  if (!found) throw new AppError('verification.not_found');
  return answerCaller(found);
}
