import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  call,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
  signedHeaders,
} from '../../support/http-gateway.ts';

const TARGET = '/v1/open/coupons/verify';
const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;
const otherPoiId = SIMULATOR_DEFAULTS.stores[1].poiId;

/** The published fields in the published order, then the gateway's own. */
const VIEW_FIELDS =
  'id app_id app_name poi_id verify_status error_code error_description certificate_id encrypted_code origin_code coupon_status product_id product_name sku_id sku_name verify_records_count verify_id order_id source_order_id ext_order_id order_status pay_amount receipt_amount discount_amount enrichment_status enrichment_retry_count douyin_response expire_time verify_time create_order_time pay_time created_at updated_at verify_token operator_id device_id note advice item_no item_count cancel_status cancelled_at cancellable_until reason'.split(
    ' ',
  );

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness();
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
}, 90_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface View extends Record<string, unknown> {
  readonly id: number;
  readonly verify_status: string;
  readonly verify_token: string;
  readonly advice: string;
}

const verify = (body: unknown, credentials = app, headers = {}): Promise<Reply> =>
  callOpen(server.url, credentials, {
    method: 'POST',
    target: TARGET,
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers,
  });

function viewOf(reply: Reply): View {
  expect(`${reply.status} ${reply.status === 200 ? '' : reply.text}`).toBe('200 ');
  return (reply.json() as { data: View }).data;
}

const freshCoupon = () => harness.simulator.state.createOrder();
const effectsOf = (orderId: string) =>
  harness.simulator.state.listOrders({ pageSize: 1000 }).items.find((order) => order.orderId === orderId);

const shortLinkBody = (overrides = {}) => ({
  poi_id: poiId,
  short_link: freshCoupon().shortLink,
  verify_token: randomUUID(),
  ...overrides,
});

describe('POST /v1/open/coupons/verify', () => {
  describe('200', () => {
    it('redeems a coupon by its short link and answers every published field in its order', async () => {
      const extra = { operator_id: 'cashier-008', device_id: 'ipad-pos-01', note: '前台扫码核销' };
      const body = shortLinkBody({ extra });
      const view = viewOf(await verify(body));
      expect(Object.keys(view)).toEqual(VIEW_FIELDS);
      expect(view).toMatchObject({
        verify_status: 'success',
        error_code: 0,
        app_id: app.id,
        poi_id: poiId,
        verify_token: body.verify_token,
        ...extra,
        advice: '',
      });
    });

    it('passes Douyin’s answer on unchanged', async () => {
      const reply = await verify(shortLinkBody());
      const { id } = viewOf(reply);
      const stored = await harness.gateway.db.run(({ verifications }) => verifications.findById(id));
      expect(stored?.douyinResponse).toContain('verify_results');
      expect(reply.text).toContain(`"douyin_response":${stored?.douyinResponse ?? ''},"expire_time"`);
    });

    it('redeems by plain code', async () => {
      const code = freshCoupon().coupons[0]?.code;
      const view = viewOf(await verify({ poi_id: poiId, code, verify_token: randomUUID() }));
      expect(view).toMatchObject({ verify_status: 'success' });
    });

    it('redeems by encrypted code with the token of the caller’s own prepare', async () => {
      const order = freshCoupon();
      const prepared = await callOpen(server.url, app, {
        method: 'POST',
        target: '/v1/open/coupons/prepare',
        body: JSON.stringify({ poi_id: poiId, short_link: order.shortLink }),
      });
      const { data } = prepared.json() as {
        data: { verify_token: string; certificates: { encrypted_code: string }[] };
      };
      const view = viewOf(
        await verify({
          poi_id: poiId,
          encrypted_code: data.certificates[0]?.encrypted_code,
          verify_token: data.verify_token,
        }),
      );
      expect(view).toMatchObject({ verify_status: 'success', verify_token: data.verify_token });
    });

    it('makes a token when the caller brings none', async () => {
      const { verify_token: _, ...body } = shortLinkBody();
      const view = viewOf(await verify(body));
      expect(view.verify_token).toMatch(/^.{1,128}$/);
    });

    it('answers a repeat with the stored record and sends nothing more', async () => {
      const order = freshCoupon();
      const body = { poi_id: poiId, short_link: order.shortLink, verify_token: randomUUID() };
      const first = viewOf(await verify(body));
      const before = effectsOf(order.orderId);
      const second = viewOf(await verify(body));
      expect(second.id).toBe(first.id);
      expect(second.verify_status).toBe('success');
      expect(effectsOf(order.orderId)).toEqual(before);
    });

    it('ignores unknown body fields', async () => {
      expect(viewOf(await verify(shortLinkBody({ unknown: { a: 1 }, extra: { other: 2 } })))).toMatchObject({
        verify_status: 'success',
      });
    });

    it('tells the cashier where a coupon was redeemed when it was redeemed here', async () => {
      const order = freshCoupon();
      const code = order.coupons[0]?.code;
      const first = viewOf(
        await verify({
          poi_id: poiId,
          code,
          verify_token: randomUUID(),
          extra: { operator_id: 'cashier-1' },
        }),
      );
      const second = viewOf(await verify({ poi_id: poiId, code, verify_token: randomUUID() }));
      expect(second.verify_status).toBe('failed');
      for (const part of [String(first.id), poiId, 'cashier-1']) expect(second.advice).toContain(part);
    });

    it('advises in English when asked to', async () => {
      const order = harness.simulator.state.createOrder({ couponStatus: 'refunded' });
      const body = { poi_id: poiId, short_link: order.shortLink, verify_token: randomUUID() };
      const chinese = viewOf(await verify(body));
      const english = viewOf(await verify(body, app, { 'Accept-Language': 'en-GB,en;q=0.9' }));
      expect(chinese).toMatchObject({ verify_status: 'failed' });
      expect(chinese.advice).toMatch(/[\u4e00-\u9fff]/);
      expect(english.advice).toMatch(/^[A-Z][\x20-\x7e\u2019]+$/);
    });
  });

  describe('400', () => {
    const coupon = { short_link: 'https://v.douyin.com/x/' };
    const invalid: [string, Record<string, unknown>, string][] = [
      ['no store', { ...coupon }, '/poi_id'],
      ['an empty store', { ...coupon, poi_id: '' }, '/poi_id'],
      ['a store that is a number', { ...coupon, poi_id: 7 }, '/poi_id'],
      ['a store that is null', { ...coupon, poi_id: null }, '/poi_id'],
      ['no coupon', { poi_id: '1' }, ''],
      ['two coupons', { poi_id: '1', ...coupon, code: '1' }, ''],
      ['an empty code', { poi_id: '1', code: '' }, '/code'],
      ['an encrypted code without its token', { poi_id: '1', encrypted_code: 'x' }, '/verify_token'],
      ['an empty token', { poi_id: '1', ...coupon, verify_token: '' }, '/verify_token'],
      [
        'a token that is too long',
        { poi_id: '1', ...coupon, verify_token: '码'.repeat(129) },
        '/verify_token',
      ],
      ['a NUL character', { poi_id: '1', code: '1\u0000' }, '/code'],
      ['a line break', { poi_id: '1', code: '1\n' }, '/code'],
      ['half a surrogate pair', { poi_id: '1', code: '\ud800' }, '/code'],
      [
        'an operator id that is too long',
        { poi_id: '1', ...coupon, extra: { operator_id: 'x'.repeat(65) } },
        '/extra/operator_id',
      ],
      [
        'a note that is too long',
        { poi_id: '1', ...coupon, extra: { note: 'x'.repeat(257) } },
        '/extra/note',
      ],
      ['an extra that is a list', { poi_id: '1', ...coupon, extra: [] }, '/extra'],
    ];
    it.each(invalid)('names the field of %s', async (_what, body, pointer) => {
      const error = errorOf(await verify(body));
      expect(error).toMatchObject({ status: 400, code: 'request.invalid' });
      expect(error.details?.['fields']).toEqual([{ in: 'body', pointer, message: expect.any(String) }]);
    });

    it('names every field that is wrong, in the caller’s language, and repeats no value', async () => {
      const secretText = 'do-not-tell\u0007';
      const body = { poi_id: 7, code: secretText, encrypted_code: secretText };
      const english = await verify(body, app, { 'Accept-Language': 'en' });
      expect(errorOf(english).details?.['fields']).toEqual([
        { in: 'body', pointer: '/poi_id', message: 'Invalid input: expected string, received number' },
        { in: 'body', pointer: '/code', message: 'Must not hold control characters' },
        { in: 'body', pointer: '/encrypted_code', message: 'Must not hold control characters' },
      ]);
      const chinese = await verify(body);
      expect(chinese.text).toContain('不可含控制字符');
      expect(english.text + chinese.text).not.toContain('do-not-tell');
    });

    it('counts Unicode characters, not bytes or UTF-16 units', async () => {
      const verifyToken = '😀'.repeat(128);
      expect(viewOf(await verify(shortLinkBody({ verify_token: verifyToken }))).verify_token).toBe(
        verifyToken,
      );
    });

    it.each([
      ['{', 'request.malformed_json'],
      ['{"poi_id":"1",}', 'request.malformed_json'],
      [Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'request.malformed_json'],
      ['[]', 'request.invalid'],
      ['null', 'request.invalid'],
      ['"text"', 'request.invalid'],
      ['', 'request.invalid'],
    ])('refuses the body %j', async (body, code) => {
      expect(errorOf(await verify(body))).toMatchObject({ status: 400, code });
    });

    it('names an unknown and a repeated query parameter', async () => {
      const target = `${TARGET}?dry_run=1`;
      const reply = await callOpen(server.url, app, {
        method: 'POST',
        target,
        body: JSON.stringify(shortLinkBody()),
      });
      expect(errorOf(reply).details?.['fields']).toMatchObject([{ in: 'query', pointer: '/dry_run' }]);
    });

    it.each(['https://example.com/x', 'not a link', 'http://169.254.169.254/latest/meta-data'])(
      'refuses %s, which is not a link of Douyin’s',
      async (shortLink) => {
        expect(errorOf(await verify(shortLinkBody({ short_link: shortLink })))).toMatchObject({
          status: 400,
          code: 'coupon.short_link_invalid',
        });
      },
    );

    it('spends the nonce of a signed request that is not valid', async () => {
      const nonce = randomBytes(12).toString('hex');
      const send = () => callOpen(server.url, app, { method: 'POST', target: TARGET, body: '{}', nonce });
      expect((await send()).status).toBe(400);
      expect(errorOf(await send())).toEqual({ status: 401, code: 'auth.nonce_reused' });
    });
  });

  describe('401', () => {
    it('redeems nothing for a replayed request', async () => {
      const signed = { method: 'POST', target: TARGET, body: JSON.stringify(shortLinkBody()) };
      const headers = { ...signedHeaders(app, signed), 'Content-Type': 'application/json' };
      expect((await call(server.url, { ...signed, headers })).status).toBe(200);
      expect(errorOf(await call(server.url, { ...signed, headers }))).toMatchObject({
        code: 'auth.nonce_reused',
      });
    });
  });

  describe('403', () => {
    it('keeps an app inside its stores, before anything is stored or sent', async () => {
      const fenced = await createClientApp(server.url, { poi_ids: [otherPoiId] });
      const order = freshCoupon();
      const body = { poi_id: poiId, short_link: order.shortLink, verify_token: randomUUID() };
      expect(errorOf(await verify(body, fenced))).toEqual({ status: 403, code: 'app.poi_not_allowed' });
      const target = `/v1/open/coupons/verifications/${body.verify_token}`;
      expect((await callOpen(server.url, fenced, { target })).status).toBe(404);
      expect(effectsOf(order.orderId)?.coupons[0]?.isUsableNow).toBe(true);
    });
  });

  describe('409', () => {
    it('refuses a token seen with another request', async () => {
      const body = shortLinkBody();
      viewOf(await verify(body));
      const other = freshCoupon();
      for (const change of [{ short_link: other.shortLink }, { poi_id: otherPoiId }]) {
        expect(errorOf(await verify({ ...body, ...change }))).toEqual({
          status: 409,
          code: 'verification.token_reused',
        });
      }
      expect(effectsOf(other.orderId)?.coupons[0]?.isUsableNow).toBe(true);
    });

    it('lets two apps use the same token', async () => {
      const other = await createClientApp(server.url);
      const token = randomUUID();
      const first = viewOf(await verify(shortLinkBody({ verify_token: token })));
      const second = viewOf(await verify(shortLinkBody({ verify_token: token }), other));
      expect(second.id).not.toBe(first.id);
    });
  });

  describe('413', () => {
    it.each([64 * 1024 + 1, 200_000])('refuses a body of %i bytes', async (bytes) => {
      expect(errorOf(await verify('x'.repeat(bytes)))).toEqual({ status: 413, code: 'request.too_large' });
    });

    it('accepts one of exactly 64 KiB', async () => {
      const body = JSON.stringify(shortLinkBody());
      expect(viewOf(await verify(body.padEnd(64 * 1024))).verify_status).toBe('success');
    });
  });

  describe('415', () => {
    it.each([
      { 'Content-Type': 'text/plain' },
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { 'Content-Type': 'application/json; charset=gbk' },
      { 'Content-Encoding': 'gzip' },
    ])('refuses %j', async (headers) => {
      expect(errorOf(await verify(shortLinkBody(), app, headers))).toEqual({
        status: 415,
        code: 'request.unsupported_media_type',
      });
    });

    it('spends the nonce all the same', async () => {
      const signed = { method: 'POST', target: TARGET, body: '{}', nonce: randomBytes(12).toString('hex') };
      const send = () => callOpen(server.url, app, { ...signed, headers: { 'Content-Type': 'text/plain' } });
      expect((await send()).status).toBe(415);
      expect((await send()).status).toBe(401);
    });
  });

  describe('502', () => {
    it('says that the coupon is untouched, and the same token may try again', async () => {
      const order = harness.simulator.state.createOrder({ shortLinkVariant: 'server_error' });
      const body = { poi_id: poiId, short_link: order.shortLink, verify_token: randomUUID() };
      const error = errorOf(await verify(body));
      expect(error).toMatchObject({ status: 502, code: 'douyin.unavailable' });
      expect(error.details?.['verification_id']).toEqual(expect.any(Number));
    });
  });

  describe('503', () => {
    it('refuses at once what is past the limit in flight, and says when to come back', async () => {
      const small = await serveHttp(harness, { maxInFlight: 1 });
      try {
        const order = freshCoupon();
        const body = JSON.stringify({
          poi_id: poiId,
          short_link: order.shortLink,
          verify_token: randomUUID(),
        });
        const replies = await Promise.all(
          Array.from({ length: 5 }, () => callOpen(small.url, app, { method: 'POST', target: TARGET, body })),
        );
        const refused = replies.filter((reply) => reply.status === 503);
        expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
        expect(refused).toHaveLength(4);
        for (const reply of refused) {
          expect(errorOf(reply).code).toBe('gateway.busy');
          expect(reply.headers['retry-after']).toBe('1');
        }
        // The slot is free again, also after a request that failed.
        expect((await callOpen(small.url, app, { method: 'POST', target: TARGET, body: '{}' })).status).toBe(
          400,
        );
        expect((await callOpen(small.url, app, { method: 'POST', target: TARGET, body })).status).toBe(200);
      } finally {
        await small.close();
      }
    });
  });

  describe('concurrency', () => {
    it('has one effect and one answer for 20 identical requests at once', async () => {
      const body = shortLinkBody();
      const views = (await Promise.all(Array.from({ length: 20 }, () => verify(body)))).map(viewOf);
      expect(new Set(views.map((view) => view.id)).size).toBe(1);
      expect(new Set(views.map((view) => view.verify_status))).toEqual(new Set(['success']));
    });
  });
});
