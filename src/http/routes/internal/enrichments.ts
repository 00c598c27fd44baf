// /v1/internal/enrichments: order data that is still missing, and another try at it.
import { z } from 'zod';
import { listOpenEnrichments, retryEnrichment } from '../../../services/enrichments.ts';
import type { Verification } from '../../../domain/verification.ts';
import { data } from '../../answer.ts';
import { moment, rowId } from '../../fields.ts';
import { pageFields, pageOf } from '../../paging.ts';
import { presentTime } from '../../presenters/present-verification.ts';
import { defineRoute } from '../../route.ts';

const enrichmentViewSchema = z
  .object({
    verification_id: z.int(),
    app_id: z.int(),
    app_name: z.string(),
    poi_id: z.string(),
    order_id: z.string(),
    enrichment_status: z.enum(['pending', 'success', 'stuck', 'skipped']),
    enrichment_retry_count: z.int().min(0),
    enrichment_error: z.string(),
    verify_time: moment().nullable(),
    updated_at: moment(),
  })
  .meta({ id: 'Enrichment' });

function presentEnrichment(verification: Verification): z.infer<typeof enrichmentViewSchema> {
  return {
    verification_id: verification.id,
    app_id: verification.appId,
    app_name: verification.appName,
    poi_id: verification.poiId,
    order_id: verification.orderId,
    enrichment_status: verification.enrichmentStatus,
    enrichment_retry_count: verification.enrichmentRetryCount,
    enrichment_error: verification.enrichmentError,
    verify_time: presentTime(verification.verifyTime),
    updated_at: verification.updatedAt.toISOString(),
  };
}

export const listEnrichmentsRoute = defineRoute({
  operationId: 'listEnrichments',
  method: 'GET',
  path: '/v1/internal/enrichments',
  surface: 'internal',
  tag: 'enrichments',
  summary: { zh: '未补全的订单数据', en: 'Order data that is missing' },
  description: {
    zh: '默认只列受阻（stuck）的，最早的在前；`enrichment_error` 说明原因。',
    en: 'The stuck ones unless asked otherwise, oldest first; `enrichment_error` says why.',
  },
  query: z.object({
    status: z.enum(['stuck', 'pending']).default('stuck'),
    page: pageFields.page(),
    page_size: pageFields.page_size(),
  }),
  responses: {
    200: {
      description: { zh: '一页', en: 'One page' },
      schema: pageOf(enrichmentViewSchema),
    },
  },
  errorCodes: [],
  async handler(deps, { query }) {
    const { verifications, total } = await listOpenEnrichments(deps, {
      status: query.status,
      page: query.page,
      pageSize: query.page_size,
    });
    return data({
      data: verifications.map(presentEnrichment),
      total,
      page: query.page,
      page_size: query.page_size,
    });
  },
});

export const retryEnrichmentRoute = defineRoute({
  operationId: 'retryEnrichment',
  method: 'POST',
  path: '/v1/internal/enrichments/{verification_id}/retry',
  surface: 'internal',
  tag: 'enrichments',
  summary: { zh: '立即重试补全', en: 'Try to complete it now' },
  description: {
    zh: '唤醒这笔核销的补全流程；多按一次无妨。返回发起时的状态，结果稍后可见。',
    en: 'Wakes the enrichment of this verification; pressing twice is harmless. Answers the state when it was asked for.',
  },
  params: z.object({ verification_id: rowId() }),
  responses: {
    200: {
      description: { zh: '已发起', en: 'Asked for' },
      schema: z.object({ data: enrichmentViewSchema }),
    },
  },
  errorCodes: ['verification.not_found', 'enrichment.not_open', 'gateway.engine_unavailable'],
  async handler(deps, { params, caller, requestId }) {
    const actor = { uid: caller.uid, requestId };
    return data({ data: presentEnrichment(await retryEnrichment(deps, params.verification_id, actor)) });
  },
});
