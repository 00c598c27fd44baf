// Draws a coupon as Douyin's certificate object and a verification as its record, with ids as numbers or texts exactly
// where Douyin has them so.
import type { JsonObject } from './json.ts';
import { mergeJson } from './json.ts';
import { activeEffects, COUPON_STATUS, type Coupon, type Effect, isTimesCard } from './model.ts';
import { canCancel } from './redemption.ts';
import type { World } from './world.ts';

const GROUPON_TYPE = { groupon: 1, voucher: 2, times_card: 3 } as const;
const VERIFY_TYPE = { till: 2, api: 4 } as const;

/**
 * @param isStale draws the coupon as it was before anything was done to it: a read replica that lags
 */
export function certificateJson(world: World, coupon: Coupon, isStale = false): JsonObject {
  const { spec } = coupon.order;
  const effects = isStale ? [] : activeEffects(coupon);
  const latest = effects.at(-1);
  const status = isStale ? 'unused' : coupon.status;
  const isPastCancelling =
    status === 'used' && latest !== undefined && !canCancel(world, coupon, latest.atMs);
  const certificate: JsonObject = {
    encrypted_code: coupon.encryptedCode,
    certificate_id: BigInt(coupon.certificateId),
    status: COUPON_STATUS[status],
    start_time: coupon.startTimeSeconds,
    expire_time: coupon.expireTimeSeconds,
    code: isPastCancelling ? coupon.plainCode : undefined,
    sku: skuJson(world, coupon),
    amount: amountJson(coupon),
    time_card: isTimesCard(coupon.order)
      ? {
          times_count: coupon.timesCount,
          times_used: effects.length,
          time_card_type: 1,
          serial_amount_list: Array.from({ length: coupon.timesCount }, (_, index) => ({
            serial_numb: index + 1,
            amount: perUseAmountJson(coupon),
          })),
        }
      : undefined,
    verify: latest === undefined ? undefined : verifyJson(world, coupon, latest),
    verify_records: isTimesCard(coupon.order)
      ? effects.map((effect) => verifyJson(world, coupon, effect))
      : undefined,
  };
  return mergeJson(certificate, spec.certificateExtra);
}

function skuJson(world: World, coupon: Coupon): JsonObject {
  const { spec } = coupon.order;
  return {
    sku_id: spec.skuId,
    title: spec.title,
    groupon_type: GROUPON_TYPE[spec.kind],
    market_price: spec.marketPriceFen,
    sold_start_time: 1_770_000_000,
    third_sku_id: '',
    account_id: world.merchant.accountId,
  };
}

/** The coupon's own amounts, in fen; a times card's are for all its uses together. */
function amountJson(coupon: Coupon): JsonObject {
  const { originalAmountFen, payAmountFen, marketPriceFen } = coupon.order.spec;
  return {
    original_amount: originalAmountFen,
    pay_amount: payAmountFen,
    coupon_pay_amount: payAmountFen,
    list_market_amount: marketPriceFen,
    merchant_ticket_amount: Math.max(0, originalAmountFen - payAmountFen),
    payment_discount_amount: 0,
    platform_discount_amount: 0,
  };
}

function perUseAmountJson(coupon: Coupon): JsonObject {
  const { originalAmountFen, payAmountFen } = coupon.order.spec;
  return {
    original_amount: Math.floor(originalAmountFen / coupon.timesCount),
    pay_amount: Math.floor(payAmountFen / coupon.timesCount),
  };
}

/** `verify_amount_info` of a use of a times card; other coupons have none. */
export function verifyAmountJson(coupon: Coupon, effect: Effect): JsonObject | undefined {
  if (effect.serialNumber === null) return undefined;
  return {
    time_card_amount: { amount: perUseAmountJson(coupon) },
    times_card_serial_amount: { serial_numb: effect.serialNumber, amount: perUseAmountJson(coupon) },
  };
}

function verifyJson(world: World, coupon: Coupon, effect: Effect): JsonObject {
  return {
    verify_id: effect.verifyId,
    certificate_id: effect.certificateId,
    verify_time: Math.floor(effect.atMs / 1000),
    can_cancel: canCancel(world, coupon, effect.atMs),
    verify_type: VERIFY_TYPE[effect.verifiedBy],
    verifier_unique_id: effect.verifiedBy === 'api' ? '开放平台API' : '门店收银员',
    poi_id: BigInt(effect.poiId),
    times_card_serial_num: effect.serialNumber ?? undefined,
  };
}

/** A record of verify_record/query. */
export function verifyRecordJson(world: World, coupon: Coupon, effect: Effect): JsonObject {
  const isPastCancelling = effect.cancelledAtMs === null && !canCancel(world, coupon, effect.atMs);
  return {
    cursor: effect.verifyId,
    verify_id: effect.verifyId,
    certificate_id: effect.certificateId,
    verify_time: Math.floor(effect.atMs / 1000),
    can_cancel: effect.cancelledAtMs === null && canCancel(world, coupon, effect.atMs),
    verify_type: VERIFY_TYPE[effect.verifiedBy],
    status: effect.cancelledAtMs === null ? 1 : 2,
    cancel_time: effect.cancelledAtMs === null ? undefined : Math.floor(effect.cancelledAtMs / 1000),
    code: isPastCancelling ? coupon.plainCode : undefined,
    amount: amountJson(coupon),
    sku: skuJson(world, coupon),
    verify_amount_info: verifyAmountJson(coupon, effect),
  };
}
