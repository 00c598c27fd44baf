// Settles, by an operator's word, a verification that Douyin cannot tell about.
import { decideByOperator } from '../db/repositories/operator-decision.ts';
import type { Database } from '../db/unit-of-work.ts';
import { AppError } from '../domain/errors.ts';
import type { SettlementPolicy, Verification } from '../domain/verification.ts';
import type { VerdictBoard } from '../ports/verdict-board.ts';
import type { VerificationRunner } from '../ports/verification-runner.ts';
import type { Actor } from './actor.ts';

export interface ResolveVerificationDeps {
  readonly db: Database;
  readonly policy: SettlementPolicy;
  readonly board: VerdictBoard;
  readonly runner: VerificationRunner;
}

/**
 * @returns the record as it is then
 * @throws AppError `verification.not_found`, `verification.not_processing`, `verification.send_in_flight` (then nothing
 *   is sent any more, and `retry_after_seconds` says when to decide), `gateway.database_unavailable`
 */
export async function resolveVerification(
  deps: ResolveVerificationDeps,
  id: number,
  decision: { readonly verifyStatus: 'success' | 'failed'; readonly note: string },
  actor: Actor,
): Promise<Verification> {
  const row = await deps.db.run(({ verifications }) => verifications.findById(id));
  if (!row) throw new AppError('verification.not_found');
  if (row.verifyStatus !== 'processing') throw new AppError('verification.not_processing');
  const outcome = await decideByOperator(deps, row, decision.verifyStatus, {
    actor: actor.uid,
    note: decision.note,
    requestId: actor.requestId,
  });
  switch (outcome.kind) {
    case 'not_processing':
      throw new AppError('verification.not_processing');
    case 'send_in_flight':
      // So that by then a look-up was made that knows of every send.
      await deps.runner.lookNow(id, row.round);
      throw new AppError('verification.send_in_flight', {
        data: { retry_after_seconds: Math.ceil(outcome.retryAfterMs / 1000) },
      });
    case 'decided':
      deps.board.publish(outcome.verification);
      // The row is the truth: a run that does not hear of it reads it at its next step.
      await deps.runner.lookNow(id, row.round);
      return outcome.verification;
  }
}
