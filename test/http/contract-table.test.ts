// The HTTP contract row by row: endpoint × mode × status, each as one request over a real socket. Every row also holds
// what the contract says of all answers: the request id, the envelope, Retry-After. What is behind a row (races, every
// alteration, every refused link) has a file of its own.
import { TEST_POLICY } from '../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { parse as parseCsv } from 'csv-parse/sync';
import { createDatabase } from '../../src/db/unit-of-work.ts';
import { openOrm } from '../../src/db/mikro-orm.config.ts';
import { ROUTES } from '../../src/http/routes/index.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  call,
  type Call,
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
  signedHeaders,
  type SignedCall,
} from '../support/http-gateway.ts';

const VERIFY = '/v1/open/coupons/verify';
const PREPARE = '/v1/open/coupons/prepare';
const LOOK_UP = '/v1/open/coupons/verifications';
const TOKEN = '/v1/open/douyin/access-token';
const STORES = '/v1/open/douyin/stores';
const APPS = '/v1/internal/apps';
const REPORT = '/v1/internal/reports/verifications';
const SUMMARY = `${REPORT}/summary`;
const ENRICHMENTS = '/v1/internal/enrichments';
const AUDIT = '/v1/internal/audit-log';

const [{ poiId }, { poiId: otherPoiId }] = SIMULATOR_DEFAULTS.stores;
const BUDGET_MS = 3000;

const GIVEN_VIEW_FIELDS =
  'id, app_id, app_name, poi_id, verify_status, error_code, error_description, certificate_id, encrypted_code, origin_code, coupon_status, product_id, product_name, sku_id, sku_name, verify_records_count, verify_id, order_id, source_order_id, ext_order_id, order_status, pay_amount, receipt_amount, discount_amount, enrichment_status, enrichment_retry_count, douyin_response, expire_time, verify_time, create_order_time, pay_time, created_at, updated_at'.split(
    ', ',
  );
const VIEW_FIELDS = [
  ...GIVEN_VIEW_FIELDS,
  ...['verify_token', 'operator_id', 'device_id', 'note', 'advice'],
  ...['item_no', 'item_count', 'cancel_status', 'cancelled_at', 'cancellable_until', 'reason'],
];
const GIVEN_APP_FIELDS =
  'id, created_at, updated_at, name, code, description, client_key, status, allow_token_read, last_used_at'.split(
    ', ',
  );

type Order = ReturnType<Simulator['state']['createOrder']>;
type OrderInput = Parameters<Simulator['state']['createOrder']>[0];
type Fault = Parameters<Simulator['state']['addFault']>[0];
type App = Awaited<ReturnType<typeof createClientApp>>;

let harness: Harness;
let server: HttpGateway;
let app: App;
let reader: App;
let fenced: App;
let disabled: App;

beforeAll(async () => {
  harness = await startHarness({
    env: {
      VERIFY_BUDGET_MS: String(BUDGET_MS),
      DOUYIN_TIMEOUT_MS: '800',
      // The last repeat is far off: what stays unknown is still being settled while its rows are looked at.
      DOUYIN_REPEAT_DELAYS_MS: '50,100,200,400,60000',
    },
  });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
  reader = await createClientApp(server.url, { allow_token_read: true });
  fenced = await createClientApp(server.url, { poi_ids: [otherPoiId] });
  disabled = await createClientApp(server.url, { status: 'disabled' });
}, 120_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

/** One row of the contract. */
interface Row {
  /** What happened, in the contract's words. */
  readonly what: string;
  readonly send: () => Promise<Reply>;
  readonly status: number;
  /** Of the error; absent for an answer that is none. */
  readonly code?: string;
  /** A part of the body, for an error of its details. */
  readonly body?: unknown;
  readonly also?: (reply: Reply) => Promise<void> | void;
}

function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    it.each(rows.map((row) => [row.status, row.code ?? '', row.what, row] as const))(
      '%i %s when %s',
      async (status, code, _what, row) => {
        const reply = await row.send();
        expect(`${reply.status} ${reply.status === status ? '' : reply.text}`).toBe(`${status} `);
        holdsOfEveryAnswer(reply);
        if (code === '') {
          if (row.body !== undefined) expect(reply.json()).toMatchObject(row.body as object);
        } else {
          expect(errorOf(reply).code).toBe(code);
          if (row.body !== undefined) expect(errorOf(reply).details).toMatchObject(row.body as object);
        }
        await row.also?.(reply);
      },
    );
  });
}

function holdsOfEveryAnswer(reply: Reply): void {
  const id = String(reply.headers['x-request-id']);
  expect(id).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  if (reply.status === 429 || reply.status === 503) {
    expect(String(reply.headers['retry-after'])).toMatch(/^[1-9]\d*$/);
  }
  if (reply.status < 400 || !reply.text.startsWith('{"error":')) return;
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  const { error } = reply.json() as { error: Record<string, unknown> };
  expect(Object.keys(error).filter((name) => name !== 'details')).toEqual(['code', 'message', 'request_id']);
  expect(error['request_id']).toBe(id);
  expect(error['message']).toMatch(/[\u4e00-\u9fff]/);
}

const open = (signed: SignedCall, credentials: App = app) => callOpen(server.url, credentials, signed);
const internal = (inner: Call) => callInternal(server.url, inner);
const post = (target: string, body: unknown, credentials?: App, headers?: Record<string, string>) =>
  open({ method: 'POST', target, body: JSON.stringify(body), ...(headers ? { headers } : {}) }, credentials);
const change = (method: string, target: string, body: unknown) =>
  internal({ method, target, body: JSON.stringify(body) });

const MODES = ['short_link', 'code', 'encrypted_code'] as const;
type Mode = (typeof MODES)[number];

const newOrder = (input: OrderInput = {}): Order => harness.simulator.state.createOrder(input);
const fault = (input: Fault) => harness.simulator.state.addFault(input);
const codeOf = (order: Order): string => order.coupons[0]?.code ?? '';
const sendsOf = (order: Order): number =>
  harness.simulator.state.callPage({ endpoint: 'verify', orderId: order.orderId, after: 0, limit: 100 }).calls
    .length;

/** A body in one of the modes; `encrypted_code` after the caller's own prepare. */
async function bodyFor(mode: Mode, order: Order): Promise<Record<string, unknown>> {
  if (mode === 'short_link')
    return { poi_id: poiId, short_link: order.shortLink, verify_token: randomUUID() };
  if (mode === 'code') return { poi_id: poiId, code: codeOf(order), verify_token: randomUUID() };
  const { data } = (await post(PREPARE, { poi_id: poiId, code: codeOf(order) })).json() as {
    data: { verify_token: string; certificates: { encrypted_code: string }[] };
  };
  return {
    poi_id: poiId,
    encrypted_code: data.certificates[0]?.encrypted_code,
    verify_token: data.verify_token,
  };
}

/** Verifies a new order's coupon, with a fault prepared for it. */
async function verifyWith(mode: Mode, faults: readonly Fault[], input: OrderInput = {}): Promise<Reply> {
  const order = newOrder(input);
  const body = await bodyFor(mode, order);
  for (const planned of faults) fault({ ...planned, orderId: order.orderId });
  return post(VERIFY, body);
}

interface View extends Record<string, unknown> {
  readonly id: number;
  readonly verify_status: string;
  readonly verify_token: string;
}
const viewOf = (reply: Reply): View => (reply.json() as { data: View }).data;

async function settled(id: number): Promise<View> {
  return eventually(async () => {
    const view = viewOf(await internal({ target: `/v1/internal/verifications/${id}` }));
    return view.verify_status !== 'processing' && view;
  });
}

const always = (
  kind: Fault['kind'],
  endpoint: 'prepare' | 'verify' | 'get',
  more: Partial<Fault> = {},
): Fault => ({
  kind,
  endpoints: [endpoint],
  count: 'always',
  ...more,
});
/** A verify whose outcome stays unknown: no repeat and no look-up arrives. */
const NEVER_KNOWN: readonly Fault[] = [always('cut-before-effect', 'verify')];

const success = { data: { verify_status: 'success', error_code: 0, error_description: expect.any(String) } };
const failed = { data: { verify_status: 'failed', advice: expect.stringMatching(/.+/) } };
const processing = { data: { verify_status: 'processing', error_code: 0 } };
const badField = (pointer: string, where = 'body') => ({ fields: [{ in: where, pointer }] });

describe('§1 conventions', () => {
  const concrete = (path: string) =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'file' ? 'page.js' : '1'));

  it.each(ROUTES.map((route) => [route.method, route.path, route] as const))(
    'an unknown query parameter of %s %s is a 400 that names it',
    async (method, path, route) => {
      const target = `${concrete(path)}?nonsense=1&nonsense%20two=2`;
      const body = route.body ? { body: '{}' } : {};
      const send = { open, internal, public: (inner: Call) => call(server.url, inner) }[route.surface];
      const reply = await send({ method, target, ...body });
      holdsOfEveryAnswer(reply);
      expect(errorOf(reply)).toMatchObject({ status: 400, code: 'request.invalid' });
      const fields = errorOf(reply).details?.['fields'] as { in: string; pointer: string }[];
      expect(fields.filter((field) => field.in === 'query').map((field) => field.pointer)).toEqual(
        expect.arrayContaining(['/nonsense', '/nonsense two']),
      );
    },
  );

  it.each(ROUTES.filter((route) => route.body).map((route) => [route.method, route.path, route] as const))(
    'the body of %s %s is JSON of at most 64 KiB',
    async (method, path, route) => {
      const send = (body: string, headers: Record<string, string> = {}) =>
        (route.surface === 'open' ? open : internal)({ method, target: concrete(path), body, headers });
      const outcomes = [
        await send('x'.repeat(64 * 1024 + 1)),
        await send('{}', { 'Content-Type': 'text/plain' }),
        await send('{}', { 'Content-Encoding': 'gzip' }),
        await send('{'),
        await send('[]'),
      ];
      outcomes.forEach(holdsOfEveryAnswer);
      expect(outcomes.map(errorOf)).toMatchObject([
        { status: 413, code: 'request.too_large' },
        { status: 415, code: 'request.unsupported_media_type' },
        { status: 415, code: 'request.unsupported_media_type' },
        { status: 400, code: 'request.malformed_json' },
        { status: 400, code: 'request.invalid' },
      ]);
    },
  );

  it('a request id that fits is taken, on good and bad answers; another is replaced', async () => {
    const withId = (id: string, target: string) => internal({ target, headers: { 'X-Request-Id': id } });
    for (const target of [APPS, `${APPS}?x=1`, '/v1/internal/nowhere']) {
      expect((await withId('till.7_A-b', target)).headers['x-request-id']).toBe('till.7_A-b');
      expect((await withId('not an id', target)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('messages are English when asked for', async () => {
    const reply = await internal({
      target: `${APPS}/999999999/secrets`,
      headers: { 'Accept-Language': 'en' },
    });
    expect(reply.json()).toMatchObject({ error: { message: 'There is no such app' } });
  });

  it.each([APPS, REPORT, ENRICHMENTS, AUDIT])('the list %s has the envelope of lists', async (target) => {
    const body = (await internal({ target })).json() as Record<string, unknown>;
    expect(Object.keys(body).slice(0, 4)).toEqual(['data', 'total', 'page', 'page_size']);
    expect(body).toMatchObject({ data: expect.any(Array), page: 1, page_size: 20 });
  });
});

const seconds = (offset = 0) => String(Math.floor(Date.now() / 1000) + offset);
const lookUp: SignedCall = { target: `${LOOK_UP}/none` };

table('§2.1 the signature', [
  { what: 'it is right', send: () => open(lookUp), status: 404, code: 'verification.not_found' },
  {
    what: 'the timestamp has 13 digits',
    send: () => open({ ...lookUp, timestamp: `${seconds()}123` }),
    status: 404,
    code: 'verification.not_found',
  },
  {
    what: 'headers are missing',
    send: () => call(server.url, lookUp),
    status: 401,
    code: 'auth.missing_header',
    body: { headers: ['X-Client-Key', 'X-Timestamp', 'X-Nonce', 'X-Signature'] },
  },
  {
    what: 'the timestamp is none',
    send: () => open({ ...lookUp, timestamp: 'now' }),
    status: 401,
    code: 'auth.bad_timestamp',
  },
  ...[-310, 310].map((offset) => ({
    what: `the timestamp is off by ${offset} s`,
    send: () => open({ ...lookUp, timestamp: seconds(offset) }),
    status: 401,
    code: 'auth.timestamp_out_of_window',
    body: { server_time: expect.stringMatching(/Z$/), skew_seconds: expect.any(Number) },
  })),
  ...[-290, 290].map((offset) => ({
    what: `the timestamp is off by ${offset} s, inside the window`,
    send: () => open({ ...lookUp, timestamp: seconds(offset) }),
    status: 404,
    code: 'verification.not_found',
  })),
  {
    what: 'the nonce is short',
    send: () => open({ ...lookUp, nonce: 'seven77' }),
    status: 401,
    code: 'auth.bad_nonce',
  },
  {
    what: 'the nonce was used',
    send: async () => {
      const nonce = randomBytes(8).toString('hex');
      await open({ ...lookUp, nonce });
      return open({ ...lookUp, nonce });
    },
    status: 401,
    code: 'auth.nonce_reused',
  },
  {
    what: 'the secret is another',
    send: () => open(lookUp, { ...app, secret: 'x'.repeat(32) }),
    status: 401,
    code: 'auth.bad_signature',
  },
  {
    what: 'the key is unknown',
    send: () => open(lookUp, { ...app, clientKey: 'ck_nobody' }),
    status: 401,
    code: 'auth.bad_signature',
  },
  {
    what: 'the signature is in upper case',
    send: () => {
      const headers = signedHeaders(app, lookUp);
      return call(server.url, {
        ...lookUp,
        headers: { ...headers, 'X-Signature': headers['X-Signature']?.toUpperCase() ?? '' },
      });
    },
    status: 401,
    code: 'auth.bad_signature',
  },
  { what: 'the app is disabled', send: () => open(lookUp, disabled), status: 403, code: 'app.disabled' },
]);

table('§2.2 the acting user', [
  { what: 'it is there', send: () => internal({ target: APPS }), status: 200 },
  {
    what: 'it is missing',
    send: () => call(server.url, { target: APPS }),
    status: 401,
    code: 'auth.missing_uid',
  },
  ...['', 'a b', 'x'.repeat(65), '管'].map((uid) => ({
    what: `it is ${JSON.stringify(uid).slice(0, 12)}`,
    send: () =>
      call(server.url, { target: APPS, headers: { 'X-XTJ-UID': Buffer.from(uid).toString('latin1') } }),
    status: 401,
    code: 'auth.missing_uid',
  })),
  {
    what: 'the peer is not trusted, whatever its headers say',
    send: async () => {
      const elsewhere = await serveHttp(harness, { internalTrustedCidrs: ['10.0.0.0/8'] });
      const forwarded = {
        'X-Forwarded-For': '10.0.0.1',
        'X-Real-IP': '10.0.0.1',
        Forwarded: 'for=10.0.0.1',
        'True-Client-IP': '10.0.0.1',
      };
      return callInternal(elsewhere.url, { target: APPS, headers: forwarded }).finally(() =>
        elsewhere.close(),
      );
    },
    status: 401,
    code: 'auth.untrusted_peer',
  },
]);

async function healthWith(
  health: 'database' | 'temporal' | 'accessToken' | null,
  target: string,
): Promise<Reply> {
  const ok = () => Promise.resolve();
  const probes = { database: ok, temporal: ok, accessToken: ok };
  const down = () => Promise.reject(new Error('down'));
  const other = await serveHttp(harness, { health: { ...probes, ...(health ? { [health]: down } : {}) } });
  return call(other.url, { target }).finally(() => other.close());
}

table('§2.3, §3 health', [
  {
    what: 'all is well',
    send: () => healthWith(null, '/health'),
    status: 200,
    body: { status: 'ok', version: 'test', checks: { database: 'ok', temporal: 'ok', access_token: 'ok' } },
  },
  {
    what: 'there is no access token',
    send: () => healthWith('accessToken', '/health'),
    status: 200,
    body: { status: 'degraded', checks: { access_token: 'down' } },
  },
  ...(['database', 'temporal'] as const).flatMap((part) =>
    ['/health', '/readyz'].map((target) => ({
      what: `the ${part} is away, at ${target},`,
      send: () => healthWith(part, target),
      status: 503,
      body: { status: 'down', checks: { [part]: 'down' } },
    })),
  ),
  {
    what: 'asked at /livez',
    send: () => healthWith('database', '/livez'),
    status: 200,
    body: { status: 'ok' },
  },
  { what: 'asked at /readyz', send: () => healthWith(null, '/readyz'), status: 200 },
]);

describe('§3.1 POST /v1/open/coupons/verify', () => {
  const coupon = { code: '123456789012' };
  table('the body', [
    {
      what: 'there is no poi_id',
      send: () => post(VERIFY, coupon),
      status: 400,
      code: 'request.invalid',
      body: badField('/poi_id'),
    },
    {
      what: 'there is no coupon',
      send: () => post(VERIFY, { poi_id: poiId }),
      status: 400,
      code: 'request.invalid',
      body: badField(''),
    },
    ...[
      ['short_link', 'code'],
      ['short_link', 'encrypted_code'],
      ['code', 'encrypted_code'],
      ['short_link', 'code', 'encrypted_code'],
    ].map((names) => ({
      what: `it has ${names.join(' and ')}`,
      send: () =>
        post(VERIFY, {
          poi_id: poiId,
          verify_token: 'x',
          ...Object.fromEntries(names.map((name) => [name, 'x'])),
        }),
      status: 400,
      code: 'request.invalid',
      body: badField(''),
    })),
    {
      what: 'encrypted_code lacks its verify_token',
      send: () => post(VERIFY, { poi_id: poiId, encrypted_code: 'x' }),
      status: 400,
      code: 'request.invalid',
      body: badField('/verify_token'),
    },
    ...(
      [
        ['verify_token', '', '/verify_token'],
        ['verify_token', '😀'.repeat(129), '/verify_token'],
        ['verify_token', 'a\u0000', '/verify_token'],
        ['code', '1\n', '/code'],
        ['code', 123456789012, '/code'],
        ['extra', { operator_id: 'x'.repeat(65) }, '/extra/operator_id'],
        ['extra', { device_id: 'x'.repeat(65) }, '/extra/device_id'],
        ['extra', { note: 'x'.repeat(257) }, '/extra/note'],
      ] as const
    ).map(([name, value, pointer]) => ({
      what: `${pointer} is ${JSON.stringify(value).slice(0, 24)}`,
      send: () => post(VERIFY, { poi_id: poiId, ...coupon, [name]: value }),
      status: 400,
      code: 'request.invalid',
      body: badField(pointer),
    })),
    {
      what: 'it has unknown fields and texts of the full length',
      send: () =>
        post(VERIFY, {
          poi_id: poiId,
          code: codeOf(newOrder()),
          verify_token: `${'😀'.repeat(91)}${randomUUID()} `,
          extra: { operator_id: '码'.repeat(64), device_id: 'x'.repeat(64), note: '😀'.repeat(256), more: 1 },
          unknown: [{}],
        }),
      status: 200,
      body: success,
    },
  ]);

  for (const mode of MODES) {
    table(`mode ${mode}`, [
      {
        what: 'Douyin verified it',
        send: () => verifyWith(mode, []),
        status: 200,
        body: success,
        also: (reply) => expect(Object.keys(viewOf(reply))).toEqual(VIEW_FIELDS),
      },
      {
        what: 'Douyin refuses the item',
        send: () => verifyWith(mode, [{ kind: 'items-refused', endpoints: ['verify'], code: 1265 }]),
        status: 200,
        body: { data: { ...failed.data, error_code: 1265 } },
      },
      {
        what: 'Douyin refuses by error code',
        send: () =>
          verifyWith(mode, [{ kind: 'error-code-before-effect', endpoints: ['verify'], code: 1228 }]),
        status: 200,
        body: { data: { ...failed.data, error_code: 1228 } },
      },
      {
        what: 'it was redeemed before by another way',
        send: async () => {
          const order = newOrder();
          const body = await bodyFor(mode, order);
          fault({ kind: 'items-refused', endpoints: ['verify'], code: 1208, orderId: order.orderId });
          return post(VERIFY, body);
        },
        status: 200,
        body: { data: { ...failed.data, error_code: 1208 } },
      },
      {
        what: 'the outcome is not known within the budget',
        send: () => verifyWith(mode, NEVER_KNOWN),
        status: 200,
        body: processing,
      },
      {
        what: 'Douyin refuses the gateway at verify',
        send: () => verifyWith(mode, [always('ip-not-listed', 'verify')]),
        status: 502,
        code: 'douyin.refused_gateway',
        body: { verification_id: expect.any(Number) },
      },
      {
        what: 'the answer of a verify that took effect is lost, and a repeat finds it out',
        send: () => verifyWith(mode, [{ kind: 'cut-after-effect', endpoints: ['verify'] }]),
        status: 200,
        // The repeat usually fits into the budget; on a busy machine the record says so a moment later.
        body: { data: { verify_status: expect.stringMatching(/^(success|processing)$/) } },
        also: async (reply) => {
          const token = (reply.json() as { data: { verify_token: string } }).data.verify_token;
          await eventually(async () => {
            const seen = await open({ target: `${LOOK_UP}/${encodeURIComponent(token)}` });
            expect(seen.json()).toMatchObject(success);
            return true;
          });
        },
      },
      {
        what: 'verify answers codes 0 without results, which is no success yet',
        send: () => verifyWith(mode, [always('results-absent-before-effect', 'verify')]),
        status: 200,
        body: processing,
      },
      {
        what: 'the app is not for this store',
        send: async () => post(VERIFY, await bodyFor(mode, newOrder()), fenced),
        status: 403,
        code: 'app.poi_not_allowed',
      },
      {
        what: 'Douyin says "bad parameters" to verify',
        send: () =>
          verifyWith(mode, [{ kind: 'error-code-before-effect', endpoints: ['verify'], code: 2100005 }]),
        ...(mode === 'encrypted_code'
          ? { status: 200, body: { data: { ...failed.data, error_code: 2100005 } } }
          : { status: 502, code: 'douyin.refused_gateway' }),
      },
      {
        what: 'error codes come as text',
        send: () => verifyWith(mode, [{ kind: 'codes-as-text', endpoints: ['verify'] }]),
        status: 200,
        body: success,
      },
      {
        what: 'more is in flight than may be',
        send: async () => {
          const full = await serveHttp(harness, { maxInFlight: 0 });
          const body = JSON.stringify(await bodyFor(mode, newOrder()));
          return callOpen(full.url, app, { method: 'POST', target: VERIFY, body }).finally(() =>
            full.close(),
          );
        },
        status: 503,
        code: 'gateway.busy',
      },
    ]);
  }

  for (const mode of ['short_link', 'code'] as const) {
    table(`mode ${mode}, at prepare`, [
      ...(
        ['http-5xx-before-effect', 'html-before-effect', 'cut-before-effect', 'hang-before-effect'] as const
      ).map((kind) => ({
        what: `Douyin could not be asked (${kind})`,
        send: () => verifyWith(mode, [always(kind, 'prepare')]),
        status: 502,
        code: 'douyin.unavailable',
        body: { verification_id: expect.any(Number) },
      })),
      {
        what: 'Douyin is busy',
        send: () => verifyWith(mode, [always('error-code-before-effect', 'prepare', { code: 2100004 })]),
        status: 502,
        code: 'douyin.unavailable',
      },
      {
        what: 'Douyin refuses the gateway',
        send: () => verifyWith(mode, [always('permission-missing', 'prepare')]),
        status: 502,
        code: 'douyin.refused_gateway',
      },
      {
        what: 'the coupon is refunded',
        send: () => verifyWith(mode, [], { couponStatus: 'refunded' }),
        status: 200,
        body: failed,
        also: (reply) => expect(viewOf(reply)['error_code']).not.toBe(0),
      },
      {
        what: 'prepare lists an expired coupon alone, and verify is not called',
        send: async () => {
          harness.simulator.state.changeSettings({ listExpired: true });
          const past = Math.floor(Date.now() / 1000) - 100;
          const order = newOrder({ expireTime: past, startTime: past - 1000 });
          const reply = await post(VERIFY, await bodyFor(mode, order));
          harness.simulator.state.changeSettings({ listExpired: false });
          expect(sendsOf(order)).toBe(0);
          return reply;
        },
        status: 200,
        body: { data: { ...failed.data, error_code: -1, error_description: expect.stringMatching(/.+/) } },
      },
      {
        what: 'prepare lists several coupons: one of them is redeemed',
        send: async () => {
          const order = newOrder({ coupons: 3 });
          const reply = await post(VERIFY, await bodyFor(mode, order));
          expect(sendsOf(order)).toBe(1);
          return reply;
        },
        status: 200,
        body: success,
      },
    ]);
  }

  table('a plain code', [
    {
      what: 'Douyin knows no such code',
      send: () => post(VERIFY, { poi_id: poiId, code: '000000000000', verify_token: randomUUID() }),
      status: 200,
      body: failed,
    },
    {
      what: 'the answer to the caller carries the token the gateway made',
      send: () => post(VERIFY, { poi_id: poiId, code: codeOf(newOrder()) }),
      status: 200,
      body: { data: { verify_status: 'success', verify_token: expect.stringMatching(/^.{1,128}$/) } },
    },
  ]);

  table('a short link', [
    ...(
      ['gone', 'page', 'without_object_id', 'empty_object_id', 'foreign_host_without_object_id'] as const
    ).map((shortLinkVariant) => ({
      what: `it holds no coupon (${shortLinkVariant})`,
      send: () => verifyWith('short_link', [], { shortLinkVariant }),
      status: 400,
      code: 'coupon.short_link_invalid',
    })),
    ...(['relative_redirect', 'foreign_host'] as const).map((shortLinkVariant) => ({
      what: `its Location carries object_id (${shortLinkVariant})`,
      send: () => verifyWith('short_link', [], { shortLinkVariant }),
      status: 200,
      body: success,
    })),
    {
      what: 'it is not one of Douyin’s',
      send: () => post(VERIFY, { poi_id: poiId, short_link: 'https://example.com/x' }),
      status: 400,
      code: 'coupon.short_link_invalid',
    },
    {
      what: 'its host answers 5xx',
      send: () => verifyWith('short_link', [], { shortLinkVariant: 'server_error' }),
      status: 502,
      code: 'douyin.unavailable',
      body: { verification_id: expect.any(Number) },
    },
    {
      what: 'its host hangs',
      send: () => verifyWith('short_link', [{ kind: 'hang-before-effect', endpoints: ['short_link'] }]),
      status: 502,
      code: 'douyin.unavailable',
    },
  ]);

  table('1208 after an attempt that was refused for its access token is a first attempt’s', [
    {
      what: 'the coupon was used elsewhere',
      send: () =>
        verifyWith('code', [
          { kind: 'token-expired', endpoints: ['verify'] },
          { kind: 'items-refused', endpoints: ['verify'], code: 1208, nth: 2 },
        ]),
      status: 200,
      body: { data: { verify_status: 'failed', error_code: 1208 } },
    },
  ]);

  for (const mode of MODES) {
    table(`the token was seen before, mode ${mode}`, [
      {
        what: 'the same request, settled success',
        send: async () => {
          const order = newOrder();
          const body = await bodyFor(mode, order);
          const first = viewOf(await post(VERIFY, body));
          const again = await post(VERIFY, body);
          expect(viewOf(again).id).toBe(first.id);
          expect(sendsOf(order)).toBe(1);
          return again;
        },
        status: 200,
        body: success,
      },
      {
        what: 'the same request, settled failed',
        send: async () => {
          const order = newOrder();
          const body = await bodyFor(mode, order);
          fault({ kind: 'items-refused', endpoints: ['verify'], code: 1265, orderId: order.orderId });
          const first = viewOf(await post(VERIFY, body));
          const again = await post(VERIFY, body);
          expect(viewOf(again).id).toBe(first.id);
          expect(sendsOf(order)).toBe(1);
          return again;
        },
        status: 200,
        body: { data: { verify_status: 'failed', error_code: 1265 } },
      },
      {
        what: 'the same request, still processing: waits within the budget',
        send: async () => {
          const order = newOrder();
          const body = await bodyFor(mode, order);
          fault({ ...always('cut-before-effect', 'verify'), orderId: order.orderId });
          const first = viewOf(await post(VERIFY, body));
          const startedAt = performance.now();
          const again = await post(VERIFY, body);
          expect(viewOf(again).id).toBe(first.id);
          expect(performance.now() - startedAt).toBeGreaterThan(BUDGET_MS / 2);
          return again;
        },
        status: 200,
        body: processing,
      },
      {
        what: 'the earlier try ended before anything was consumed: tried again',
        send: async () => {
          const order = newOrder();
          const body = await bodyFor(mode, order);
          fault({ kind: 'ip-not-listed', endpoints: ['verify'], orderId: order.orderId });
          const first = await post(VERIFY, body);
          expect(first.status).toBe(502);
          const again = await post(VERIFY, body);
          expect(viewOf(again).id).toBe(errorOf(first).details?.['verification_id']);
          return again;
        },
        status: 200,
        body: success,
      },
      ...(
        [
          ['store', { poi_id: otherPoiId }],
          ['coupon', { [mode]: 'http://127.0.0.1:1/x' }],
          ['mode', { [mode]: undefined, [mode === 'code' ? 'short_link' : 'code']: '123456789012' }],
        ] as const
      ).map(([part, difference]) => ({
        what: `another request (its ${part})`,
        send: async () => {
          const body = await bodyFor(mode, newOrder());
          await post(VERIFY, body);
          return post(VERIFY, { ...body, ...difference });
        },
        status: 409,
        code: 'verification.token_reused',
      })),
      {
        what: 'another app’s: it is another verification',
        send: async () => {
          const body = await bodyFor('code', newOrder());
          await post(VERIFY, body);
          return post(
            VERIFY,
            { ...(await bodyFor('code', newOrder())), verify_token: body['verify_token'] },
            reader,
          );
        },
        status: 200,
        body: success,
      },
    ]);
  }

  it('enrichment fills order and coupon fields and never changes the verdict', async () => {
    const order = newOrder({ extOrderId: 'POS-1' });
    const before = viewOf(await post(VERIFY, await bodyFor('short_link', order)));
    const after = await eventually(async () => {
      const view = viewOf(await open({ target: `${LOOK_UP}/${before.verify_token}` }));
      return view['enrichment_status'] === 'success' && view;
    });
    for (const field of ['verify_status', 'error_code', 'error_description', 'douyin_response']) {
      expect(after[field]).toEqual(before[field]);
    }
    expect(after).toMatchObject({
      order_id: order.orderId,
      certificate_id: order.coupons[0]?.certificateId,
      coupon_status: 'USED',
      origin_code: codeOf(order),
      order_status: expect.any(Number),
      pay_amount: 7900,
      product_name: '双人下午茶套餐',
      verify_records_count: 1,
      create_order_time: expect.stringMatching(/Z$/),
      pay_time: expect.stringMatching(/Z$/),
      verify_time: expect.stringMatching(/Z$/),
      expire_time: expect.stringMatching(/Z$/),
    });
  });

  it('a processing one is settled in the background', async () => {
    const order = newOrder();
    const body = await bodyFor('code', order);
    const planned = fault({ ...always('cut-before-effect', 'verify'), orderId: order.orderId });
    const first = viewOf(await post(VERIFY, body));
    expect(first.verify_status).toBe('processing');
    expect(first).toMatchObject({ verify_time: null, error_description: '', order_status: 0 });
    harness.simulator.state.removeFault(planned.faultId);
    expect((await settled(first.id)).verify_status).toMatch(/^(success|failed)$/);
  });
});

describe('§3 look-up by token', () => {
  const token = `看 a/b?c#d%e&f=g+${randomUUID()}`;
  table('GET /v1/open/coupons/verifications/{verify_token}', [
    {
      what: 'it is the app’s own, and percent-encoded',
      send: async () => {
        await post(VERIFY, { poi_id: poiId, code: codeOf(newOrder()), verify_token: token });
        return open({ target: `${LOOK_UP}/${encodeURIComponent(token)}` });
      },
      status: 200,
      body: { data: { verify_status: 'success', verify_token: token } },
      also: (reply) => expect(Object.keys(viewOf(reply))).toEqual(VIEW_FIELDS),
    },
    {
      what: 'it is another app’s',
      send: () => open({ target: `${LOOK_UP}/${encodeURIComponent(token)}` }, reader),
      status: 404,
      code: 'verification.not_found',
    },
    {
      what: 'it has control characters',
      send: () => open({ target: `${LOOK_UP}/a%00b` }),
      status: 400,
      code: 'request.invalid',
      body: badField('/verify_token', 'path'),
    },
    {
      what: 'its percent-encoding is broken',
      send: () => open({ target: `${LOOK_UP}/a%E4b` }),
      status: 400,
      code: 'request.invalid',
    },
  ]);
});

table('§3.2 POST /v1/open/coupons/prepare', [
  ...(['short_link', 'code'] as const).map((mode) => ({
    what: `${mode}: Douyin’s own bytes, unwrapped`,
    send: () => {
      const order = newOrder();
      return post(PREPARE, {
        poi_id: poiId,
        ...(mode === 'code' ? { code: codeOf(order) } : { short_link: order.shortLink }),
      });
    },
    status: 200,
    also: (reply: Reply) => {
      expect(Object.keys(reply.json() as object)).toEqual(['data', 'extra']);
      expect(reply.text).toMatch(/"certificate_id":\s*\d{17,}/);
    },
  })),
  {
    what: 'Douyin’s error_code is not 0',
    send: () => post(PREPARE, { poi_id: poiId, code: '000000000000' }),
    status: 200,
    also: (reply) => expect((reply.json() as { data: { error_code: number } }).data.error_code).not.toBe(0),
  },
  {
    what: 'it consumes nothing',
    send: async () => {
      const order = newOrder();
      await post(PREPARE, { poi_id: poiId, code: codeOf(order) });
      return post(VERIFY, await bodyFor('code', order));
    },
    status: 200,
    body: success,
  },
  {
    what: 'there is no coupon',
    send: () => post(PREPARE, { poi_id: poiId }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'there are two',
    send: () => post(PREPARE, { poi_id: poiId, code: 'x', short_link: 'x' }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'encrypted_code is no way to prepare',
    send: () => post(PREPARE, { poi_id: poiId, encrypted_code: 'x' }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'the link is not Douyin’s',
    send: () => post(PREPARE, { poi_id: poiId, short_link: 'https://example.com/' }),
    status: 400,
    code: 'coupon.short_link_invalid',
  },
  {
    what: 'it is not signed',
    send: () => call(server.url, { method: 'POST', target: PREPARE, body: '{}' }),
    status: 401,
    code: 'auth.missing_header',
  },
  {
    what: 'the app is not for this store',
    send: () => post(PREPARE, { poi_id: poiId, code: 'x' }, fenced),
    status: 403,
    code: 'app.poi_not_allowed',
  },
  {
    what: 'Douyin could not be asked',
    send: () => {
      const order = newOrder();
      fault({ ...always('http-5xx-before-effect', 'prepare'), orderId: order.orderId });
      return post(PREPARE, { poi_id: poiId, code: codeOf(order) });
    },
    status: 502,
    code: 'douyin.unavailable',
  },
  {
    what: 'Douyin refuses the gateway',
    send: () => {
      const order = newOrder();
      fault({ ...always('permission-missing', 'prepare'), orderId: order.orderId });
      return post(PREPARE, { poi_id: poiId, code: codeOf(order) });
    },
    status: 502,
    code: 'douyin.refused_gateway',
  },
]);

table('§3.3 GET /v1/open/douyin/access-token', [
  {
    what: 'the app may read it: with 60 s to live at least, and audited',
    send: () => open({ target: TOKEN, headers: { 'X-Request-Id': 'reads-a-token' } }, reader),
    status: 200,
    also: async (reply) => {
      const { data } = reply.json() as {
        data: { expires_in: number; expires_at: string; access_token: string };
      };
      expect(Object.keys(data)).toEqual(['access_token', 'expires_at', 'expires_in']);
      expect(data.expires_in).toBeGreaterThanOrEqual(60);
      expect(data.expires_at).toMatch(/Z$/);
      const audit = await internal({ target: `${AUDIT}?action=access_token.read&actor=app:${reader.code}` });
      expect(audit.json()).toMatchObject({ data: [{ request_id: 'reads-a-token' }] });
      expect(audit.text).not.toContain(data.access_token);
    },
  },
  {
    what: 'the app may not',
    send: () => open({ target: TOKEN }),
    status: 403,
    code: 'app.token_read_not_allowed',
  },
  {
    what: 'it is not signed',
    send: () => call(server.url, { target: TOKEN }),
    status: 401,
    code: 'auth.missing_header',
  },
]);

table('§3.4 GET /v1/open/douyin/stores', [
  {
    what: 'all are asked for: Douyin’s JSON, unwrapped',
    send: () => open({ target: STORES }),
    status: 200,
    also: (reply) => expect(Object.keys(reply.json() as object)).toEqual(['data', 'extra']),
  },
  {
    what: 'one is asked for',
    send: () => open({ target: `${STORES}?poi_id=${poiId}&page=1&page_size=50` }),
    status: 200,
  },
  ...['page_size=51', 'page_size=0', 'page=0', 'page=x', 'page=1&page=2', 'poi_id='].map((query) => ({
    what: `the query is ${query}`,
    send: () => open({ target: `${STORES}?${query}` }),
    status: 400,
    code: 'request.invalid',
  })),
  {
    what: 'the app is not for that store',
    send: () => open({ target: `${STORES}?poi_id=${poiId}` }, fenced),
    status: 403,
    code: 'app.poi_not_allowed',
  },
  {
    what: 'it is the fenced app’s own store',
    send: () => open({ target: `${STORES}?poi_id=${otherPoiId}` }, fenced),
    status: 200,
  },
]);

const idsOf = (reply: Reply) => (reply.json() as { data: { id: number }[] }).data.map((row) => row.id);

describe('§3.5 GET /v1/internal/reports/verifications', () => {
  const day = (offsetDays: number) =>
    new Date(Date.now() + 8 * 3_600_000 + offsetDays * 86_400_000).toISOString().slice(0, 10);
  const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

  table('times', [
    {
      what: 'RFC 3339 in UTC',
      send: () => internal({ target: `${REPORT}?start_time=2026-01-01T00:00:00Z&end_time=${tomorrow()}` }),
      status: 200,
    },
    {
      what: 'RFC 3339 with an offset',
      send: () => internal({ target: `${REPORT}?start_time=2026-01-01T00:00:00%2B08:00` }),
      status: 200,
    },
    {
      what: 'a day, whose end includes it',
      send: () => internal({ target: `${REPORT}?start_time=${day(0)}&end_time=${day(0)}` }),
      status: 200,
      also: (reply) => expect((reply.json() as { total: number }).total).toBeGreaterThan(10),
    },
    {
      what: 'a day without any',
      send: () => internal({ target: `${REPORT}?start_time=${day(-9)}&end_time=${day(-8)}` }),
      status: 200,
      body: { data: [], total: 0 },
    },
    ...[
      '2026-03-01T00:00:00',
      '2026-03-01 00:00:00Z',
      '1773225312',
      '1773225312000',
      '2026-02-30',
      '2026-3-1',
      'today',
      '',
    ].map((text) => ({
      what: JSON.stringify(text),
      send: () => internal({ target: `${REPORT}?start_time=${encodeURIComponent(text)}` }),
      status: 400,
      code: 'request.invalid',
      body: badField('/start_time', 'query'),
    })),
  ]);

  table('filters and pages', [
    ...[
      'page=0',
      'page_size=0',
      'page_size=201',
      'page=1.5',
      'status=SUCCESS',
      'app_id=x',
      'export=pdf',
      'cursor=x',
      'cursor=',
      'page=1&page=1',
    ].map((query) => ({
      what: `the query is ${query}`,
      send: () => internal({ target: `${REPORT}?${query}` }),
      status: 400,
      code: 'request.invalid',
    })),
    {
      what: 'every filter is given',
      send: async () => {
        const order = newOrder();
        const view = viewOf(await post(VERIFY, await bodyFor('code', order)));
        const query = new URLSearchParams({
          start_time: day(-1),
          end_time: day(1),
          poi_id: poiId,
          app_id: String(app.id),
          status: 'success',
          certificate_id: String(view['certificate_id']),
          order_id: String(view['order_id']),
          page: '1',
          page_size: '200',
        });
        const reply = await internal({ target: `${REPORT}?${query.toString()}` });
        expect(idsOf(reply)).toEqual([view.id]);
        return reply;
      },
      status: 200,
      body: { total: 1, page: 1, page_size: 200, data: [{ verify_status: 'success' }] },
      also: (reply) => expect(Object.keys((reply.json() as { data: [object] }).data[0])).toEqual(VIEW_FIELDS),
    },
  ]);

  it('is newest first, and a walk by cursor sees each row once and ends with null', async () => {
    const until = `end_time=${new Date().toISOString()}`;
    const all: number[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const reply: Reply = await internal({
        target: `${REPORT}?${until}&page_size=50${cursor && `&cursor=${cursor}`}`,
      });
      all.push(...idsOf(reply));
      cursor = (reply.json() as { next_cursor: string | null }).next_cursor;
    }
    expect(pages).toBeGreaterThan(1);
    expect(all).toEqual(all.toSorted((a, b) => b - a));
    const { total } = (await internal({ target: `${REPORT}?${until}&page_size=1` })).json() as {
      total: number;
    };
    expect([new Set(all).size, all.length]).toEqual([total, total]);
  });

  it('exports CSV: BOM, CRLF, the fields without douyin_response, a file named by its range', async () => {
    const reply = await internal({ target: `${REPORT}?start_time=2026-03-01&end_time=${day(0)}&export=csv` });
    expect(reply.status).toBe(200);
    holdsOfEveryAnswer(reply);
    expect(reply.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(reply.headers['content-disposition']).toBe(
      `attachment; filename="verifications-20260301-${day(0).replaceAll('-', '')}.csv"`,
    );
    expect([...reply.bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(
      reply.text
        .split('\n')
        .slice(0, -1)
        .every((line) => line.endsWith('\r')),
    ).toBe(true);
    const [header, ...rows]: string[][] = parseCsv(reply.bytes, { bom: true });
    expect(header).toEqual(VIEW_FIELDS.filter((field) => field !== 'douyin_response'));
    const { total } = (
      await internal({ target: `${REPORT}?start_time=2026-03-01&end_time=${day(0)}` })
    ).json() as { total: number };
    expect(rows.length).toBe(total);
  });

  it('exports XLSX', async () => {
    const reply = await internal({
      target: `${REPORT}?start_time=2026-03-01&end_time=${day(0)}&export=xlsx`,
    });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toBe(
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    );
    expect(reply.bytes.subarray(0, 2).toString()).toBe('PK');
  });
});

const range = 'start_time=2026-11-01&end_time=2027-10-31';
const VALUES = [
  'total_count',
  'success_count',
  'failed_count',
  'processing_count',
  'cancelled_count',
  'amount_missing_count',
  'pay_amount',
  'receipt_amount',
  'discount_amount',
];
const rowOf = (reply: Reply) => (reply.json() as { data: Record<string, unknown>[] }).data[0] ?? {};
const wide = () =>
  `start_time=${new Date(Date.now() - 86_400_000).toISOString()}&end_time=${new Date(Date.now() + 86_400_000).toISOString()}`;

table('§3.6 GET /v1/internal/reports/verifications/summary', [
  {
    what: 'by day, unless said otherwise',
    send: () => internal({ target: `${SUMMARY}?${wide()}` }),
    status: 200,
    also: (reply) => expect(Object.keys(rowOf(reply))).toEqual(['day', ...VALUES]),
  },
  {
    what: 'by everything',
    send: () => internal({ target: `${SUMMARY}?${wide()}&group_by=day,poi,app,status` }),
    status: 200,
    also: (reply) =>
      expect(Object.keys(rowOf(reply))).toEqual([
        'day',
        'poi_id',
        'app_id',
        'app_name',
        'verify_status',
        ...VALUES,
      ]),
  },
  {
    what: 'amounts are those of successes',
    send: () => internal({ target: `${SUMMARY}?${wide()}&group_by=status` }),
    status: 200,
    also: (reply) => {
      const rows = (reply.json() as { data: Record<string, unknown>[] }).data;
      expect(rows.find((row) => row['verify_status'] === 'failed')).toMatchObject({
        pay_amount: 0,
        success_count: 0,
      });
      expect(Number(rows.find((row) => row['verify_status'] === 'success')?.['pay_amount'])).toBeGreaterThan(
        0,
      );
    },
  },
  {
    what: '366 days',
    send: () => internal({ target: `${SUMMARY}?start_time=2026-11-01&end_time=2027-11-01` }),
    status: 200,
  },
  {
    what: '367 days',
    send: () => internal({ target: `${SUMMARY}?start_time=2026-11-01&end_time=2027-11-02` }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'there is no start',
    send: () => internal({ target: `${SUMMARY}?end_time=2026-11-01` }),
    status: 400,
    code: 'request.invalid',
    body: badField('/start_time', 'query'),
  },
  {
    what: 'there is no end',
    send: () => internal({ target: `${SUMMARY}?start_time=2026-11-01` }),
    status: 400,
    code: 'request.invalid',
    body: badField('/end_time', 'query'),
  },
  ...['month', 'day,day', '', 'day,', 'Day'].map((groupBy) => ({
    what: `group_by is ${JSON.stringify(groupBy)}`,
    send: () => internal({ target: `${SUMMARY}?${range}&group_by=${groupBy}` }),
    status: 400,
    code: 'request.invalid',
    body: badField('/group_by', 'query'),
  })),
  ...['csv', 'xlsx'].map((format) => ({
    what: `export=${format}`,
    send: () => internal({ target: `${SUMMARY}?${range}&export=${format}` }),
    status: 200,
    also: (reply: Reply) =>
      expect(reply.headers['content-disposition']).toMatch(/^attachment; filename=".+"$/),
  })),
]);

const newCode = () => `c-${randomBytes(5).toString('hex')}`;
const secretsOf = async (id: number) =>
  (await internal({ target: `${APPS}/${id}/secrets` })).json() as {
    data: { id: number; ended_at: string | null }[];
  };

table('§3.7 apps', [
  {
    what: 'POST: key and secret are made, and the secret is shown',
    send: () => change('POST', APPS, { name: '收银台', code: newCode() }),
    status: 200,
    body: {
      data: {
        app: { description: '', status: 'active', allow_token_read: false, last_used_at: null },
        secret: expect.stringMatching(/^.{32,}$/),
      },
    },
    also: async (reply) => {
      const { data } = reply.json() as { data: { app: Record<string, unknown>; secret: string } };
      expect(Object.keys(data)).toEqual(['app', 'secret']);
      expect(Object.keys(data.app).slice(0, GIVEN_APP_FIELDS.length)).toEqual(GIVEN_APP_FIELDS);
      for (const target of [APPS, `${APPS}/${String(data.app['id'])}/secrets`, AUDIT]) {
        expect((await internal({ target })).text).not.toContain(data.secret);
      }
    },
  },
  {
    what: 'POST: everything is given',
    send: () => {
      const clientKey = `ck_${randomBytes(5).toString('hex')}`;
      return change('POST', APPS, {
        name: 'n', code: newCode(), description: 'd', client_key: clientKey, secret: 's'.repeat(32), status: 'disabled', allow_token_read: true,
      }); // prettier-ignore
    },
    status: 200,
    body: {
      data: { app: { description: 'd', status: 'disabled', allow_token_read: true }, secret: 's'.repeat(32) },
    },
  },
  ...(
    [
      [{ code: 'x' }, '/name'],
      [{ name: 'x' }, '/code'],
      [{ name: 'x', code: 'x', secret: 's'.repeat(31) }, '/secret'],
      [{ name: 'x', code: 'x', status: 'paused' }, '/status'],
      [{ name: 'x', code: 'x', allow_token_read: 'true' }, '/allow_token_read'],
    ] as const
  ).map(([body, pointer]) => ({
    what: `POST: ${JSON.stringify(body).slice(0, 40)}`,
    send: () => change('POST', APPS, body),
    status: 400,
    code: 'request.invalid',
    body: badField(pointer),
  })),
  {
    what: 'POST: the code is taken',
    send: () => change('POST', APPS, { name: 'x', code: app.code }),
    status: 409,
    code: 'app.code_taken',
  },
  {
    what: 'POST: the client_key is taken',
    send: () => change('POST', APPS, { name: 'x', code: newCode(), client_key: app.clientKey }),
    status: 409,
    code: 'app.client_key_taken',
  },
  {
    what: 'GET: the list',
    send: () => internal({ target: `${APPS}?page=1&page_size=1` }),
    status: 200,
    body: { page: 1, page_size: 1, total: expect.any(Number) },
    also: (reply) =>
      expect(Object.keys(rowOf(reply)).slice(0, GIVEN_APP_FIELDS.length)).toEqual(GIVEN_APP_FIELDS),
  },
  {
    what: 'PATCH token-access',
    send: async () =>
      change('PATCH', `${APPS}/${(await createClientApp(server.url)).id}/token-access`, {
        allow_token_read: true,
      }),
    status: 200,
    also: (reply) => expect(reply.json()).toEqual({ message: '更新成功' }),
  },
  {
    what: 'PATCH token-access: no such app',
    send: () => change('PATCH', `${APPS}/999999999/token-access`, { allow_token_read: true }),
    status: 404,
    code: 'app.not_found',
  },
  {
    what: 'PATCH token-access: no right',
    send: () => change('PATCH', `${APPS}/${app.id}/token-access`, {}),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'PATCH: a disabled app is refused at its next request',
    send: async () => {
      const victim = await createClientApp(server.url);
      expect((await change('PATCH', `${APPS}/${victim.id}`, { status: 'disabled' })).status).toBe(200);
      return open(lookUp, victim);
    },
    status: 403,
    code: 'app.disabled',
  },
  {
    what: 'PATCH: a fence holds at the next request, before anything goes to Douyin',
    send: async () => {
      const victim = await createClientApp(server.url);
      await change('PATCH', `${APPS}/${victim.id}`, { poi_ids: [otherPoiId] });
      const order = newOrder();
      const reply = await post(VERIFY, { poi_id: poiId, code: codeOf(order) }, victim);
      expect(sendsOf(order)).toBe(0);
      return reply;
    },
    status: 403,
    code: 'app.poi_not_allowed',
  },
  {
    what: 'PATCH: no such app',
    send: () => change('PATCH', `${APPS}/999999999`, { name: 'x' }),
    status: 404,
    code: 'app.not_found',
  },
  {
    what: 'PATCH: nothing to change',
    send: () => change('PATCH', `${APPS}/${app.id}`, {}),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'a change is audited with who, before and after',
    send: async () => {
      const { id } = await createClientApp(server.url);
      await internal({
        method: 'PATCH',
        target: `${APPS}/${id}`,
        headers: { 'X-XTJ-UID': 'boss@hq' },
        body: '{"name":"新名"}',
      });
      return internal({ target: `${AUDIT}?target_type=app&target_id=${id}&actor=boss@hq` });
    },
    status: 200,
    body: { total: 1, data: [{ actor: 'boss@hq', before: { name: '收银台' }, after: { name: '新名' } }] },
  },
  {
    what: 'secrets: a second live one, then the first is ended',
    send: async () => {
      const two = await createClientApp(server.url);
      const added = (await change('POST', `${APPS}/${two.id}/secrets`, {})).json() as {
        data: { secret: string };
      };
      const ids = (await secretsOf(two.id)).data.map((secret) => secret.id);
      const ended = await internal({
        method: 'DELETE',
        target: `${APPS}/${two.id}/secrets/${Math.min(...ids)}`,
      });
      expect((await open(lookUp, two)).status).toBe(401);
      expect((await open(lookUp, { ...two, secret: added.data.secret })).status).toBe(404);
      return ended;
    },
    status: 200,
    body: { data: { ended_at: expect.stringMatching(/Z$/) } },
  },
  {
    what: 'secrets: a third one',
    send: async () => {
      const { id } = await createClientApp(server.url);
      await change('POST', `${APPS}/${id}/secrets`, {});
      return change('POST', `${APPS}/${id}/secrets`, {});
    },
    status: 409,
    code: 'app.secret_limit',
  },
  {
    what: 'secrets: the last one is to be ended',
    send: async () => {
      const { id } = await createClientApp(server.url);
      const [only] = (await secretsOf(id)).data;
      return internal({ method: 'DELETE', target: `${APPS}/${id}/secrets/${only?.id}` });
    },
    status: 409,
    code: 'app.last_secret',
  },
  {
    what: 'secrets: no such one',
    send: () => internal({ method: 'DELETE', target: `${APPS}/${app.id}/secrets/999999999` }),
    status: 404,
    code: 'app.secret_not_found',
  },
  {
    what: 'secrets: no such app',
    send: () => change('POST', `${APPS}/999999999/secrets`, {}),
    status: 404,
    code: 'app.not_found',
  },
]);

const VERIFICATIONS = '/v1/internal/verifications';
const decision = { verify_status: 'failed', note: '来客后台显示未核销' };

table('§3, §5 one verification and its decision', [
  {
    what: 'it is shown with its timeline',
    send: async () => {
      const { id } = viewOf(await post(VERIFY, await bodyFor('code', newOrder())));
      return internal({ target: `${VERIFICATIONS}/${id}` });
    },
    status: 200,
    body: { data: { verify_status: 'success', timeline: expect.any(Array) } },
    also: (reply) => expect(Object.keys(viewOf(reply)).slice(0, VIEW_FIELDS.length)).toEqual(VIEW_FIELDS),
  },
  {
    what: 'there is none',
    send: () => internal({ target: `${VERIFICATIONS}/999999999` }),
    status: 404,
    code: 'verification.not_found',
  },
  {
    what: 'its id is no id',
    send: () => internal({ target: `${VERIFICATIONS}/1e3` }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'an operator decides an undecided one',
    send: async () => {
      const { id } = viewOf(await verifyWith('code', NEVER_KNOWN));
      // Refused while a send may take effect, and from then on nothing is sent.
      const refused = await change('POST', `${VERIFICATIONS}/${id}/resolve`, decision);
      expect([refused.status, refused.headers['retry-after']]).toEqual([409, expect.stringMatching(/^\d+$/)]);
      await harness.gateway.orm.em
        .fork()
        .execute(`update verifications set last_sent_at = now() - interval '10 minutes' where id = ?`, [id]);
      // And until Douyin was asked once more.
      let reply = refused;
      await eventually(async () => {
        reply = await change('POST', `${VERIFICATIONS}/${id}/resolve`, decision);
        return reply.status !== 409;
      });
      return reply;
    },
    status: 200,
    body: { data: { verify_status: 'failed' } },
    also: (reply) => expect(Object.keys(viewOf(reply))).toEqual(VIEW_FIELDS),
  },
  {
    what: 'an operator decides a decided one',
    send: async () => {
      const { id } = viewOf(await post(VERIFY, await bodyFor('code', newOrder())));
      return change('POST', `${VERIFICATIONS}/${id}/resolve`, decision);
    },
    status: 409,
    code: 'verification.not_processing',
  },
  ...[
    {},
    { verify_status: 'failed' },
    { verify_status: 'failed', note: '' },
    { verify_status: 'failed', note: 'x'.repeat(257) },
    { verify_status: 'processing', note: 'x' },
  ].map((body) => ({
    what: `the decision is ${JSON.stringify(body).slice(0, 40)}`,
    send: () => change('POST', `${VERIFICATIONS}/1/resolve`, body),
    status: 400,
    code: 'request.invalid',
  })),
  {
    what: 'there is none to decide',
    send: () => change('POST', `${VERIFICATIONS}/999999999/resolve`, decision),
    status: 404,
    code: 'verification.not_found',
  },
  {
    what: 'enrichments are listed',
    send: () => internal({ target: `${ENRICHMENTS}?status=pending` }),
    status: 200,
  },
  {
    what: 'enrichments of another status',
    send: () => internal({ target: `${ENRICHMENTS}?status=success` }),
    status: 400,
    code: 'request.invalid',
  },
  {
    what: 'an enrichment of nothing is retried',
    send: () => internal({ method: 'POST', target: `${ENRICHMENTS}/999999999/retry` }),
    status: 404,
    code: 'verification.not_found',
  },
  {
    what: 'a complete enrichment is retried',
    send: async () => {
      const { id } = viewOf(await post(VERIFY, await bodyFor('code', newOrder())));
      await eventually(
        async () =>
          viewOf(await internal({ target: `${VERIFICATIONS}/${id}` }))['enrichment_status'] === 'success',
      );
      return internal({ method: 'POST', target: `${ENRICHMENTS}/${id}/retry` });
    },
    status: 409,
    code: 'enrichment.not_open',
  },
]);

table('§1 statuses: 404 for what is not there', [
  {
    what: 'an unknown open path',
    send: () => open({ target: '/v1/open/nowhere' }),
    status: 404,
    code: 'route.not_found',
  },
  {
    what: 'an unknown internal path',
    send: () => internal({ target: '/v1/internal/nowhere' }),
    status: 404,
    code: 'route.not_found',
  },
  {
    what: 'another path',
    send: () => call(server.url, { target: '/nowhere' }),
    status: 404,
    code: 'route.not_found',
  },
  {
    what: 'another method',
    send: () => open({ method: 'DELETE', target: VERIFY }),
    status: 404,
    code: 'route.not_found',
  },
  {
    what: 'an unknown open path is not signed',
    send: () => call(server.url, { target: '/v1/open/nowhere' }),
    status: 401,
    code: 'auth.missing_header',
  },
]);

describe('§1 statuses: 503 when the gateway itself cannot take the request', () => {
  let broken: HttpGateway;
  let closeOrm: () => Promise<void>;
  beforeAll(async () => {
    const logger = createLogger({ level: 'silent', format: 'json', process: 'test' });
    const orm = await openOrm({ url: 'postgres://nobody@127.0.0.1:1/nothing', poolSize: 2, logger });
    closeOrm = () => orm.close(true);
    broken = await serveHttp(harness, { db: createDatabase(orm, { policy: TEST_POLICY }) });
  });
  afterAll(async () => {
    await broken.close();
    await closeOrm();
  });

  it.each(
    ROUTES.filter((route) => route.surface !== 'public').map(
      (route) => [route.method, route.path, route] as const,
    ),
  )('%s %s, the database being away, is never a 500', async (method, path, route) => {
    const query = path === SUMMARY ? `?${range}` : '';
    const target = path.replaceAll(/\{(\w+)\}/g, '1') + query;
    const bodies: Record<string, unknown> = {
      createApp: { name: 'x', code: 'x' },
      updateApp: { name: 'x' },
      updateTokenAccess: { allow_token_read: true },
      resolveVerification: decision,
    };
    const body = route.body ? { body: JSON.stringify(bodies[route.operationId] ?? {}) } : {};
    const inner = { method, target, ...body };
    const reply =
      route.surface === 'open'
        ? await callOpen(broken.url, app, inner)
        : await callInternal(broken.url, inner);
    holdsOfEveryAnswer(reply);
    expect(errorOf(reply)).toEqual({ status: 503, code: 'gateway.database_unavailable' });
  });
});
