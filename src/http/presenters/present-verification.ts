// A verification as callers see it: the published fields in the published order, then the gateway's own.
import { z } from 'zod';
import type { Language } from '../../domain/errors.ts';
import { DECIDED_REASONS, describeEnd, NOT_ATTEMPTED_REASONS } from '../../domain/outcome-notes.ts';
import type { Verification } from '../../domain/verification.ts';
import { doc, moment } from '../fields.ts';
import { RawJson, rawJsonObject } from '../raw-json.ts';

const fen = () => z.int().min(0);
const time = () => moment().nullable();

export const verificationViewSchema = z
  .object({
    id: doc(z.int(), '核销记录号', 'the record’s id'),
    app_id: doc(z.int(), '应用编号', 'the app’s id'),
    app_name: doc(z.string(), '应用名（核销时）', 'the app’s name at the time'),
    poi_id: doc(z.string(), '抖音门店编号', 'Douyin’s store id'),
    verify_status: doc(
      z.enum(['processing', 'success', 'failed']),
      'processing 未定，success 与 failed 为最终结果',
      'processing is not decided yet; success and failed are final',
    ),
    error_code: doc(
      z.int(),
      '抖音的错误码；0 为成功；-1 为网关自己结束的，原因见 reason',
      'Douyin’s code; 0 is success; -1 where the gateway itself ended it, reason says why',
    ),
    error_description: doc(
      z.string(),
      '抖音的错误说明，或 reason 的文字',
      'Douyin’s description, or the reason in words',
    ),
    certificate_id: doc(z.string(), '抖音券编号', 'Douyin’s coupon id'),
    encrypted_code: doc(z.string(), '加密券码', 'the encrypted code'),
    origin_code: doc(z.string(), '明文券码，核销后才有', 'the plain code, known once redeemed'),
    coupon_status: doc(
      z.enum(['', 'UNUSED', 'USED', 'REFUNDING', 'REFUNDED', 'EXPIRED', 'CANCELLED', 'UNKNOWN']),
      '券状态，最近一次所见',
      'the coupon’s status as last seen',
    ),
    product_id: doc(z.string(), '商品编号', 'product id'),
    product_name: doc(z.string(), '商品名', 'product name'),
    sku_id: doc(z.string(), 'SKU 编号', 'SKU id'),
    sku_name: doc(z.string(), 'SKU 名', 'SKU name'),
    verify_records_count: doc(
      z.int().min(0),
      '该券的核销次数（次卡可大于 1）',
      'how often the coupon was used',
    ),
    verify_id: doc(z.string(), '抖音核销编号，撤销时要用', 'Douyin’s id of this use'),
    order_id: doc(z.string(), '抖音订单编号', 'Douyin’s order id'),
    source_order_id: doc(z.string(), '来源订单编号', 'source order id'),
    ext_order_id: doc(z.string(), '外部订单编号', 'external order id'),
    order_status: doc(z.int(), '抖音订单状态，原值', 'Douyin’s order status, as sent'),
    pay_amount: doc(
      fen(),
      '本券（次卡为本次）用户实付，分；未知为 0',
      'paid for this coupon, of a times card for this use, fen; 0 where it is not known',
    ),
    receipt_amount: doc(
      fen(),
      '本券商家实收，分；未知为 0',
      'received by the merchant for this coupon, fen; 0 where it is not known',
    ),
    discount_amount: doc(
      fen(),
      '本券（次卡为本次）优惠，分；未知为 0',
      'discount of this coupon, of a times card of this use, fen; 0 where it is not known',
    ),
    enrichment_status: doc(
      z.enum(['pending', 'success', 'stuck', 'skipped']),
      '订单数据补全：pending 进行中，stuck 待人工，skipped 不需要',
      'order data: pending, success, stuck (operators asked), skipped',
    ),
    enrichment_retry_count: doc(z.int().min(0), '补全重试次数', 'tries at the order data so far'),
    douyin_response: z
      .custom<RawJson | null>((value) => value === null || value instanceof RawJson)
      .meta({
        description:
          '抖音核销接口的应答原文，之前为 null / Douyin’s verify answer as it came, null before there is one',
        override: { type: ['object', 'null'] },
      }),
    expire_time: doc(time(), '券到期时间', 'when the coupon expires'),
    verify_time: doc(time(), '核销时间', 'when it was redeemed'),
    create_order_time: doc(time(), '下单时间', 'when it was ordered'),
    pay_time: doc(time(), '付款时间', 'when it was paid'),
    created_at: doc(moment(), '收到请求的时间', 'when the request came'),
    updated_at: doc(moment(), '最近变更时间', 'last change'),
    verify_token: doc(
      z.string(),
      '幂等凭据：重试与查询都用它',
      'the idempotency token, for repeats and look-ups',
    ),
    operator_id: doc(z.string(), '收银员', 'the cashier'),
    device_id: doc(z.string(), '设备', 'the device'),
    note: doc(z.string(), '备注', 'note'),
    advice: doc(z.string(), '收银员该怎么做；成功时为空', 'what the cashier should do; empty for a success'),
    item_no: doc(z.int().min(1), '请求中的第几张，从 1 起', 'which coupon of the request, from 1'),
    item_count: doc(z.int().min(1), '请求共几张', 'how many coupons the request has'),
    cancel_status: doc(
      z.enum(['', 'processing', 'cancelled', 'refused']),
      '撤销状态，未撤销为空',
      'how its undoing stands; empty if none was asked for',
    ),
    cancelled_at: doc(time(), '撤销时间', 'when it was undone'),
    cancellable_until: doc(
      time(),
      '核销后一小时，仅供参考，以抖音为准',
      'one hour after the redemption; advice only, Douyin decides',
    ),
    reason: doc(
      z.enum(['', ...NOT_ATTEMPTED_REASONS, ...DECIDED_REASONS]),
      '网关自己结束的原因；抖音给出结果时为空',
      'why the gateway, not Douyin, ended it; empty where Douyin did',
    ),
  })
  .meta({ id: 'VerificationView' });

export type VerificationView = z.infer<typeof verificationViewSchema>;

/** How long Douyin lets a redemption be undone, milliseconds; its own answer decides. */
const CANCELLABLE_MS = 3_600_000;

/** The code with which a record says that the gateway ended it. */
const ENDED_BY_GATEWAY = -1;

/** @param advice what the cashier should do, in the caller's language; `''` for none */
export function presentVerification(
  verification: Verification,
  advice: string,
  language: Language,
): VerificationView {
  const { verifyTime } = verification;
  const isUndoable = verification.verifyStatus === 'success' && verifyTime !== null;
  return {
    id: verification.id,
    app_id: verification.appId,
    app_name: verification.appName,
    poi_id: verification.poiId,
    verify_status: verification.verifyStatus,
    error_code: verification.reason === null ? verification.errorCode : ENDED_BY_GATEWAY,
    error_description: describeEnd(verification, language),
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
    item_no: verification.itemNo,
    item_count: verification.itemCount,
    cancel_status: verification.cancelStatus,
    cancelled_at: presentTime(verification.cancelledAt),
    cancellable_until: isUndoable ? new Date(verifyTime.getTime() + CANCELLABLE_MS).toISOString() : null,
    reason: verification.reason ?? '',
  };
}

export function presentTime(moment: Date | null): string | null {
  return moment === null ? null : moment.toISOString();
}
