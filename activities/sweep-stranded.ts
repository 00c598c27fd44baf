// Finds what lost its workflow and starts it again, closes what was never sent, and deletes nonces that left the window.
import { isTooLateToSend, type Verification } from '../src/domain/verification.ts';
import type { ActivityDeps } from './deps.ts';

const IDLE_MS = 30_000;
const BATCH = 200;
const NONCE_BATCH = 20_000;
/** More nonces than the busiest minute spends; what is left then is the next sweep's. */
const MAX_NONCE_BATCHES = 100;
const START_TIMEOUT_MS = 5000;

export async function sweepStranded(
  deps: ActivityDeps,
): Promise<{ verifications: number; enrichments: number; nonces: number }> {
  const failures: unknown[] = [];
  /** What cannot be done now keeps nothing else waiting. */
  const attempt = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (err) {
      failures.push(err);
      return otherwise;
    }
  };
  const countTrue = async <Row>(rows: readonly Row[], work: (row: Row) => Promise<boolean>) => {
    let count = 0;
    for (const row of rows) if (await attempt(() => work(row), false)) count += 1;
    return count;
  };
  const stranded = await attempt(
    () => deps.db.run(({ verifications }) => verifications.takeStranded(IDLE_MS, BATCH)),
    [],
  );
  const verifications = await countTrue(stranded, (row) => takeUp(deps, row));
  const unenriched = await attempt(
    () => deps.db.run(({ verifications: rows }) => rows.takeUnenriched(IDLE_MS, BATCH)),
    [],
  );
  const enrichments = await countTrue(unenriched, ({ id, poiId, appCode, round }) =>
    deps.enrichmentRunner.ensureRunning({ verificationId: id, poiId, appCode }, round),
  );
  const nonces = await attempt(() => deleteNonces(deps), 0);
  if (verifications + enrichments > 0)
    deps.logger.warn({ verifications, enrichments }, 'stranded work taken up again');
  if (failures.length > 0) throw new AggregateError(failures, 'not all stranded work could be taken up');
  return { verifications, enrichments, nonces };
}

/**
 * What was sent goes on; what was not is closed once it is too late, and never started: its till was told so, or left.
 * @returns whether anything was done
 */
async function takeUp(deps: ActivityDeps, row: Verification): Promise<boolean> {
  if (row.openSendCount === 0) {
    if (!isTooLateToSend(row, deps.policy)) return false;
    return (await deps.db.run(({ verifications }) => verifications.endTooLate(row))) !== null;
  }
  const start = await deps.runner.start(
    {
      verificationId: row.id,
      round: row.round,
      roundKey: row.roundKey,
      mode: row.mode,
      poiId: row.poiId,
      appCode: row.appCode,
      appName: row.appName,
    },
    START_TIMEOUT_MS,
  );
  if (start.kind === 'refused' || start.kind === 'uncertain') throw start.cause;
  return start.kind === 'started';
}

async function deleteNonces(deps: ActivityDeps): Promise<number> {
  let deleted = 0;
  for (let batch = 0; batch < MAX_NONCE_BATCHES; batch += 1) {
    const count = await deps.db.run(({ nonces }) => nonces.deleteExpired(NONCE_BATCH));
    deleted += count;
    if (count < NONCE_BATCH) break;
  }
  return deleted;
}
