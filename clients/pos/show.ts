// Turns answers into what a cashier or a developer reads. Knows no network and decides nothing.
import { styleText } from 'node:util';
import type { DyGatewayError, PrepareBody, SigningSteps, VerificationView } from '../typescript/index.ts';
import type { Language } from './arguments.ts';

type Row = readonly [label: { readonly zh: string; readonly en: string }, value: string];

/** Colours a heading, only where the stream is a terminal that wants colour. */
function heading(colour: 'green' | 'red' | 'yellow', text: string): string {
  return styleText([colour, 'bold'], text, { stream: process.stdout });
}

export function showVerification(view: VerificationView, language: Language): string {
  const say = (zh: string, en: string): string => (language === 'zh' ? zh : en);
  const rows: Row[] = [
    [{ zh: '券', en: 'coupon' }, view.product_name || view.sku_name],
    [{ zh: '门店', en: 'store' }, view.poi_id],
    [{ zh: '订单', en: 'order' }, view.order_id],
    [{ zh: '券编号', en: 'certificate' }, view.certificate_id],
    ...(view.verify_status === 'success' ? amountRows(view, language) : []),
    [{ zh: '核销时间', en: 'redeemed at' }, localTime(view.verify_time)],
    [{ zh: '核销记录', en: 'record' }, String(view.id)],
    [{ zh: '核销令牌', en: 'verify token' }, view.verify_token],
  ];
  const lines: string[] = [];
  switch (view.verify_status) {
    case 'success':
      lines.push(heading('green', say('✅ 核销成功', '✅ Redeemed')));
      break;
    case 'failed':
      lines.push(heading('red', say('❌ 核销失败', '❌ Not redeemed')));
      lines.push(`   ${view.error_description} (${view.error_code})`);
      if (view.advice) lines.push(`   ${say('请这样做：', 'What to do: ')}${view.advice}`);
      break;
    case 'processing':
      lines.push(heading('yellow', say('⏳ 处理中，结果还没有确定', '⏳ Processing: not decided yet')));
      if (view.advice) lines.push(`   ${view.advice}`);
      lines.push(`   ${askAgain(view.verify_token, language)}`);
      break;
  }
  return [...lines, ...table(rows, language)].join('\n');
}

export function showPrepared(body: PrepareBody, language: Language): string {
  const say = (zh: string, en: string): string => (language === 'zh' ? zh : en);
  const certificates = body.data?.certificates ?? [];
  if (!isPrepared(body)) {
    const code = Number(body.data?.error_code) || Number(body.extra?.error_code) || 0;
    const why = body.data?.description || body.extra?.description || '';
    return [
      heading('red', say('❌ 没有可用的券', '❌ No usable coupon')),
      ...(code === 0 ? [] : [`   ${why} (${code})`]),
    ].join('\n');
  }
  const lines = [
    heading(
      'green',
      say(`✅ 可用的券 ${certificates.length} 张`, `✅ ${certificates.length} usable coupon(s)`),
    ),
    ...table(
      [
        [{ zh: '订单', en: 'order' }, body.data?.order_id ?? ''],
        [{ zh: '核销令牌', en: 'verify token' }, body.data?.verify_token ?? ''],
      ],
      language,
    ),
  ];
  for (const [index, certificate] of certificates.entries()) {
    lines.push(
      `${index + 1}.`,
      ...table(
        [
          [{ zh: '券', en: 'coupon' }, certificate.sku?.title ?? ''],
          [{ zh: '券编号', en: 'certificate' }, String(certificate.certificate_id ?? '')],
          [{ zh: '用户实付', en: 'paid' }, yuan(certificate.amount?.pay_amount)],
          [{ zh: '有效期至', en: 'valid until' }, localTime(unixToIso(certificate.expire_time))],
          [{ zh: '加密券码', en: 'encrypted' }, certificate.encrypted_code],
        ],
        language,
      ),
    );
  }
  return lines.join('\n');
}

/** Whether Douyin lists at least one coupon and reports no error; its codes may be text or missing. */
export function isPrepared(body: PrepareBody): boolean {
  return (
    Number(body.data?.error_code ?? 0) === 0 &&
    Number(body.extra?.error_code ?? 0) === 0 &&
    (body.data?.certificates?.length ?? 0) > 0
  );
}

export function showError(error: DyGatewayError, language: Language): string {
  const say = (zh: string, en: string): string => (language === 'zh' ? zh : en);
  const title = error.isOutcomeUnknown
    ? heading('yellow', say('⏳ 结果未知，这张券可能已经核销', '⏳ Unknown: the coupon may be redeemed'))
    : heading('red', say('❌ 没有完成', '❌ Not done'));
  const lines = [title, `   ${error.message} (${error.code}${error.status ? `, HTTP ${error.status}` : ''})`];
  if (error.cause instanceof Error && error.status === 0 && error.cause.message)
    lines.push(`   ${error.cause.message}`);
  for (const [name, value] of Object.entries(error.details)) {
    const text = typeof value === 'string' ? value.replaceAll('\n', '␊\n     ') : JSON.stringify(value);
    lines.push(`   ${name}: ${text}`);
  }
  if (error.isOutcomeUnknown) {
    lines.push(`   ${askAgain(error.verifyToken, language)}`);
  } else if (error.verifyToken && (error.status === 0 || error.status === 429 || error.status >= 500)) {
    const again = `--token ${quote(error.verifyToken)}`;
    lines.push(
      `   ${say(`这一次什么都没做。稍后请用同一令牌再试：${again}`, `This attempt did nothing. Try again later with ${again}`)}`,
    );
  }
  if (error.requestId) lines.push(`   ${say('请求号', 'request id')} ${error.requestId}`);
  return lines.join('\n');
}

export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  /** As curl takes it: the text itself or `@FILE`; empty if there is no body. */
  readonly bodyArgument: string;
}

export function showSigning(steps: SigningSteps, request: SignedRequest, language: Language): string {
  const say = (zh: string, en: string): string => (language === 'zh' ? zh : en);
  const lines = steps.stringToSign.split('\n');
  return [
    say(
      '1. 正文的 SHA-256（没有正文就是空串的）',
      '1. SHA-256 of the body (of the empty string if there is none)',
    ),
    `   ${steps.bodySha256}`,
    say(
      '2. 待签名串：7 行，用 LF（␊）连接，最后一行后面没有换行',
      '2. string to sign: 7 lines joined by LF (␊), none after the last',
    ),
    ...lines.map((line, index) => `   ${line}${index < lines.length - 1 ? '␊' : ''}`),
    say(
      '3. 签名 = 小写十六进制 HMAC-SHA256（密钥为 secret 的 UTF-8 字节）',
      '3. signature = lower-case hex HMAC-SHA256, keyed with the secret’s UTF-8 bytes',
    ),
    `   ${steps.signature}`,
    say('4. 可直接执行（每个 nonce 只能用一次）', '4. ready to run (a nonce works once)'),
    curlCommand(steps, request),
  ].join('\n');
}

export function curlCommand(steps: SigningSteps, request: SignedRequest): string {
  const parts = [`curl -X ${request.method} ${quote(request.url)}`];
  for (const [name, value] of Object.entries(steps.headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (request.bodyArgument !== '') {
    parts.push(`-H 'Content-Type: application/json'`, `--data-binary ${quote(request.bodyArgument)}`);
  }
  return parts.join(' \\\n  ');
}

function askAgain(verifyToken: string, language: Language): string {
  const command = `npm run pos -- lookup --token ${quote(verifyToken)}`;
  return language === 'zh'
    ? `请不要换新令牌重新核销。用同一令牌再问：${command}`
    : `Do not try again with a new token. Ask with the same one: ${command}`;
}

function amountRows(view: VerificationView, language: Language): Row[] {
  if (view.enrichment_status !== 'success') {
    const pending = language === 'zh' ? '订单信息稍后补齐' : 'the order’s data follows later';
    return view.enrichment_status === 'skipped' ? [] : [[{ zh: '金额', en: 'amounts' }, pending]];
  }
  return [
    [{ zh: '用户实付', en: 'paid' }, yuan(view.pay_amount)],
    [{ zh: '商家实收', en: 'received' }, yuan(view.receipt_amount)],
    [{ zh: '优惠', en: 'discount' }, yuan(view.discount_amount)],
  ];
}

/** Fen to yuan, by digits: no floating point touches money. */
function yuan(fen: number | string | undefined): string {
  if (fen === undefined || !/^-?\d+$/.test(String(fen))) return '';
  const digits = String(fen).replace('-', '').padStart(3, '0');
  return `${String(fen).startsWith('-') ? '-' : ''}¥${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function unixToIso(unix: number | string | undefined): string | null {
  const value = Number(unix);
  if (!Number.isFinite(value) || value <= 0) return null;
  return new Date(value > 1e11 ? value : value * 1000).toISOString();
}

/** A time in the till's own zone. */
function localTime(iso: string | null): string {
  // The Swedish format is the ISO one with a blank.
  return iso === null ? '' : new Date(iso).toLocaleString('sv-SE');
}

/** Rows without a value are left out; Chinese labels are padded with full-width blanks. */
function table(rows: readonly Row[], language: Language): string[] {
  return rows
    .filter(([, value]) => value !== '')
    .map(([label, value]) => {
      const padded = language === 'zh' ? label.zh.padEnd(4, '　') : label.en.padEnd(12);
      return `   ${padded}  ${value}`;
    });
}

/** One word for a POSIX shell. */
function quote(word: string): string {
  return /^[A-Za-z0-9_./:@=%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
