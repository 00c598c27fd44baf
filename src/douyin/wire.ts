// zod schemas of Douyin's JSON and how an answer's bytes are read. Tolerant of new fields, of ids, amounts and codes as
// number, text, null or "", and of missing optional parts; strict about what the gateway depends on.
// What the values mean to us is mapping.ts, what the codes mean error-codes.ts.
import { z } from 'zod';
import { meaningOfCode, meaningOfText, type CodeMeaning } from './error-codes.ts';
import { parseLosslessJson } from './lossless-json.ts';

/** A code that is there but is no integer. No table lists it, so it is judged as an unlisted code. */
const UNREADABLE_CODE = -1;
/** Longer words are cut: they are stored and shown, and nothing depends on their end. */
const MAX_TEXT_LENGTH = 500;
/** What an `integer` column holds; a larger amount or count is a misreading, not money. */
const MAX_AMOUNT = 2_147_483_647;
/** Thirteen digits: from here on a time is milliseconds. */
const FIRST_MILLISECOND_TIME = 1_000_000_000_000;
const LAST_TIME_MS = Date.UTC(9999, 11, 31);

/** An error code or item result: null if it is missing, null or "". */
function toCode(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return null;
  return toInteger(value) ?? UNREADABLE_CODE;
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

/** A field that may be missing; `read` gets undefined then. */
const field = <T>(read: (value: unknown) => T) => z.unknown().optional().transform(read);
const code = field(toCode);
const id = field(toId);
const text = field(toText);
const words = field((value) => toText(value).slice(0, MAX_TEXT_LENGTH));
const amount = field(toAmount);
const time = field(toTime);
const integer = field(toInteger);
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

const verificationSchema = part({
  verify_id: id,
  certificate_id: id,
  verify_time: time,
  verify_type: integer,
  poi_id: id,
});

/** A certificate as prepare, get and query list it. */
export const certificateSchema = z.looseObject({
  encrypted_code: text,
  certificate_id: id,
  status: code,
  start_time: time,
  expire_time: time,
  code: text,
  sku: part({ sku_id: id, product_id: id, title: words, groupon_type: integer }),
  amount: part({ pay_amount: amount, original_amount: amount }),
  time_card: part({ times_count: amount, times_used: amount }),
  verify: verificationSchema,
  verify_records: list(verificationSchema),
  deduction_info_list: list(z.looseObject({ source_order_id: id })),
});
export type WireCertificate = z.output<typeof certificateSchema>;

export const prepareDataSchema = z.looseObject({
  order_id: id,
  verify_token: text,
  certificates: list(certificateSchema),
  certificates_v2: list(certificateSchema),
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
});
export type WireVerifyItem = z.output<typeof verifyItemSchema>;

export const verifyDataSchema = z.looseObject({ verify_results: list(verifyItemSchema) });

export const getCertificateDataSchema = z.looseObject({
  certificate: certificateSchema.nullish(),
  certificate_v2: certificateSchema.nullish(),
  // One SDK spells it so.
  certificate_v_2: certificateSchema.nullish(),
});

export const queryCertificatesDataSchema = z.looseObject({
  certificates: list(certificateSchema),
  certificates_v2: list(certificateSchema),
});

export const verifyRecordSchema = z.looseObject({
  cursor: text,
  verify_id: id,
  certificate_id: id,
  verify_time: time,
  verify_type: integer,
  status: integer,
  poi_id: id,
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
  products: list(z.looseObject({ product_id: id, product_name: words, sku_id: id })),
  pay_amount: amount,
  receipt_amount: amount,
  discount_amount: amount,
  create_order_time: time,
  pay_time: time,
  certificate: list(z.looseObject({ certificate_id: id })),
  sub_order_amount_infos: list(z.looseObject({ receipt_amount: amount, discount_amount: amount })),
});
export type WireOrder = z.output<typeof orderSchema>;

export const ordersDataSchema = z.looseObject({ orders: list(orderSchema) });

/** The answer of /oauth/client_token/; it has no `extra`. */
export const clientTokenSchema = z.looseObject({
  data: z.looseObject({ error_code: code, access_token: text, expires_in: integer, log_id: text }),
});

const envelopePartSchema = z.looseObject({ error_code: code, description: words });
const extraSchema = envelopePartSchema.extend({ sub_error_code: code, logid: text, now: time });

/** An answer of Douyin's that is a JSON object, its codes read but not judged. */
export interface Answer {
  /** The bytes as text, unchanged. */
  readonly text: string;
  /** null where the code is missing, null or "". */
  readonly extraCode: number | null;
  readonly dataCode: number | null;
  /** The code that decides, null if neither is there, and its words. */
  readonly errorCode: number | null;
  readonly description: string;
  readonly subErrorCode: number;
  /** Names the call to Douyin's support; safe to log. */
  readonly logid: string;
  /** When, by Douyin's clock, to the second; null if it does not say. */
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
    extraCode: extra?.error_code ?? null,
    dataCode: data?.error_code ?? null,
    errorCode: decides?.error_code ?? null,
    description: [decides, data, extra].find((candidate) => candidate?.description)?.description ?? '',
    subErrorCode: extra?.sub_error_code ?? 0,
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

/**
 * A code counts wherever it is not 0. If both are and differ, a stale token wins (the call did nothing), then a busy
 * Douyin (it may have), then `data`'s. Without one that is not 0: a 0, then none.
 */
function pickDecidingCode(parts: readonly [EnvelopePart | null, EnvelopePart | null]): EnvelopePart | null {
  const present = parts.filter(
    (candidate) => candidate !== null && candidate.error_code !== null,
  ) as EnvelopePart[];
  const failed = present.filter((candidate) => candidate.error_code !== 0);
  return (
    failed.find((candidate) => meaningOf(candidate) === 'stale_token') ??
    failed.find((candidate) => BUSY_MEANINGS.has(meaningOf(candidate))) ??
    failed[0] ??
    present[0] ??
    null
  );
}

function meaningOf(candidate: EnvelopePart): CodeMeaning {
  return meaningOfAnswer(candidate.error_code ?? 0, candidate.description);
}

/** A code's meaning, given the words beside it. Not for 0. */
export function meaningOfAnswer(errorCode: number, description: string): CodeMeaning {
  const meaning = meaningOfCode(errorCode);
  if (meaning === 'stale_token' || meaning === 'too_frequent') return meaning;
  return meaningOfText(description) ?? meaning;
}
