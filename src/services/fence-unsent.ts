// For a request that was refused because the database fell silent: its row may have been stored all the same, or an
// earlier request with its token may rest unsent, and must then never be sent, for the caller was told that nothing is
// done. If this process ends before, the row's age does it: no first verify is counted later than `firstSendWithinMs`
// after its round began.
import { setTimeout as delay } from 'node:timers/promises';
import type { SettlementPolicy, Verification } from '../domain/verification.ts';
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

export interface RefusedRequest {
  readonly appId: number;
  readonly verifyToken: string;
  /** As it was given to the statement that may have begun a round; null where none was begun. */
  readonly roundKey: string | null;
}

/**
 * Closes the round that may have been stored, and one that the token was in before, as soon as the database shows it.
 * Never rejects. A round that is not there may still be on its way, so it is looked for until nobody could send it any
 * more. A round that somebody has begun since is left alone.
 */
export async function fenceUnsent(deps: FenceUnsentDeps, request: RefusedRequest): Promise<void> {
  const refusedAt = performance.now();
  const giveUpAt = refusedAt + deps.policy.firstSendWithinMs + STATEMENT_OUTLIVES_MS;
  for (
    let pauseMs = FIRST_PAUSE_MS;
    performance.now() < giveUpAt;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  ) {
    await delay(pauseMs, undefined, { ref: false });
    try {
      const isDone = await deps.db.run(async ({ verifications }) => {
        const sinceRefusalMs = performance.now() - refusedAt;
        const stored = await verifications.findByToken(request.appId, request.verifyToken);
        const isOwn = stored !== null && stored.roundKey === request.roundKey;
        const isEarlier = stored !== null && wasOpenBefore(stored, sinceRefusalMs);
        if (stored !== null && (isOwn || isEarlier)) {
          await verifications.endNotAttempted(stored, {
            reason: 'gateway.database_unavailable',
            douyin: null,
            relatedVerificationId: null,
          });
        }
        // Where the token had an open round nothing else can have been begun.
        return isOwn || isEarlier || request.roundKey === null;
      }, CALLER_PATIENCE_MS);
      if (isDone) return;
    } catch (err) {
      deps.logger.warn({ err }, 'the database is away; a refused request waits to be closed');
    }
  }
}

/**
 * Whether a round that is open now had begun before the request was refused: one age is the database's, one this
 * process's. In doubt it had: a round that is closed may be tried again.
 */
function wasOpenBefore(
  { step, asOf, roundStartedAt }: Pick<Verification, 'step' | 'asOf' | 'roundStartedAt'>,
  sinceRefusalMs: number,
): boolean {
  return step !== 'not_attempted' && asOf.getTime() - roundStartedAt.getTime() >= sinceRefusalMs;
}
