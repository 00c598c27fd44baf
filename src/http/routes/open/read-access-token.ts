// GET /v1/open/douyin/access-token: Douyin's token, for apps that may have it.
import { z } from 'zod';
import { readAccessToken } from '../../../services/read-access-token.ts';
import { data } from '../../answer.ts';
import { moment } from '../../fields.ts';
import { defineRoute } from '../../route.ts';

export const readAccessTokenRoute = defineRoute({
  operationId: 'readAccessToken',
  method: 'GET',
  path: '/v1/open/douyin/access-token',
  surface: 'open',
  tag: 'douyin',
  summary: { zh: '读取抖音 access token', en: 'Read Douyin’s access token' },
  description: {
    zh: '仅 `allow_token_read` 为真的应用可用；每次读取都有审计。返回的 token 至少还有 60 秒有效期，请勿自行刷新。',
    en: 'For apps with `allow_token_read` alone; each read is audited. The token lives at least 60 s more; do not refresh it yourself.',
  },
  responses: {
    200: {
      description: { zh: '当前 token', en: 'The current token' },
      schema: z.object({
        data: z.object({ access_token: z.string(), expires_at: moment(), expires_in: z.int().min(60) }),
      }),
    },
  },
  errorCodes: ['app.token_read_not_allowed', 'douyin.unavailable', 'douyin.refused_gateway'],
  async handler(deps, { caller, requestId }) {
    const token = await readAccessToken(deps, caller.app, requestId);
    return data({
      data: {
        access_token: token.accessToken,
        expires_at: token.expiresAt.toISOString(),
        expires_in: token.expiresIn,
      },
    });
  },
});
