// For a request that was refused because the database fell silent: its row may have been stored all the same, and must
// then never be sent, for the caller was told that nothing was done. If this process ends before, the sweeper decides.
import { setTimeout as delay } from 'node:timers/promises';
import { ERRORS } from '../domain/errors.ts';
import { FIRST_SEND_DEADLINE_MS } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../ports/clock.ts';

const PAUSE_MS = 500;

export interface FenceUnsentDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Closes the round that may have been stored, as soon as the database answers. Never rejects. After the deadline for a
 * first send nobody sends it any more.
 * @param round.startedAt as it was given to the statement: a round that somebody else began is not this one
 */
export async function fenceUnsent(
  deps: FenceUnsentDeps,
  round: { readonly appId: number; readonly verifyToken: string; readonly startedAt: Date },
): Promise<void> {
  const code = 'gateway.database_unavailable';
  const giveUpAt = performance.now() + FIRST_SEND_DEADLINE_MS;
  while (performance.now() < giveUpAt) {
    await delay(PAUSE_MS, undefined, { ref: false });
    try {
      await deps.db.run(async ({ verifications }) => {
        const stored = await verifications.findByToken(round.appId, round.verifyToken);
        if (stored?.roundStartedAt.getTime() !== round.startedAt.getTime()) return;
        await verifications.closeNotAttempted(
          stored,
          { reason: code, errorCode: 0, errorDescription: ERRORS[code].zh },
          deps.clock.now(),
        );
      }, CALLER_PATIENCE_MS);
      return;
    } catch (err) {
      deps.logger.warn({ err }, 'the database is away; a refused request waits to be closed');
    }
  }
}
