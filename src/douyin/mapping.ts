// Douyin's objects → ours. Pure; reading the JSON is wire.ts, judging a verify is verify-outcome.ts.
import type { Certificate, CertificateUse, CouponStatus } from '../domain/coupon.ts';
import type { OrderDetails } from '../domain/enrichment.ts';
import type { VerifyRecord } from '../ports/douyin.ts';
import type { WireCertificate, WireOrder, WireVerifyRecord } from './wire.ts';

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
function toCouponStatus(status: number | null, source: CertificateSource): CouponStatus {
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
    grouponType: toGrouponType(wire.sku?.groupon_type ?? null),
    payAmountFen: wire.amount?.pay_amount ?? null,
    originalAmountFen: wire.amount?.original_amount ?? null,
    timesCount: wire.time_card?.times_count ?? null,
    timesUsed: wire.time_card?.times_used ?? null,
    lastUse: toCertificateUse(wire.verify),
    uses,
    sourceOrderId:
      wire.deduction_info_list.find((deduction) => deduction.source_order_id)?.source_order_id ?? '',
  };
}

/** Ordinary certificates and those of combination packages, each once. */
export function toCertificates(
  lists: {
    readonly certificates: readonly WireCertificate[];
    readonly certificates_v2: readonly WireCertificate[];
  },
  source: CertificateSource,
): Certificate[] {
  const certificates = [...lists.certificates, ...lists.certificates_v2].map((wire) =>
    toCertificate(wire, source),
  );
  const byKey = new Map(certificates.map((one) => [one.certificateId || one.encryptedCode, one]));
  return [...byKey.values()];
}

function toGrouponType(type: number | null): Certificate['grouponType'] {
  switch (type) {
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

/** @returns null for the empty object Douyin sends for a coupon that is unused or whose use was cancelled */
function toCertificateUse(wire: WireCertificate['verify']): CertificateUse | null {
  if (wire === null || wire.verify_id === '') return null;
  return {
    verifyId: wire.verify_id,
    verifyTime: wire.verify_time,
    channel: toChannel(wire.verify_type),
    poiId: wire.poi_id,
    isCancelled: false,
  };
}

function toChannel(verifyType: number | null): CertificateUse['channel'] {
  if (verifyType === null || verifyType === 0) return 'unknown';
  return verifyType === OPEN_API_VERIFY_TYPE ? 'open_api' : 'other';
}

/** @param askedPoiId the store the records were asked for; Douyin's records need not repeat it */
export function toVerifyRecord(wire: WireVerifyRecord, askedPoiId: string): VerifyRecord {
  return {
    verifyId: wire.verify_id,
    certificateId: wire.certificate_id,
    verifyTime: wire.verify_time,
    channel: toChannel(wire.verify_type),
    poiId: wire.poi_id || askedPoiId,
    isCancelled: wire.status === CANCELLED_RECORD_STATUS,
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
    couponCount: Math.max(1, wire.certificate.length, wire.count ?? 0),
    createOrderTime: wire.create_order_time,
    payTime: wire.pay_time,
  };
}

/** @returns null unless every part tells its amount: a part of a sum is not an amount */
function sumOfParts(wire: WireOrder, amount: 'receipt_amount' | 'discount_amount'): number | null {
  const amounts = wire.sub_order_amount_infos.map((part) => part[amount]);
  if (amounts.length === 0 || amounts.includes(null)) return null;
  return amounts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}
