// POST /v1/open/coupons/verify: redeems one coupon exactly once.
import { z } from 'zod';
import { isUnknownCoupon } from '../../../domain/douyin-codes.ts';
import { requirePoiAllowed } from '../../../domain/verifier-app.ts';
import { adviseCashier } from '../../../services/advise-cashier.ts';
import type { VerificationRunner } from '../../../ports/verification-runner.ts';
import { isKnownRequest } from '../../../services/recognize-repeat.ts';
import { verifyCoupon } from '../../../services/verify-coupon.ts';
import { data } from '../../answer.ts';
import { couponFields, exactlyOneOf, exactlyOneOfSchema, readCoupon } from '../../coupon-choice.ts';
import { doc, poiId, text, verifyToken } from '../../fields.ts';
import { bilingual } from '../../invalid-request.ts';
import { presentVerification, verificationViewSchema } from '../../presenters/present-verification.ts';
import { defineRoute } from '../../route.ts';

const bodySchema = z
  .object({
    poi_id: poiId(),
    short_link: couponFields.short_link().optional(),
    code: couponFields.code().optional(),
    encrypted_code: couponFields.encrypted_code().optional(),
    verify_token: verifyToken().optional(),
    extra: z
      .object({
        operator_id: doc(text({ min: 0, max: 64 }), '收银员', 'the cashier').optional(),
        device_id: doc(text({ min: 0, max: 64 }), '设备', 'the device').optional(),
        note: doc(text({ min: 0, max: 256 }), '备注', 'note').optional(),
      })
      .optional(),
  })
  .superRefine(exactlyOneOf('short_link', 'code', 'encrypted_code'))
  .superRefine((body, ctx) => {
    if (body.encrypted_code === undefined || body.verify_token !== undefined) return;
    ctx.addIssue({
      code: 'custom',
      path: ['verify_token'],
      ...bilingual(
        '用 encrypted_code 时必填：prepare 返回的那个',
        'Required with encrypted_code: the one prepare returned',
      ),
      input: undefined,
    });
  })
  .meta({
    override: {
      ...exactlyOneOfSchema('short_link', 'code', 'encrypted_code'),
      dependentRequired: { encrypted_code: ['verify_token'] },
    },
  });

/** Tells a verdict that this request asked for from one that was stored before: only the first has anything started. */
function watchStarts(runner: VerificationRunner): {
  readonly runner: VerificationRunner;
  readonly hasStarted: () => boolean;
} {
  let hasStarted = false;
  return {
    runner: {
      ...runner,
      start: (input, timeoutMs) => {
        hasStarted = true;
        return runner.start(input, timeoutMs);
      },
    },
    hasStarted: () => hasStarted,
  };
}

export const verifyCouponRoute = defineRoute({
  operationId: 'verifyCoupon',
  method: 'POST',
  path: '/v1/open/coupons/verify',
  surface: 'open',
  tag: 'coupons',
  summary: { zh: '核销一张券', en: 'Redeem a coupon' },
  description: {
    zh: '同一 `verify_token` 只核销一次，超时或断线后请用同一 token、同样的内容重试。`failed` 与 `success` 为最终结果；`processing` 表示结果未定，请稍后用同一 token 再问或按 token 查询。',
    en: 'One `verify_token` redeems once: after a time-out or a cut line repeat with the same token and content. `failed` and `success` are final; `processing` means not decided yet, ask again with the same token or look it up.',
  },
  body: bodySchema,
  responses: {
    200: {
      description: {
        zh: '核销记录，被抖音拒绝的也是',
        en: 'The record, also when Douyin refused the coupon',
      },
      schema: z.object({ data: verificationViewSchema }),
    },
  },
  errorCodes: [
    'coupon.short_link_invalid',
    'coupon.sibling_in_doubt',
    'app.poi_not_allowed',
    'verification.token_reused',
    'rate.too_many_unknown_codes',
    'douyin.unavailable',
    'douyin.refused_gateway',
    'gateway.busy',
    'gateway.too_late',
    'gateway.engine_unavailable',
  ],
  isLimitedInFlight: true,
  takesNonce: true,
  answersFromRow: true,
  async handler(deps, { body, caller, requestId, receivedAtMs, bodyTookMs, language }) {
    requirePoiAllowed(caller.app, body.poi_id);
    const coupon = readCoupon(body);
    const verifyToken = body.verify_token ?? null;
    const watched = watchStarts(deps.runner);
    const verification = await deps.guessing.watch(
      { appId: caller.app.id, poiId: body.poi_id, mode: coupon.mode, code: coupon.requestValue },
      () =>
        verifyCoupon(
          {
            ...deps,
            runner: watched.runner,
            // The till's deadline counts from the head; a slow line is no load of ours.
            onBegun: (afterMs) => deps.onBegun?.(afterMs - bodyTookMs),
          },
          {
            app: caller.app,
            nonce: caller.takeNonce(),
            requestId,
            receivedAtMs,
            ...coupon,
            poiId: body.poi_id,
            verifyToken,
            operatorId: body.extra?.operator_id ?? '',
            deviceId: body.extra?.device_id ?? '',
            note: body.extra?.note ?? '',
          },
        ),
      ({ errorCode }) => watched.hasStarted() && isUnknownCoupon(errorCode),
      () => isKnownRequest(deps, caller.app.id, verifyToken, { ...coupon, poiId: body.poi_id }),
    );
    const advice = await adviseCashier(deps, verification, { language, timeZone: deps.reportTimeZone });
    return data({ data: presentVerification(verification, advice, language) });
  },
});
