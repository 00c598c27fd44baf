// Douyin's error codes: what each says, who can do something about it, and whether a repeat helps. The one table.
// What a call does with a meaning is src/douyin/error-codes.ts and src/douyin/verify-outcome.ts.
import type { Bilingual } from './errors.ts';

/** What a code of Douyin's says, whichever call it answers. */
export type CodeMeaning =
  /** The access token is invalid or has ended; the call did nothing. */
  | 'stale_token'
  /** Busy or an internal error; a verify may have been done all the same. */
  | 'busy'
  /** Called too often; as `busy`, and Douyin wants to be left alone for a while. */
  | 'too_frequent'
  /** Permission, IP list, platform control or quota: the gateway is refused, not the coupon. */
  | 'gateway_refused'
  /** The request itself is wrong: types, empty values, ids that do not exist. */
  | 'bad_request'
  /** In risk review; it may yet be verified within 48 hours. */
  | 'in_review'
  /** Douyin knows no such coupon or order, or cannot decrypt the code that names it. */
  | 'not_found'
  /** The coupon is verified already: by somebody else, or by an earlier send of ours. */
  | 'already_verified'
  /** Douyin's word on the coupon: wrong store, cancelled, being given away, expired code … */
  | 'coupon_refused'
  /** Douyin does not say what it means: a business error without more, and whatever is not in the table. */
  | 'unexplained';

/** What a code says about the coupon, for the cashier's advice. */
export type RefusalReason =
  | 'used_elsewhere'
  | 'refunded'
  | 'wrong_store'
  | 'not_found'
  | 'code_expired'
  | 'times_exhausted'
  | 'being_gifted'
  | 'order_unpaid'
  | 'in_review'
  | 'bad_request';

export interface DouyinCode {
  readonly meaning: CodeMeaning;
  readonly cause: Bilingual;
  /** null where it says nothing about the coupon. */
  readonly reason: RefusalReason | null;
  /**
   * - `automatic`  the gateway repeats by itself
   * - `new_code`   after the customer refreshed the code, as a new verification
   * - `after_fix`  with the same verify_token, once the cause is gone
   * - `none`       it stays so
   */
  readonly retry: 'automatic' | 'new_code' | 'after_fix' | 'none';
  readonly fixer: 'nobody' | 'customer' | 'cashier' | 'operator' | 'douyin';
}

const code = (
  meaning: CodeMeaning,
  zh: string,
  en: string,
  reason: RefusalReason | null,
  retry: DouyinCode['retry'],
  fixer: DouyinCode['fixer'],
): DouyinCode => ({ meaning, cause: { zh, en }, reason, retry, fixer });

const PERMISSION = (zh: string, en: string) => code('gateway_refused', zh, en, null, 'after_fix', 'operator');
const BUSY = (zh: string, en: string) => code('busy', zh, en, null, 'automatic', 'nobody');
const TOO_FREQUENT = (zh: string, en: string) => code('too_frequent', zh, en, null, 'automatic', 'nobody');
const TOKEN = (zh: string, en: string) => code('stale_token', zh, en, null, 'automatic', 'nobody');
const WRONG = (zh: string, en: string) => code('bad_request', zh, en, 'bad_request', 'new_code', 'operator');
const UNKNOWN_COUPON = (zh: string, en: string) =>
  code('not_found', zh, en, 'not_found', 'new_code', 'customer');
const VERIFIED_ALREADY = code(
  'already_verified',
  '券已被核销',
  'The coupon is verified already',
  'used_elsewhere',
  'none',
  'customer',
);

/** "The coupon is verified already"; Douyin also says 2. */
export const ALREADY_VERIFIED = 1208;

/** By code. Douyin's own page may list more; a code that is not here is judged by what its call may have done. */
export const DOUYIN_CODES: Readonly<Record<number, DouyinCode>> = {
  2: VERIFIED_ALREADY,
  [ALREADY_VERIFIED]: VERIFIED_ALREADY,
  1212: UNKNOWN_COUPON('券不存在', 'There is no such coupon'),
  1221: code(
    'not_found',
    '券码解密失败',
    'The code cannot be decrypted',
    'code_expired',
    'new_code',
    'customer',
  ),
  1228: code(
    'coupon_refused',
    '券不适用于该门店',
    'The coupon is not for this store',
    'wrong_store',
    'none',
    'customer',
  ),
  1229: code(
    'in_review',
    '核销进入风控审核，最长 48 小时',
    'In risk review, up to 48 hours',
    'in_review',
    'automatic',
    'douyin',
  ),
  1241: code(
    'coupon_refused',
    '次卡剩余次数不足',
    'Too few uses left on the times card',
    'times_exhausted',
    'none',
    'customer',
  ),
  1250: code(
    'coupon_refused',
    '券码已失效',
    'The code is no longer valid',
    'code_expired',
    'new_code',
    'customer',
  ),
  1263: UNKNOWN_COUPON('找不到子履约单', 'The sub-fulfilment is not found'),
  1265: code(
    'coupon_refused',
    '含有已取消的券',
    'It contains a cancelled coupon',
    'refunded',
    'none',
    'customer',
  ),
  1502: WRONG('券码与加密券码都为空', 'Code and encrypted code are both empty'),
  1508: PERMISSION('商家未授权该应用', 'The merchant has not authorised the app'),
  200002: WRONG('请求体无法解析', 'The body cannot be deserialised'),
  2100001: BUSY('未知错误', 'Unknown error'),
  2100004: BUSY('系统繁忙；持续出现时检查参数类型', 'Busy; if it lasts check the parameters’ types'),
  2100005: WRONG('参数不合法', 'Bad parameters'),
  2100007: PERMISSION('无权限，或出口 IP 不在白名单', 'No permission, or the egress IP is not on the list'),
  2100009: PERMISSION('用户被禁用', 'The user is banned'),
  2119001: WRONG('参数错误', 'Bad parameters'),
  2119002: BUSY('服务器错误，请稍后重试', 'Server error, retry later'),
  2119003: TOO_FREQUENT('访问过于频繁', 'Called too often'),
  2119005: PERMISSION('商家未授权该应用', 'The merchant has not authorised the app'),
  2119006: code(
    'coupon_refused',
    '券正在转赠',
    'The coupon is being given away',
    'being_gifted',
    'after_fix',
    'customer',
  ),
  2119007: code(
    'coupon_refused',
    '订单处理中，尚未支付',
    'The order is being placed, unpaid',
    'order_unpaid',
    'after_fix',
    'customer',
  ),
  2119008: PERMISSION('被平台管控拒绝', 'Refused by platform control'),
  2119010: PERMISSION('接口已下线', 'The API is offline'),
  2190001: PERMISSION('调用配额用尽', 'The quota is used up'),
  2190002: TOKEN(
    'access token 无效；持续出现时查找是否有别的环境在刷新',
    'The access token is invalid; if it lasts look for another environment that refreshes it',
  ),
  2190003: PERMISSION('权限或配额问题，抖音未公布含义', 'Permission or quota; Douyin publishes no meaning'),
  2190004: PERMISSION('应用没有该接口权限', 'The app lacks the API permission'),
  2190008: TOKEN('access token 已过期', 'The access token has expired'),
  2190015: PERMISSION('权限或配额问题，抖音未公布含义', 'Permission or quota; Douyin publishes no meaning'),
  3000001: code(
    'unexplained',
    '业务错误，看 sub_error_code',
    'Business error, read sub_error_code',
    null,
    'automatic',
    'operator',
  ),
  3000002: code(
    'coupon_refused',
    '券不适用于该门店',
    'The coupon is not valid in this store',
    'wrong_store',
    'none',
    'customer',
  ),
  3100101: UNKNOWN_COUPON('订单不存在', 'There is no such order'),
  4000001: WRONG('加密券码与订单号都为空', 'Neither encrypted code nor order id'),
  5000001: BUSY('业务错误，持续出现时联系抖音', 'Business error; if it lasts contact Douyin'),
  6001001: BUSY('服务休眠', 'The server is asleep'),
  28001003: TOKEN('access token 无效', 'The access token is invalid'),
  28001005: BUSY('系统繁忙', 'Busy'),
  28001006: BUSY('网络错误', 'Network error'),
  28001007: WRONG('参数不合法', 'Bad parameters'),
  28001008: TOKEN('access token 已过期', 'The access token has expired'),
  28001012: PERMISSION('用户未授权', 'The user has not authorised'),
  28001013: PERMISSION('权限问题，抖音未公布含义', 'Permission; Douyin publishes no meaning'),
  28001014: PERMISSION('应用没有任何能力', 'The app has no capability at all'),
  28001015: PERMISSION('token 与 open_id 不匹配', 'The token does not match the open_id'),
  28001016: PERMISSION('应用被封禁', 'The app is banned'),
  28001017: PERMISSION('未知的接口地址', 'Unknown URI'),
  28001018: PERMISSION('能力未开通', 'The capability is not granted'),
  28001019: PERMISSION('能力已下线', 'The capability is offline'),
  28001052: TOO_FREQUENT('触发风控，请降低频率', 'Risk control, slow down'),
  28001056: PERMISSION('能力已下线', 'The capability is offline'),
  28003017: PERMISSION('调用配额用尽', 'The quota is used up'),
  28003018: TOO_FREQUENT('调用过于频繁', 'Called too often'),
  45005117: code(
    'coupon_refused',
    '动态券码已过期',
    'The dynamic code has expired',
    'code_expired',
    'new_code',
    'customer',
  ),
  1033000519: UNKNOWN_COUPON('没有该券的记录', 'There is no record of the certificate'),
};

/** Whether a code says that there is no such coupon: what guessing codes brings. */
export function isUnknownCoupon(errorCode: number): boolean {
  return DOUYIN_CODES[errorCode]?.reason === 'not_found';
}

/** The words beside a code that say "try again later", whatever its number. */
const RETRY_WORDS = {
  '服务器错误，请稍后重试': 'busy',
  '您的访问过于频繁，请稍后重试': 'too_frequent',
} as const;

/**
 * What Douyin says with a code and the words beside it.
 * @param code not 0; `unreadable` where there is one that is no number
 */
export function meaningOf(code: number | 'unreadable', words: string): CodeMeaning {
  const meaning = code === 'unreadable' ? 'unexplained' : (DOUYIN_CODES[code]?.meaning ?? 'unexplained');
  if (meaning === 'stale_token' || meaning === 'too_frequent') return meaning;
  const retry = Object.entries(RETRY_WORDS).find(([text]) => words.includes(text));
  return retry ? retry[1] : meaning;
}
