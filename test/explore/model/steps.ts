// The kinds of steps, and which of them are troubles.

/** Kinds of steps. A step's argument says whose it is; see `describeStep`. */
export const STEPS = [
  'ask',
  'ask_unacknowledged',
  'start',
  'start_lost',
  'start_late_lost',
  'late_start',
  'close_unsent',
  'fence',
  'fence_dies',
  'tell',
  'tell_processing',
  'till_goes',
  'come_back',
  'run',
  'run_beside',
  'sweep_close',
  'begin',
  'prepare_fails',
  'store_prepared',
  'give_up_waiting',
  'count',
  'send',
  'send_fails',
  'arrive',
  'arrive_busy',
  'arrive_busy_done',
  'arrive_unlisted',
  'arrive_unlisted_done',
  'arrive_server_error',
  'arrive_server_error_done',
  'arrive_garbled',
  'arrive_garbled_done',
  'arrive_of_another',
  'arrive_of_another_done',
  'arrive_review',
  'arrive_token_refused',
  'answer_lost',
  'time_out',
  'store',
  'close_uncounted',
  'read',
  'read_stale',
  'read_without_records',
  'read_other_store',
  'read_other_store_recorded',
  'judge',
  'store_verdict',
  'look_again',
  'die',
  'late_arrives',
  'review_passes',
  'review_fails',
  'used_other_channel',
  'used_other_store',
  'used_same_store',
  'use_cancelled',
  'refund_applied',
  'refund_granted',
  'refund_rejected',
  'operator_looks',
  'operator_says_success',
  'operator_says_failed',
  'time_passes',
] as const;
export type StepKind = (typeof STEPS)[number];
export const CODE = Object.fromEntries(STEPS.map((step, code) => [step, code])) as Record<StepKind, number>;

/** Steps that are a trouble; that time passes is one while somebody is in the middle of a step. */
const TROUBLES: ReadonlySet<StepKind> = new Set([
  'ask_unacknowledged',
  'start_lost',
  'start_late_lost',
  'fence_dies',
  'till_goes',
  'run_beside',
  'prepare_fails',
  'send_fails',
  'arrive_busy',
  'arrive_busy_done',
  'arrive_unlisted',
  'arrive_unlisted_done',
  'arrive_server_error',
  'arrive_server_error_done',
  'arrive_garbled',
  'arrive_garbled_done',
  'arrive_of_another',
  'arrive_of_another_done',
  'arrive_review',
  'arrive_token_refused',
  'answer_lost',
  'time_out',
  'read_stale',
  'read_without_records',
  'read_other_store',
  'read_other_store_recorded',
  'die',
  'used_other_channel',
  'used_other_store',
  'used_same_store',
  'use_cancelled',
  'refund_applied',
  'operator_looks',
]);

/** The part of a step's code that says whose it is. */
export const ARGUMENTS = 64;

/** Which troubles a story has, in their order of kind: stories that differ in it have different causes. */
export function troublesOf(steps: readonly number[]): string {
  return [...new Set(steps.map(kindOf).filter((kind) => TROUBLES.has(kind)))].sort().join(' ');
}

export function kindOf(step: number): StepKind {
  return STEPS[Math.floor(step / ARGUMENTS)] as StepKind;
}
