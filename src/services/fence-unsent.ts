// For a request that was refused because the database fell silent: its row may have been stored all the same, and must
// then never be sent, for the caller was told that nothing was done. If this process ends before, the sweeper decides.
import { setTimeout as delay } from 'node:timers/promises';
import { ERRORS } from '../domain/errors.ts';
import { FIRST_SEND_DEADLINE_MS } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../ports/clock.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4000;

export interface FenceUnsentDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Closes the round that may have been stored, as soon as the database shows it. Never rejects. A round that is not there
 * may still be on its way, so it is looked for until the deadline for a first send: after that nobody sends it any more.
 * @param round.startedAt as it was given to the statement: a round that somebody else began is not this one
 */
export async function fenceUnsent(
  deps: FenceUnsentDeps,
  round: { readonly appId: number; readonly verifyToken: string; readonly startedAt: Date },
): Promise<void> {
  const code = 'gateway.database_unavailable';
  const giveUpAt = performance.now() + FIRST_SEND_DEADLINE_MS;
  for (
    let pauseMs = FIRST_PAUSE_MS;
    performance.now() < giveUpAt;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  ) {
    await delay(pauseMs, undefined, { ref: false });
    try {
      const isSeen = await deps.db.run(async ({ verifications }) => {
        const stored = await verifications.findByToken(round.appId, round.verifyToken);
        const isStored = stored !== null && stored.roundStartedAt >= round.startedAt;
        if (stored?.roundStartedAt.getTime() === round.startedAt.getTime()) {
          await verifications.closeNotAttempted(
            stored,
            { reason: code, errorCode: 0, errorDescription: ERRORS[code].zh },
            deps.clock.now(),
          );
        }
        return isStored;
      }, CALLER_PATIENCE_MS);
      if (isSeen) return;
    } catch (err) {
      deps.logger.warn({ err }, 'the database is away; a refused request waits to be closed');
    }
  }
}
