// Why a verification ended without Douyin's word, and what the last verify or look-up said, as codes with data.
// People read them in words: both languages are here, so that nothing stored is prose.
import type { UnusableReason } from './coupon.ts';
import { DOUYIN_CODES } from './douyin-codes.ts';
import { type Bilingual, type ErrorCode, ERRORS, type Language } from './errors.ts';

/** Ended with nothing sent: the same token may try again. Each is also the error that a waiting till is answered. */
export const NOT_ATTEMPTED_REASONS = [
  'coupon.short_link_invalid',
  'coupon.sibling_in_doubt',
  'douyin.unavailable',
  'douyin.refused_gateway',
  'gateway.engine_unavailable',
  'gateway.database_unavailable',
  'gateway.too_late',
  'app.disabled',
  'app.poi_not_allowed',
] as const satisfies readonly ErrorCode[];
export type NotAttemptedReason = (typeof NOT_ATTEMPTED_REASONS)[number];

/** Decided by the gateway from what Douyin shows, or by an operator. */
export const DECIDED_REASONS = [
  'coupon.none_usable',
  'coupon.kind_not_supported',
  'verification.coupon_unused',
  'verification.coupon_refunded',
  'verification.resolved_by_operator',
] as const;
export type DecidedReason = (typeof DECIDED_REASONS)[number];

export type EndReason = NotAttemptedReason | DecidedReason;

/** Says more of `coupon.none_usable`: what is the matter with the first coupon listed, or that none was. */
export type EndReasonDetail = UnusableReason | 'none_listed';

/** What the record says of a reason that is no error of the table of errors. */
export const DECIDED_REASON_TEXTS: Readonly<Record<DecidedReason, Bilingual>> = {
  'coupon.none_usable': { zh: '该订单没有可用的券', en: 'The order has no usable coupon' },
  'coupon.kind_not_supported': {
    zh: '暂不支持这种券（储值卡、动态代金券），未向抖音发起核销',
    en: 'This kind of coupon (stored-value card, dynamic voucher) is not supported; nothing was sent to Douyin',
  },
  'verification.coupon_unused': {
    zh: '抖音显示该券未被核销',
    en: 'Douyin shows that the coupon was not redeemed',
  },
  'verification.coupon_refunded': { zh: '券已退款', en: 'The coupon was refunded' },
  'verification.resolved_by_operator': {
    zh: '管理员核实：券未被本次核销',
    en: 'An operator has checked: the coupon was not redeemed by this verification',
  },
};

/** What the record says when prepare listed nothing usable; `none_listed` when it listed nothing at all. */
export const UNUSABLE_TEXTS: Readonly<Record<EndReasonDetail, Bilingual>> = {
  used: { zh: '券已被使用', en: 'The coupon has been used' },
  refunding: { zh: '券正在退款', en: 'The coupon is being refunded' },
  refunded: { zh: '券已退款', en: 'The coupon was refunded' },
  expired: { zh: '券已过期', en: 'The coupon has expired' },
  not_yet_valid: { zh: '券尚未到可用时间', en: 'The coupon is not valid yet' },
  no_code: { zh: '抖音未返回券码', en: 'Douyin gave no code for the coupon' },
  unknown_status: { zh: '券状态无法识别', en: 'The coupon’s status is not known' },
  none_listed: { zh: '该订单没有可用的券', en: 'The order has no usable coupon' },
};

/** What the last verify or look-up said. `{…}` in its words is filled in from the data. */
export const NOTES = {
  verify_unanswered: {
    zh: '核销没有得到明确应答：{reason}',
    en: 'The verify got no clear answer: {reason}',
  },
  verify_refused: {
    zh: '抖音拒绝了重发（{code}），正在核对先前的发送',
    en: 'Douyin refused the repeat ({code}); the earlier sends are checked',
  },
  verify_in_review: { zh: '抖音正在风控审核', en: 'Douyin is reviewing it' },
  verify_says_used: {
    zh: '抖音称该券已核销，正在核对是否为本次',
    en: 'Douyin says that the coupon is verified already; whether it is ours is checked',
  },
  verify_redeemed_another: {
    zh: '抖音返回的核销记录属于另一笔核销',
    en: 'The redemption that Douyin answered belongs to another verification',
  },
  verify_not_sent: { zh: '这次没有发出：{reason}', en: 'This one did not go out: {reason}' },
  look_up_failed: { zh: '抖音查询没有成功：{reason}', en: 'Douyin could not be asked: {reason}' },
  look_up_unknown_coupon: { zh: '抖音查不到该券', en: 'Douyin shows no such coupon' },
  look_up_records_cut: {
    zh: '抖音的验券记录没有读全，不能据此认定未核销',
    en: 'Douyin’s verify records could not be read as a whole; they prove no absence of a use',
  },
  look_up_unused: {
    zh: '抖音显示该券未使用，等待确认',
    en: 'Douyin shows the coupon unused; it waits until that is certain',
  },
  look_up_said_used: {
    zh: '抖音曾称该券已核销，现在却查不到任何核销',
    en: 'Douyin called the coupon used, yet shows no use that explains it',
  },
  look_up_refunding: {
    zh: '抖音显示该券退款中或已退款，等待确认',
    en: 'Douyin shows the coupon refunded or being refunded; it waits until that is certain',
  },
  look_up_used_elsewhere: {
    zh: '抖音显示该券已在别处核销，等待先前的发送都有结果',
    en: 'Douyin shows a use elsewhere; it waits until every earlier send has arrived',
  },
  look_up_whose_use: {
    zh: '券已使用，但抖音的记录分不清是谁核销的',
    en: 'The coupon is used, and Douyin’s reads do not tell by whom',
  },
  look_up_own_use_cancelled: {
    zh: '本次核销似乎已在抖音撤销',
    en: 'The use that looks like ours was cancelled at Douyin',
  },
  look_up_times_card: {
    zh: '次卡次数的变化无法全部对应到核销记录',
    en: 'The card’s uses do not account for its count',
  },
  look_up_unknown_status: { zh: '券状态无法识别', en: 'The coupon’s status is not known' },
  look_up_rival: {
    zh: '同店同一张券的另一笔核销 {rivals} 尚未有结果',
    en: 'Another verification of the coupon in this store, {rivals}, is not decided yet',
  },
} as const satisfies Record<string, Bilingual>;
export type NoteCode = keyof typeof NOTES;

/** A code and what its words are filled in with: no coupon code, no token, nothing of people. */
export interface OutcomeNote {
  readonly code: NoteCode;
  readonly data?: Readonly<Record<string, string | number>>;
}

/** A note in words. */
export function describeNote(note: OutcomeNote, language: Language): string {
  return NOTES[note.code][language].replace(/\{(\w+)\}/g, (_, name: string) =>
    String(note.data?.[name] ?? ''),
  );
}

/** What a record says of its end: Douyin's own words, or the gateway's where it ended it. */
export function describeEnd(
  end: {
    readonly reason: EndReason | null;
    readonly reasonDetail: EndReasonDetail | null;
    readonly errorCode: number;
    readonly errorDescription: string;
  },
  language: Language,
): string {
  if (end.reason === null) {
    return end.errorDescription || (DOUYIN_CODES[end.errorCode]?.cause[language] ?? '');
  }
  if (end.reasonDetail !== null) return UNUSABLE_TEXTS[end.reasonDetail][language];
  const { reason } = end;
  return isDecided(reason) ? DECIDED_REASON_TEXTS[reason][language] : ERRORS[reason][language];
}

function isDecided(reason: EndReason): reason is DecidedReason {
  return reason in DECIDED_REASON_TEXTS;
}
