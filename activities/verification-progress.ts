// Reading a verification's row as progress for the workflow, and telling a waiting request about it.
import type { Verification } from '../src/domain/verification.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import type { Closed } from './types.ts';

/**
 * The row this step is about, if it is still this step's to work on.
 * @throws Error if there is no such row: rows are never deleted
 */
export async function readRound(
  deps: Pick<ActivityDeps, 'db'>,
  key: VerificationKey,
): Promise<{ readonly verification: Verification; readonly isOpen: boolean }> {
  const verification = await deps.db.run((repositories) =>
    repositories.verifications.findById(key.verificationId),
  );
  if (!verification) throw new Error(`There is no verification ${key.verificationId}`);
  return {
    verification,
    isOpen: verification.round === key.round && verification.verifyStatus === 'processing',
  };
}

/** Progress of a row that is decided, was not attempted, or belongs to a later round. */
export function closedProgress(verification: Verification): Closed {
  return {
    state: 'closed',
    verifyStatus: verification.verifyStatus === 'success' ? 'success' : 'failed',
    errorCode: verification.errorCode,
    reason: verification.reason,
    needsEnrichment: verification.verifyStatus === 'success' && verification.enrichmentStatus === 'pending',
  };
}

/**
 * Publishes the row that a change closed. A change that found the row in another state (`null`) lost to another runner:
 * then the row tells.
 * @param stillRunning the progress if the row is not closed after all
 */
export async function closeWith<Progress>(
  deps: Pick<ActivityDeps, 'db' | 'board'>,
  key: VerificationKey,
  changed: Verification | null,
  stillRunning: (verification: Verification) => Progress,
): Promise<Closed | Progress> {
  if (changed) {
    deps.board.publish(changed);
    return closedProgress(changed);
  }
  const { verification, isOpen } = await readRound(deps, key);
  if (isOpen) return stillRunning(verification);
  deps.board.publish(verification);
  return closedProgress(verification);
}
