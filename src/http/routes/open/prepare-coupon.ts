// POST /v1/open/coupons/prepare: Douyin's prepare, passed through byte for byte.
import { z } from 'zod';
import { isUnknownCoupon } from '../../../domain/douyin-codes.ts';
import { requirePoiAllowed } from '../../../domain/verifier-app.ts';
import { prepareCoupon } from '../../../services/prepare-coupon.ts';
import { bytes } from '../../answer.ts';
import { couponFields, exactlyOneOf, exactlyOneOfSchema, readCoupon } from '../../coupon-choice.ts';
import { poiId } from '../../fields.ts';
import { defineRoute } from '../../route.ts';

const bodySchema = z
  .object({
    poi_id: poiId(),
    short_link: couponFields.short_link().optional(),
    code: couponFields.code().optional(),
  })
  .superRefine(exactlyOneOf('short_link', 'code'))
  .meta({ override: exactlyOneOfSchema('short_link', 'code') });

export const prepareCouponRoute = defineRoute({
  operationId: 'prepareCoupon',
  method: 'POST',
  path: '/v1/open/coupons/prepare',
  surface: 'open',
  tag: 'coupons',
  summary: { zh: '验券准备', en: 'Prepare a coupon' },
  description: {
    zh: '原样返回抖音的 JSON（不加外层），`error_code` 不为 0 时也是。不消耗券。拿到的 `verify_token` 与 `encrypted_code` 用于一次核销。',
    en: 'Answers Douyin’s JSON as it is, not wrapped, also when its `error_code` is not 0. Consumes nothing. Its `verify_token` and `encrypted_code` serve one verification.',
  },
  body: bodySchema,
  responses: {
    200: {
      description: { zh: '抖音的原始应答', en: 'Douyin’s own answer' },
      contentTypes: ['application/json'],
    },
  },
  errorCodes: [
    'coupon.short_link_invalid',
    'app.poi_not_allowed',
    'rate.too_many_unknown_codes',
    'douyin.unavailable',
    'douyin.refused_gateway',
    'douyin.broken_answer',
  ],
  async handler(deps, { body, caller }) {
    requirePoiAllowed(caller.app, body.poi_id);
    const { mode, requestValue } = readCoupon(body);
    const answer = await deps.guessing.watch(
      { appId: caller.app.id, poiId: body.poi_id, mode, code: requestValue },
      () =>
        prepareCoupon(deps, {
          poiId: body.poi_id,
          coupon: mode === 'short_link' ? { shortLink: requestValue } : { code: requestValue },
        }),
      ({ errorCode }) => isUnknownCoupon(errorCode),
    );
    return bytes('application/json; charset=utf-8', answer.body);
  },
});
