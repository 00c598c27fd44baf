// What the fuzzer sends: fast-check arbitraries made from the schemas the routes are declared with, then bent. Pure:
// the same seed gives the same plans. A plan names coupons, ids and tokens by number; materials.ts puts real ones in.
import fc from 'fast-check';
import { z } from 'zod';
import type { Route } from '../../src/http/route.ts';

/** Stands for a value that exists only while the gateway runs: a usable code, the id of an app … */
export interface Placeholder {
  readonly placeholder: Kind;
  readonly number: number;
}

/** `fresh…` is used by this request alone, `…` may have been used before. */
export type Kind =
  | 'short_link'
  | 'code'
  | 'encrypted_code'
  | 'verify_token'
  | 'poi_id'
  | 'app_id'
  | 'secret_id'
  | 'verification_id'
  /** Whose outcome is not known yet. */
  | 'open_verification_id'
  /** Whose order data are missing. */
  | 'stuck_verification_id'
  /** That names a row of the app that asks. */
  | 'known_token'
  | 'certificate_id'
  | 'order_id'
  | 'cursor'
  | 'new_text';

export type AuthKind =
  /** As it should be. */
  | 'right'
  | 'none'
  | 'missing_header'
  | 'repeated_header'
  | 'wrong_secret'
  | 'unknown_key'
  | 'stale'
  | 'bad_timestamp'
  | 'bad_nonce'
  | 'old_nonce'
  | 'other_surface';

export interface Plan {
  readonly operationId: string;
  readonly method: string;
  /** OpenAPI style; its parameters are `params`. */
  readonly path: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: readonly (readonly [string, unknown])[];
  /** A value to be written as JSON, exact bytes, or nothing. */
  readonly body: { readonly json: unknown } | { readonly bytes: Buffer } | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly auth: AuthKind;
  readonly framing: 'length' | 'chunked' | 'cut' | 'surplus';
  /** Put after the query as it is. */
  readonly targetSuffix: string;
  /** What was bent, for the report. */
  readonly bends: readonly string[];
}

/** Fields that mean something: random text alone would never get past the first look. */
const KIND_BY_FIELD: Readonly<Record<string, Kind>> = {
  short_link: 'short_link',
  code: 'code',
  encrypted_code: 'encrypted_code',
  verify_token: 'verify_token',
  poi_id: 'poi_id',
  app_id: 'app_id',
  id: 'app_id',
  secret_id: 'secret_id',
  verification_id: 'verification_id',
  certificate_id: 'certificate_id',
  order_id: 'order_id',
  cursor: 'cursor',
};

/** Where a name means something else. */
const KIND_BY_OPERATION: Readonly<Record<string, Readonly<Record<string, Kind | null>>>> = {
  createApp: { code: 'new_text', client_key: 'new_text' },
  showVerification: { id: 'verification_id' },
  resolveVerification: { id: 'open_verification_id' },
  retryEnrichment: { verification_id: 'stuck_verification_id' },
  findVerification: { verify_token: 'known_token' },
};

const placeholder = (kind: Kind): fc.Arbitrary<Placeholder> =>
  fc.nat({ max: 100_000 }).map((number) => ({ placeholder: kind, number }));

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
  /** What the reference shows instead of the text a query holds. */
  readonly override?: JsonSchema;
}

function jsonSchemaOf(schema: z.ZodType | undefined): JsonSchema | null {
  return schema ? (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema) : null;
}

/** Text a person, a scanner or a till might send. */
const plainText = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 40) }) },
    {
      weight: 2,
      arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 20) }),
    },
    {
      weight: 1,
      arbitrary: fc.string({
        unit: fc.constantFrom('码', '😀', 'e\u0301', '"', '\\', '=', '+'),
        minLength,
        maxLength,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'x'.repeat(maxLength),
        '😀'.repeat(maxLength),
        ' '.repeat(Math.max(1, minLength)),
      ),
    },
  );

function valueOf(schema: JsonSchema, kind: Kind | null): fc.Arbitrary<unknown> {
  const own = ownValueOf(schema);
  return kind ? fc.oneof({ weight: 8, arbitrary: placeholder(kind) }, { weight: 1, arbitrary: own }) : own;
}

function ownValueOf(given: JsonSchema): fc.Arbitrary<unknown> {
  const schema = { ...given, ...given.override };
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => ownValueOf(choice)));
  switch (schema.type) {
    case 'string': {
      if (schema.pattern && schema.minLength === undefined)
        return fc.stringMatching(new RegExp(schema.pattern));
      return plainText(schema.minLength ?? 0, schema.maxLength ?? 100);
    }
    case 'integer': {
      const [min, max] = [schema.minimum ?? 0, schema.maximum ?? Number.MAX_SAFE_INTEGER];
      return fc.oneof(
        fc.integer({ min, max: Math.min(max, min + 50) }),
        fc.integer({ min, max }),
        fc.constant(max),
      );
    }
    case 'number':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(ownValueOf(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 5, 5) });
    case 'object':
      return objectOf(schema, () => null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(
  schema: JsonSchema,
  kindOf: (field: string) => Kind | null,
): fc.Arbitrary<Record<string, unknown>> {
  const properties = Object.entries(schema.properties ?? {});
  const values = Object.fromEntries(
    properties.map(([field, value]) => [field, valueOf(value, kindOf(field))]),
  );
  const isRequired = (field: string) => (schema.required ?? []).includes(field);
  return fc.record(values, { requiredKeys: properties.map(([field]) => field).filter(isRequired) });
}

const STARTS = ['2026-11-22', '2026-11-01T00:00:00Z', '2026-11-22T10:00:00+08:00', '2026-11-23'];
const ENDS = ['2026-11-30', '2026-12-01', '2027-01-01T00:00:00.123Z', '2027-02-01T10:00:00+08:00'];

/** Requests of one route that should be accepted, as far as its schemas say. */
function rightPlan(route: Route): fc.Arbitrary<Plan> {
  const kindOf = (field: string): Kind | null =>
    KIND_BY_OPERATION[route.operationId]?.[field] ?? KIND_BY_FIELD[field] ?? null;
  const params = objectOf(jsonSchemaOf(route.params) ?? {}, kindOf);
  const query = objectOf(jsonSchemaOf(route.query) ?? {}, kindOf).chain((values) =>
    fc.tuple(fc.constant(values), fc.constantFrom(...STARTS), fc.constantFrom(...ENDS)),
  );
  const bodySchema = jsonSchemaOf(route.body);
  const body: fc.Arbitrary<Record<string, unknown> | null> = bodySchema
    ? objectOf(bodySchema, kindOf).chain((value) => oneCoupon(value))
    : fc.constant(null);
  return fc.tuple(params, query, body).map(([path, [values, from, to], json]) => ({
    operationId: route.operationId,
    method: route.method,
    path: route.path,
    params: path,
    query: Object.entries({
      ...('cursor' in values ? withoutPage(values) : values),
      ...('start_time' in values ? { start_time: from } : {}),
      ...('end_time' in values ? { end_time: to } : {}),
    }),
    body: json && { json },
    headers: json ? [['Content-Type', 'application/json']] : [],
    auth: 'right',
    framing: 'length',
    targetSuffix: '',
    bends: [],
  }));
}

/** A place in a walk and a page exclude each other; the schema cannot say so. */
function withoutPage({ page: _, ...values }: Record<string, unknown>): Record<string, unknown> {
  return values;
}

/** Of the coupon fields exactly one is wanted; the schema cannot say so. */
function oneCoupon(body: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const fields = ['short_link', 'code', 'encrypted_code'].filter((field) => field in body);
  if (!('poi_id' in body) || fields.length === 0) return fc.constant(body);
  return fc.constantFrom(...fields).map((kept) => {
    const others = fields.filter((field) => field !== kept);
    const chosen = Object.fromEntries(Object.entries(body).filter(([field]) => !others.includes(field)));
    return kept === 'encrypted_code' && !('verify_token' in chosen)
      ? { ...chosen, verify_token: { placeholder: 'verify_token', number: 0 } }
      : chosen;
  });
}

/** Values that have broken programs before. */
const HOSTILE: readonly unknown[] = [
  null, true, 0, -1, 1.5, 1e308, -0, 9007199254740993, '', ' ', '\u0000', 'a\u0000b', '\n', '\u0085', '\ud800', 'a\udfff',
  '\ufeff', '\u202e', '0', '-1', '1e3', '0x10', 'NaN', 'null', 'true', '1'.repeat(400), 'x'.repeat(3000), '😀'.repeat(300),
  '__proto__', 'constructor', '../../etc/passwd', "'; drop table verifications; --", '$1', '%00', '%s%n', '{{7*7}}',
  '<script>alert(1)</script>', '=1+1', [], {}, [[[[]]]], { toString: 1 }, { length: 1e9 }, ['x'], [null], { constructor: { prototype: 1 } },
]; // prettier-ignore

const RAW_BODIES: readonly Buffer[] = [
  '', ' ', '{', '}', '[', '"', 'null', 'true', '0', '[]', '""', '{"a":}', "{'a':1}", '{"a":1,}', '{"poi_id":"1"}{"poi_id":"2"}', '\ufeff{}',
  '{"poi_id":"1","poi_id":"2","code":"1","code":2}', '{"__proto__":{"poi_id":"1"},"code":"1"}', '{"poi_id":"\\ud800","code":"1"}', '{"code":1e999,"poi_id":"1"}',
  'poi_id=1&code=2', '<xml/>', '['.repeat(20_000), '{"a":'.repeat(10_000), `{"poi_id":"${'x'.repeat(65_000)}"}`, `"${'x'.repeat(66_000)}"`, `{"n":${'9'.repeat(60_000)}}`,
].map((text) => Buffer.from(text)).concat(Buffer.from([0xff, 0xfe, 0x7b, 0]), Buffer.from('{"poi_id":"\xff"}', 'latin1'), Buffer.alloc(70_000), Buffer.alloc(300_000, 0x20)); // prettier-ignore

const HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Type', 'text/plain'], ['Content-Type', 'application/json; charset=gbk'], ['Content-Type', 'application/json; charset=utf-8'],
  ['Content-Type', ''], ['Content-Type', 'application/xml'], ['Content-Type', 'application/json, text/html'], ['Content-Type', 'multipart/form-data; boundary=x'],
  ['Content-Encoding', 'gzip'], ['Content-Encoding', 'identity'], ['Content-Encoding', 'br, gzip'], ['Accept', 'text/html'], ['Accept', '*/*;q=0'],
  ['Accept-Language', 'en'], ['Accept-Language', ';;q=,'], ['Accept-Language', 'x'.repeat(4000)], ['Accept-Encoding', 'gzip, br'], ['X-Request-Id', 'given-by-the-fuzzer'],
  ['X-Request-Id', 'a b'], ['X-Request-Id', '\u00e9'], ['X-Request-Id', 'x'.repeat(65)], ['X-HTTP-Method-Override', 'DELETE'], ['X-Forwarded-For', '10.0.0.1'],
  ['X-Forwarded-Host', 'evil.example'], ['Host', 'evil.example'], ['Host', ''], ['Expect', '100-continue'], ['Expect', 'the-unexpected'], ['Upgrade', 'websocket'],
  ['Upgrade', 'h2c'], ['Range', 'bytes=0-1'], ['If-None-Match', '*'], ['If-Modified-Since', 'Sun, 22 Nov 2026 00:00:00 GMT'], ['Cookie', 'a=b; '.repeat(300)],
  ['Authorization', 'Basic Og=='], ['X-Long', 'x'.repeat(20_000)], ['X-Odd', '\u00ff\u0080'], ['Transfer-Encoding', 'gzip'], ['Content-Length', '-1'],
  ['Content-Length', '5, 6'], ['Origin', 'https://evil.example'], ['X-XTJ-UID', 'fuzzer'], ['Trailer', 'X-Signature'], ['TE', 'trailers'], ['Bad Name', 'x'],
]; // prettier-ignore

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'LOCK',
  'get',
  'FOO',
];
const SUFFIXES = ['?', '&', '?x=1', '&x=%zz', '?%00=1', '?page=1&page=2', '?poi_id=1&poi_id=2', '?a[b]=1', '?__proto__=1', '#f', '/', '//', '/..', '/%2e%2e/', ';a=b', '?export=csv&export=xlsx', `?${'x'.repeat(9000)}`, '?%ff=%fe', '?=', '?&&&', '?a=b=c', '%', '%2', '%00', '\\', '?page=%EF%BC%91']; // prettier-ignore

/** One way to bend a plan. */
type Bend = (plan: Plan) => Plan;

const bent = (plan: Plan, name: string, changes: Partial<Plan>): Plan => ({
  ...plan,
  ...changes,
  bends: [...plan.bends, name],
});

/** Sets a field of the body at random, at its top or one level down. */
function bendBody(position: number, value: unknown, name: string): Bend {
  return (plan) => {
    if (!plan.body || !('json' in plan.body) || typeof plan.body.json !== 'object' || plan.body.json === null)
      return plan;
    const fields = Object.keys(plan.body.json);
    const field =
      position % 5 === 4 || fields.length === 0 ? name : (fields[position % fields.length] ?? name);
    return bent(plan, `body.${field}`, { body: { json: { ...plan.body.json, [field]: value } } });
  };
}

function dropField(position: number): Bend {
  return (plan) => {
    if (!plan.body || !('json' in plan.body) || typeof plan.body.json !== 'object' || plan.body.json === null)
      return plan;
    const entries = Object.entries(plan.body.json);
    if (entries.length === 0) return plan;
    return bent(plan, 'field dropped', {
      body: { json: Object.fromEntries(entries.toSpliced(position % entries.length, 1)) },
    });
  };
}

const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

const AUTHS: readonly AuthKind[] = [
  'none', 'missing_header', 'repeated_header', 'wrong_secret', 'unknown_key', 'stale', 'bad_timestamp', 'bad_nonce', 'old_nonce', 'other_surface',
]; // prettier-ignore

const bend: fc.Arbitrary<Bend> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(), hostile, fc.string({ maxLength: 8 })).map(([position, value, name]) => bendBody(position, value, name)) },
  { weight: 2, arbitrary: fc.nat().map(dropField) },
  { weight: 2, arbitrary: fc.constantFrom(...RAW_BODIES).map((bytes): Bend => (plan) => bent(plan, 'raw body', { body: { bytes } })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes): Bend => (plan) => bent(plan, 'random body', { body: { bytes: Buffer.from(bytes) } })) },
  { weight: 4, arbitrary: fc.constantFrom(...HEADERS).map((header): Bend => (plan) => bent(plan, `header ${header[0]}`, { headers: [...plan.headers, header] })) },
  { weight: 1, arbitrary: fc.constantFrom(...HEADERS).map(([name, value]): Bend => (plan) =>
      bent(plan, `${name} replaced`, { headers: [...plan.headers.filter(([present]) => present !== name), [name, value]] })) },
  { weight: 1, arbitrary: fc.nat({ max: 120 }).map((count): Bend => (plan) =>
      bent(plan, 'many headers', { headers: [...plan.headers, ...Array.from({ length: count }, (_, number) => [`X-H${number}`, 'v'] as const)] })) },
  { weight: 2, arbitrary: fc.constantFrom(...METHODS).map((method): Bend => (plan) => bent(plan, `method ${method}`, { method })) },
  { weight: 3, arbitrary: fc.constantFrom(...SUFFIXES).map((targetSuffix): Bend => (plan) => bent(plan, 'target', { targetSuffix })) },
  { weight: 3, arbitrary: fc.tuple(fc.nat(), hostile).map(([position, value]): Bend => (plan) => {
      const names = plan.query.map(([name]) => name);
      const name = names[position % Math.max(1, names.length)] ?? 'page';
      return bent(plan, `query ${name}`, { query: [...plan.query.filter(([present]) => present !== name || position % 7 === 0), [name, value]] });
    }) },
  { weight: 2, arbitrary: hostile.map((value): Bend => (plan) => {
      const [name] = Object.keys(plan.params);
      return name === undefined ? plan : bent(plan, `path ${name}`, { params: { ...plan.params, [name]: value } });
    }) },
  { weight: 4, arbitrary: fc.constantFrom(...AUTHS).map((auth): Bend => (plan) => bent(plan, `auth ${auth}`, { auth })) },
  { weight: 2, arbitrary: fc.constantFrom('chunked', 'cut', 'surplus').map((framing): Bend => (plan) => bent(plan, `framing ${framing}`, { framing })) },
); // prettier-ignore

/** Requests of one route: about half as they should be, the others bent in up to three ways. */
export function planOf(route: Route): fc.Arbitrary<Plan> {
  const bends = fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 5, arbitrary: fc.array(bend, { minLength: 1, maxLength: 3 }) },
  );
  return fc
    .tuple(rightPlan(route), bends)
    .map(([plan, chosen]) => chosen.reduce((bentPlan, one) => one(bentPlan), plan));
}
