// What an order can be made of, with its bounds and defaults; the same schema serves the in-process and the HTTP side.
import { z } from 'zod';
import { LIMITS } from './defaults.ts';

/** What a coupon can be. The last two are kinds that deduct an amount instead of being used up whole. */
export const COUPON_KINDS = [
  'groupon',
  'voucher',
  'times_card',
  'stored_value_card',
  'dynamic_voucher',
] as const;
export type CouponKind = (typeof COUPON_KINDS)[number];

const fen = z.int().min(0).max(100_000_000);
const seconds = z.int().min(0).max(9_999_999_999);
const shortText = z.string().min(1).max(200);
const poiIds = z.array(z.string().min(1).max(32)).min(1).max(100);
const jsonObject = z.record(z.string(), z.json());

/**
 * How a short link behaves. `redirect` is Douyin's way; the others are what can be found instead: a page without
 * redirect, a redirect without the value or with an empty one, one to a foreign host (its value is good all the same),
 * a relative one (good too), one to a foreign host without value, a link that is gone, and a host in trouble.
 */
const SHORT_LINK_VARIANTS = [
  'redirect',
  'relative_redirect',
  'foreign_host',
  'foreign_host_without_object_id',
  'without_object_id',
  'empty_object_id',
  'page',
  'gone',
  'server_error',
] as const;
export type ShortLinkVariant = (typeof SHORT_LINK_VARIANTS)[number];

const changeable = {
  /** `gifted`: being given away, `unpaid`: being placed. Neither can be verified. */
  status: z.enum(['paid', 'unpaid', 'gifted']),
  /** Stores the coupons are valid in. */
  poiIds,
  /** With it a wrong store is refused; without it any store of the merchant is taken. */
  perStoreSettlement: z.boolean(),
  wrongStoreCode: z.union([z.literal(3000002), z.literal(1228)]),
  /** Whether verify refuses by an item's result or by error codes; null leaves it to the settings. */
  refusalAs: z.enum(['item', 'error_code']).nullable(),
  shortLinkVariant: z.enum(SHORT_LINK_VARIANTS),
};

export const orderSpecSchema = z.strictObject({
  kind: z.enum(COUPON_KINDS).default('groupon'),
  coupons: z.int().min(1).max(LIMITS.couponsPerOrder).default(1),
  timesCount: z.int().min(1).max(LIMITS.timesPerCard).default(5),
  title: shortText.default('双人下午茶套餐'),
  productName: shortText.optional(),
  skuId: shortText.default('1790440745530376'),
  productId: shortText.default('1790440745530001'),
  marketPriceFen: fen.default(12_800),
  originalAmountFen: fen.default(9_900),
  payAmountFen: fen.default(7_900),
  /** What each coupon was paid with, where they differ; `payAmountFen` for those not named. */
  payAmountsFen: z.array(fen).max(LIMITS.couponsPerOrder).default([]),
  /** What the merchant receives per coupon; what was paid if absent. */
  receiptAmountFen: fen.nullable().default(null),
  /** What each use of a times card costs: a tiered card. Without it the uses share what was paid. */
  serialPayAmountsFen: z.array(fen).max(LIMITS.timesPerCard).default([]),
  /** Seconds; the defaults reach from an hour ago to 90 days ahead. */
  startTime: seconds.optional(),
  expireTime: seconds.optional(),
  createTime: seconds.optional(),
  couponStatus: z
    .enum(['unused', 'refund_applied', 'refunded', 'refund_failed', 'refunding'])
    .default('unused'),
  extOrderId: z.string().max(128).default(''),
  openId: z.string().max(128).default(''),
  status: changeable.status.default('paid'),
  poiIds: poiIds.optional(),
  perStoreSettlement: changeable.perStoreSettlement.default(true),
  wrongStoreCode: changeable.wrongStoreCode.default(3000002),
  refusalAs: changeable.refusalAs.default(null),
  shortLinkVariant: changeable.shortLinkVariant.default('redirect'),
  /** Laid over every certificate object, in Douyin's own words: newer fields, personal data, blackouts. */
  certificateExtra: jsonObject.default({}),
  /** Laid over the order in order queries. */
  orderExtra: jsonObject.default({}),
});

/** What a caller may say about an order to create; everything has a default. */
export type OrderInput = z.input<typeof orderSpecSchema>;

/** An order's description with every gap filled. */
export interface OrderSpec extends z.output<typeof orderSpecSchema> {
  productName: string;
  startTime: number;
  expireTime: number;
  createTime: number;
  poiIds: string[];
}

export const orderChangeSchema = z.strictObject(changeable).partial();
export type OrderChange = z.output<typeof orderChangeSchema>;

/** Fills what depends on the moment and the merchant. */
export function completeOrderSpec(input: OrderInput, nowMs: number, allPoiIds: readonly string[]): OrderSpec {
  const parsed = orderSpecSchema.parse(input);
  const nowSeconds = Math.floor(nowMs / 1000);
  return {
    ...parsed,
    productName: parsed.productName ?? parsed.title,
    startTime: parsed.startTime ?? nowSeconds - 3600,
    expireTime: parsed.expireTime ?? nowSeconds + 90 * 86_400,
    createTime: parsed.createTime ?? nowSeconds - 3610,
    poiIds: parsed.poiIds ?? [...allPoiIds],
  };
}
