// docs/errors.md and docs/douyin-codes.md, made from the tables that the gateway itself uses.
import { ADVICE } from '../../src/domain/advice.ts';
import { DOUYIN_CODES, type DouyinCode } from '../../src/domain/douyin-codes.ts';
import { type ErrorKind, ERRORS } from '../../src/domain/errors.ts';
import { STATUS_BY_KIND } from '../../src/http/error-response.ts';

const KINDS: Readonly<Record<ErrorKind, string>> = {
  invalid_input: '请求有误 · the request',
  unauthenticated: '身份 · authentication',
  forbidden: '权限 · permission',
  not_found: '不存在 · not found',
  conflict: '冲突 · conflict',
  too_large: '过大 · too large',
  unsupported_media: '格式 · media type',
  misdirected: '主机名 · host name',
  rate_limited: '频率 · rate',
  upstream_unavailable: '抖音联系不上，券未动 · Douyin away, nothing consumed',
  upstream_refused_gateway: '抖音拒绝网关，券未动 · Douyin refuses the gateway, nothing consumed',
  upstream_broken: '抖音应答异常 · Douyin’s answer',
  gateway_unavailable: '网关暂不可用，未发送任何内容 · the gateway, nothing sent',
  internal: '网关缺陷 · a bug of the gateway',
};

export function renderErrorsDocument(): string {
  const rows = Object.entries(ERRORS).map(([code, { kind, zh, en, action }]) => [
    `\`${code}\``,
    String(STATUS_BY_KIND[kind]),
    KINDS[kind],
    `${zh}<br>_${en}_`,
    `${action.zh}<br>_${action.en}_`,
  ]);
  return page(
    '错误码 · Error codes',
    [
      '错误的形式：`{"error": {"code", "message", "request_id", "details"?}}`；`Accept-Language: en` 返回英文。代码的含义永不改变。<br>\n_The form of an error; `Accept-Language: en` gives English. A code never changes its meaning._',
      '502 与 503 都表示券未被使用，可用同一 `verify_token` 重试。被抖音拒绝的券不是错误：200，`verify_status: "failed"`，见 [抖音错误码](douyin-codes.md)。<br>\n_With 502 and 503 the coupon is untouched: repeat with the same `verify_token`. A refused coupon is no error: 200 with `verify_status: "failed"`, see Douyin’s codes._',
    ],
    ['代码 · code', '状态 · status', '类别 · kind', '说明 · message', '怎么办 · what to do'],
    rows,
  );
}

const RETRIES: Readonly<Record<DouyinCode['retry'], string>> = {
  automatic: '网关自动重试 · by itself',
  new_code: '刷新券码后重新核销 · with a refreshed code',
  after_fix: '解决后用同一 verify_token · same verify_token, once fixed',
  none: '无用 · useless',
};

const FIXERS: Readonly<Record<DouyinCode['fixer'], string>> = {
  nobody: '无需 · nobody',
  customer: '顾客 · customer',
  cashier: '收银员 · cashier',
  operator: '管理员 · operators',
  douyin: '抖音 · Douyin',
};

const NOT_THE_COUPON = {
  zh: '告诉顾客系统暂时不能核销，券没有被使用；按网关的应答重试或联系管理员。',
  en: 'Tell the customer that the system cannot redeem now and the coupon is untouched; repeat as the gateway says, or call the operators.',
};

export function renderDouyinCodesDocument(): string {
  const rows = Object.entries(DOUYIN_CODES).map(([code, { cause, reason, retry, fixer }]) => {
    const advice = reason === null ? NOT_THE_COUPON : ADVICE[reason];
    return [
      `\`${code}\``,
      `${cause.zh}<br>_${cause.en}_`,
      `${advice.zh}<br>_${advice.en}_`,
      RETRIES[retry],
      FIXERS[fixer],
    ];
  });
  return page(
    '抖音错误码 · Douyin’s error codes',
    [
      '出现在核销记录的 `error_code` 或日志里。“收银员”一列就是记录里的 `advice`（曾由本系统核销的券会另外说明时间、门店与记录号）。<br>\n_They appear in a record’s `error_code` or in the log. The cashier’s column is the record’s `advice`; for a coupon redeemed here before it names time, store and record instead._',
      '没有列出的代码：核销时按“可能已核销”处理，由网关核对；准备时按“券被拒绝”处理。<br>\n_A code that is not listed: at a verify the coupon may be redeemed, and the gateway finds out; at a prepare the coupon is refused._',
    ],
    ['代码 · code', '原因 · cause', '收银员 · the cashier', '重试 · repeat', '谁来解决 · who fixes it'],
    rows,
  );
}

function page(
  title: string,
  paragraphs: readonly string[],
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
  const origin =
    '<!-- 由代码生成，勿手改 · made from the code, do not edit: SAVE_DOCS=1 npm test -- test/errors -->';
  return [`# ${title}`, origin, ...paragraphs, table].join('\n\n') + '\n';
}
