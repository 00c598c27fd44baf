// What a verdict, or a prepared coupon, writes into its row's columns, and what the timeline keeps of it. Whether it may
// be written is verification.repository.ts.
import { type RawBuilder, sql } from 'kysely';
import { discountOf, type Price } from '../../domain/amounts.ts';
import { ALREADY_VERIFIED } from '../../domain/douyin-codes.ts';
import type { PreparedCoupon, Redemption, Settlement } from '../../domain/verdict.ts';
import type { Verification } from '../../domain/verification.ts';
import type { VerificationRow } from '../entities/verification.entity.ts';

export type Values = {
  readonly [Property in keyof VerificationRow]?: VerificationRow[Property] | RawBuilder<unknown>;
};

/**
 * @param row the row it was judged by, for what the settlement leaves as it is
 * @param now the database's time
 */
export function settlementValues(
  settlement: Settlement,
  row: Pick<Verification, 'originCode' | 'productId'>,
  now: RawBuilder<Date>,
): Values {
  const ended = {
    reason: '',
    reasonDetail: null,
    verifyStatus: 'failed',
    enrichmentStatus: 'skipped',
  } as const;
  switch (settlement.verdict) {
    case 'success': {
      const redemption = settlement.by === 'operator' ? null : settlement.redemption;
      const orderId = learn('order_id', redemption?.orderId ?? '');
      return {
        verifyStatus: 'success',
        reason: '',
        reasonDetail: null,
        errorCode: 0,
        errorDescription: '',
        couponStatus: 'USED',
        orderId,
        enrichmentStatus: sql`case when ${orderId} = '' then 'skipped' else 'pending' end`,
        verifyTime: redemption?.verifyTime ?? now,
        ...(redemption ? redemptionValues(redemption, row) : {}),
        ...(settlement.by === 'verify' ? { douyinResponse: settlement.response } : {}),
      };
    }
    case 'refused':
      switch (settlement.by) {
        case 'prepare': {
          const { cause } = settlement;
          return {
            ...ended,
            ...(settlement.coupon ? couponValues(settlement.coupon) : {}),
            ...(settlement.orderId === '' ? {} : { orderId: settlement.orderId }),
            relatedVerificationId: settlement.relatedVerificationId,
            ...('reason' in cause
              ? { reason: cause.reason, reasonDetail: cause.detail, errorCode: 0, errorDescription: '' }
              : { errorCode: cause.errorCode, errorDescription: cause.description }),
          };
        }
        case 'verify':
          return {
            ...ended,
            errorCode: settlement.errorCode,
            errorDescription: settlement.description,
            douyinResponse: settlement.response,
            relatedVerificationId: settlement.relatedVerificationId,
          };
        case 'look_up':
          return {
            ...ended,
            ...LOOK_UP_ENDS[settlement.reason],
            ...(settlement.refusal
              ? {
                  reason: '',
                  errorCode: settlement.refusal.errorCode,
                  errorDescription: settlement.refusal.description,
                }
              : {}),
            relatedVerificationId: settlement.relatedVerificationId,
          };
        case 'operator':
          return {
            ...ended,
            reason: 'verification.resolved_by_operator',
            errorCode: 0,
            errorDescription: '',
          };
      }
  }
}

const LOOK_UP_ENDS = {
  used_elsewhere: { couponStatus: 'USED', errorCode: ALREADY_VERIFIED, errorDescription: '' },
  refunded: {
    couponStatus: 'REFUNDED',
    reason: 'verification.coupon_refunded',
    errorCode: 0,
    errorDescription: '',
  },
  unused: {
    couponStatus: 'UNUSED',
    reason: 'verification.coupon_unused',
    errorCode: 0,
    errorDescription: '',
  },
} as const satisfies Record<Extract<Settlement, { by: 'look_up'; verdict: 'refused' }>['reason'], Values>;

/** As before a coupon was chosen: what is no longer to be verified explains nothing, and names nobody's coupon. */
export const NO_COUPON: Values = {
  encryptedCode: '',
  certificateId: '',
  couponStatus: '',
  originCode: '',
  expireTime: null,
  productId: '',
  productName: '',
  skuId: '',
  skuName: '',
  sourceOrderId: '',
  payAmount: 0,
  isAmountKnown: null,
  discountAmount: 0,
  isTimesCard: false,
  timesUsedBefore: null,
};

export function couponValues(coupon: PreparedCoupon): Values {
  return {
    encryptedCode: coupon.encryptedCode,
    certificateId: coupon.certificateId,
    couponStatus: coupon.couponStatus,
    ...(coupon.originCode === '' ? {} : { originCode: coupon.originCode }),
    expireTime: coupon.expireTime,
    productId: coupon.productId,
    productName: coupon.skuName,
    skuId: coupon.skuId,
    skuName: coupon.skuName,
    sourceOrderId: coupon.sourceOrderId,
    ...priceValues(coupon.price),
    isTimesCard: coupon.isTimesCard,
    timesUsedBefore: coupon.timesUsedBefore,
  };
}

function redemptionValues(
  redemption: Redemption,
  row: Pick<Verification, 'originCode' | 'productId'>,
): Values {
  return {
    verifyId: redemption.verifyId,
    certificateId: learn('certificate_id', redemption.certificateId),
    originCode: redemption.originCode || row.originCode,
    productId: redemption.productId || row.productId,
    verifyRecordsCount: redemption.recordsCount,
    // Where the verify tells none, what prepare told stays.
    ...(redemption.price.payFen === null ? {} : priceValues(redemption.price)),
  };
}

function priceValues(price: Price): Values {
  return {
    payAmount: price.payFen ?? 0,
    isAmountKnown: price.payFen !== null,
    discountAmount: discountOf(price) ?? 0,
  };
}

/** What the timeline keeps of a settlement: no coupon codes. */
export function detailsOf(settlement: Settlement): Readonly<Record<string, unknown>> {
  switch (settlement.by) {
    case 'verify':
      return settlement.verdict === 'success'
        ? { attempt: settlement.attempt }
        : { attempt: settlement.attempt, error_code: settlement.errorCode };
    case 'look_up':
      return settlement.verdict === 'success' ? {} : { reason: settlement.reason };
    case 'prepare':
      return 'reason' in settlement.cause
        ? { at: 'prepare', reason: settlement.cause.reason }
        : { at: 'prepare', error_code: settlement.cause.errorCode };
    case 'operator':
      return {
        verify_status: settlement.verdict === 'success' ? 'success' : 'failed',
        actor: settlement.decision.actor,
        note: settlement.decision.note,
        request_id: settlement.decision.requestId,
      };
  }
}

/** What a row knows of its coupon never changes; what it does not know yet it learns. */
export function learn(column: 'certificate_id' | 'order_id', told: string): RawBuilder<string> {
  const known = sql.ref(`v.${column}`);
  return sql`case when ${known} = '' then ${told} else ${known} end`;
}
