// POST /v1/internal/apps: a new client of the gateway; its secret is told here once.
import { z } from 'zod';
import { createVerifierApp } from '../../../services/create-verifier-app.ts';
import { data } from '../../answer.ts';
import { appFields } from '../../app-fields.ts';
import { appViewSchema, presentApp } from '../../presenters/present-app.ts';
import { defineRoute } from '../../route.ts';

export const createAppRoute = defineRoute({
  operationId: 'createApp',
  method: 'POST',
  path: '/v1/internal/apps',
  surface: 'internal',
  tag: 'apps',
  summary: { zh: '创建应用', en: 'Create an app' },
  description: {
    zh: '`client_key` 与 `secret` 不填则自动生成。`secret` 只在此处返回一次，请立即保存。',
    en: '`client_key` and `secret` are made when absent. `secret` is shown here once only; keep it.',
  },
  body: z.object({
    name: appFields.name(),
    code: appFields.code(),
    description: appFields.description().optional(),
    client_key: appFields.client_key().optional(),
    secret: appFields.secret().optional(),
    status: appFields.status().optional(),
    allow_token_read: appFields.allow_token_read().optional(),
    poi_ids: appFields.poi_ids().optional(),
  }),
  responses: {
    200: {
      description: { zh: '应用与它的密钥', en: 'The app and its secret' },
      schema: z.object({ data: z.object({ app: appViewSchema, secret: z.string() }) }),
    },
  },
  errorCodes: ['app.code_taken', 'app.client_key_taken'],
  async handler(deps, { body, caller, requestId }) {
    const { app, secret } = await createVerifierApp(
      deps,
      {
        name: body.name,
        code: body.code,
        description: body.description,
        clientKey: body.client_key,
        secret: body.secret,
        status: body.status,
        allowTokenRead: body.allow_token_read,
        poiIds: body.poi_ids,
      },
      { uid: caller.uid, requestId },
    );
    return data({ data: { app: presentApp(app), secret } });
  },
});
