// Deciding a verify whose outcome is unknown: repeats on Douyin's schedule, then Douyin's reads, then an operator.
import { ApplicationFailure } from '@temporalio/common';
import { AppError } from '../src/domain/errors.ts';
import type { ResolveInput, VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { lookUp, settleByLookUp } from './look-up.ts';
import { storePatiently } from './store-patiently.ts';
import type { Closed, Unknown } from './types.ts';
import { closedProgress, readRound } from './verification-progress.ts';
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
  const verdict = await lookUp(deps, verification);
  if (verdict.kind !== 'undecided') {
    return settleByLookUp(deps, key, verification, verdict, (row) => unknownProgress(deps, row));
  }
  const marked = await storePatiently(deps, (verifications) =>
    verifications.markUnsettled(
      { id: key.verificationId, round: key.round },
      verdict.reason,
      deps.clock.now(),
    ),
  );
  if (marked) {
    deps.logger.error(
      { verificationId: key.verificationId, alert: 'verification.unsettled' },
      'a verification needs an operator',
    );
    deps.board.publish(marked);
  }
  return { state: 'unknown', next: 'look_up', outcome: verdict.reason, waitMs: 0 };
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
      { by: 'operator', actor: input.actor, note: input.note },
      now,
    );
    if (!resolved) throw new AppError('verification.not_processing');
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
