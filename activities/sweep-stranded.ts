// Finds what lost its workflow and starts it again, closes what was never sent, and deletes nonces that left the window.
import { isTooLateToSend } from '../src/domain/verification.ts';
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
  const verifications = await sweepVerifications(deps);
  const enrichments = await sweepEnrichments(deps);
  const nonces = await deleteNonces(deps);
  if (verifications + enrichments > 0)
    deps.logger.warn({ verifications, enrichments }, 'stranded work taken up again');
  return { verifications, enrichments, nonces };
}

/** What was sent goes on; what was not is closed once it is too late, and never started: its till was told so, or left. */
async function sweepVerifications(deps: ActivityDeps): Promise<number> {
  const stranded = await deps.db.run(({ verifications }) => verifications.takeStranded(IDLE_MS, BATCH));
  let takenUp = 0;
  const failures: unknown[] = [];
  for (const row of stranded) {
    if (row.openSendCount === 0) {
      if (!isTooLateToSend(row, deps.policy)) continue;
      const closed = await deps.db.run(({ verifications }) => verifications.endTooLate(row));
      if (closed) takenUp += 1;
      continue;
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
    if (start.kind === 'started') takenUp += 1;
    // One that cannot be started does not keep the others waiting.
    if (start.kind === 'refused' || start.kind === 'uncertain') failures.push(start.cause);
  }
  if (failures.length > 0) throw new AggregateError(failures, 'stranded verifications could not be started');
  return takenUp;
}

async function sweepEnrichments(deps: ActivityDeps): Promise<number> {
  const unenriched = await deps.db.run(({ verifications }) => verifications.takeUnenriched(IDLE_MS, BATCH));
  let started = 0;
  for (const { id, poiId, appCode, round } of unenriched) {
    if (await deps.enrichmentRunner.ensureRunning({ verificationId: id, poiId, appCode }, round))
      started += 1;
  }
  return started;
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
