// Repeats an unknown verify on Douyin's schedule: fails while another repeat is to come, so that Temporal keeps the time.
import { ApplicationFailure } from '@temporalio/common';
import type { Closed, Unknown } from '../workflows/activities.ts';
import type { VerificationRun } from './run.ts';
import { sendVerify } from './send-verify.ts';

export async function repeatVerify(run: VerificationRun): Promise<Unknown | Closed> {
  const progress = await sendVerify(run);
  if (progress.state === 'open') throw new Error(`Verification ${run.key.id} is repeated before it was sent`);
  if (progress.state === 'closed' || progress.next === 'look_up') return progress;
  throw ApplicationFailure.create({
    type: 'verification.unknown',
    message: progress.outcome,
    nextRetryDelay: progress.waitMs,
  });
}
