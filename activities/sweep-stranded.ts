// Finds what lost its workflow and starts it again; deletes nonces that left the window.
import { isTooLateToSend } from '../src/domain/verification.ts';
import type { ActivityDeps } from './deps.ts';

const IDLE_MS = 30_000;
const BATCH = 200;
const NONCE_BATCH = 20_000;
const START_TIMEOUT_MS = 5000;

export async function sweepStranded(
  deps: ActivityDeps,
): Promise<{ verifications: number; enrichments: number; nonces: number }> {
  const stranded = await deps.db.run((repositories) =>
    repositories.verifications.takeStranded(IDLE_MS, BATCH, deps.clock.now()),
  );
  let verifications = 0;
  for (const verification of stranded) {
    const row = { id: verification.id, round: verification.round };
    const closed = isTooLateToSend(verification, deps.clock.now())
      ? await deps.db.run((repositories) =>
          repositories.verifications.closeNotAttempted(
            row,
            { reason: 'douyin.unavailable', errorCode: 0, errorDescription: '等待过久，未向抖音发起核销' },
            deps.clock.now(),
          ),
        )
      : null;
    if (closed) {
      verifications += 1;
      continue;
    }
    const start = await deps.runner.start(
      {
        verificationId: verification.id,
        round: verification.round,
        mode: verification.mode,
        poiId: verification.poiId,
        appCode: verification.appCode,
        appName: verification.appName,
      },
      START_TIMEOUT_MS,
    );
    if (start.kind === 'started') verifications += 1;
    if (start.kind === 'refused' || start.kind === 'uncertain') throw start.cause;
  }

  const unenriched = await deps.db.run((repositories) =>
    repositories.verifications.takeUnenriched(IDLE_MS, BATCH, deps.clock.now()),
  );
  let enrichments = 0;
  for (const verification of unenriched) {
    const { id, poiId, appCode, round } = verification;
    const started = await deps.enrichmentRunner.ensureRunning({ verificationId: id, poiId, appCode }, round);
    if (started) enrichments += 1;
  }
  const nonces = await deps.db.run((repositories) => repositories.nonces.deleteExpired(NONCE_BATCH));
  if (verifications + enrichments > 0)
    deps.logger.warn({ verifications, enrichments }, 'stranded work started again');
  return { verifications, enrichments, nonces };
}
