// What a coupon is to the gateway: the three ways a till names one, a certificate as Douyin lists it, and
// which of several can be used now. Douyin's field names and codes do not belong here.

/** How the till names the coupon; decides which steps a verification takes. */
export type VerifyMode = 'short_link' | 'code' | 'encrypted_code';

/** Douyin's certificate status in our words. */
export type CouponStatus =
  'UNUSED' | 'USED' | 'REFUNDING' | 'REFUNDED' | 'EXPIRED' | 'CANCELLED' | 'UNKNOWN' | '';

/** One use of a certificate, as Douyin recorded it. */
export interface CertificateUse {
  readonly verifyId: string;
  readonly verifyTime: Date | null;
  /** Through which channel; `open_api` is the only one that can be ours. */
  readonly channel: 'open_api' | 'other' | 'unknown';
  /** The store; '' where the record does not name it: it is never taken from what was asked for. */
  readonly poiId: string;
  /** Which use of a times card it was, from 1; null for other coupons, or where Douyin does not tell. */
  readonly serialNumber: number | null;
  /** Whether Douyin would still undo it; null where it does not tell. */
  readonly canCancel: boolean | null;
  readonly isCancelled: boolean;
  /** When it was undone; null unless Douyin tells a time, also for a use that was. */
  readonly cancelledAt: Date | null;
}

/** What a coupon is. The gateway redeems neither stored-value cards (惠享卡) nor dynamic vouchers. */
export type CouponKind =
  'package' | 'voucher' | 'times_card' | 'stored_value' | 'dynamic_voucher' | 'unknown';

/** The price of one use of a times card; null where Douyin does not tell. */
export interface SerialAmount {
  readonly serialNumber: number;
  readonly payFen: number | null;
  readonly originalFen: number | null;
}

/** One coupon as prepare, get and query list it. Ids are Douyin's, as text; amounts in fen. */
export interface Certificate {
  readonly encryptedCode: string;
  readonly certificateId: string;
  readonly status: CouponStatus;
  /** Plain code; Douyin tells it only once the coupon is used and past cancelling. */
  readonly originCode: string;
  readonly startTime: Date | null;
  readonly expireTime: Date | null;
  readonly productId: string;
  readonly skuId: string;
  readonly skuTitle: string;
  /** The merchant's own number of the sku. */
  readonly thirdSkuId: string;
  readonly kind: CouponKind;
  /** This coupon's own share of the order, of a times card all its uses; null where Douyin does not tell. */
  readonly payAmountFen: number | null;
  readonly originalAmountFen: number | null;
  readonly timesCount: number | null;
  readonly timesUsed: number | null;
  /** What each use of a times card costs; empty for other coupons, or where Douyin does not tell. */
  readonly serialAmounts: readonly SerialAmount[];
  readonly lastUse: CertificateUse | null;
  readonly uses: readonly CertificateUse[];
  readonly sourceOrderId: string;
}

/** A coupon as Douyin showed it at a moment. */
export interface ShownCertificate extends Certificate {
  /** By Douyin's clock; null if it did not say. */
  readonly shownAt: Date | null;
}

/**
 * Whether what Douyin tells is about the coupon that it was asked about: neither code nor id differs where both sides
 * know it, and one of the two is the same.
 */
export function isAboutCoupon(
  told: Pick<Certificate, 'encryptedCode' | 'certificateId'>,
  asked: Pick<Certificate, 'encryptedCode' | 'certificateId'>,
): boolean {
  const pairs = [
    [told.encryptedCode, asked.encryptedCode],
    [told.certificateId, asked.certificateId],
  ].filter((pair) => pair.every((name) => name !== ''));
  return pairs.length > 0 && pairs.every(([one, other]) => one === other);
}

/** What prepare tells: the token that names this one verification, and the order's coupons. */
export interface PreparedOrder {
  readonly orderId: string;
  readonly verifyToken: string;
  readonly certificates: readonly Certificate[];
  /** When Douyin answered, by its own clock; null if it did not say. The listed coupons were unused then. */
  readonly shownAt: Date | null;
}

/**
 * Picks the coupon to verify: the first that is unused and inside its validity window.
 * @returns null when none can be used now
 */
export function pickUsableCertificate(certificates: readonly Certificate[], now: Date): Certificate | null {
  return certificates.find((certificate) => unusableReason(certificate, now) === null) ?? null;
}

export type UnusableReason =
  'used' | 'refunding' | 'refunded' | 'expired' | 'not_yet_valid' | 'no_code' | 'unknown_status';

/** Why a coupon cannot be used now, or null when it can. */
export function unusableReason(certificate: Certificate, now: Date): UnusableReason | null {
  switch (certificate.status) {
    case 'USED':
      return 'used';
    case 'REFUNDING':
      return 'refunding';
    case 'REFUNDED':
    case 'CANCELLED':
      return 'refunded';
    case 'EXPIRED':
      return 'expired';
    case 'UNKNOWN':
    case '':
      return 'unknown_status';
    case 'UNUSED':
      break;
  }
  if (certificate.encryptedCode === '') return 'no_code';
  if (certificate.startTime && certificate.startTime > now) return 'not_yet_valid';
  if (certificate.expireTime && certificate.expireTime <= now) return 'expired';
  return null;
}

/** Whether the gateway redeems this kind of coupon. An unknown kind is Douyin's to judge. */
export function isSupportedKind({ kind }: Pick<Certificate, 'kind'>): boolean {
  return kind !== 'stored_value' && kind !== 'dynamic_voucher';
}
