// /v1/internal/apps/{id}/secrets: a second live secret, and the end of one.
import { z } from 'zod';
import { addAppSecret, endAppSecret, listAppSecrets } from '../../../services/manage-app-secrets.ts';
import { data } from '../../answer.ts';
import { appFields } from '../../app-fields.ts';
import { rowId } from '../../fields.ts';
import { appSecretViewSchema, presentAppSecret } from '../../presenters/present-app.ts';
import { defineRoute } from '../../route.ts';

const PATH = '/v1/internal/apps/{id}/secrets';

export const listAppSecretsRoute = defineRoute({
  operationId: 'listAppSecrets',
  method: 'GET',
  path: PATH,
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '应用的密钥列表', en: 'List an app’s secrets' },
  description: { zh: '只有编号与起止时间，不含密钥本身。', en: 'Ids and times alone, never a value.' },
  params: z.object({ id: rowId() }),
  responses: {
    200: {
      description: { zh: '密钥，新的在前', en: 'The secrets, newest first' },
      schema: z.object({ data: z.array(appSecretViewSchema) }),
    },
  },
  errorCodes: ['app.not_found'],
  async handler(deps, { params }) {
    const secrets = await listAppSecrets(deps, params.id);
    return data({ data: secrets.map(presentAppSecret) });
  },
});

export const addAppSecretRoute = defineRoute({
  operationId: 'addAppSecret',
  method: 'POST',
  path: PATH,
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '增加第二个密钥', en: 'Add a second secret' },
  description: {
    zh: '最多两个同时生效：客户端换用新密钥后停用旧的，中间不必停机。`secret` 只在此处返回一次。',
    en: 'Two are live at most: the client moves to the new one, then the old one is ended, without a pause. `secret` is shown here once only.',
  },
  params: z.object({ id: rowId() }),
  body: z.object({ secret: appFields.secret().optional() }).default({}),
  responses: {
    200: {
      description: { zh: '新密钥', en: 'The new secret' },
      schema: z.object({ data: z.object({ id: z.int(), app_id: z.int(), secret: z.string() }) }),
    },
  },
  errorCodes: ['app.not_found', 'app.secret_limit'],
  async handler(deps, { params, body, caller, requestId }) {
    const added = await addAppSecret(deps, params.id, body.secret, { uid: caller.uid, requestId });
    return data({ data: { id: added.id, app_id: added.appId, secret: added.secret } });
  },
});

export const endAppSecretRoute = defineRoute({
  operationId: 'endAppSecret',
  method: 'DELETE',
  path: `${PATH}/{secret_id}`,
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '停用一个密钥', en: 'End a secret' },
  description: {
    zh: '从下一次请求起不再有效。最后一个生效中的密钥不能停用。',
    en: 'It signs nothing from the next request on. The last live secret cannot be ended.',
  },
  params: z.object({ id: rowId(), secret_id: rowId() }),
  responses: {
    200: {
      description: { zh: '已停用的密钥', en: 'The ended secret' },
      schema: z.object({ data: appSecretViewSchema }),
    },
  },
  errorCodes: ['app.not_found', 'app.secret_not_found', 'app.last_secret'],
  async handler(deps, { params, caller, requestId }) {
    const actor = { uid: caller.uid, requestId };
    const ended = await endAppSecret(deps, params.id, params.secret_id, actor);
    return data({ data: presentAppSecret(ended) });
  },
});
