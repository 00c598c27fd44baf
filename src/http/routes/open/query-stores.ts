// GET /v1/open/douyin/stores: the merchant's stores, Douyin's JSON passed through byte for byte.
import { z } from 'zod';
import { queryStores } from '../../../services/query-stores.ts';
import { bytes } from '../../answer.ts';
import { integerText, poiId } from '../../fields.ts';
import { pageFields } from '../../paging.ts';
import { defineRoute } from '../../route.ts';

/** Douyin's own limit. */
const MAX_PAGE_SIZE = 50;
const DEFAULT_PAGE_SIZE = 20;

export const queryStoresRoute = defineRoute({
  operationId: 'queryStores',
  method: 'GET',
  path: '/v1/open/douyin/stores',
  surface: 'open',
  tag: 'douyin',
  summary: { zh: '查询门店信息', en: 'Query the stores' },
  description: {
    zh: '原样返回抖音门店查询的 JSON（不加外层）。限定了门店的应用须填自己的 `poi_id`。',
    en: 'Answers Douyin’s store query as it is, not wrapped. An app fenced to stores must name one of its own.',
  },
  query: z.object({
    poi_id: poiId().optional(),
    page: pageFields.page(),
    page_size: integerText({ min: 1, max: MAX_PAGE_SIZE }).default(DEFAULT_PAGE_SIZE),
  }),
  responses: {
    200: {
      description: { zh: '抖音的原始应答', en: 'Douyin’s own answer' },
      contentTypes: ['application/json'],
    },
  },
  errorCodes: ['app.poi_not_allowed', 'douyin.unavailable', 'douyin.refused_gateway', 'douyin.broken_answer'],
  async handler(deps, { query, caller }) {
    const answer = await queryStores(deps, caller.app, {
      poiId: query.poi_id,
      page: query.page,
      pageSize: query.page_size,
    });
    return bytes('application/json; charset=utf-8', answer.body);
  },
});
