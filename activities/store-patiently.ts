// Storing what Douyin said while the database is away: the answer exists only here, so it is tried for a while
// before the activity gives up and Temporal runs it again, which then makes a repeat.
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../src/domain/errors.ts';
import type { Repositories } from '../src/db/unit-of-work.ts';
import type { ActivityDeps } from './deps.ts';

const PATIENCE_MS = 45_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** Runs one idempotent statement until the database takes it. @throws what the database said last */
export async function storePatiently<T>(
  deps: Pick<ActivityDeps, 'db' | 'logger'>,
  statement: (verifications: Repositories['verifications']) => Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await deps.db.run((repositories) => statement(repositories.verifications));
    } catch (err) {
      if (!(err instanceof AppError) || err.code !== 'gateway.database_unavailable') throw err;
      if (performance.now() + pauseMs > giveUpAt) throw err;
      deps.logger.warn({ err, pauseMs }, 'the database is away; a verdict waits to be stored');
      await delay(pauseMs);
    }
  }
}
