// VerifyCoupon: carries one verification from the stored request to Douyin's verdict, whatever crashes, and starts the
// completion of its order's data. The order of its steps is verification-steps.ts; here they meet Temporal.
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  currentUpdateInfo,
  defineSignal,
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
import {
  defineSearchAttributeKey,
  SearchAttributeType,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import type { Activities, Closed, Unknown } from './activities.ts';
import { BACKGROUND_STEP, FIRST_ENRICHMENT_TRY, REPEAT, TILL_STEP } from './activity-options.ts';
import {
  enrichWorkflowId,
  LOOK_NOW_SIGNAL,
  RESOLVE_UPDATE,
  type ResolveInput,
  SEARCH_ATTRIBUTES,
  TASK_QUEUES,
  type VerificationKey,
  type VerifyCouponInput,
  type VerifyCouponResult,
} from './contract.ts';
import { EnrichOrder } from './enrich-order.ts';
import {
  runTillSteps,
  settleUnknown,
  STEP_PAUSE_MS,
  type StepEngine,
  type Waiting,
} from './verification-steps.ts';

const VERIFY_STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.verifyStatus, SearchAttributeType.KEYWORD);
const ENRICHMENT_STATUS = defineSearchAttributeKey(
  SEARCH_ATTRIBUTES.enrichmentStatus,
  SearchAttributeType.KEYWORD,
);

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

export const lookNow = defineSignal(LOOK_NOW_SIGNAL);
export const resolve = defineUpdate<VerifyCouponResult, [ResolveInput]>(RESOLVE_UPDATE);

export async function VerifyCoupon(input: VerifyCouponInput): Promise<VerifyCouponResult> {
  const { verificationId, round, roundKey } = input;
  const key: VerificationKey = { verificationId, round, ...(roundKey === undefined ? {} : { roundKey }) };
  let resolved: Closed | null = null;
  let isWoken = false;
  setHandler(
    lookNow,
    () => {
      isWoken = true;
    },
    { description: '立即向抖音再查一次；多按无害 · look at Douyin again now; pressing twice is harmless' },
  );
  setHandler(
    resolve,
    async (decision) => {
      const updateId = currentUpdateInfo()?.id ?? '';
      // The key last: what came from outside never names another verification.
      resolved = await resolveVerification({ verifyStatus: decision.verifyStatus, updateId, ...key });
      return resultOf(resolved);
    },
    {
      description:
        '裁定抖音无法给出结果的核销，只填 {"verifyStatus":"success"} 或 {"verifyStatus":"failed"} · ' +
        'settle a verification that Douyin cannot tell; give only verifyStatus',
      validator: requireDecision,
    },
  );
  const engine: StepEngine = {
    ...STEPS,
    async sleepUnlessWoken(durationMs) {
      await condition(() => isWoken, durationMs);
      isWoken = false;
    },
    async rest() {
      if (!workflowInfo().continueAsNewSuggested) return;
      await condition(allHandlersFinished);
      await continueAsNew<typeof VerifyCoupon>(input);
    },
  };

  const progress = await runTillSteps(engine, key, input.mode);
  const closed =
    progress.state === 'closed'
      ? progress
      : await settle(engine, key, progress, input.lookAgainMs, () => resolved);

  const enrichment = closed.needsEnrichment ? await enrich(input) : 'skipped';
  upsertSearchAttributes([
    { key: VERIFY_STATUS, value: closed.reason === '' ? closed.verifyStatus : 'not_attempted' },
    { key: ENRICHMENT_STATUS, value: enrichment },
  ]);
  setCurrentDetails(describeEnd(closed));
  await condition(allHandlersFinished);
  return resultOf(closed);
}

/** Refuses whatever is no decision, before anything of it is kept. */
function requireDecision(...given: readonly unknown[]): void {
  const [decision] = given;
  const isDecision =
    given.length === 1 &&
    typeof decision === 'object' &&
    decision !== null &&
    Object.keys(decision).join() === 'verifyStatus' &&
    ['success', 'failed'].includes((decision as Record<string, unknown>)['verifyStatus'] as string);
  if (!isDecision) {
    throw new TypeError(
      '只接受 {"verifyStatus":"success"} 或 {"verifyStatus":"failed"}；备注请用管理接口 resolve 填写 · ' +
        'give exactly {"verifyStatus":"success"} or {"verifyStatus":"failed"}; notes go by the internal endpoint',
    );
  }
}

const STEPS = {
  resolveShortLink,
  prepareCoupon,
  verifyCoupon,
  repeatVerification,
  lookUpVerification,
  sleep,
  isCancellation,
  report,
};

/** Decides an unknown verify: by Douyin's word, or by an operator's if that comes first. */
async function settle(
  engine: StepEngine,
  key: VerificationKey,
  unknown: Unknown,
  lookAgainMs: number,
  resolution: () => Closed | null,
): Promise<Closed> {
  const scope = new CancellationScope();
  const decided = scope.run(() => settleUnknown(engine, key, unknown, lookAgainMs));
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

/** Shows operators what the run waits for. */
function report(waiting: Waiting): void {
  switch (waiting.for) {
    case 'own_parts':
      setCurrentDetails(
        `网关自身故障，${STEP_PAUSE_MS / 1000} 秒后重试 · the gateway’s own parts are away: ${messageOf(waiting.failure)}`,
      );
      return;
    case 'settlement':
      upsertSearchAttributes([{ key: VERIFY_STATUS, value: 'processing' }]);
      setCurrentDetails(
        waiting.next === 'repeat'
          ? `核销请求已发出，结果未知（${waiting.outcome}）；正用同一令牌重发 · ` +
              'sent, outcome unknown; repeating with the same token'
          : `核销请求已发出，结果未知（${waiting.outcome}）；正向抖音查询 · sent, outcome unknown; looking it up`,
      );
      return;
    case 'next_look_up':
      upsertSearchAttributes([{ key: VERIFY_STATUS, value: 'unsettled' }]);
      setCurrentDetails(
        `抖音尚无结论：${waiting.outcome}。` +
          `${Math.ceil(waiting.waitMs / 60_000)} 分钟后再查；管理员可用更新 ${RESOLVE_UPDATE} 裁定。 · ` +
          `Undecided at Douyin; looked up again later, or settle it with the update ${RESOLVE_UPDATE}.`,
      );
      return;
  }
}

/** The first try here, off the reply path; a child with durable retries only if it did not complete. */
async function enrich(input: VerifyCouponInput): Promise<'success' | 'pending'> {
  try {
    await fetchOrder({ verificationId: input.verificationId });
    return 'success';
  } catch (err) {
    if (isCancellation(err)) throw err;
  }
  try {
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
      typedSearchAttributes: workflowInfo().typedSearchAttributes.updateCopy([
        { key: VERIFY_STATUS, value: 'success' },
        { key: ENRICHMENT_STATUS, value: 'pending' },
      ]),
    });
  } catch (err) {
    // The sweep, or an earlier round's run that ended beside this one, has started it: one is enough.
    if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
  }
  return 'pending';
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
