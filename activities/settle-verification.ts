// Deciding a verify whose outcome is unknown: repeats on Douyin's schedule, then Douyin's reads, then an operator.
import { ApplicationFailure } from '@temporalio/common';
import { AppError } from '../src/domain/errors.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { ResolveInput, VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { lookUp, settleByLookUp } from './look-up.ts';
import { storePatiently } from './store-patiently.ts';
import type { Closed, Unknown } from './types.ts';
import { closedProgress, closeWith, readRound } from './verification-progress.ts';
import { unknownProgress, verifyCoupon } from './verify-coupon.ts';

export async function repeatVerification(
  deps: ActivityDeps,
  key: VerificationKey,
): Promise<Unknown | Closed> {
  const progress = await verifyCoupon(deps, key);
  if (progress.state !== 'unknown' || progress.next === 'look_up') return progress;
  throw ApplicationFailure.create({
    type: 'verification.unknown',
    message: progress.outcome,
    nextRetryDelay: progress.waitMs,
  });
}

export async function lookUpVerification(
  deps: ActivityDeps,
  key: VerificationKey,
): Promise<Unknown | Closed> {
  const { verification, isOpen } = await readRound(deps, key);
  if (!isOpen) return closedProgress(verification);
  const row = { id: key.verificationId, round: key.round };
  const stillRunning = (running: Verification) => unknownProgress(deps, running);
  if (verification.openSendCount === 0) {
    const closed = await storePatiently(deps, (verifications) =>
      verifications.closeNotAttempted(
        row,
        { reason: 'douyin.unavailable', errorCode: 0, errorDescription: verification.lastOutcome },
        deps.clock.now(),
      ),
    );
    return closeWith(deps, key, closed, stillRunning);
  }
  const { verdict, certificateId } = await lookUp(deps, verification);
  if (verdict.kind !== 'undecided') {
    return settleByLookUp(deps, key, verification, { verdict, certificateId }, stillRunning);
  }
  const progress = unknownProgress(deps, verification);
  // After a refused repeat the coupon's state counts once the earlier sends have arrived: soon, and without an operator.
  const waitMs = progress.next === 'look_up' ? progress.waitMs : 0;
  if (waitMs === 0) await markUnsettled(deps, key, verdict.reason);
  return { state: 'unknown', next: 'look_up', outcome: verdict.reason, waitMs };
}

async function markUnsettled(deps: ActivityDeps, key: VerificationKey, reason: string): Promise<void> {
  const marked = await storePatiently(deps, (verifications) =>
    verifications.markUnsettled({ id: key.verificationId, round: key.round }, reason, deps.clock.now()),
  );
  if (!marked) return;
  deps.logger.error(
    { verificationId: key.verificationId, alert: 'verification.unsettled' },
    'a verification needs an operator',
  );
  deps.board.publish(marked);
}

export async function resolveVerification(
  deps: ActivityDeps,
  input: VerificationKey & ResolveInput,
): Promise<Closed> {
  const closed = await deps.db.transaction(async ({ verifications, auditLog }) => {
    const now = deps.clock.now();
    const resolved = await verifications.settle(
      { id: input.verificationId, round: input.round },
      {
        verifyStatus: input.verifyStatus,
        ...(input.verifyStatus === 'success'
          ? { errorCode: 0, errorDescription: '', couponStatus: 'USED' as const, verifyTime: now }
          : { errorCode: -1, errorDescription: '管理员核实：券未被本次核销' }),
      },
      { by: 'operator', actor: input.actor, note: input.note, request_id: input.requestId },
      now,
    );
    if (!resolved) {
      // Run again after the commit whose answer was lost: the decision stands, and is audited.
      const wasOurs = await verifications.wasResolvedBy(input.verificationId, input.actor, input.requestId);
      const settled = wasOurs ? await verifications.findById(input.verificationId) : null;
      if (settled) return settled;
      throw new AppError('verification.not_processing');
    }
    await auditLog.insertEntry({
      actor: input.actor,
      action: 'verification.resolve',
      targetType: 'verification',
      targetId: String(input.verificationId),
      before: { verify_status: 'processing' },
      after: { verify_status: input.verifyStatus, note: input.note },
      requestId: input.requestId,
    });
    return resolved;
  });
  deps.board.publish(closed);
  return closedProgress(closed);
}
