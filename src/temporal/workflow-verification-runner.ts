// The verification-runner port on Temporal: an eagerly started workflow VerifyCoupon per verification.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowUpdateFailedError,
  type Workflow,
} from '@temporalio/client';
import { AppError } from '../domain/errors.ts';
import type {
  RunStart,
  RunVerificationInput,
  VerificationResolver,
  VerificationRunner,
} from '../ports/verification-runner.ts';
import {
  RESOLVE_UPDATE,
  type ResolveInput,
  SEARCH_ATTRIBUTES,
  TASK_QUEUES,
  type VerifyCouponInput,
  type VerifyCouponResult,
  verifyWorkflowId,
  WORKFLOW_TYPES,
} from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';
import { isCertainRefusal, withinEngineTime } from './engine-failure.ts';

/** A worker killed in the middle of a step is taken over after this long. */
const WORKFLOW_TASK_TIMEOUT = '5 seconds';
const RESOLVE_TIMEOUT_MS = 10_000;

export interface WorkflowSettings {
  readonly lookAgainMs: number;
  readonly enrichRetryDelaysMs: readonly number[];
}

export function createVerificationRunner(
  temporal: TemporalConnection,
  settings: WorkflowSettings,
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
  };
}

/** Sends the update `resolve` to the verification's workflow, starting it again if it was lost. */
export function createVerificationResolver(
  temporal: TemporalConnection,
  settings: WorkflowSettings,
): VerificationResolver {
  return {
    async resolve(run, decision) {
      try {
        await withinEngineTime(
          RESOLVE_TIMEOUT_MS,
          temporal.client.workflow.executeUpdateWithStart<Workflow, VerifyCouponResult, [ResolveInput]>(
            RESOLVE_UPDATE,
            {
              args: [decision],
              startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW_TYPES.verifyCoupon, {
                ...workflowOptions(settings, run),
                workflowIdConflictPolicy: 'USE_EXISTING',
              }),
            },
          ),
        );
      } catch (cause) {
        // A workflow that closes while the update reaches it has decided by itself.
        if (cause instanceof WorkflowUpdateFailedError)
          throw new AppError('verification.not_processing', { cause });
        throw new AppError('gateway.engine_unavailable', { cause });
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
