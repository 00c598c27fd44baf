// Whether a request to verify only asks again for what is known. Used where a new one would be refused.
import { answerRepeat, type VerificationRequest } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';

/**
 * @returns whether the request repeats a verification that has a verdict or is under way, or misuses its token: answering
 *   it asks Douyin about no other code. One that was not attempted would be tried again, which does.
 * @throws AppError `gateway.database_unavailable`
 */
export async function isKnownRequest(
  deps: { readonly db: Database },
  appId: number,
  verifyToken: string | null,
  asked: VerificationRequest,
): Promise<boolean> {
  if (verifyToken === null) return false;
  const stored = await deps.db.run(
    ({ verifications }) => verifications.findByToken(appId, verifyToken),
    CALLER_PATIENCE_MS,
  );
  return stored !== null && answerRepeat(stored, asked) !== 'try_again';
}
