// GET /v1/open/coupons/verifications/{verify_token}: one of the caller's own verifications.
import { z } from 'zod';
import { adviseCashier } from '../../../services/advise-cashier.ts';
import { findVerificationByToken } from '../../../services/find-verification.ts';
import { data } from '../../answer.ts';
import { verifyToken } from '../../fields.ts';
import { presentVerification, verificationViewSchema } from '../../presenters/present-verification.ts';
import { defineRoute } from '../../route.ts';

export const findVerificationRoute = defineRoute({
  operationId: 'findVerification',
  method: 'GET',
  path: '/v1/open/coupons/verifications/{verify_token}',
  surface: 'open',
  tag: 'coupons',
  summary: { zh: '按 verify_token 查询核销', en: 'Look a verification up by its token' },
  description: {
    zh: '只能查到本应用自己的记录。token 须做百分号编码，签名所用的是编码后的路径。未向抖音发起就结束的核销显示为 failed，reason 写明原因，可用同一 token 重新核销。',
    en: 'Finds the app’s own records alone. Percent-encode the token; the signature covers the encoded path. One that ended before anything was sent to Douyin shows failed with its reason: the same token may verify again.',
  },
  params: z.object({ verify_token: verifyToken() }),
  responses: {
    200: {
      description: { zh: '核销记录', en: 'The record' },
      schema: z.object({ data: verificationViewSchema }),
    },
  },
  errorCodes: ['verification.not_found'],
  async handler(deps, { params, caller, language }) {
    const verification = await findVerificationByToken(deps, {
      appId: caller.app.id,
      verifyToken: params.verify_token,
    });
    const advice = await adviseCashier(deps, verification, { language, timeZone: deps.reportTimeZone });
    return data({ data: presentVerification(verification, advice, language) });
  },
});
