// A decision about a verification that came by Temporal: from its UI or its command line, not through the API.
import { ApplicationFailure } from '@temporalio/common';
import { decideByOperator } from '../src/db/repositories/operator-decision.ts';
import type { Closed } from '../workflows/activities.ts';
import type { ResolveInput } from '../workflows/contract.ts';
import { closedProgress, type VerificationRun } from './run.ts';

/** @throws ApplicationFailure, final: `verification.not_processing`, `verification.send_in_flight` */
export async function resolveVerification(
  run: VerificationRun,
  input: ResolveInput & { readonly updateId: string },
): Promise<Closed> {
  const row = await run.read();
  if (!run.isOpen(row))
    throw refused('verification.not_processing', '这笔核销已有结果 · it is decided already');
  const outcome = await decideByOperator(run.deps, row, input.verifyStatus, {
    // Nobody can type this name: who sent the update stands in the history under its id.
    actor: `temporal:${input.updateId}`,
    note: '',
    requestId: input.updateId,
  });
  switch (outcome.kind) {
    case 'decided':
      run.deps.board.publish(outcome.verification);
      return closedProgress(outcome.verification);
    case 'not_processing':
      throw refused('verification.not_processing', '这笔核销已有结果 · it is decided already');
    case 'send_in_flight': {
      await run.deps.runner.lookNow(row.id, row.round);
      const seconds = Math.ceil(outcome.retryAfterMs / 1000);
      throw refused(
        'verification.send_in_flight',
        `核销请求可能还在途中，已停止重发；${seconds} 秒后再裁定 · a verify may be under way, sending is stopped; decide again in ${seconds} s`,
      );
    }
  }
}

function refused(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
