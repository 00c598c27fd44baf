// A verification as callers see it: the published fields in the published order, then the gateway's own.
import { z } from 'zod';
import type { Verification } from '../../domain/verification.ts';
import { moment } from '../fields.ts';
import { RawJson, rawJsonObject } from '../raw-json.ts';

const fen = () => z.int().min(0);
const time = () => moment().nullable();

export const verificationViewSchema = z.object({
  id: z.int(),
  app_id: z.int(),
  app_name: z.string(),
  poi_id: z.string(),
  verify_status: z.enum(['processing', 'success', 'failed']),
  error_code: z.int(),
  error_description: z.string(),
  certificate_id: z.string(),
  encrypted_code: z.string(),
  origin_code: z.string(),
  coupon_status: z.enum(['', 'UNUSED', 'USED', 'REFUNDING', 'REFUNDED', 'EXPIRED', 'CANCELLED', 'UNKNOWN']),
  product_id: z.string(),
  product_name: z.string(),
  sku_id: z.string(),
  sku_name: z.string(),
  verify_records_count: z.int().min(0),
  verify_id: z.string(),
  order_id: z.string(),
  source_order_id: z.string(),
  ext_order_id: z.string(),
  order_status: z.int(),
  pay_amount: fen(),
  receipt_amount: fen(),
  discount_amount: fen(),
  enrichment_status: z.enum(['pending', 'success', 'stuck', 'skipped']),
  enrichment_retry_count: z.int().min(0),
  douyin_response: z.custom<RawJson>((value) => value instanceof RawJson).nullable(),
  expire_time: time(),
  verify_time: time(),
  create_order_time: time(),
  pay_time: time(),
  created_at: moment(),
  updated_at: moment(),
  verify_token: z.string(),
  operator_id: z.string(),
  device_id: z.string(),
  note: z.string(),
  advice: z.string(),
});

export type VerificationView = z.infer<typeof verificationViewSchema>;

/** @param advice what the cashier should do, in the caller's language; `''` for none */
export function presentVerification(verification: Verification, advice: string): VerificationView {
  return {
    id: verification.id,
    app_id: verification.appId,
    app_name: verification.appName,
    poi_id: verification.poiId,
    verify_status: verification.verifyStatus,
    error_code: verification.errorCode,
    error_description: verification.errorDescription,
    certificate_id: verification.certificateId,
    encrypted_code: verification.encryptedCode,
    origin_code: verification.originCode,
    coupon_status: verification.couponStatus,
    product_id: verification.productId,
    product_name: verification.productName,
    sku_id: verification.skuId,
    sku_name: verification.skuName,
    verify_records_count: verification.verifyRecordsCount,
    verify_id: verification.verifyId,
    order_id: verification.orderId,
    source_order_id: verification.sourceOrderId,
    ext_order_id: verification.extOrderId,
    order_status: verification.orderStatus,
    pay_amount: verification.payAmount,
    receipt_amount: verification.receiptAmount,
    discount_amount: verification.discountAmount,
    enrichment_status: verification.enrichmentStatus,
    enrichment_retry_count: verification.enrichmentRetryCount,
    douyin_response: rawJsonObject(verification.douyinResponse),
    expire_time: presentTime(verification.expireTime),
    verify_time: presentTime(verification.verifyTime),
    create_order_time: presentTime(verification.createOrderTime),
    pay_time: presentTime(verification.payTime),
    created_at: verification.createdAt.toISOString(),
    updated_at: verification.updatedAt.toISOString(),
    verify_token: verification.verifyToken,
    operator_id: verification.operatorId,
    device_id: verification.deviceId,
    note: verification.note,
    advice,
  };
}

export function presentTime(moment: Date | null): string | null {
  return moment === null ? null : moment.toISOString();
}
