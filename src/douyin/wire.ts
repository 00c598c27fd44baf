// zod schemas of Douyin's JSON and how an answer's bytes are read. Tolerant of new fields, of ids, amounts and codes as
// number, text, null or "", and of missing optional parts; strict about what the gateway depends on.
// What the values mean to us is mapping.ts, what the codes mean src/domain/douyin-codes.ts.
import { z } from 'zod';
import { meaningOf, type CodeMeaning } from '../domain/douyin-codes.ts';
import type { AnswerHeaders, Exchange } from './http-exchange.ts';
import { parseLosslessJson } from './lossless-json.ts';

/** Longer words are cut: they are stored and shown, and nothing depends on their end. */
const MAX_TEXT_LENGTH = 500;
/** What an `integer` column holds; a larger amount or count is a misreading, not money. */
const MAX_AMOUNT = 2_147_483_647;
/** Thirteen digits: from here on a time is milliseconds. */
const FIRST_MILLISECOND_TIME = 1_000_000_000_000;
const LAST_TIME_MS = Date.UTC(9999, 11, 31);

/** An error code or item result: null if it is missing, null or "", `unreadable` if it is there but is no integer. */
export type Code = number | 'unreadable' | null;

function toCode(value: unknown): Code {
  if (value === undefined || value === null || value === '') return null;
  return toInteger(value) ?? 'unreadable';
}

function toInteger(value: unknown): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null;
  if (typeof value !== 'string' || !/^\s*-?\d{1,16}\s*$/.test(value)) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

function toText(value: unknown): string {
  if (typeof value !== 'string') return typeof value === 'number' ? String(value) : '';
  // PostgreSQL's text cannot hold NUL, and an outcome must never fail to be stored for a stray byte.
  return value.replaceAll('\u0000', '');
}

/** Ids are text here whatever they were; "0" is Douyin's way of saying none. */
function toId(value: unknown): string {
  const text = toText(value).trim();
  return text === '0' ? '' : text;
}

function toAmount(value: unknown): number | null {
  const amount = toInteger(value);
  return amount !== null && amount >= 0 && amount <= MAX_AMOUNT ? amount : null;
}

function toTime(value: unknown): Date | null {
  const number = toInteger(value);
  if (number === null || number <= 0) return null;
  const milliseconds = number >= FIRST_MILLISECOND_TIME ? number : number * 1000;
  return milliseconds <= LAST_TIME_MS ? new Date(milliseconds) : null;
}

/** Whether a time was told at all, even one that cannot be read; Douyin's "none" are missing, null, "" and 0 or less. */
function isTold(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return false;
  const number = toInteger(value);
  return number === null || number > 0;
}

/** A field that may be missing; `read` gets undefined then. */
const field = <T>(read: (value: unknown) => T) => z.unknown().optional().transform(read);
const code = field(toCode);
const id = field(toId);
const text = field(toText);
const words = field((value) => toText(value).slice(0, MAX_TEXT_LENGTH));
const amount = field(toAmount);
const time = field(toTime);
const integer = field(toInteger);
const flag = field((value) => (typeof value === 'boolean' ? value : null));
/** An object of which only matters whether there is anything in it: `{}` is Douyin's way of saying none. */
const hasContent = field(
  (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0,
);
/** A part that may be missing, null, or (as Douyin's empty objects sometimes are) "": then it is null. */
const part = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z
    .preprocess((value) => (value === '' ? null : value), z.looseObject(shape).nullish())
    .optional()
    .transform((value) => value ?? null);
/** A list that may be missing or null. An element that does not parse makes the answer unreadable: none is skipped. */
const list = <Element extends z.ZodType>(element: Element) =>
  z
    .preprocess((value) => (value === '' ? null : value), z.array(element).nullish())
    .optional()
    .transform((value): z.output<Element>[] => value ?? []);

/** A moment and, beside it, whether one was told: a time that cannot be read is still one. */
const cancelTime = field((value) => ({ isTold: isTold(value), at: toTime(value) }));

/** An amount that is a number, a text, or an object with what was paid and the list price. Fen. */
const useAmount = field((value): { readonly payFen: number | null; readonly originalFen: number | null } => {
  if (typeof value !== 'object' || value === null) return { payFen: toAmount(value), originalFen: null };
  const { pay_amount: paid, original_amount: original } = value as Record<string, unknown>;
  return { payFen: toAmount(paid), originalFen: toAmount(original) };
});

const verificationSchema = part({
  verify_id: id,
  certificate_id: id,
  verify_time: time,
  verify_type: integer,
  poi_id: id,
  can_cancel: flag,
  cancel_time: cancelTime,
  times_card_serial_num: integer,
});

/** A certificate as prepare, get and query list it. */
export const certificateSchema = z.looseObject({
  encrypted_code: text,
  certificate_id: id,
  status: code,
  start_time: time,
  expire_time: time,
  code: text,
  sku: part({
    sku_id: id,
    product_id: id,
    third_sku_id: id,
    title: words,
    groupon_type: integer,
    voucher_type: integer,
  }),
  amount: part({ pay_amount: amount, original_amount: amount }),
  time_card: part({
    times_count: amount,
    times_used: amount,
    serial_amount_list: list(z.looseObject({ serial_numb: integer, amount: useAmount })),
  }),
  benefit_card_info: hasContent,
  dynamic_coupon_info: hasContent,
  verify: verificationSchema,
  verify_records: list(verificationSchema),
  deduction_info_list: list(z.looseObject({ source_order_id: id })),
});
export type WireCertificate = z.output<typeof certificateSchema>;

/** Ordinary coupons and those of combination packages; the calls and SDKs spell the second list differently. */
const certificateLists = {
  certificates: list(certificateSchema),
  certificates_v2: list(certificateSchema),
  certificates_v_2: list(certificateSchema),
};
export const certificateListsSchema = z.looseObject(certificateLists);

export const prepareDataSchema = z.looseObject({
  order_id: id,
  verify_token: text,
  ...certificateLists,
});

export const verifyItemSchema = z.looseObject({
  result: code,
  msg: words,
  code: text,
  verify_id: id,
  certificate_id: id,
  order_id: id,
  origin_code: text,
  product_id: id,
  verify_time: time,
  verify_amount_info: part({
    time_card_amount: part({ amount: useAmount }),
    times_card_serial_amount: part({ serial_numb: integer, amount: useAmount }),
  }),
});
export type WireVerifyItem = z.output<typeof verifyItemSchema>;

export const verifyDataSchema = z.looseObject({ verify_results: list(verifyItemSchema) });

export const getCertificateDataSchema = z.looseObject({
  certificate: certificateSchema.nullish(),
  certificate_v2: certificateSchema.nullish(),
  // One SDK spells it so.
  certificate_v_2: certificateSchema.nullish(),
});

export const verifyRecordSchema = z.looseObject({
  cursor: text,
  verify_id: id,
  certificate_id: id,
  verify_time: time,
  verify_type: integer,
  status: integer,
  poi_id: id,
  can_cancel: flag,
  cancel_time: cancelTime,
  verify_amount_info: part({ times_card_serial_amount: part({ serial_numb: integer }) }),
});
export type WireVerifyRecord = z.output<typeof verifyRecordSchema>;

export const verifyRecordsDataSchema = z.looseObject({
  records: list(verifyRecordSchema),
  records_v2: list(verifyRecordSchema),
});

export const orderSchema = z.looseObject({
  order_id: id,
  ext_order_id: id,
  order_status: amount,
  sku_id: id,
  sku_name: words,
  count: amount,
  products: list(z.looseObject({ product_id: id, product_name: words, sku_id: id, num: amount })),
  pay_amount: amount,
  receipt_amount: amount,
  discount_amount: amount,
  create_order_time: time,
  pay_time: time,
  certificate: list(z.looseObject({ certificate_id: id, order_item_id: id })),
  sub_order_amount_infos: list(
    z.looseObject({
      sub_order_id: id,
      pay_amount: amount,
      receipt_amount: amount,
      discount_amount: amount,
    }),
  ),
});
export type WireOrder = z.output<typeof orderSchema>;

export const ordersDataSchema = z.looseObject({ orders: list(orderSchema) });

/** The answer of /oauth/client_token/; it has no `extra`. */
export const clientTokenSchema = z.looseObject({
  data: z.looseObject({ error_code: code, access_token: text, expires_in: integer, log_id: text }),
});

const envelopePartSchema = z.looseObject({ error_code: code, description: words });
const extraSchema = envelopePartSchema.extend({ sub_error_code: integer, logid: text, now: time });

/** An answer of Douyin's that is a JSON object, its codes read but not judged. */
export interface Answer {
  /** The bytes as text, unchanged. */
  readonly text: string;
  /** The code that decides, null if none is there, and its words. */
  readonly errorCode: Code;
  readonly description: string;
  /** null where there is none, or none that can be read. */
  readonly subErrorCode: number | null;
  /** Names the call to Douyin's support; safe to log. */
  readonly logid: string;
  /** `extra.now`: when, by Douyin's clock, to the second; null if it does not say. */
  readonly answeredAt: Date | null;
  /** The part `data`, for the call's own schema. */
  readonly data: unknown;
}

/** @returns null if the bytes are not a JSON object in UTF-8 */
export function readAnswer(body: Buffer): Answer | null {
  const json = readJsonObject(body);
  if (json === null) return null;
  const extra = extraSchema.safeParse(json.value['extra']).data ?? null;
  const data = envelopePartSchema.safeParse(json.value['data']).data ?? null;
  const decides = pickDecidingCode([data, extra]);
  return {
    text: json.text,
    errorCode: decides?.error_code ?? null,
    description: [decides, data, extra].find((candidate) => candidate?.description)?.description ?? '',
    subErrorCode: extra?.sub_error_code ?? null,
    logid: /^[A-Za-z0-9_-]{1,64}$/.exec(extra?.logid ?? '')?.[0] ?? '',
    answeredAt: extra?.now ?? null,
    data: json.value['data'],
  };
}

/** @returns null if the bytes are not a JSON object in UTF-8 */
export function readJsonObject(body: Buffer): { text: string; value: Record<string, unknown> } | null {
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value = parseLosslessJson(decoded);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { text: decoded, value: value as Record<string, unknown> }
      : null;
  } catch {
    // Not UTF-8, not JSON, or nested absurdly deep: whoever asked decides what an unreadable answer means to it.
    return null;
  }
}

const BUSY_MEANINGS: ReadonlySet<CodeMeaning> = new Set(['busy', 'too_frequent']);

type EnvelopePart = z.output<typeof envelopePartSchema>;
type CodedPart = EnvelopePart & { readonly error_code: number | 'unreadable' };

/**
 * A code counts wherever it is not 0. If both are and differ, a stale token wins (the call did nothing), then a busy
 * Douyin (it may have), then `data`'s. Without one that is not 0: a 0, then none.
 */
function pickDecidingCode(parts: readonly [EnvelopePart | null, EnvelopePart | null]): EnvelopePart | null {
  const present = parts.filter(
    (candidate): candidate is CodedPart => candidate !== null && candidate.error_code !== null,
  );
  const failed = present.filter((candidate) => candidate.error_code !== 0);
  const saying = (candidate: CodedPart) => meaningOf(candidate.error_code, candidate.description);
  return (
    failed.find((candidate) => saying(candidate) === 'stale_token') ??
    failed.find((candidate) => BUSY_MEANINGS.has(saying(candidate))) ??
    failed[0] ??
    present[0] ??
    null
  );
}

/** One exchange with its answer read. */
export type Received =
  | Exclude<Exchange, { kind: 'answered' }>
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: Buffer;
      /** null if the body is not a JSON object in UTF-8. */
      readonly answer: Answer | null;
      /** When Douyin answered, by its own clock, to the second; null if it is not Douyin's answer or does not say. */
      readonly answeredAt: Date | null;
    };

/** Reads what came back. Douyin's time is `extra.now`, else the `Date` header of the same answer. */
export function readExchange(exchange: Exchange): Received {
  if (exchange.kind !== 'answered') return exchange;
  const { status, headers, body } = exchange;
  const answer = readAnswer(body);
  // An answer without Douyin's codes may be a proxy's, and its clock is not Douyin's.
  const isDouyins = answer !== null && answer.errorCode !== null;
  return {
    kind: 'answered',
    status,
    body,
    answer,
    answeredAt: isDouyins ? (answer.answeredAt ?? readDateHeader(headers)) : null,
  };
}

/** The moment of the `Date` header; null without one, or with one that is no date. */
export function readDateHeader(headers: AnswerHeaders): Date | null {
  const value = headers['date'];
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return ms > 0 && ms <= LAST_TIME_MS ? new Date(ms) : null;
}
