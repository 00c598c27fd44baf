// Time-outs and retries of every activity, each with its reason. Which activity runs when is the workflows'.
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import { TASK_QUEUES } from './contract.ts';

/**
 * Steps the till waits for. Only a schedule-to-close time-out: the SDK lets attempt n's start-to-close timer end
 * attempt n + 1. Outside calls are bounded inside. Retries begin after 20 ms, not after the default second; they are
 * for a database that is away, since what Douyin did is a result and never a failure.
 */
export const TILL_STEP: LocalActivityOptions = {
  scheduleToCloseTimeout: '90 seconds',
  retry: { initialInterval: '20 milliseconds', backoffCoefficient: 2, maximumInterval: '2 seconds' },
};

/** The first enrichment try: one attempt, for the child workflow carries the retries. */
export const FIRST_ENRICHMENT_TRY: LocalActivityOptions = {
  scheduleToCloseTimeout: '20 seconds',
  retry: { maximumAttempts: 1 },
};

/** Activities say every two seconds that they run; a worker silent for this long has died, and another one goes on. */
const HEARTBEAT_TIMEOUT = '8 seconds';

/**
 * Repeats of an unknown verify: the activity names each delay, Douyin's schedule bounds their number. The policy's own
 * delay is for a worker that died or a database that is away; every repeat counts as an attempt, so it must not grow.
 */
export const REPEAT: ActivityOptions = {
  taskQueue: TASK_QUEUES.background,
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '2 seconds', backoffCoefficient: 1 },
};

/** One enrichment try: the workflow keeps the time between tries, so that an operator's signal can cut it short. */
export const ENRICHMENT_TRY: ActivityOptions = {
  taskQueue: TASK_QUEUES.background,
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { maximumAttempts: 1 },
};

/** Everything else off the till's path: retried until it works, and soon after the gateway's own parts are back. */
export const BACKGROUND_STEP: ActivityOptions = {
  taskQueue: TASK_QUEUES.background,
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
};

/** The token refresh and the sweep run again by their schedule: few retries inside one run. */
export const SCHEDULED_STEP: ActivityOptions = {
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumAttempts: 4 },
};
