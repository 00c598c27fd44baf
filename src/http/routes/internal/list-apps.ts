// GET /v1/internal/apps: the apps, newest first, without their secrets.
import { z } from 'zod';
import { listVerifierApps } from '../../../services/list-verifier-apps.ts';
import { data } from '../../answer.ts';
import { pageFields, pageOf } from '../../paging.ts';
import { appViewSchema, presentApp } from '../../presenters/present-app.ts';
import { defineRoute } from '../../route.ts';

export const listAppsRoute = defineRoute({
  operationId: 'listApps',
  method: 'GET',
  path: '/v1/internal/apps',
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '应用列表', en: 'List the apps' },
  description: { zh: '新建的在前；永不含密钥。', en: 'Newest first; never with a secret.' },
  query: z.object({ page: pageFields.page(), page_size: pageFields.page_size() }),
  responses: {
    200: { description: { zh: '一页应用', en: 'One page of apps' }, schema: pageOf(appViewSchema) },
  },
  errorCodes: [],
  async handler(deps, { query }) {
    const { apps, total } = await listVerifierApps(deps, { page: query.page, pageSize: query.page_size });
    return data({ data: apps.map(presentApp), total, page: query.page, page_size: query.page_size });
  },
});
