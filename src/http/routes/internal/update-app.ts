// PATCH /v1/internal/apps/{id} and its token-access: changes of an app.
import { z } from 'zod';
import { updateVerifierApp } from '../../../services/update-verifier-app.ts';
import { data } from '../../answer.ts';
import { appFields } from '../../app-fields.ts';
import { rowId } from '../../fields.ts';
import { bilingual } from '../../invalid-request.ts';
import { appViewSchema, presentApp } from '../../presenters/present-app.ts';
import { defineRoute } from '../../route.ts';

export const updateAppRoute = defineRoute({
  operationId: 'updateApp',
  method: 'PATCH',
  path: '/v1/internal/apps/{id}',
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '修改应用', en: 'Change an app' },
  description: {
    zh: '只改给出的字段。`poi_ids` 为可用门店，空数组表示全部。停用或改门店从该应用的下一次请求起生效。',
    en: 'Changes the given fields alone. `poi_ids` are the stores it may act for, empty for all. Holds from the app’s next request.',
  },
  params: z.object({ id: rowId() }),
  body: z
    .object({
      name: appFields.name().optional(),
      description: appFields.description().optional(),
      status: appFields.status().optional(),
      poi_ids: appFields.poi_ids().optional(),
    })
    .refine(
      (body) => Object.keys(body).length > 0,
      bilingual('没有要修改的字段', 'There is no field to change'),
    ),
  responses: {
    200: {
      description: { zh: '修改后的应用', en: 'The app as it is now' },
      schema: z.object({ data: appViewSchema }),
    },
  },
  errorCodes: ['app.not_found'],
  async handler(deps, { params, body, caller, requestId }) {
    const { poi_ids: poiIds, name, description, status } = body;
    const changes = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(status === undefined ? {} : { status }),
      ...(poiIds === undefined ? {} : { poiIds }),
    };
    const app = await updateVerifierApp(deps, params.id, changes, { uid: caller.uid, requestId });
    return data({ data: presentApp(app) });
  },
});

export const updateTokenAccessRoute = defineRoute({
  operationId: 'updateTokenAccess',
  method: 'PATCH',
  path: '/v1/internal/apps/{id}/token-access',
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '开关读取 access token 的权限', en: 'Allow or forbid reading the access token' },
  description: {
    zh: '从该应用的下一次请求起生效。',
    en: 'Holds from the app’s next request.',
  },
  params: z.object({ id: rowId() }),
  body: z.object({ allow_token_read: appFields.allow_token_read() }),
  responses: {
    200: {
      description: { zh: '已更新', en: 'Updated' },
      schema: z.object({ message: z.literal('更新成功') }),
    },
  },
  errorCodes: ['app.not_found'],
  async handler(deps, { params, body, caller, requestId }) {
    const actor = { uid: caller.uid, requestId };
    await updateVerifierApp(deps, params.id, { allowTokenRead: body.allow_token_read }, actor);
    return data({ message: '更新成功' });
  },
});
