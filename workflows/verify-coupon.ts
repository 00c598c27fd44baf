// VerifyCoupon: carries one verification from the stored request to Douyin's verdict, whatever crashes, and starts the
// completion of its order's data. It orders the steps; every decision about the coupon is made in activities and domain.
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Activities, Closed, Open, Unknown } from '../activities/types.ts';
import { BACKGROUND_STEP, FIRST_ENRICHMENT_TRY, REPEAT, TILL_STEP } from './activity-options.ts';
import {
  enrichWorkflowId,
  RESOLVE_UPDATE,
  type ResolveInput,
  SEARCH_ATTRIBUTES,
  TASK_QUEUES,
  type VerificationKey,
  type VerifyCouponInput,
  type VerifyCouponResult,
} from './contract.ts';
import { EnrichOrder } from './enrich-order.ts';

const VERIFY_STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.verifyStatus, SearchAttributeType.KEYWORD);
const ENRICHMENT_STATUS = defineSearchAttributeKey(
  SEARCH_ATTRIBUTES.enrichmentStatus,
  SearchAttributeType.KEYWORD,
);

/** How long a step that failed for good (the database stayed away) waits before it is tried again. */
const STEP_PAUSE = '5 seconds';

const resolveShortLink = localStep('解析短链接 · resolve short link').resolveShortLink;
const prepareCoupon = localStep('验券准备 · prepare').prepareCoupon;
const verifyCoupon = localStep('核销 · verify').verifyCoupon;
const { fetchOrder } = proxyLocalActivities<Activities>({
  ...FIRST_ENRICHMENT_TRY,
  summary: '补全订单（首次） · first enrichment try',
});
const { repeatVerification } = proxyActivities<Activities>({
  ...REPEAT,
  summary: '同一令牌重发 · repeat with the same token',
});
const { lookUpVerification } = proxyActivities<Activities>({
  ...BACKGROUND_STEP,
  summary: '向抖音查询结果 · look the outcome up',
});
const { resolveVerification } = proxyActivities<Activities>({
  ...BACKGROUND_STEP,
  summary: '管理员裁定 · resolved by an operator',
});

function localStep(summary: string) {
  return proxyLocalActivities<Activities>({ ...TILL_STEP, summary });
}

export const resolve = defineUpdate<VerifyCouponResult, [ResolveInput]>(RESOLVE_UPDATE);

export async function VerifyCoupon(input: VerifyCouponInput): Promise<VerifyCouponResult> {
  const key: VerificationKey = { verificationId: input.verificationId, round: input.round };
  let resolved: Closed | null = null;
  setHandler(
    resolve,
    async (decision) => {
      resolved = await resolveVerification({ ...key, ...decision });
      return resultOf(resolved);
    },
    { description: '管理员裁定抖音无法给出结果的核销 · settle a verification that Douyin cannot tell' },
  );

  const progress = await runSteps(key, input.mode);
  const closed =
    progress.state === 'closed' ? progress : await settle(key, progress, input.lookAgainMs, () => resolved);

  const enrichment = closed.needsEnrichment ? await enrich(input) : 'skipped';
  upsertSearchAttributes([
    { key: VERIFY_STATUS, value: closed.reason === '' ? closed.verifyStatus : 'not_attempted' },
    { key: ENRICHMENT_STATUS, value: enrichment },
  ]);
  setCurrentDetails(describeEnd(closed));
  await condition(allHandlersFinished);
  return resultOf(closed);
}

/** The steps the till waits for. Each reads the row first, so running them again goes on where the last run ended. */
async function runSteps(key: VerificationKey, mode: VerifyCouponInput['mode']): Promise<Unknown | Closed> {
  if (mode === 'short_link') {
    const progress = await untilItRuns(() => resolveShortLink(key));
    if (progress.state !== 'open') return progress;
  }
  if (mode !== 'encrypted_code') {
    const progress = await untilItRuns(() => prepareCoupon(key));
    if (progress.state !== 'open') return progress;
  }
  return untilItRuns(() => verifyCoupon(key));
}

/** A step fails only when the gateway's own parts are away; the verification waits for them instead of ending. */
async function untilItRuns<Progress extends Open | Unknown | Closed>(
  step: () => Promise<Progress>,
): Promise<Progress> {
  for (;;) {
    try {
      return await step();
    } catch (err) {
      if (isCancellation(err)) throw err;
      setCurrentDetails(
        `网关自身故障，${STEP_PAUSE} 后重试 · the gateway’s own parts are away: ${messageOf(err)}`,
      );
      await sleep(STEP_PAUSE);
    }
  }
}

/**
 * Decides an unknown verify: repeats with the same token on Douyin's schedule, then look-ups until Douyin's reads or an
 * operator's `resolve` decide.
 */
async function settle(
  key: VerificationKey,
  unknown: Unknown,
  lookAgainMs: number,
  resolution: () => Closed | null,
): Promise<Closed> {
  const scope = new CancellationScope();
  const decided = scope.run(async (): Promise<Closed> => {
    let progress: Unknown | Closed = await repeatOnSchedule(key, unknown);
    while (progress.state !== 'closed') {
      upsertSearchAttributes([{ key: VERIFY_STATUS, value: 'unsettled' }]);
      setCurrentDetails(
        `抖音尚无结论：${progress.outcome}。` +
          `${Math.round(lookAgainMs / 60_000)} 分钟后再查；管理员可用更新 ${RESOLVE_UPDATE} 裁定。 · ` +
          `Undecided at Douyin; looked up again later, or settle it with the update ${RESOLVE_UPDATE}.`,
      );
      await sleep(lookAgainMs);
      progress = await untilItRuns(() => lookUpVerification(key));
    }
    return progress;
  });
  const resolvedByOperator = condition(() => resolution() !== null).then(() => resolution() as Closed);
  try {
    return await Promise.race([decided, resolvedByOperator]);
  } finally {
    scope.cancel();
    await decided.catch((err: unknown) => {
      if (!isCancellation(err)) throw err;
    });
  }
}

async function repeatOnSchedule(key: VerificationKey, unknown: Unknown): Promise<Unknown | Closed> {
  upsertSearchAttributes([{ key: VERIFY_STATUS, value: 'processing' }]);
  if (unknown.next === 'repeat') {
    setCurrentDetails(
      `核销请求已发出，结果未知（${unknown.outcome}）；正用同一令牌重发 · ` +
        'sent, outcome unknown; repeating with the same token',
    );
    await sleep(unknown.waitMs);
    const repeated = await untilItRuns(() => repeatVerification(key));
    if (repeated.state === 'closed') return repeated;
  }
  return untilItRuns(() => lookUpVerification(key));
}

/** The first try here, off the reply path; a child with durable retries only if it did not complete. */
async function enrich(input: VerifyCouponInput): Promise<'success' | 'pending'> {
  try {
    await fetchOrder({ verificationId: input.verificationId, retryDelaysMs: input.enrichRetryDelaysMs });
    return 'success';
  } catch (err) {
    if (isCancellation(err)) throw err;
    // Awaited: an abandoned child whose start is not recorded yet is lost with its parent.
    await startChild(EnrichOrder, {
      workflowId: enrichWorkflowId(input.verificationId),
      taskQueue: TASK_QUEUES.background,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [
        {
          verificationId: input.verificationId,
          poiId: input.poiId,
          appCode: input.appCode,
          retryDelaysMs: input.enrichRetryDelaysMs,
        },
      ],
      staticSummary: `补全订单 · 门店 ${input.poiId} · ${input.appCode}`,
      typedSearchAttributes: workflowInfo().typedSearchAttributes,
    });
    return 'pending';
  }
}

function resultOf(closed: Closed): VerifyCouponResult {
  return { verifyStatus: closed.verifyStatus, errorCode: closed.errorCode, reason: closed.reason };
}

function describeEnd(closed: Closed): string {
  if (closed.reason !== '') return `未向抖音发起核销：${closed.reason} · not attempted`;
  return closed.verifyStatus === 'success'
    ? '核销成功 · redeemed'
    : `核销失败，抖音错误码 ${closed.errorCode} · refused by Douyin`;
}

function messageOf(err: unknown): string {
  if (!(err instanceof Error)) return '';
  return err.cause instanceof Error ? err.cause.message : err.message;
}
