// What the cashier should do about a verification that did not simply succeed, in both languages.
// The reasons are read from the record alone, so that the same record always gets the same advice.
import { DOUYIN_CODES, type RefusalReason } from './douyin-codes.ts';
import type { Bilingual, Language } from './errors.ts';
import { formatLocalMinute } from './report-period.ts';
import type { DecidedReason, EndReasonDetail } from './outcome-notes.ts';
import type { Verification } from './verification.ts';

/** Why a coupon was not redeemed, or not yet. */
export type AdviceReason =
  | RefusalReason
  | 'in_progress'
  | 'awaiting_operator'
  | 'not_attempted'
  | 'sibling_in_doubt'
  | 'earlier_in_doubt'
  | 'used_here'
  | 'expired'
  | 'refunding'
  | 'nothing_usable'
  | 'kind_not_supported'
  | 'not_redeemed'
  | 'resolved_as_failed'
  | 'refused_otherwise';

/** In words; `{…}` is filled in where an earlier redemption of ours is known. */
export const ADVICE: Readonly<Record<AdviceReason, Bilingual>> = {
  in_progress: {
    zh: '核销结果还在确认中，请勿让顾客换码重扫；稍后用同一 verify_token 再查一次，以最终结果为准。',
    en: 'The result is still being confirmed. Do not scan another code; ask again with the same verify_token and go by the final result.',
  },
  awaiting_operator: {
    zh: '抖音暂时无法确认结果，已转人工处理；请勿重复核销，记下单号后联系值班人员。',
    en: 'Douyin cannot confirm the result; operators have been asked. Do not redeem it again, note the record number and call them.',
  },
  not_attempted: {
    zh: '这次没有联系上抖音，券未被使用；请用同一 verify_token 重试，或请顾客刷新券码后重扫。',
    en: 'Douyin could not be asked, the coupon is untouched. Repeat with the same verify_token, or have the customer refresh the code.',
  },
  sibling_in_doubt: {
    zh: '同一订单有一笔核销还没有结果，那一笔可能已经核销成功；请勿再核销，稍候用同一 verify_token 再试。',
    en: 'Another verification of this order is not decided yet and may have redeemed. Redeem nothing more; wait, then repeat with the same verify_token.',
  },
  earlier_in_doubt: {
    zh: '本系统对这张券的另一笔核销正在确认：{when}，门店 {store}{operator}，记录号 {record}。券可能就是它核销的；请等它有结果，不要换码重扫。',
    en: 'Another verification of this coupon in this system is being confirmed: {when}, store {store}{operator}, record {record}. It may be the one that redeemed; wait for its result and scan nothing else.',
  },
  used_here: {
    zh: '这张券已在本系统核销过：{when}，门店 {store}{operator}，记录号 {record}。请与顾客核对，不要重复交付。',
    en: 'This coupon was redeemed here before: {when}, store {store}{operator}, record {record}. Check with the customer; do not hand out again.',
  },
  used_elsewhere: {
    zh: '这张券已在别处核销过（不是通过本系统）。请顾客在抖音订单里查看使用记录，并换一张未使用的券。',
    en: 'This coupon was redeemed elsewhere, not through this system. Ask the customer to look at the order in Douyin and to show an unused coupon.',
  },
  expired: {
    zh: '券已过期，不能使用；请顾客在抖音订单里申请退款或换一张券。',
    en: 'The coupon has expired. The customer can ask for a refund in Douyin or show another coupon.',
  },
  refunding: {
    zh: '券正在退款，不能使用；顾客可在抖音取消退款申请后再来，或换一张券。',
    en: 'The coupon is being refunded. The customer can withdraw the refund in Douyin, or show another coupon.',
  },
  refunded: {
    zh: '券已退款或取消，不能使用；请顾客换一张券或另行付款。',
    en: 'The coupon was refunded or cancelled. Ask for another coupon or another way to pay.',
  },
  wrong_store: {
    zh: '这张券不适用于本店；请顾客查看券面的适用门店，或换一张券。',
    en: 'The coupon is not for this store. Ask the customer to check the stores it is for, or to show another one.',
  },
  not_found: {
    zh: '没有查到这张券；请核对券码，或请顾客打开抖音订单页重新出示。',
    en: 'There is no such coupon. Check the code, or ask the customer to open the order page in Douyin again.',
  },
  code_expired: {
    zh: '券码已失效；请顾客打开抖音订单页，刷新后重新出示。',
    en: 'The code is no longer valid. Ask the customer to open the order page in Douyin and show the refreshed code.',
  },
  times_exhausted: {
    zh: '次卡剩余次数不足；请顾客换一张券或另行付款。',
    en: 'The card has too few uses left. Ask for another coupon or another way to pay.',
  },
  being_gifted: {
    zh: '这张券正在转赠，暂时不能使用；请顾客取消转赠或由受赠人出示。',
    en: 'The coupon is being given away. The customer can withdraw the gift, or the receiver shows it.',
  },
  order_unpaid: {
    zh: '订单还没有完成支付；请顾客支付后重新出示。',
    en: 'The order is not paid yet. Ask the customer to pay and to show the code again.',
  },
  in_review: {
    zh: '抖音正在审核这次核销（最长 48 小时）；请勿重复核销，结果会自动更新。',
    en: 'Douyin is reviewing this redemption (up to 48 hours). Do not redeem it again; the result updates by itself.',
  },
  bad_request: {
    zh: '提交的券码或凭证不正确；请重新扫码，仍不行请联系系统管理员。',
    en: 'The code or token sent is not right. Scan again; if it stays so, call the system’s operators.',
  },
  nothing_usable: {
    zh: '这个订单里没有现在可用的券；请顾客在抖音订单里确认券的状态。',
    en: 'The order has no coupon that is usable now. Ask the customer to check the coupons in Douyin.',
  },
  kind_not_supported: {
    zh: '暂不支持核销这种券（储值卡、动态代金券），券未被使用；请用抖音来客核销，或换一张券。',
    en: 'This kind of coupon (stored-value card, dynamic voucher) is not supported here; it is untouched. Redeem it in Douyin’s merchant app, or ask for another one.',
  },
  not_redeemed: {
    zh: '已确认这次没有核销成功，券仍可使用；请顾客刷新券码后重新扫码。',
    en: 'It is certain that this did not redeem the coupon, which can still be used. Ask the customer to refresh the code and scan again.',
  },
  resolved_as_failed: {
    zh: '管理员已核实：这次没有核销成功。请顾客刷新券码后重新扫码，仍不行请联系管理员。',
    en: 'An operator has checked: this did not redeem the coupon. Ask the customer to refresh the code and scan again; if that fails call the operators.',
  },
  refused_otherwise: {
    zh: '抖音拒绝了这张券：请按提示内容处理，或请顾客换一张券；需要时把记录号告诉管理员。',
    en: 'Douyin refused this coupon: act on its description, or ask for another coupon; give operators the record number if needed.',
  },
};

/** Where the gateway, not Douyin, ended it. */
const REASON_BY_DECISION: Readonly<Record<DecidedReason, AdviceReason>> = {
  'coupon.none_usable': 'nothing_usable',
  'coupon.kind_not_supported': 'kind_not_supported',
  'verification.coupon_unused': 'not_redeemed',
  'verification.coupon_refunded': 'refunded',
  'verification.resolved_by_operator': 'resolved_as_failed',
};

/** What is the matter with the coupon, where nothing that prepare lists can be used. */
const REASON_BY_DETAIL: Readonly<Record<EndReasonDetail, AdviceReason>> = {
  used: 'used_elsewhere',
  refunding: 'refunding',
  refunded: 'refunded',
  expired: 'expired',
  not_yet_valid: 'nothing_usable',
  no_code: 'nothing_usable',
  unknown_status: 'nothing_usable',
  none_listed: 'nothing_usable',
};

/** Douyin no longer lists a coupon once it is used, and its QR is dead: then our own redemption is what explains it. */
const EXPLAINED_BY_OURS: ReadonlySet<AdviceReason> = new Set([
  'used_elsewhere',
  'nothing_usable',
  'code_expired',
  'not_found',
]);

type Advised = Pick<
  Verification,
  'appId' | 'verifyStatus' | 'step' | 'lastOutcome' | 'reason' | 'reasonDetail' | 'errorCode'
>;
/** Another verification of ours that explains this one. */
type Related = Pick<
  Verification,
  | 'id'
  | 'appId'
  | 'poiId'
  | 'operatorId'
  | 'verifyStatus'
  | 'verifyTime'
  | 'firstSentAt'
  | 'settledAt'
  | 'createdAt'
>;

export interface AdviceOptions {
  readonly language: Language;
  /** The reports' time zone: cashiers read local time. */
  readonly timeZone: string;
}

/**
 * @param related how the verification that explains this one stands, null if there is none
 * @returns null for a success, which needs no advice
 */
export function adviceReason(
  verification: Advised,
  related: Verification['verifyStatus'] | null,
): AdviceReason | null {
  if (verification.verifyStatus === 'success') return null;
  if (verification.step === 'unsettled') return 'awaiting_operator';
  if (verification.verifyStatus === 'processing') {
    return verification.lastOutcome === 'in_review' ? 'in_review' : 'in_progress';
  }
  if (verification.step === 'not_attempted') {
    return verification.reason === 'coupon.sibling_in_doubt' ? 'sibling_in_doubt' : 'not_attempted';
  }
  const reason = reasonRefused(verification);
  if (!EXPLAINED_BY_OURS.has(reason)) return reason;
  switch (related) {
    case 'success':
      return 'used_here';
    case 'processing':
      return 'earlier_in_doubt';
    case 'failed':
    case null:
      return reason;
  }
}

function reasonRefused({ reason, reasonDetail, errorCode }: Advised): AdviceReason {
  if (reason === null) return DOUYIN_CODES[errorCode]?.reason ?? 'refused_otherwise';
  if (reason === 'coupon.none_usable' && reasonDetail !== null) return REASON_BY_DETAIL[reasonDetail];
  return isDecidedReason(reason) ? REASON_BY_DECISION[reason] : 'not_attempted';
}

function isDecidedReason(reason: string): reason is DecidedReason {
  return reason in REASON_BY_DECISION;
}

/**
 * @param related our own verification that explains this one, or null if there is none
 * @returns one or two sentences for the cashier, `''` for a success
 */
export function advise(verification: Advised, related: Related | null, options: AdviceOptions): string {
  const reason = adviceReason(verification, related?.verifyStatus ?? null);
  if (!reason) return '';
  const text = ADVICE[reason][options.language];
  return related ? fillIn(text, verification, related, options) : text;
}

function fillIn(text: string, verification: Advised, related: Related, options: AdviceOptions): string {
  const at = related.verifyTime ?? related.firstSentAt ?? related.settledAt ?? related.createdAt;
  const when = formatLocalMinute(at, options.timeZone);
  // Another app's staff are none of this app's business.
  const operatorId = related.appId === verification.appId ? related.operatorId : '';
  const operator =
    operatorId && (options.language === 'zh' ? `，操作员 ${operatorId}` : `, operator ${operatorId}`);
  const values: Readonly<Record<string, string>> = {
    when,
    store: related.poiId,
    operator,
    record: String(related.id),
  };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}
