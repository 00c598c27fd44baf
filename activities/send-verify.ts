// Counts one verify and sends it. The first send and every repeat go through here; what Douyin said is apply-outcome.ts.
import { AppError } from '../src/domain/errors.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { Closed, Open, Unknown } from '../workflows/activities.ts';
import { applyOutcome } from './apply-outcome.ts';
import { endUnlessWanted } from './prepare-coupon.ts';
import { closedProgress, type VerificationRun } from './run.ts';

const OPEN: Open = { state: 'open' };

export async function sendVerify(run: VerificationRun): Promise<Open | Unknown | Closed> {
  const { deps, key } = run;
  const row = await run.read();
  if (!run.isOpen(row)) return closedProgress(row);
  // Given back to be prepared anew, or never prepared.
  if (row.step === 'accepted') return OPEN;
  const ended = await endUnlessWanted(run, row);
  if (ended) return ended;
  if (row.openSendCount > 0) {
    const progress = run.unknown(row);
    if (progress.next === 'look_up') return progress;
  }

  // Had ready before the send is counted, so that what is counted goes out at once. Without one verify says why.
  await deps.accessTokens.current().catch(() => undefined);
  // Counted longer ago than this it does not go out: another process may have taken over, or the till may have gone.
  const mustStartBy = performance.now() + deps.policy.sendStartsWithinMs;
  const counted = await count(run);
  if (counted === null) return whyNotCounted(run);
  const outcome = await deps.douyin.verify({
    douyinVerifyToken: counted.douyinVerifyToken,
    poiId: counted.poiId,
    encryptedCode: counted.encryptedCode,
    certificateId: counted.certificateId,
    orderId: counted.orderId,
    attempt: counted.openSendCount === 1 ? 'first' : 'repeat',
    isCallerSupplied: counted.mode === 'encrypted_code',
    mustStartBy,
  });
  deps.logger.debug({ verificationId: key.id, outcome: outcome.kind }, 'a verify was answered');
  return applyOutcome(run, counted, outcome);
}

/** @returns null if it may not be sent */
async function count(run: VerificationRun): Promise<Verification | null> {
  try {
    return await run.deps.db.run(({ verifications }) =>
      verifications.countSend(run.key, run.deps.douyinClock.now()),
    );
  } catch (err) {
    // Another verification of the order was counted at the same moment.
    if (err instanceof AppError && err.code === 'coupon.sibling_in_doubt') return null;
    throw err;
  }
}

async function whyNotCounted(run: VerificationRun): Promise<Open | Unknown | Closed> {
  const row = await run.read();
  if (!run.isOpen(row)) return run.conclude(row);
  if (row.openSendCount > 0) return run.unknown(row);
  const ended = await endUnlessWanted(run, row);
  if (ended) return ended;
  if (row.sendsStoppedBy !== null) {
    // An operator stopped it before anything could be consumed.
    return run.endNotAttempted({ reason: 'gateway.too_late', douyin: null, relatedVerificationId: null });
  }
  if (row.mode === 'encrypted_code') {
    // Its caller has prepared, and nobody prepares it anew: whatever held it is over, so that the same token may try again.
    return run.endNotAttempted({ reason: 'gateway.too_late', douyin: null, relatedVerificationId: null });
  }
  // Held for another verification of the order: prepared anew, so that what that one took is not counted on.
  await run.store((verifications) => verifications.discardPrepared(run.key));
  return OPEN;
}
