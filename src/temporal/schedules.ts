// The Schedules: created at the first start, updated to what the code says at every later one, never created blindly.
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type ScheduleOptions } from '@temporalio/client';
import { SCHEDULE_IDS, TASK_QUEUES, WORKFLOW_TYPES } from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';

const TOKEN_INTERVAL = '10 minutes';
const EXECUTION_TIMEOUT = '2 minutes';
const CATCH_UP = '1 minute';

/** @param sweepIntervalMs how often lost work is looked for */
export async function ensureSchedules(temporal: TemporalConnection, sweepIntervalMs: number): Promise<void> {
  const scheduleOf = (
    scheduleId: string,
    workflowType: string,
    every: string | number,
    overlap: ScheduleOverlapPolicy,
  ): ScheduleOptions => ({
    scheduleId,
    spec: { intervals: [{ every: every as `${number} minutes` }] },
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId: scheduleId,
      taskQueue: TASK_QUEUES.background,
      args: [],
      workflowExecutionTimeout: EXECUTION_TIMEOUT,
    },
    policies: { overlap, catchupWindow: CATCH_UP },
    state: { triggerImmediately: true },
  });
  await ensureSchedule(
    temporal,
    scheduleOf(
      SCHEDULE_IDS.keepTokenFresh,
      WORKFLOW_TYPES.keepTokenFresh,
      TOKEN_INTERVAL,
      ScheduleOverlapPolicy.BUFFER_ONE,
    ),
  );
  await ensureSchedule(
    temporal,
    scheduleOf(
      SCHEDULE_IDS.sweepStranded,
      WORKFLOW_TYPES.sweepStranded,
      sweepIntervalMs,
      ScheduleOverlapPolicy.SKIP,
    ),
  );
}

async function ensureSchedule(temporal: TemporalConnection, options: ScheduleOptions): Promise<void> {
  try {
    await temporal.client.schedule.create(options);
  } catch (err) {
    if (!(err instanceof ScheduleAlreadyRunning)) throw err;
    await temporal.client.schedule.getHandle(options.scheduleId).update((previous) => ({
      ...previous,
      spec: options.spec,
      action: options.action,
      policies: { ...previous.policies, ...options.policies },
    }));
  }
}
