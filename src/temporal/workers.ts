// The workers: which process serves which queue, with how many slots, and why.
import { Worker, type WorkerOptions, type WorkflowBundle } from '@temporalio/worker';
import { TASK_QUEUES } from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';

const POLLS = 4;
const BACKGROUND_ACTIVITY_SLOTS = 20;
const BACKGROUND_WORKFLOW_SLOTS = 40;
/** A request's workflow goes on after its reply (the first enrichment try), so there are more slots than requests. */
const SLOTS_PER_REQUEST = 2;
const CACHED_WORKFLOWS = 1000;
/** A task left for a worker that died goes to another one after this long; the SDK's default is 10 s. */
const STICKY_TIMEOUT = '2 seconds';
const SHUTDOWN_GRACE = '10 seconds';
const SHUTDOWN_FORCE = '20 seconds';

export interface RunningWorker {
  /** Settles when the worker ended; rejects if it failed. */
  readonly ended: Promise<void>;
  /** Stops polling, lets what runs finish within a bound. */
  stop(): Promise<void>;
}

/** Serves the till: VerifyCoupon with its local activities. Every API process and every worker process runs one. */
export async function startVerifyWorker(
  temporal: TemporalConnection,
  options: { workflowBundle: WorkflowBundle; activities: object; maxInFlight: number },
): Promise<RunningWorker> {
  const slots = options.maxInFlight * SLOTS_PER_REQUEST + POLLS;
  return start(temporal, TASK_QUEUES.verify, options, {
    maxConcurrentWorkflowTaskExecutions: slots,
    maxConcurrentLocalActivityExecutions: slots,
    enableNonLocalActivities: false,
  });
}

/** Serves what no cashier waits for: enrichment, settling, the schedules. Worker processes run one. */
export async function startBackgroundWorker(
  temporal: TemporalConnection,
  options: { workflowBundle: WorkflowBundle; activities: object },
): Promise<RunningWorker> {
  return start(temporal, TASK_QUEUES.background, options, {
    maxConcurrentWorkflowTaskExecutions: BACKGROUND_WORKFLOW_SLOTS,
    maxConcurrentActivityTaskExecutions: BACKGROUND_ACTIVITY_SLOTS,
  });
}

async function start(
  temporal: TemporalConnection,
  taskQueue: string,
  options: { workflowBundle: WorkflowBundle; activities: object },
  slots: Partial<WorkerOptions>,
): Promise<RunningWorker> {
  const worker = await Worker.create({
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue,
    workflowBundle: options.workflowBundle,
    activities: options.activities,
    reuseV8Context: true,
    maxCachedWorkflows: CACHED_WORKFLOWS,
    maxConcurrentWorkflowTaskPolls: POLLS,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    shutdownGraceTime: SHUTDOWN_GRACE,
    shutdownForceTime: SHUTDOWN_FORCE,
    ...slots,
  });
  const ended = worker.run();
  // Whoever holds the worker watches `ended`; until then a failure must not be an unhandled one.
  ended.catch(() => undefined);
  return {
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}
