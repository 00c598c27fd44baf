// What a person decides about a verification that Douyin cannot tell: one transaction with its audit entry, wherever the
// decision came from.
import { untilOperatorMayRefuseMs } from '../../domain/settlement.ts';
import type { OperatorDecision } from '../../domain/verdict.ts';
import type { SettlementPolicy, Verification } from '../../domain/verification.ts';
import type { Database } from '../unit-of-work.ts';

/** What a look-up takes, as a rule: whoever comes back sooner is only asked to come once more. */
const LOOK_UP_TAKES_MS = 2000;

export type DecisionOutcome =
  | { readonly kind: 'decided'; readonly verification: Verification }
  | { readonly kind: 'not_processing' }
  /**
   * A send may still take effect, or Douyin was not asked since it did. From now on nothing is sent, so that the operator's
   * turn comes, once the row was looked up again.
   */
  | { readonly kind: 'send_in_flight'; readonly retryAfterMs: number };

/**
 * @param row as the operator saw it: a refusal holds only if nothing was sent since
 * @param verdict what the operator found at Douyin
 */
export async function decideByOperator(
  deps: { readonly db: Database; readonly policy: Pick<SettlementPolicy, 'sendArrivesWithinMs'> },
  row: Verification,
  verdict: 'success' | 'failed',
  decision: OperatorDecision,
): Promise<DecisionOutcome> {
  const decided = await deps.db.transaction(async ({ verifications, auditLog }) => {
    const settled = await verifications.settle(
      row,
      verdict === 'success'
        ? { verdict: 'success', by: 'operator', decision }
        : { verdict: 'refused', by: 'operator', decision, seen: row },
    );
    if (settled === null) {
      // Run again after the commit whose answer was lost: the decision stands, and is audited.
      const wasOurs = await verifications.wasResolvedBy(row.id, decision);
      return wasOurs ? verifications.findById(row.id) : null;
    }
    await auditLog.insertEntry({
      actor: decision.actor,
      action: 'verification.resolve',
      targetType: 'verification',
      targetId: String(row.id),
      before: { verify_status: 'processing' },
      after: { verify_status: verdict, note: decision.note },
      requestId: decision.requestId,
    });
    return settled;
  });
  if (decided) return { kind: 'decided', verification: decided };
  const found = await deps.db.run(async ({ verifications }) => {
    const stopped = await verifications.stopSends(row, decision.actor);
    return stopped ?? verifications.findById(row.id);
  });
  if (found?.verifyStatus !== 'processing' || found.round !== row.round) return { kind: 'not_processing' };
  return {
    kind: 'send_in_flight',
    retryAfterMs: untilOperatorMayRefuseMs(found, deps.policy) + LOOK_UP_TAKES_MS,
  };
}
