// The verification-runner port on Temporal: an eagerly started workflow VerifyCoupon per verification.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../observability/logger.ts';
import type { RunStart, RunVerificationInput, VerificationRunner } from '../ports/verification-runner.ts';
import {
  LOOK_NOW_SIGNAL,
  SEARCH_ATTRIBUTES,
  TASK_QUEUES,
  type VerifyCouponInput,
  verifyWorkflowId,
  WORKFLOW_TYPES,
} from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';
import { isCertainRefusal, withinEngineTime } from './engine-failure.ts';

/** A worker killed in the middle of a step is taken over after this long. */
const WORKFLOW_TASK_TIMEOUT = '5 seconds';
const SIGNAL_TIMEOUT_MS = 2000;

export interface WorkflowSettings {
  readonly lookAgainMs: number;
  readonly enrichRetryDelaysMs: readonly number[];
}

export function createVerificationRunner(
  temporal: TemporalConnection,
  settings: WorkflowSettings,
  logger: Logger,
): VerificationRunner {
  return {
    async start(input, timeoutMs): Promise<RunStart> {
      try {
        const handle = await withinEngineTime(timeoutMs, startWorkflow(temporal, settings, input));
        return { kind: 'started', here: handle.eagerlyStarted };
      } catch (cause) {
        if (cause instanceof WorkflowExecutionAlreadyStartedError) return { kind: 'already_running' };
        return { kind: isCertainRefusal(cause) ? 'refused' : 'uncertain', cause };
      }
    },

    async lookNow(verificationId, round) {
      const handle = temporal.client.workflow.getHandle(verifyWorkflowId(verificationId, round));
      try {
        await withinEngineTime(SIGNAL_TIMEOUT_MS, handle.signal(LOOK_NOW_SIGNAL));
      } catch (err) {
        if (err instanceof WorkflowNotFoundError) return;
        logger.warn({ err, verificationId }, 'a waiting verification could not be told to look now');
      }
    },
  };
}

function startWorkflow(
  temporal: TemporalConnection,
  settings: WorkflowSettings,
  input: RunVerificationInput,
) {
  return temporal.client.workflow.start(WORKFLOW_TYPES.verifyCoupon, {
    ...workflowOptions(settings, input),
    requestEagerStart: true,
  });
}

function workflowOptions(settings: WorkflowSettings, input: RunVerificationInput) {
  const { appName, ...identity } = input;
  const workflowInput: VerifyCouponInput = { ...identity, ...settings };
  return {
    workflowId: verifyWorkflowId(input.verificationId, input.round),
    taskQueue: TASK_QUEUES.verify,
    args: [workflowInput] as [VerifyCouponInput],
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    staticSummary: `核销 · 门店 ${input.poiId} · ${appName}`,
    typedSearchAttributes: [
      { key: keyword(SEARCH_ATTRIBUTES.poiId), value: input.poiId },
      { key: keyword(SEARCH_ATTRIBUTES.appCode), value: input.appCode },
      { key: keyword(SEARCH_ATTRIBUTES.verifyStatus), value: 'processing' },
    ],
  };
}

function keyword(name: string) {
  return defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
}
