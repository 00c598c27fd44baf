// What the cashier should do about a verification that did not simply succeed, in both languages.
// The reasons are read from the record alone, so that the same record always gets the same advice.
import { DOUYIN_CODES, type RefusalReason } from './douyin-codes.ts';
import type { Bilingual, Language } from './errors.ts';
import { formatLocalMinute } from './report-period.ts';
import type { Verification } from './verification.ts';

/** Why a coupon was not redeemed, or not yet. */
export type AdviceReason =
  | RefusalReason
  | 'in_progress'
  | 'awaiting_operator'
  | 'not_attempted'
  | 'used_here'
  | 'expired'
  | 'refunding'
  | 'nothing_usable'
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
  refused_otherwise: {
    zh: '抖音拒绝了这张券：请按提示内容处理，或请顾客换一张券；需要时把记录号告诉管理员。',
    en: 'Douyin refused this coupon: act on its description, or ask for another coupon; give operators the record number if needed.',
  },
};

/** Without a code of Douyin's: prepare listed nothing usable, and the coupon's status says why. */
const REASON_BY_COUPON_STATUS: Readonly<Record<Verification['couponStatus'], AdviceReason>> = {
  '': 'nothing_usable',
  UNKNOWN: 'nothing_usable',
  UNUSED: 'nothing_usable',
  USED: 'used_elsewhere',
  REFUNDING: 'refunding',
  REFUNDED: 'refunded',
  CANCELLED: 'refunded',
  EXPIRED: 'expired',
};

const NO_DOUYIN_CODE = -1;

type Advised = Pick<
  Verification,
  | 'appId'
  | 'verifyStatus'
  | 'step'
  | 'lastOutcomeKind'
  | 'errorCode'
  | 'couponStatus'
  | 'expireTime'
  | 'settledAt'
>;
type EarlierUse = Pick<
  Verification,
  'id' | 'appId' | 'poiId' | 'operatorId' | 'verifyTime' | 'settledAt' | 'createdAt'
>;

export interface AdviceOptions {
  readonly language: Language;
  /** The reports' time zone: cashiers read local time. */
  readonly timeZone: string;
}

/** @returns null for a success, which needs no advice */
export function adviceReason(verification: Advised, hasEarlierUse: boolean): AdviceReason | null {
  if (verification.verifyStatus === 'success') return null;
  if (verification.step === 'unsettled') return 'awaiting_operator';
  if (verification.verifyStatus === 'processing') {
    return verification.lastOutcomeKind === 'in_review' ? 'in_review' : 'in_progress';
  }
  if (verification.step === 'not_attempted') return 'not_attempted';
  return hasEarlierUse && mayHaveBeenUsedHere(verification) ? 'used_here' : reasonRefused(verification);
}

/** Whether a look for our own earlier redemption of the coupon is worth while. */
export function mayHaveBeenUsedHere(verification: Advised): boolean {
  if (verification.verifyStatus !== 'failed' || verification.step === 'not_attempted') return false;
  const reason = reasonRefused(verification);
  // Douyin no longer lists a coupon once it is used.
  return reason === 'used_elsewhere' || reason === 'nothing_usable';
}

function reasonRefused(verification: Advised): AdviceReason {
  return verification.errorCode === NO_DOUYIN_CODE
    ? reasonNothingUsable(verification)
    : (DOUYIN_CODES[verification.errorCode]?.reason ?? 'refused_otherwise');
}

function reasonNothingUsable({ couponStatus, expireTime, settledAt }: Advised): AdviceReason {
  // Douyin lists an expired coupon as unused until it is cleaned up.
  const isPastExpiry = expireTime !== null && settledAt !== null && expireTime <= settledAt;
  return couponStatus === 'UNUSED' && isPastExpiry ? 'expired' : REASON_BY_COUPON_STATUS[couponStatus];
}

/**
 * @param usedBy our own earlier success on the same coupon, or null if there is none
 * @returns one or two sentences for the cashier, `''` for a success
 */
export function advise(verification: Advised, usedBy: EarlierUse | null, options: AdviceOptions): string {
  const reason = adviceReason(verification, usedBy !== null);
  if (!reason) return '';
  const text = ADVICE[reason][options.language];
  return usedBy && reason === 'used_here' ? fillIn(text, verification, usedBy, options) : text;
}

function fillIn(text: string, verification: Advised, usedBy: EarlierUse, options: AdviceOptions): string {
  const when = formatLocalMinute(usedBy.verifyTime ?? usedBy.settledAt ?? usedBy.createdAt, options.timeZone);
  // Another app's staff are none of this app's business.
  const operatorId = usedBy.appId === verification.appId ? usedBy.operatorId : '';
  const operator =
    operatorId && (options.language === 'zh' ? `，操作员 ${operatorId}` : `, operator ${operatorId}`);
  const values: Readonly<Record<string, string>> = {
    when,
    store: usedBy.poiId,
    operator,
    record: String(usedBy.id),
  };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}
