// The one table of errors a caller can see: code → kind and public message in both languages.
// How a kind becomes an HTTP status, an activity failure or a log level belongs to those layers, as total maps over ErrorKind.
// Douyin's own codes do not belong here: they are douyin-codes.ts.

/** Whose failure it is and what can be done about it; every layer maps it completely. */
export type ErrorKind =
  | 'invalid_input'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media'
  | 'misdirected'
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
  /** What whoever gets it should do. */
  readonly action: Bilingual;
}

/** Every error code of the gateway. Codes are `area.reason` and never change their meaning. */
export const ERRORS = {
  'request.invalid': {
    kind: 'invalid_input',
    zh: '请求参数有误，请看 details 中的逐项说明',
    en: 'The request is not valid; details names each field',
    action: {
      zh: '按 details.fields 逐项改正请求后再发。',
      en: 'Correct the request as details.fields says, then send it again.',
    },
  },
  'request.malformed_json': {
    kind: 'invalid_input',
    zh: '请求体不是合法的 JSON',
    en: 'The request body is not valid JSON',
    action: { zh: '检查请求体的 JSON 与 UTF-8 编码。', en: 'Check the body’s JSON and its UTF-8.' },
  },
  'request.unreadable': {
    kind: 'invalid_input',
    zh: '不是完整、合法的 HTTP 请求',
    en: 'Not a whole and well-formed HTTP request',
    action: {
      zh: '检查请求行、请求头（合计不超过 16 KiB）与请求体长度，30 秒内发完。',
      en: 'Check the request line, the headers (16 KiB at most) and the body’s length; send it within 30 s.',
    },
  },
  'request.too_large': {
    kind: 'too_large',
    zh: '请求体超过 64 KiB',
    en: 'The request body is larger than 64 KiB',
    action: { zh: '缩小请求体。', en: 'Make the body smaller.' },
  },
  'request.unsupported_media_type': {
    kind: 'unsupported_media',
    zh: '请求体须为未压缩的 application/json（UTF-8）',
    en: 'The request body must be application/json in UTF-8, not compressed',
    action: {
      zh: '设 Content-Type: application/json，不要压缩。',
      en: 'Send Content-Type: application/json, not compressed.',
    },
  },
  'request.wrong_host': {
    kind: 'misdirected',
    zh: '请求的主机名（Host）不是本网关内部界面的',
    en: 'The request’s Host is not a name of this gateway’s internal surface',
    action: {
      zh: '用 IP 地址、localhost 或 INTERNAL_HOSTS 中的名字访问；新名字由管理员加入 INTERNAL_HOSTS。',
      en: 'Use an IP address, localhost or a name of INTERNAL_HOSTS; an administrator adds new names there.',
    },
  },
  'request.foreign_origin': {
    kind: 'forbidden',
    zh: '请求来自别的网页，已拒绝',
    en: 'The request comes from another web page and is refused',
    action: {
      zh: '在网关自己的页面里操作，或直接输入地址打开；脚本不要带 Origin 与 Sec-Fetch-Site。',
      en: 'Use the gateway’s own pages, or type the address; scripts send neither Origin nor Sec-Fetch-Site.',
    },
  },
  'route.not_found': {
    kind: 'not_found',
    zh: '没有这个接口',
    en: 'There is no such endpoint',
    action: {
      zh: '对照 /docs 检查方法与路径，区分大小写。',
      en: 'Check method and path against /docs; case counts.',
    },
  },

  'auth.missing_header': {
    kind: 'unauthenticated',
    zh: '签名请求头缺失或重复，details 中列出了名称',
    en: 'A signature header is missing or repeated; details names it',
    action: { zh: '四个签名请求头各带一次。', en: 'Send each of the four signature headers once.' },
  },
  'auth.bad_timestamp': {
    kind: 'unauthenticated',
    zh: 'X-Timestamp 不是 Unix 时间戳',
    en: 'X-Timestamp is not a Unix timestamp',
    action: { zh: '用 Unix 秒或 13 位毫秒。', en: 'Send Unix seconds, or milliseconds in 13 digits.' },
  },
  'auth.timestamp_out_of_window': {
    kind: 'unauthenticated',
    zh: '请求时间与服务器相差超过 300 秒，请校准收银机时间',
    en: 'The timestamp is more than 300 s from the server’s time; set the till’s clock',
    action: {
      zh: '校准时钟，或按 details.skew_seconds（本机时间减服务器时间）修正后重发。',
      en: 'Set the clock, or correct it by details.skew_seconds (yours minus the server’s), then send again.',
    },
  },
  'auth.bad_nonce': {
    kind: 'unauthenticated',
    zh: 'X-Nonce 须为 8 至 64 位字母、数字、下划线或连字符',
    en: 'X-Nonce must be 8 to 64 letters, digits, underscores or hyphens',
    action: {
      zh: '每次请求用随机的 8–64 位 [A-Za-z0-9_-]。',
      en: 'Make a random 8–64 characters of [A-Za-z0-9_-] for each request.',
    },
  },
  'auth.nonce_reused': {
    kind: 'unauthenticated',
    zh: '随机串已用过，每次请求须换新的 X-Nonce',
    en: 'The nonce was used before; every request needs a new X-Nonce',
    action: {
      zh: '换新的 X-Nonce 重新签名；verify_token 保持不变。',
      en: 'Sign again with a new X-Nonce; keep the verify_token.',
    },
  },
  'auth.bad_signature': {
    kind: 'unauthenticated',
    zh: '签名不正确',
    en: 'The signature is not correct',
    action: {
      zh: '核对 client_key、密钥与待签名文本的七行，见 docs/signing.md。',
      en: 'Check client key, secret and the seven signed lines, see docs/signing.md.',
    },
  },
  'auth.missing_uid': {
    kind: 'unauthenticated',
    zh: '缺少或非法的 X-XTJ-UID',
    en: 'X-XTJ-UID is missing or malformed',
    action: { zh: '由公司网关写入 X-XTJ-UID。', en: 'The company’s own gateway has to set X-XTJ-UID.' },
  },
  'auth.untrusted_peer': {
    kind: 'unauthenticated',
    zh: '内部接口只接受来自可信网段的连接',
    en: 'Internal endpoints accept only connections from the trusted networks',
    action: {
      zh: '经公司网关访问，或由管理员把来源网段加入 INTERNAL_TRUSTED_CIDRS。',
      en: 'Come through the company’s gateway, or have the network added to INTERNAL_TRUSTED_CIDRS.',
    },
  },

  'app.disabled': {
    kind: 'forbidden',
    zh: '该应用已停用',
    en: 'This app is disabled',
    action: { zh: '请管理员启用该应用。', en: 'Ask an administrator to activate the app.' },
  },
  'app.poi_not_allowed': {
    kind: 'forbidden',
    zh: '该应用不可用于此门店',
    en: 'This app may not be used for this store',
    action: {
      zh: '检查 poi_id，或请管理员调整该应用的 poi_ids。',
      en: 'Check poi_id, or ask an administrator to change the app’s poi_ids.',
    },
  },
  'app.token_read_not_allowed': {
    kind: 'forbidden',
    zh: '该应用未获准读取 access token',
    en: 'This app is not allowed to read the access token',
    action: {
      zh: '确有需要时请管理员开启 allow_token_read。',
      en: 'If it is really needed ask an administrator for allow_token_read.',
    },
  },
  'app.not_found': {
    kind: 'not_found',
    zh: '没有这个应用',
    en: 'There is no such app',
    action: { zh: '检查路径中的应用编号。', en: 'Check the app’s id in the path.' },
  },
  'app.code_taken': {
    kind: 'conflict',
    zh: '应用编码已被占用',
    en: 'The app code is taken',
    action: { zh: '换一个 code。', en: 'Choose another code.' },
  },
  'app.client_key_taken': {
    kind: 'conflict',
    zh: 'client_key 已被占用',
    en: 'The client_key is taken',
    action: {
      zh: '换一个 client_key，或不填由系统生成。',
      en: 'Choose another client_key, or leave it out to have one made.',
    },
  },
  'app.secret_not_found': {
    kind: 'not_found',
    zh: '该应用没有这个生效中的密钥',
    en: 'The app has no such live secret',
    action: { zh: '用密钥列表核对编号与状态。', en: 'Check id and state in the list of secrets.' },
  },
  'app.secret_limit': {
    kind: 'conflict',
    zh: '该应用已有两个生效中的密钥，请先停用一个',
    en: 'The app has two live secrets already; end one first',
    action: { zh: '先停用一个旧密钥。', en: 'End an old secret first.' },
  },
  'app.last_secret': {
    kind: 'conflict',
    zh: '这是该应用最后一个生效中的密钥；要停用应用请改其状态',
    en: 'This is the app’s last live secret; to stop the app change its status',
    action: { zh: '先增加新密钥，或停用整个应用。', en: 'Add a new secret first, or disable the app.' },
  },

  'coupon.short_link_invalid': {
    kind: 'invalid_input',
    zh: '不是有效的抖音券二维码，请顾客打开抖音订单页重新出示',
    en: 'Not a valid Douyin coupon link; ask the customer to open the order page again',
    action: {
      zh: '请顾客打开抖音订单页刷新后重新出示，原样传入短链。',
      en: 'Have the customer refresh the order page in Douyin; pass the link on as scanned.',
    },
  },
  'coupon.sibling_in_doubt': {
    kind: 'conflict',
    zh: '同一订单有一笔核销还没有结果，那一笔可能已经核销成功；请勿再核销，按 Retry-After 稍候，用同一 verify_token 再试',
    en: 'Another verification of this order is not decided yet and may have redeemed; redeem nothing more, wait as Retry-After says and repeat with the same verify_token',
    action: {
      zh: '等前一笔（details 里有编号与时间）有结果：它成功就不要再核销，它失败再用同一 verify_token 重试。',
      en: 'Wait for the other one (details names it): if it succeeds redeem nothing more, if it fails repeat with the same verify_token.',
    },
  },
  'verification.token_reused': {
    kind: 'conflict',
    zh: '该 verify_token 已用于另一笔核销，未做任何操作',
    en: 'This verify_token belongs to another verification; nothing was done',
    action: {
      zh: '每笔核销用自己的 verify_token；重试必须与首次内容相同。',
      en: 'Use a verify_token of its own for each verification; a repeat has the same content.',
    },
  },
  'verification.redeemed_by_another': {
    kind: 'conflict',
    zh: '券已由另一笔核销使用',
    en: 'The coupon was redeemed by another verification',
    action: {
      zh: '内部错误码：同一次抖音核销只能属于一条记录。',
      en: 'Internal: one redemption at Douyin belongs to one record.',
    },
  },
  'verification.not_processing': {
    kind: 'conflict',
    zh: '这笔核销已有结果，不能再裁定',
    en: 'This verification is decided already',
    action: { zh: '刷新记录：它已有最终结果。', en: 'Look at the record again: it is final already.' },
  },
  'verification.send_in_flight': {
    kind: 'conflict',
    zh: '核销请求可能还在途中，现在裁定为失败不安全；已停止重发，请按 Retry-After 等待后再裁定',
    en: 'A verify may still be under way, so it is not safe to decide that it failed; nothing is sent any more, decide again as Retry-After says',
    action: {
      zh: '按 Retry-After 等待后再裁定一次；期间网关只查询，不重发。',
      en: 'Wait as Retry-After says and decide again; until then the gateway only looks it up.',
    },
  },
  'verification.not_found': {
    kind: 'not_found',
    zh: '没有这笔核销',
    en: 'There is no such verification',
    action: {
      zh: '核对编号或 verify_token；只能查到本应用的记录。',
      en: 'Check the id or verify_token; an app finds its own records alone.',
    },
  },

  'enrichment.not_open': {
    kind: 'conflict',
    zh: '这笔核销没有待补全的订单数据',
    en: 'This verification has no order data to complete',
    action: { zh: '无需处理。', en: 'Nothing to do.' },
  },

  'report.too_many_running': {
    kind: 'rate_limited',
    zh: '正在进行的报表与查询太多，请稍后再试',
    en: 'Too many reports and queries are running; try again shortly',
    action: {
      zh: '按 Retry-After 等待；等别的导出结束，或缩小时间范围。',
      en: 'Wait as Retry-After says until others have ended, or ask for a shorter range.',
    },
  },
  'report.too_many_groups': {
    kind: 'invalid_input',
    zh: '分组过多，请缩短时间范围、减少分组或加筛选条件',
    en: 'Too many groups; shorten the range, group by less or filter more',
    action: {
      zh: '缩短时间范围、减少分组或加筛选。',
      en: 'Shorten the range, group by less, or filter more.',
    },
  },

  'douyin.unavailable': {
    kind: 'upstream_unavailable',
    zh: '暂时联系不上抖音，券未被使用，请用同一 verify_token 重试',
    en: 'Douyin could not be asked; the coupon is untouched, repeat with the same verify_token',
    action: { zh: '用同一 verify_token 重试。', en: 'Repeat with the same verify_token.' },
  },
  'douyin.refused_gateway': {
    kind: 'upstream_refused_gateway',
    zh: '抖音拒绝了网关的请求，券未被使用，已通知管理员',
    en: 'Douyin refused the gateway itself; the coupon is untouched, the operators are alerted',
    action: {
      zh: '管理员查日志中的抖音错误码，对照 docs/douyin-codes.md 处理后用同一 verify_token 重试。',
      en: 'Operators look up Douyin’s code in the log and docs/douyin-codes.md; then repeat with the same verify_token.',
    },
  },
  'douyin.broken_answer': {
    kind: 'upstream_broken',
    zh: '抖音的应答无法识别',
    en: 'Douyin’s answer could not be understood',
    action: {
      zh: '稍后重试；持续出现请联系管理员。',
      en: 'Try again later; if it stays so tell the operators.',
    },
  },

  'gateway.busy': {
    kind: 'gateway_unavailable',
    zh: '网关繁忙，未做任何操作，请稍后重试',
    en: 'The gateway is busy; nothing was done, try again shortly',
    action: {
      zh: '按 Retry-After 等待后，用同一 verify_token 重试。',
      en: 'Wait as Retry-After says, then repeat with the same verify_token.',
    },
  },
  'gateway.database_unavailable': {
    kind: 'gateway_unavailable',
    zh: '网关数据库暂不可用，未做任何操作，请稍后重试',
    en: 'The gateway’s database is away; nothing was done, try again shortly',
    action: {
      zh: '按 Retry-After 等待后重试；管理员检查数据库。',
      en: 'Wait as Retry-After says and repeat; operators check the database.',
    },
  },
  'gateway.too_late': {
    kind: 'gateway_unavailable',
    zh: '请求等待过久，未向抖音发起核销，券未被使用；请用同一 verify_token 重试',
    en: 'The request waited too long and nothing was sent to Douyin; the coupon is untouched, repeat with the same verify_token',
    action: {
      zh: '用同一 verify_token 重试。',
      en: 'Repeat with the same verify_token.',
    },
  },
  'gateway.engine_unavailable': {
    kind: 'gateway_unavailable',
    zh: '网关任务引擎暂不可用，未做任何操作，请稍后重试',
    en: 'The gateway’s workflow engine is away; nothing was done, try again shortly',
    action: {
      zh: '按 Retry-After 等待后重试；管理员检查 Temporal。',
      en: 'Wait as Retry-After says and repeat; operators check Temporal.',
    },
  },
  'gateway.stopping': {
    kind: 'gateway_unavailable',
    zh: '网关正在重启，未做任何操作，请稍后重试',
    en: 'The gateway is restarting; nothing was done, try again shortly',
    action: {
      zh: '按 Retry-After 等待后重试，会由其他进程处理。',
      en: 'Wait as Retry-After says and repeat; another process takes it.',
    },
  },

  'rate.limited': {
    kind: 'rate_limited',
    zh: '请求过于频繁，请稍后再试',
    en: 'Too many requests; try again later',
    action: {
      zh: '按 Retry-After 等待，并按 RateLimit-* 请求头控制频率。',
      en: 'Wait as Retry-After says, and keep to the RateLimit-* headers.',
    },
  },
  'rate.too_many_unknown_codes': {
    kind: 'rate_limited',
    zh: '多次提交不存在的券码，暂停受理，请稍后再试',
    en: 'Too many codes that do not exist; paused for a while',
    action: {
      zh: '停止试码；确认收银员扫的是抖音券码后，等 Retry-After 再试。',
      en: 'Stop trying codes; make sure that Douyin coupons are scanned, and wait as Retry-After says.',
    },
  },

  'internal.unexpected': {
    kind: 'internal',
    zh: '网关内部错误，请把 request_id 告诉管理员',
    en: 'An internal error; give the request_id to the operators',
    action: {
      zh: '把 request_id 告诉管理员；核销请求请用同一 verify_token 再查。',
      en: 'Give the request_id to the operators; ask about a verification with its verify_token again.',
    },
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
