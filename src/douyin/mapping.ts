// Douyin's objects → ours. Pure; reading the JSON is wire.ts, judging a verify is verify-outcome.ts.
import type { Certificate, CertificateUse, CouponKind, CouponStatus } from '../domain/coupon.ts';
import type { OrderDetails, OrderPart } from '../domain/enrichment.ts';
import type { VerifyRecord } from '../ports/douyin.ts';
import type { Code, WireCertificate, WireOrder, WireVerifyRecord } from './wire.ts';

/** Who listed a certificate: prepare lists only what can be used now, a look-up lists whatever there is. */
export type CertificateSource = 'prepare' | 'look_up';

const OPEN_API_VERIFY_TYPE = 4;
const CANCELLED_RECORD_STATUS = 2;

/**
 * - 5 (refund failed) is UNKNOWN: Douyin does not say whether such a coupon can be used again, and the customer wanted
 *   the money back. It is neither picked for a verification nor does it decide one.
 * - 0 (initial) or none: prepare, which lists what can be used now, has left the field out or at its default, so the
 *   coupon is UNUSED; in a look-up, which is asked whether money moved, it says nothing.
 * Expiry is not a status of Douyin's; domain judges it by the time.
 */
function toCouponStatus(status: Code, source: CertificateSource): CouponStatus {
  switch (status) {
    case null:
    case 0:
      return source === 'prepare' ? 'UNUSED' : 'UNKNOWN';
    case 1:
      return 'UNUSED';
    case 2:
      return 'USED';
    case 3: // refund applied for, awaiting the audit
    case 6: // refund under way
      return 'REFUNDING';
    case 4:
      return 'REFUNDED';
    default:
      return 'UNKNOWN';
  }
}

export function toCertificate(wire: WireCertificate, source: CertificateSource): Certificate {
  const uses = wire.verify_records.map(toCertificateUse).filter((use) => use !== null);
  return {
    encryptedCode: wire.encrypted_code,
    certificateId: wire.certificate_id,
    status: toCouponStatus(wire.status, source),
    originCode: wire.code,
    startTime: wire.start_time,
    expireTime: wire.expire_time,
    productId: wire.sku?.product_id ?? '',
    skuId: wire.sku?.sku_id ?? '',
    skuTitle: wire.sku?.title ?? '',
    thirdSkuId: wire.sku?.third_sku_id ?? '',
    kind: toKind(wire),
    payAmountFen: wire.amount?.pay_amount ?? null,
    originalAmountFen: wire.amount?.original_amount ?? null,
    timesCount: wire.time_card?.times_count ?? null,
    timesUsed: wire.time_card?.times_used ?? null,
    serialAmounts: (wire.time_card?.serial_amount_list ?? []).flatMap(
      ({ serial_numb: serialNumber, amount }) => (serialNumber === null ? [] : [{ serialNumber, ...amount }]),
    ),
    lastUse: toCertificateUse(wire.verify),
    uses,
    sourceOrderId:
      wire.deduction_info_list.find((deduction) => deduction.source_order_id)?.source_order_id ?? '',
  };
}

/** The certificates of all lists, each coupon once: told twice, what one place leaves out is taken from the other. */
export function toCertificates(
  lists: {
    readonly certificates: readonly WireCertificate[];
    readonly certificates_v2: readonly WireCertificate[];
    readonly certificates_v_2: readonly WireCertificate[];
  },
  source: CertificateSource,
): Certificate[] {
  const merged: WireCertificate[] = [];
  for (const wire of [...lists.certificates, ...lists.certificates_v2, ...lists.certificates_v_2]) {
    const at = merged.findIndex((known) => isSameCoupon(known, wire));
    const known = merged[at];
    if (known) merged[at] = mergeCertificates(known, wire);
    else merged.push(wire);
  }
  return merged.map((wire) => toCertificate(wire, source));
}

/** By the certificate's id; by its code where one of the two has no id. */
export function isSameCoupon(one: WireCertificate, other: WireCertificate): boolean {
  return one.certificate_id !== '' && other.certificate_id !== ''
    ? one.certificate_id === other.certificate_id
    : one.encrypted_code !== '' && one.encrypted_code === other.encrypted_code;
}

/**
 * One coupon that Douyin tells in two places: the first's fields, and the other's where the first leaves them empty.
 * The uses are those of both, each once.
 */
export function mergeCertificates(first: WireCertificate, other: WireCertificate): WireCertificate {
  const use = first.verify?.verify_id ? first.verify : other.verify;
  const secondUse =
    other.verify?.verify_id && other.verify.verify_id !== use?.verify_id ? [other.verify] : [];
  const records = [...first.verify_records, ...other.verify_records, ...secondUse];
  return {
    ...filledFrom(first, other),
    sku: mergeParts(first.sku, other.sku),
    amount: mergeParts(first.amount, other.amount),
    time_card: mergeParts(first.time_card, other.time_card),
    verify: use?.verify_id === other.verify?.verify_id ? mergeParts(use, other.verify) : use,
    verify_records: mergeById(records, (record) => record?.verify_id ?? ''),
    benefit_card_info: first.benefit_card_info || other.benefit_card_info,
    dynamic_coupon_info: first.dynamic_coupon_info || other.dynamic_coupon_info,
  };
}

/** The records of both lists, each verification once, as `mergeCertificates` does. */
export function mergeRecords(
  records: readonly WireVerifyRecord[],
  others: readonly WireVerifyRecord[],
): readonly WireVerifyRecord[] {
  return mergeById([...records, ...others], (record) => record.verify_id);
}

/** What has no id is like nothing else. */
function mergeById<T extends object | null>(all: readonly T[], idOf: (one: T) => string): T[] {
  const merged: T[] = [];
  for (const one of all) {
    const at = idOf(one) === '' ? -1 : merged.findIndex((known) => idOf(known) === idOf(one));
    const known = merged[at];
    if (known === undefined) merged.push(one);
    else if (known !== null && one !== null) merged[at] = filledFrom(known, one);
  }
  return merged;
}

function mergeParts<T extends object>(first: T | null, other: T | null): T | null {
  return first === null || other === null ? (first ?? other) : filledFrom(first, other);
}

function filledFrom<T extends object>(first: T, other: T): T {
  const told = Object.entries(first).filter(([, value]) => !isEmpty(value));
  return { ...first, ...other, ...Object.fromEntries(told) };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  // A cancel time that was not told.
  return typeof value === 'object' && 'isTold' in value && value.isTold === false;
}

/** Douyin's number for a voucher whose worth depends on the bill. It is not documented: this is our reading. */
const DYNAMIC_VOUCHER_TYPE = 2;

/**
 * Stored-value cards (惠享卡) have a `benefit_card_info`. That dynamic vouchers show by `voucher_type` 2, or by a
 * `dynamic_coupon_info` such as verifying them takes, is our assumption: Douyin does not say how to know them.
 */
function toKind(wire: WireCertificate): CouponKind {
  if (wire.benefit_card_info) return 'stored_value';
  if (wire.dynamic_coupon_info || wire.sku?.voucher_type === DYNAMIC_VOUCHER_TYPE) return 'dynamic_voucher';
  switch (wire.sku?.groupon_type) {
    case 1:
      return 'package';
    case 2:
      return 'voucher';
    case 3:
      return 'times_card';
    default:
      return 'unknown';
  }
}

/** @returns null for the empty object Douyin sends for a coupon that is unused; it does so, too, for some whose use was cancelled */
function toCertificateUse(wire: WireCertificate['verify']): CertificateUse | null {
  if (wire === null || wire.verify_id === '') return null;
  return {
    verifyId: wire.verify_id,
    verifyTime: wire.verify_time,
    channel: toChannel(wire.verify_type),
    poiId: wire.poi_id,
    serialNumber: wire.times_card_serial_num,
    canCancel: wire.can_cancel,
    isCancelled: wire.cancel_time.isTold,
    cancelledAt: wire.cancel_time.at,
  };
}

function toChannel(verifyType: number | null): CertificateUse['channel'] {
  if (verifyType === null || verifyType === 0) return 'unknown';
  return verifyType === OPEN_API_VERIFY_TYPE ? 'open_api' : 'other';
}

/** A record as it is: where it names no store, none is put there. */
export function toVerifyRecord(wire: WireVerifyRecord): VerifyRecord {
  return {
    verifyId: wire.verify_id,
    certificateId: wire.certificate_id,
    verifyTime: wire.verify_time,
    channel: toChannel(wire.verify_type),
    poiId: wire.poi_id,
    serialNumber: wire.verify_amount_info?.times_card_serial_amount?.serial_numb ?? null,
    canCancel: wire.can_cancel,
    isCancelled: wire.status === CANCELLED_RECORD_STATUS || wire.cancel_time.isTold,
    cancelledAt: wire.cancel_time.at,
  };
}

export function toOrderDetails(wire: WireOrder): OrderDetails {
  const product = wire.products[0];
  return {
    orderId: wire.order_id,
    extOrderId: wire.ext_order_id,
    orderStatus: wire.order_status ?? 0,
    productId: product?.product_id ?? '',
    productName: product?.product_name ?? '',
    skuId: wire.sku_id || (product?.sku_id ?? ''),
    skuName: wire.sku_name,
    payAmountFen: wire.pay_amount,
    // Douyin sometimes gives these two only per part of the order.
    receiptAmountFen: wire.receipt_amount ?? sumOfParts(wire, 'receipt_amount'),
    discountAmountFen: wire.discount_amount ?? sumOfParts(wire, 'discount_amount'),
    couponCount: countCoupons(wire),
    parts: toParts(wire),
    createOrderTime: wire.create_order_time,
    payTime: wire.pay_time,
  };
}

/** The most that any of its places tells; null where none does. */
function countCoupons(wire: WireOrder): number | null {
  const sold = wire.products.reduce((sum, product) => sum + (product.num ?? 0), 0);
  return Math.max(wire.certificate.length, wire.count ?? 0, sold) || null;
}

/**
 * A sub-order is a coupon's if it has the number of the coupon's item. Only where each item has a sub-order of its own:
 * else one of them may stand for several coupons.
 */
function toParts(wire: WireOrder): readonly OrderPart[] {
  const { certificate: items, sub_order_amount_infos: subOrders } = wire;
  const numbers = new Set(items.map((item) => item.order_item_id));
  const isToldApart =
    numbers.size === items.length &&
    items.length >= (wire.count ?? 0) &&
    items.every(
      (item) =>
        item.order_item_id !== '' &&
        subOrders.filter((subOrder) => subOrder.sub_order_id === item.order_item_id).length === 1,
    );
  if (!isToldApart) return [];
  return items.flatMap((item) => {
    const subOrder = subOrders.find((candidate) => candidate.sub_order_id === item.order_item_id);
    // Douyin leaves a coupon's id out while it is unused.
    if (subOrder === undefined || item.certificate_id === '') return [];
    return [
      {
        certificateId: item.certificate_id,
        payAmountFen: subOrder.pay_amount,
        receiptAmountFen: subOrder.receipt_amount,
        discountAmountFen: subOrder.discount_amount,
      },
    ];
  });
}

/** @returns null unless every part tells its amount: a part of a sum is not an amount */
function sumOfParts(wire: WireOrder, amount: 'receipt_amount' | 'discount_amount'): number | null {
  const amounts = wire.sub_order_amount_infos.map((part) => part[amount]);
  if (amounts.length === 0 || amounts.includes(null)) return null;
  return amounts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}
