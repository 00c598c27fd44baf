// For a request that was refused because the database fell silent: its row may have been stored all the same, and must
// then never be sent, for the caller was told that nothing was done. If this process ends before, the row's age does it:
// no first verify is counted later than `firstSendWithinMs` after its round began.
import { setTimeout as delay } from 'node:timers/promises';
import type { SettlementPolicy } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;
/** A statement that outlived its request may be stored this much later. Milliseconds. */
const STATEMENT_OUTLIVES_MS = 15_000;

export interface FenceUnsentDeps {
  readonly db: Database;
  readonly policy: Pick<SettlementPolicy, 'firstSendWithinMs'>;
  readonly logger: Logger;
}

/**
 * Closes the round that may have been stored, as soon as the database shows it. Never rejects. A round that is not there
 * may still be on its way, so it is looked for until nobody could send it any more.
 * @param round.roundKey as it was given to the statement: a round that somebody else began is not this one
 */
export async function fenceUnsent(
  deps: FenceUnsentDeps,
  round: { readonly appId: number; readonly verifyToken: string; readonly roundKey: string },
): Promise<void> {
  const giveUpAt = performance.now() + deps.policy.firstSendWithinMs + STATEMENT_OUTLIVES_MS;
  for (
    let pauseMs = FIRST_PAUSE_MS;
    performance.now() < giveUpAt;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  ) {
    await delay(pauseMs, undefined, { ref: false });
    try {
      const isSeen = await deps.db.run(async ({ verifications }) => {
        const stored = await verifications.findByToken(round.appId, round.verifyToken);
        if (stored?.roundKey !== round.roundKey) return false;
        await verifications.endNotAttempted(stored, {
          reason: 'gateway.database_unavailable',
          douyin: null,
          relatedVerificationId: null,
        });
        return true;
      }, CALLER_PATIENCE_MS);
      if (isSeen) return;
    } catch (err) {
      deps.logger.warn({ err }, 'the database is away; a refused request waits to be closed');
    }
  }
}
