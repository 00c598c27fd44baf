import { TEST_POLICY } from '../../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { openOrm } from '../../../src/db/mikro-orm.config.ts';
import { createDatabase } from '../../../src/db/unit-of-work.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { createSecretBox } from '../../../src/secret-box.ts';
import { sealSecret } from '../../../src/services/app-secret.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  call,
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
  type SignedCall,
  signedHeaders,
} from '../../support/http-gateway.ts';

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

/** A read of a token nobody used: 404 says that authentication passed. */
const SILENT = createLogger({ level: 'silent', format: 'json', process: 'test' });
const LOOK_UP: SignedCall = { target: '/v1/open/coupons/verifications/nobody-used-it' };
const PASSED = 404;

const secondsFromNow = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);

describe('the open surface', () => {
  describe('200', () => {
    it.each(['seconds', 'milliseconds'])(
      'accepts a signed request with its timestamp in %s',
      async (unit) => {
        const timestamp = unit === 'seconds' ? secondsFromNow(0) : String(Date.now());
        expect((await callOpen(server.url, app, { ...LOOK_UP, timestamp })).status).toBe(PASSED);
      },
    );

    it.each([-295, 295])('accepts a clock that is off by %i s', async (seconds) => {
      const timestamp = secondsFromNow(seconds);
      expect((await callOpen(server.url, app, { ...LOOK_UP, timestamp })).status).toBe(PASSED);
    });

    it('signs the request target as it was sent, percent-encoding and query order kept', async () => {
      const target = '/v1/open/coupons/verifications/tok%2F1%20a';
      expect((await callOpen(server.url, app, { target })).status).toBe(PASSED);
    });

    it('accepts either of two live secrets', async () => {
      const two = await createClientApp(server.url);
      const second = randomBytes(32).toString('hex');
      await harness.gateway.db.run(({ apps }) =>
        apps.insertSecret(two.id, sealSecret(harness.gateway.secretBox, two.clientKey, second)),
      );
      expect((await callOpen(server.url, two, LOOK_UP)).status).toBe(PASSED);
      expect((await callOpen(server.url, { ...two, secret: second }, LOOK_UP)).status).toBe(PASSED);
    });

    it('passes over a secret whose key was lost, and takes the other', async () => {
      const two = await createClientApp(server.url);
      const lostKey = createSecretBox([randomBytes(32).toString('base64')]);
      const lost = randomBytes(32).toString('hex');
      await harness.gateway.db.run(({ apps }) =>
        apps.insertSecret(two.id, sealSecret(lostKey, two.clientKey, lost)),
      );
      expect((await callOpen(server.url, two, LOOK_UP)).status).toBe(PASSED);
      const reply = await callOpen(server.url, { ...two, secret: lost }, LOOK_UP);
      expect(errorOf(reply)).toEqual({ status: 401, code: 'auth.bad_signature' });
    });

    it('remembers when the app was last used', async () => {
      await callOpen(server.url, app, LOOK_UP);
      const stored = await harness.gateway.db.run(({ apps }) => apps.findAppById(app.id));
      expect(stored?.lastUsedAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
    });
  });

  describe('401', () => {
    it.each(['X-Client-Key', 'X-Timestamp', 'X-Nonce', 'X-Signature'])(
      'names a missing %s',
      async (header) => {
        const headers: Record<string, string> = signedHeaders(app, LOOK_UP);
        delete headers[header];
        expect(errorOf(await call(server.url, { ...LOOK_UP, headers }))).toEqual({
          status: 401,
          code: 'auth.missing_header',
          details: { headers: [header] },
        });
      },
    );

    it.each(['X-Client-Key', 'X-Timestamp', 'X-Nonce', 'X-Signature'])(
      'refuses a repeated %s',
      async (header) => {
        const headers = signedHeaders(app, LOOK_UP);
        const value = headers[header] ?? '';
        const reply = await call(server.url, {
          ...LOOK_UP,
          headers: { ...headers, [header]: [value, value] },
        });
        expect(errorOf(reply)).toMatchObject({ status: 401, code: 'auth.missing_header' });
      },
    );

    it.each(['yesterday', '17732253121234', '-1'])('refuses the timestamp %s', async (timestamp) => {
      expect(errorOf(await callOpen(server.url, app, { ...LOOK_UP, timestamp }))).toEqual({
        status: 401,
        code: 'auth.bad_timestamp',
      });
    });

    it.each([-305, 305])('tells a clock that is off by %i s by how much', async (seconds) => {
      const timestamp = secondsFromNow(seconds);
      const error = errorOf(await callOpen(server.url, app, { ...LOOK_UP, timestamp }));
      expect(error).toMatchObject({ status: 401, code: 'auth.timestamp_out_of_window' });
      expect(Math.abs(Number(error.details?.['skew_seconds']) - seconds)).toBeLessThanOrEqual(2);
      expect(Math.abs(Date.parse(String(error.details?.['server_time'])) - Date.now())).toBeLessThan(5000);
    });

    it.each(['short', 'has space', 'x'.repeat(65)])('refuses the nonce %j', async (nonce) => {
      expect(errorOf(await callOpen(server.url, app, { ...LOOK_UP, nonce }))).toEqual({
        status: 401,
        code: 'auth.bad_nonce',
      });
    });

    it('refuses a nonce that was used, whatever else the request says', async () => {
      const nonce = randomBytes(12).toString('hex');
      expect((await callOpen(server.url, app, { ...LOOK_UP, nonce })).status).toBe(PASSED);
      const target = '/v1/open/coupons/verifications/another';
      expect(errorOf(await callOpen(server.url, app, { target, nonce }))).toEqual({
        status: 401,
        code: 'auth.nonce_reused',
      });
    });

    it.each([-295, -61, 0, 61, 299])(
      'refuses a nonce again as long as its timestamp is inside the window (%i s from now)',
      async (skewSeconds) => {
        const signed = {
          ...LOOK_UP,
          nonce: randomBytes(12).toString('hex'),
          timestamp: String(Math.floor(Date.now() / 1000) + skewSeconds),
        };
        expect((await callOpen(server.url, app, signed)).status).toBe(PASSED);
        expect(errorOf(await callOpen(server.url, app, signed)).code).toBe('auth.nonce_reused');
      },
    );

    it.each([-6, 6])('is judged alike by processes whose clocks are %i min off', async (minutes) => {
      const clock = { now: () => new Date(Date.now() + minutes * 60_000) };
      const elsewhere = await serveHttp(harness, { clock });
      try {
        const signed = { ...LOOK_UP, nonce: randomBytes(12).toString('hex'), timestamp: secondsFromNow(0) };
        expect((await callOpen(elsewhere.url, app, signed)).status).toBe(PASSED);
        expect(errorOf(await callOpen(server.url, app, signed)).code).toBe('auth.nonce_reused');
        // Inside the window by that process's clock alone: a nonce of this time is kept no more.
        const timestamp = secondsFromNow(minutes * 60 + 20);
        expect(errorOf(await callOpen(elsewhere.url, app, { ...LOOK_UP, timestamp })).code).toBe(
          'auth.timestamp_out_of_window',
        );
      } finally {
        await elsewhere.close();
      }
    });

    it('does not spend a nonce for a request with a wrong signature', async () => {
      const nonce = randomBytes(12).toString('hex');
      const wrong = await callOpen(server.url, { ...app, secret: 'x'.repeat(32) }, { ...LOOK_UP, nonce });
      expect(wrong.status).toBe(401);
      expect((await callOpen(server.url, app, { ...LOOK_UP, nonce })).status).toBe(PASSED);
    });

    it('keeps the nonces of two apps apart', async () => {
      const other = await createClientApp(server.url);
      const nonce = randomBytes(12).toString('hex');
      expect((await callOpen(server.url, app, { ...LOOK_UP, nonce })).status).toBe(PASSED);
      expect((await callOpen(server.url, other, { ...LOOK_UP, nonce })).status).toBe(PASSED);
    });

    it('answers an unknown key and a wrong signature alike', async () => {
      const headers = { 'X-Request-Id': 'same' };
      const unknown = await callOpen(
        server.url,
        { ...app, clientKey: 'ck_unknown' },
        { ...LOOK_UP, headers },
      );
      const wrong = await callOpen(server.url, { ...app, secret: 'x'.repeat(32) }, { ...LOOK_UP, headers });
      expect(errorOf(unknown)).toEqual({ status: 401, code: 'auth.bad_signature' });
      expect(unknown.text).toBe(wrong.text);
      const visible = (reply: Reply) => ({ ...reply.headers, date: '' });
      expect(visible(unknown)).toEqual(visible(wrong));
    });

    it.each([
      ['method', { method: 'POST' }],
      ['query', { target: `${LOOK_UP.target}?page=1` }],
      ['path', { target: `${LOOK_UP.target}x` }],
      ['body', { body: ' ' }],
    ])('refuses a request whose %s was changed after signing', async (_part, change) => {
      const headers = { ...signedHeaders(app, LOOK_UP), 'Content-Type': 'application/json' };
      expect(errorOf(await call(server.url, { ...LOOK_UP, ...change, headers }))).toMatchObject({
        status: 401,
        code: 'auth.bad_signature',
      });
    });

    it('refuses a signature in upper case', async () => {
      const headers = signedHeaders(app, LOOK_UP);
      const signature = headers['X-Signature']?.toUpperCase() ?? '';
      const reply = await call(server.url, { ...LOOK_UP, headers: { ...headers, 'X-Signature': signature } });
      expect(errorOf(reply)).toMatchObject({ code: 'auth.bad_signature' });
    });

    it('comes before everything the body or the path could be wrong in', async () => {
      const headers = { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' };
      const reply = await call(server.url, {
        method: 'POST',
        target: '/v1/open/coupons/verify?unknown=1',
        headers,
        body: '{',
      });
      expect(errorOf(reply)).toMatchObject({ status: 401, code: 'auth.missing_header' });
      expect(errorOf(await call(server.url, { target: '/v1/open/no-such-path' }))).toMatchObject({
        status: 401,
      });
    });

    it('tells the signed text in development alone', async () => {
      const development = await serveHttp(harness, { environment: 'development' });
      try {
        const wrong = { ...app, secret: 'x'.repeat(32) };
        const told = errorOf(await callOpen(development.url, wrong, LOOK_UP));
        expect(String(told.details?.['string_to_sign']).split('\n').slice(4, 6)).toEqual([
          'GET',
          LOOK_UP.target,
        ]);
        expect(errorOf(await callOpen(server.url, wrong, LOOK_UP)).details).toBeUndefined();
      } finally {
        await development.close();
      }
    });

    it('accepts none of many replays and alterations of one signed request', async () => {
      const body = JSON.stringify({ poi_id: '1', code: '123456789012', verify_token: 'only-once' });
      const original: SignedCall = { method: 'POST', target: '/v1/open/coupons/prepare', body };
      const headers = { ...signedHeaders(app, original), 'Content-Type': 'application/json' };
      await call(server.url, { ...original, headers });
      const altered = Array.from({ length: 200 }, (_, round) => {
        const position = round % body.length;
        const changed = round % 2 === 0 ? body : `${body.slice(0, position)}~${body.slice(position + 1)}`;
        return call(server.url, { ...original, headers, body: changed });
      });
      for (const reply of await Promise.all(altered)) expect(reply.status).toBe(401);
    });

    it('spends a nonce once when many requests bring it at the same moment', async () => {
      const nonce = randomBytes(12).toString('hex');
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => callOpen(server.url, app, { ...LOOK_UP, nonce })),
      );
      expect(replies.filter((reply) => reply.status === PASSED)).toHaveLength(1);
      expect(replies.filter((reply) => errorOf(reply).code === 'auth.nonce_reused')).toHaveLength(19);
    });
  });

  describe('403', () => {
    it('refuses a disabled app, whose nonce is spent all the same', async () => {
      const disabled = await createClientApp(server.url, { status: 'disabled' });
      const nonce = randomBytes(12).toString('hex');
      expect(errorOf(await callOpen(server.url, disabled, { ...LOOK_UP, nonce }))).toEqual({
        status: 403,
        code: 'app.disabled',
      });
      expect(errorOf(await callOpen(server.url, disabled, { ...LOOK_UP, nonce }))).toMatchObject({
        code: 'auth.nonce_reused',
      });
    });

    it('tells a wrong signature of a disabled app nothing about the app', async () => {
      const disabled = await createClientApp(server.url, { status: 'disabled' });
      const wrong = await callOpen(server.url, { ...disabled, secret: 'x'.repeat(32) }, LOOK_UP);
      expect(errorOf(wrong)).toEqual({ status: 401, code: 'auth.bad_signature' });
    });
  });

  describe('404', () => {
    it.each([
      '/v1/open/no-such-path',
      '/V1/open/coupons/verifications/x',
      '/v1/open/coupons/verifications/x/',
      '/v1/open/coupons/verifications/',
      '//v1/open/coupons/verifications/x',
    ])('has no endpoint at %s', async (target) => {
      expect(errorOf(await callOpen(server.url, app, { target }))).toMatchObject({ code: 'route.not_found' });
    });

    it('has no endpoint for another method', async () => {
      const reply = await callOpen(server.url, app, {
        method: 'PUT',
        target: '/v1/open/coupons/verify',
        body: '{}',
      });
      expect(errorOf(reply)).toMatchObject({ status: 404, code: 'route.not_found' });
    });
  });

  describe('503', () => {
    it('says that the database is away, and when to come back', async () => {
      const orm = await openOrm({
        url: 'postgres://nobody@127.0.0.1:1/nothing',
        poolSize: 2,
        logger: SILENT,
      });
      const broken = await serveHttp(harness, { db: createDatabase(orm, { policy: TEST_POLICY }) });
      try {
        const reply = await callOpen(broken.url, app, LOOK_UP);
        expect(errorOf(reply)).toEqual({ status: 503, code: 'gateway.database_unavailable' });
        expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
        expect((await callInternal(broken.url, { target: '/v1/internal/apps' })).status).toBe(503);
      } finally {
        await broken.close();
        await orm.close(true);
      }
    });

    it('takes no new request while the process stops', async () => {
      const stopping = await serveHttp(harness, { isStopping: () => true });
      try {
        const reply = await callOpen(stopping.url, app, LOOK_UP);
        expect(errorOf(reply)).toEqual({ status: 503, code: 'gateway.stopping' });
        expect(reply.headers['retry-after']).toBeDefined();
        expect(reply.headers.connection).toBe('close');
      } finally {
        await stopping.close();
      }
    });
  });
});
