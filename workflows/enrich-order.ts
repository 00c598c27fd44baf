// EnrichOrder: durable retries of completing an order's data. When they are used up it stays open as `stuck`, says why,
// and goes on when an operator sends `retryNow`, or after a day.
import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Activities } from './activities.ts';
import { BACKGROUND_STEP, ENRICHMENT_TRY } from './activity-options.ts';
import {
  type EnrichOrderInput,
  type EnrichOrderResult,
  RETRY_NOW_SIGNAL,
  SEARCH_ATTRIBUTES,
} from './contract.ts';

const ENRICHMENT_STATUS = defineSearchAttributeKey(
  SEARCH_ATTRIBUTES.enrichmentStatus,
  SearchAttributeType.KEYWORD,
);
const DAILY = '1 day';

export const retryNow = defineSignal(RETRY_NOW_SIGNAL);

const { fetchOrder } = proxyActivities<Activities>({
  ...ENRICHMENT_TRY,
  summary: '补全订单 · read the order and store it',
});
const { markEnrichmentStuck } = proxyActivities<Activities>({
  ...BACKGROUND_STEP,
  summary: '标记为卡住 · mark as stuck',
});

export async function EnrichOrder(input: EnrichOrderInput): Promise<EnrichOrderResult> {
  let isWoken = false;
  setHandler(
    retryNow,
    () => {
      isWoken = true;
    },
    { description: '立即重试补全订单；多按无害 · try the enrichment again now; pressing twice is harmless' },
  );

  upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'pending' }]);
  for (let failedTries = input.failedTries ?? 0; ;) {
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof EnrichOrder>({ ...input, failedTries });
    isWoken = false;
    setCurrentDetails('正在向抖音读取订单 · reading the order at Douyin');
    const failure = await tryOnce(input.verificationId);
    if (failure === null) break;
    const delayMs = input.retryDelaysMs[failedTries];
    failedTries += 1;
    if (delayMs === undefined) {
      await markEnrichmentStuck({ verificationId: input.verificationId, reason: failure });
      upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'stuck' }]);
      setCurrentDetails(describeStuck(failure));
    } else {
      setCurrentDetails(describeWaiting(failure, failedTries, delayMs));
    }
    if (await condition(() => isWoken, delayMs ?? DAILY)) failedTries = 0;
    if (delayMs === undefined) upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'pending' }]);
  }
  upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'success' }]);
  setCurrentDetails('订单数据已补全 · completed');
  return { enrichmentStatus: 'success' };
}

/** @returns why the order could not be completed, or null when it was */
async function tryOnce(verificationId: number): Promise<string | null> {
  try {
    await fetchOrder({ verificationId });
    return null;
  } catch (err) {
    if (isCancellation(err)) throw err;
    return err instanceof Error && err.cause instanceof Error ? err.cause.message : String(err);
  }
}

function describeWaiting(reason: string, failedTries: number, delayMs: number): string {
  return (
    `第 ${failedTries} 次补全未成：${reason}。${Math.ceil(delayMs / 1000)} 秒后重试；` +
    `发送信号 \`${RETRY_NOW_SIGNAL}\` 可立即重试。\n\n` +
    `Try ${failedTries} did not complete; tried again in ${Math.ceil(delayMs / 1000)} s, or at once with \`${RETRY_NOW_SIGNAL}\`.`
  );
}

function describeStuck(reason: string): string {
  return (
    `**卡住**（自 ${new Date().toISOString()}）：${reason}。请先排除原因，再发送信号 \`${RETRY_NOW_SIGNAL}\`；` +
    `否则每天自动重试一次。\n\n` +
    `**Stuck**: fix the cause, then send the signal \`${RETRY_NOW_SIGNAL}\`; otherwise it is tried once a day.`
  );
}
