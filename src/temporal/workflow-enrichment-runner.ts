// The enrichment-runner port on Temporal: wakes or starts EnrichOrder workflows.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { AppError } from '../domain/errors.ts';
import type { EnrichmentRunner, RunEnrichmentInput } from '../ports/verification-runner.ts';
import {
  enrichWorkflowId,
  type EnrichOrderInput,
  RETRY_NOW_SIGNAL,
  SEARCH_ATTRIBUTES,
  TASK_QUEUES,
  verifyWorkflowId,
  WORKFLOW_TYPES,
} from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';
import { withinEngineTime } from './engine-failure.ts';

const CALL_TIMEOUT_MS = 5000;

export function createEnrichmentRunner(
  temporal: TemporalConnection,
  retryDelaysMs: readonly number[],
): EnrichmentRunner {
  const optionsOf = (input: RunEnrichmentInput) => ({
    workflowId: enrichWorkflowId(input.verificationId),
    taskQueue: TASK_QUEUES.background,
    args: [{ ...input, retryDelaysMs } satisfies EnrichOrderInput] as const,
    staticSummary: `补全订单 · 门店 ${input.poiId} · ${input.appCode}`,
    typedSearchAttributes: [
      {
        key: defineSearchAttributeKey(SEARCH_ATTRIBUTES.poiId, SearchAttributeType.KEYWORD),
        value: input.poiId,
      },
      {
        key: defineSearchAttributeKey(SEARCH_ATTRIBUTES.appCode, SearchAttributeType.KEYWORD),
        value: input.appCode,
      },
    ],
  });
  return {
    async retryNow(input) {
      try {
        await withinEngineTime(
          CALL_TIMEOUT_MS,
          temporal.client.workflow.signalWithStart(WORKFLOW_TYPES.enrichOrder, {
            ...optionsOf(input),
            args: [...optionsOf(input).args],
            signal: RETRY_NOW_SIGNAL,
            signalArgs: [],
          }),
        );
      } catch (cause) {
        throw new AppError('gateway.engine_unavailable', { cause });
      }
    },

    async ensureRunning(input, round) {
      if (await isRunning(temporal, verifyWorkflowId(input.verificationId, round))) return false;
      try {
        await withinEngineTime(
          CALL_TIMEOUT_MS,
          temporal.client.workflow.start(WORKFLOW_TYPES.enrichOrder, {
            ...optionsOf(input),
            args: [...optionsOf(input).args],
          }),
        );
        return true;
      } catch (err) {
        if (err instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw err;
      }
    },
  };
}

async function isRunning(temporal: TemporalConnection, workflowId: string): Promise<boolean> {
  try {
    const description = await withinEngineTime(
      CALL_TIMEOUT_MS,
      temporal.client.workflow.getHandle(workflowId).describe(),
    );
    return description.status.name === 'RUNNING';
  } catch (err) {
    if (err instanceof WorkflowNotFoundError) return false;
    throw err;
  }
}
