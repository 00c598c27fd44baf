// The one table of errors a caller can see: code → kind and public message in both languages.
// How a kind becomes an HTTP status, an activity failure or a log level belongs to those layers, as total maps over ErrorKind.
// Douyin's own codes do not belong here: they are src/douyin/error-codes.ts.

/** Whose failure it is and what can be done about it; every layer maps it completely. */
export type ErrorKind =
  | 'invalid_input'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media'
  | 'rate_limited'
  | 'upstream_unavailable'
  | 'upstream_refused_gateway'
  | 'upstream_broken'
  | 'gateway_unavailable'
  | 'internal';

/** The languages callers are answered in; Chinese unless they ask for English. */
export type Language = 'zh' | 'en';

export type Bilingual = Readonly<Record<Language, string>>;

interface ErrorEntry extends Bilingual {
  readonly kind: ErrorKind;
}

/** Every error code of the gateway. Codes are `area.reason` and never change their meaning. */
export const ERRORS = {
  'request.invalid': {
    kind: 'invalid_input',
    zh: '请求参数有误，请看 details 中的逐项说明',
    en: 'The request is not valid; details names each field',
  },
  'request.malformed_json': {
    kind: 'invalid_input',
    zh: '请求体不是合法的 JSON',
    en: 'The request body is not valid JSON',
  },
  'request.too_large': {
    kind: 'too_large',
    zh: '请求体超过 64 KiB',
    en: 'The request body is larger than 64 KiB',
  },
  'request.unsupported_media_type': {
    kind: 'unsupported_media',
    zh: '请求体须为未压缩的 application/json（UTF-8）',
    en: 'The request body must be application/json in UTF-8, not compressed',
  },
  'route.not_found': { kind: 'not_found', zh: '没有这个接口', en: 'There is no such endpoint' },

  'auth.missing_header': {
    kind: 'unauthenticated',
    zh: '签名请求头缺失或重复，details 中列出了名称',
    en: 'A signature header is missing or repeated; details names it',
  },
  'auth.bad_timestamp': {
    kind: 'unauthenticated',
    zh: 'X-Timestamp 不是 Unix 时间戳',
    en: 'X-Timestamp is not a Unix timestamp',
  },
  'auth.timestamp_out_of_window': {
    kind: 'unauthenticated',
    zh: '请求时间与服务器相差超过 300 秒，请校准收银机时间',
    en: 'The timestamp is more than 300 s from the server’s time; set the till’s clock',
  },
  'auth.bad_nonce': {
    kind: 'unauthenticated',
    zh: 'X-Nonce 须为 8 至 64 位字母、数字、下划线或连字符',
    en: 'X-Nonce must be 8 to 64 letters, digits, underscores or hyphens',
  },
  'auth.nonce_reused': {
    kind: 'unauthenticated',
    zh: '随机串已用过，每次请求须换新的 X-Nonce',
    en: 'The nonce was used before; every request needs a new X-Nonce',
  },
  'auth.bad_signature': { kind: 'unauthenticated', zh: '签名不正确', en: 'The signature is not correct' },
  'auth.missing_uid': {
    kind: 'unauthenticated',
    zh: '缺少或非法的 X-XTJ-UID',
    en: 'X-XTJ-UID is missing or malformed',
  },
  'auth.untrusted_peer': {
    kind: 'unauthenticated',
    zh: '内部接口只接受来自可信网段的连接',
    en: 'Internal endpoints accept only connections from the trusted networks',
  },

  'app.disabled': { kind: 'forbidden', zh: '该应用已停用', en: 'This app is disabled' },
  'app.poi_not_allowed': {
    kind: 'forbidden',
    zh: '该应用不可用于此门店',
    en: 'This app may not be used for this store',
  },
  'app.token_read_not_allowed': {
    kind: 'forbidden',
    zh: '该应用未获准读取 access token',
    en: 'This app is not allowed to read the access token',
  },
  'app.not_found': { kind: 'not_found', zh: '没有这个应用', en: 'There is no such app' },
  'app.code_taken': { kind: 'conflict', zh: '应用编码已被占用', en: 'The app code is taken' },
  'app.client_key_taken': { kind: 'conflict', zh: 'client_key 已被占用', en: 'The client_key is taken' },
  'app.secret_not_found': {
    kind: 'not_found',
    zh: '该应用没有这个生效中的密钥',
    en: 'The app has no such live secret',
  },
  'app.secret_limit': {
    kind: 'conflict',
    zh: '该应用已有两个生效中的密钥，请先停用一个',
    en: 'The app has two live secrets already; end one first',
  },
  'app.last_secret': {
    kind: 'conflict',
    zh: '这是该应用最后一个生效中的密钥；要停用应用请改其状态',
    en: 'This is the app’s last live secret; to stop the app change its status',
  },

  'coupon.short_link_invalid': {
    kind: 'invalid_input',
    zh: '不是有效的抖音券二维码，请顾客打开抖音订单页重新出示',
    en: 'Not a valid Douyin coupon link; ask the customer to open the order page again',
  },
  'verification.token_reused': {
    kind: 'conflict',
    zh: '该 verify_token 已用于另一笔核销，未做任何操作',
    en: 'This verify_token belongs to another verification; nothing was done',
  },
  'verification.redeemed_by_another': {
    kind: 'conflict',
    zh: '券已由另一笔核销使用',
    en: 'The coupon was redeemed by another verification',
  },
  'verification.not_processing': {
    kind: 'conflict',
    zh: '这笔核销已有结果，不能再裁定',
    en: 'This verification is decided already',
  },
  'verification.not_found': {
    kind: 'not_found',
    zh: '没有这笔核销',
    en: 'There is no such verification',
  },

  'enrichment.not_open': {
    kind: 'conflict',
    zh: '这笔核销没有待补全的订单数据',
    en: 'This verification has no order data to complete',
  },

  'report.too_many_groups': {
    kind: 'invalid_input',
    zh: '分组过多，请缩短时间范围、减少分组或加筛选条件',
    en: 'Too many groups; shorten the range, group by less or filter more',
  },

  'douyin.unavailable': {
    kind: 'upstream_unavailable',
    zh: '暂时联系不上抖音，券未被使用，请用同一 verify_token 重试',
    en: 'Douyin could not be asked; the coupon is untouched, repeat with the same verify_token',
  },
  'douyin.refused_gateway': {
    kind: 'upstream_refused_gateway',
    zh: '抖音拒绝了网关的请求，券未被使用，已通知管理员',
    en: 'Douyin refused the gateway itself; the coupon is untouched, the operators are alerted',
  },
  'douyin.broken_answer': {
    kind: 'upstream_broken',
    zh: '抖音的应答无法识别',
    en: 'Douyin’s answer could not be understood',
  },

  'gateway.busy': {
    kind: 'gateway_unavailable',
    zh: '网关繁忙，未做任何操作，请稍后重试',
    en: 'The gateway is busy; nothing was done, try again shortly',
  },
  'gateway.database_unavailable': {
    kind: 'gateway_unavailable',
    zh: '网关数据库暂不可用，未做任何操作，请稍后重试',
    en: 'The gateway’s database is away; nothing was done, try again shortly',
  },
  'gateway.engine_unavailable': {
    kind: 'gateway_unavailable',
    zh: '网关任务引擎暂不可用，未做任何操作，请稍后重试',
    en: 'The gateway’s workflow engine is away; nothing was done, try again shortly',
  },
  'gateway.stopping': {
    kind: 'gateway_unavailable',
    zh: '网关正在重启，未做任何操作，请稍后重试',
    en: 'The gateway is restarting; nothing was done, try again shortly',
  },

  'internal.unexpected': {
    kind: 'internal',
    zh: '网关内部错误，请把 request_id 告诉管理员',
    en: 'An internal error; give the request_id to the operators',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  /** Shown to the caller under `details`; no secrets, no codes. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** For the log only. */
  readonly internal?: string;
  readonly cause?: unknown;
}

/** A failure with a place in the table. Its kind comes from its code, never from where it is thrown. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.internal ?? ERRORS[code].en, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.kind = ERRORS[code].kind;
    this.data = options.data;
  }
}
