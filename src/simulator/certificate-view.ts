// Draws a coupon as Douyin's certificate object and a verification as its record, with ids as numbers or texts exactly
// where Douyin has them so.
import { couponAmounts, useAmounts } from './amounts.ts';
import { canCancel } from './cancellation.ts';
import type { JsonObject } from './json.ts';
import { mergeJson } from './json.ts';
import { activeEffects, COUPON_STATUS, type Coupon, type Effect, isTimesCard } from './model.ts';
import type { World } from './world.ts';

// The last two are assumed; see docs/simulator.md.
const GROUPON_TYPE = {
  groupon: 1,
  voucher: 2,
  times_card: 3,
  stored_value_card: 4,
  dynamic_voucher: 2,
} as const;
const VERIFY_TYPE = { till: 2, till_typed: 3, api: 4, other_app: 4 } as const;

/**
 * @param isStale draws the coupon as it was before anything was done to it: a read replica that lags
 */
export function certificateJson(world: World, coupon: Coupon, isStale = false): JsonObject {
  const { spec } = coupon.order;
  const effects = isStale ? [] : activeEffects(coupon);
  const latest = effects.at(-1);
  const status = isStale ? 'unused' : coupon.status;
  const isPastCancelling = status === 'used' && latest !== undefined && !canCancel(world, coupon, latest);
  const certificate: JsonObject = {
    encrypted_code: coupon.encryptedCode,
    certificate_id: BigInt(coupon.certificateId),
    status: COUPON_STATUS[status],
    start_time: coupon.startTimeSeconds,
    expire_time: coupon.expireTimeSeconds,
    code: isPastCancelling ? coupon.plainCode : undefined,
    sku: skuJson(world, coupon),
    amount: world.settings.certificateAmount === 'absent' ? undefined : amountJson(coupon),
    time_card: isTimesCard(coupon.order)
      ? {
          times_count: coupon.timesCount,
          times_used: effects.length,
          time_card_type: spec.serialPayAmountsFen.length > 0 ? 2 : 1,
          serial_amount_list: Array.from({ length: coupon.timesCount }, (_, index) => ({
            serial_numb: index + 1,
            amount: perUseAmountJson(coupon, index + 1),
          })),
        }
      : undefined,
    verify: latest === undefined ? undefined : verifyJson(world, coupon, latest),
    verify_records: verifyRecordsJson(world, coupon, isStale ? [] : coupon.effects),
    // How these two kinds look is assumed; see docs/simulator.md.
    benefit_card_info:
      spec.kind === 'stored_value_card'
        ? {
            balance_amount: couponAmounts(coupon).originalFen,
            card_amount: couponAmounts(coupon).originalFen,
          }
        : undefined,
    dynamic_coupon_info:
      spec.kind === 'dynamic_voucher'
        ? { max_deduction_amount: couponAmounts(coupon).originalFen }
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
    voucher_type: spec.kind === 'dynamic_voucher' ? 2 : undefined,
    market_price: spec.marketPriceFen,
    sold_start_time: 1_770_000_000,
    third_sku_id: '',
    account_id: world.merchant.accountId,
  };
}

function amountJson(coupon: Coupon): JsonObject {
  const { originalFen, payFen } = couponAmounts(coupon);
  return {
    original_amount: originalFen,
    pay_amount: payFen,
    coupon_pay_amount: payFen,
    list_market_amount: coupon.order.spec.marketPriceFen,
    merchant_ticket_amount: Math.max(0, originalFen - payFen),
    payment_discount_amount: 0,
    platform_discount_amount: 0,
  };
}

function perUseAmountJson(coupon: Coupon, serialNumber: number): JsonObject {
  const { originalFen, payFen } = useAmounts(coupon, serialNumber);
  return {
    original_amount: originalFen,
    pay_amount: payFen,
    merchant_ticket_amount: Math.max(0, originalFen - payFen),
    platform_discount_amount: 0,
  };
}

/** `verify_amount_info` of a use of a times card, and of a stored-value card; other coupons have none. */
export function verifyAmountJson(world: World, coupon: Coupon, effect: Effect): JsonObject | undefined {
  if (coupon.order.spec.kind === 'stored_value_card') {
    return { benefit_amount: couponAmounts(coupon).originalFen };
  }
  if (effect.serialNumber === null) return undefined;
  const { payFen } = useAmounts(coupon, effect.serialNumber);
  return {
    time_card_amount: { amount: world.settings.timesCardAmountAs === 'text' ? String(payFen) : payFen },
    times_card_serial_amount: {
      serial_numb: effect.serialNumber,
      amount: perUseAmountJson(coupon, effect.serialNumber),
    },
  };
}

/** All uses of a times card; of other coupons only where cancelled uses are kept and there is one. */
function verifyRecordsJson(world: World, coupon: Coupon, effects: Effect[]): JsonObject[] | undefined {
  const isKept = world.settings.cancelledUses === 'kept';
  const shown = effects.filter((effect) => isKept || effect.cancelledAtMs === null);
  const hasCancelled = shown.some((effect) => effect.cancelledAtMs !== null);
  return isTimesCard(coupon.order) || hasCancelled
    ? shown.map((effect) => verifyJson(world, coupon, effect))
    : undefined;
}

/** What `can_cancel` says, which by setting is not always true. */
function canCancelFlag(world: World, coupon: Coupon, effect: Effect): boolean {
  if (effect.cancelledAtMs !== null) return false;
  switch (world.settings.cancelFlags[coupon.order.spec.kind] ?? 'honest') {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'honest':
      return canCancel(world, coupon, effect);
  }
}

function cancelTime(effect: Effect): number | undefined {
  return effect.cancelledAtMs === null ? undefined : Math.floor(effect.cancelledAtMs / 1000);
}

const VERIFIER_NAME = {
  api: '开放平台API',
  other_app: '开放平台API',
  till: '门店收银员',
  till_typed: '门店收银员',
} as const;

function verifyJson(world: World, coupon: Coupon, effect: Effect): JsonObject {
  return {
    verify_id: effect.verifyId,
    certificate_id: effect.certificateId,
    verify_time: Math.floor(effect.atMs / 1000),
    can_cancel: canCancelFlag(world, coupon, effect),
    cancel_time: cancelTime(effect),
    verify_type: VERIFY_TYPE[effect.verifiedBy],
    verifier_unique_id: VERIFIER_NAME[effect.verifiedBy],
    poi_id: BigInt(effect.poiId),
    times_card_serial_num: effect.serialNumber ?? undefined,
  };
}

/** A record of verify_record/query. */
export function verifyRecordJson(world: World, coupon: Coupon, effect: Effect): JsonObject {
  const isPastCancelling = effect.cancelledAtMs === null && !canCancel(world, coupon, effect);
  return {
    cursor: effect.verifyId,
    verify_id: effect.verifyId,
    certificate_id: effect.certificateId,
    verify_time: Math.floor(effect.atMs / 1000),
    can_cancel: canCancelFlag(world, coupon, effect),
    verify_type: VERIFY_TYPE[effect.verifiedBy],
    status: effect.cancelledAtMs === null ? 1 : 2,
    cancel_time: cancelTime(effect),
    poi_id: world.settings.recordPoiId ? BigInt(effect.poiId) : undefined,
    code: isPastCancelling ? coupon.plainCode : undefined,
    amount: amountJson(coupon),
    sku: skuJson(world, coupon),
    verify_amount_info: verifyAmountJson(world, coupon, effect),
  };
}
