// EnrichOrder: durable retries of completing an order's data. When they are used up it stays open as `stuck`, says why,
// and goes on when an operator sends `retryNow`, or after a day.
import {
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Activities } from '../activities/types.ts';
import { BACKGROUND_STEP } from './activity-options.ts';
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
  const { fetchOrder } = proxyActivities<Activities>({
    ...BACKGROUND_STEP,
    // Attempt n is followed by the activity's nth delay; after the last it is stuck.
    retry: { ...BACKGROUND_STEP.retry, maximumAttempts: input.retryDelaysMs.length + 1 },
    summary: '补全订单 · read the order and store it',
  });

  for (;;) {
    isWoken = false;
    upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'pending' }]);
    setCurrentDetails('正在向抖音读取订单 · reading the order at Douyin');
    try {
      await fetchOrder({ verificationId: input.verificationId, retryDelaysMs: input.retryDelaysMs });
      break;
    } catch (err) {
      if (isCancellation(err)) throw err;
      const reason = err instanceof Error && err.cause instanceof Error ? err.cause.message : String(err);
      await markEnrichmentStuck({ verificationId: input.verificationId, reason });
      upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'stuck' }]);
      setCurrentDetails(
        `**卡住**（自 ${new Date().toISOString()}）：${reason}。请先排除原因，再发送信号 \`${RETRY_NOW_SIGNAL}\`；` +
          `否则每天自动重试一次。\n\n` +
          `**Stuck**: fix the cause, then send the signal \`${RETRY_NOW_SIGNAL}\`; otherwise it is tried once a day.`,
      );
      await condition(() => isWoken, DAILY);
    }
  }
  upsertSearchAttributes([{ key: ENRICHMENT_STATUS, value: 'success' }]);
  setCurrentDetails('订单数据已补全 · completed');
  return { enrichmentStatus: 'success' };
}
