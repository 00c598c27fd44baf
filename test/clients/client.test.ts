import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DyGatewayClient, DyGatewayError } from '../../clients/typescript/index.ts';
import type { DyGatewayClientOptions, VerifyRequest } from '../../clients/typescript/index.ts';
import { parseRetryAfterMs, waitBeforeRepeatMs } from '../../clients/typescript/repeat-policy.ts';
import {
  answer,
  answerError,
  answerRecord,
  CLIENT_KEY,
  cutConnection,
  SECRET,
  startScriptedGateway,
  stayMute,
} from './scripted-gateway.ts';
import type { Play, ScriptedGateway } from './scripted-gateway.ts';

const COUPON = { poi_id: '7182937465123456789', code: '104686126200131' };

let gateway: ScriptedGateway;
/** Waits the client asked for; its clock moves by them instead of waiting. */
let waitsMs: number[];
let skippedMs: number;

beforeEach(async () => {
  gateway = await startScriptedGateway();
  waitsMs = [];
  skippedMs = 0;
});
afterEach(() => gateway.stop());

function buildClient(options: Partial<DyGatewayClientOptions> = {}): DyGatewayClient {
  return new DyGatewayClient({
    baseUrl: gateway.url,
    clientKey: CLIENT_KEY,
    secret: SECRET,
    clock: {
      wallMs: () => Date.now(),
      monotonicMs: () => performance.now() + skippedMs,
      sleep: (durationMs) => {
        waitsMs.push(durationMs);
        skippedMs += durationMs;
        return Promise.resolve();
      },
    },
    ...options,
  });
}

async function failureOf(promise: Promise<unknown>): Promise<DyGatewayError> {
  const outcome = await promise.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (!(outcome instanceof DyGatewayError)) throw outcome;
  return outcome;
}

function sentTokens(): unknown[] {
  return gateway.requests
    .filter((request) => request.method === 'POST')
    .map((request) => (JSON.parse(request.body) as { verify_token?: unknown }).verify_token);
}

describe('verify', () => {
  it('signs what it sends and returns the record', async () => {
    gateway.script.push(answerRecord({ operator_id: 'cashier-008' }));
    const view = await buildClient({ language: 'en' }).verify({
      ...COUPON,
      verify_token: 'bill-1',
      extra: { operator_id: 'cashier-008', note: '前台扫码核销' },
    });
    expect(view.verify_status).toBe('success');
    expect(view.operator_id).toBe('cashier-008');
    const [request] = gateway.requests;
    expect(request?.authProblem).toBeNull();
    expect(request?.target).toBe('/v1/open/coupons/verify');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers['accept-language']).toBe('en');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      ...COUPON,
      verify_token: 'bill-1',
      extra: { operator_id: 'cashier-008', note: '前台扫码核销' },
    });
  });

  it('returns a refused coupon as an answer, not as an error', async () => {
    gateway.script.push(answerRecord({ verify_status: 'failed', error_code: 1208, advice: '请换一张券' }));
    const view = await buildClient().verify(COUPON);
    expect([view.verify_status, view.error_code, view.advice]).toEqual(['failed', 1208, '请换一张券']);
    expect(gateway.requests).toHaveLength(1);
  });

  it('keeps every digit of large integers in Douyin’s answer', async () => {
    const data = `{"verify_status":"success","verify_token":"t1","douyin_response":{"poi_id":7372594810362817586,"n":12}}`;
    gateway.script.push(answer(200, `{"data":${data}}`));
    const view = await buildClient().verify({ ...COUPON, verify_token: 't1' });
    expect(view.douyin_response).toEqual({ poi_id: '7372594810362817586', n: 12 });
  });

  describe('the token', () => {
    it('is made and handed over before anything is sent', async () => {
      gateway.script.push(answerRecord());
      let stored = '';
      const view = await buildClient().verify(COUPON, {
        onToken: async (token) => {
          await Promise.resolve();
          expect(gateway.requests).toHaveLength(0);
          stored = token;
        },
      });
      expect(stored).not.toBe('');
      expect(sentTokens()).toEqual([stored]);
      expect(view.verify_token).toBe(stored);
    });

    it('is not sent when the caller could not store it', async () => {
      const verifying = buildClient().verify(COUPON, {
        onToken: () => {
          throw new RangeError('disk full');
        },
      });
      await expect(verifying).rejects.toThrow('disk full');
      expect(gateway.requests).toHaveLength(0);
    });

    it('is never made up for a coupon the caller prepared', async () => {
      const request = { poi_id: '1', encrypted_code: 'CgY=' } as unknown as VerifyRequest;
      const error = await failureOf(buildClient().verify(request));
      expect([error.code, error.isOutcomeUnknown]).toEqual(['client.invalid_argument', false]);
      expect(gateway.requests).toHaveLength(0);
    });

    for (const token of ['', '.', '..', 'a\u0000b', 'x'.repeat(129), '\ud800']) {
      it(`is refused before sending when it could not be looked up: ${JSON.stringify(token.slice(0, 5))}`, async () => {
        const error = await failureOf(buildClient().verify({ ...COUPON, verify_token: token }));
        expect(error.code).toBe('client.invalid_argument');
        expect(gateway.requests).toHaveLength(0);
      });
    }
  });

  describe('repeats', () => {
    it('with the same token and body and a new nonce after a cut connection', async () => {
      gateway.script.push(cutConnection, cutConnection, answerRecord());
      const view = await buildClient().verify(COUPON);
      expect(view.verify_status).toBe('success');
      expect(gateway.requests).toHaveLength(3);
      expect(new Set(gateway.requests.map((request) => request.body)).size).toBe(1);
      expect(new Set(gateway.requests.map((request) => request.headers['x-nonce'])).size).toBe(3);
      expect(new Set(sentTokens())).toEqual(new Set([view.verify_token]));
    });

    it('after an attempt that got no answer in time', async () => {
      gateway.script.push(stayMute, answerRecord());
      const view = await buildClient({ timeoutMs: 150 }).verify(COUPON);
      expect(view.verify_status).toBe('success');
      expect(new Set(sentTokens()).size).toBe(1);
    });

    it('after 503 and 429, not before Retry-After', async () => {
      gateway.script.push(
        answerError(503, 'gateway.busy', undefined, { 'Retry-After': '3' }),
        answerError(429, 'app.rate_limited', undefined, { 'Retry-After': '2' }),
        answerRecord(),
      );
      await buildClient().verify(COUPON);
      expect(waitsMs[0]).toBeGreaterThanOrEqual(3000);
      expect(waitsMs[1]).toBeGreaterThanOrEqual(2000);
    });

    it('after 502, 500 and a proxy’s page', async () => {
      gateway.script.push(
        answerError(502, 'douyin.unavailable', { verification_id: 5 }),
        answerError(500, 'internal.unexpected'),
        answer(504, '<html>Gateway Time-out</html>'),
        answer(200, '{"data":{"verify_st'),
        answerRecord(),
      );
      const view = await buildClient().verify(COUPON);
      expect(view.verify_status).toBe('success');
      expect(new Set(sentTokens()).size).toBe(1);
      expect(gateway.requests.every((request) => request.authProblem === null)).toBe(true);
    });

    it('once, at once, with the server’s time when the till’s clock is wrong, and remembers it', async () => {
      gateway.wallMs = () => Date.now() + 3_600_000;
      gateway.script.push(answerRecord(), answerRecord(), answerRecord());
      const client = buildClient();
      expect((await client.verify(COUPON)).verify_status).toBe('success');
      expect(gateway.requests.map((request) => request.authProblem)).toEqual([
        'auth.timestamp_out_of_window',
        null,
      ]);
      expect(waitsMs).toEqual([]);
      await client.verify(COUPON);
      expect(gateway.requests).toHaveLength(3);
    });

    for (const [form, serverTime] of [
      ['seconds', Math.floor(Date.now() / 1000) + 7200],
      ['milliseconds', Date.now() + 7_200_000],
    ] as const) {
      it(`learns the server’s time given as ${form}`, async () => {
        // The gateway takes the first signature, plays the refusal, and is two hours ahead from then on.
        gateway.wallMs = () => Date.now() + (gateway.requests.length > 0 ? 7_200_000 : 0);
        gateway.script.push(
          answerError(401, 'auth.timestamp_out_of_window', { server_time: serverTime }),
          answerRecord(),
        );
        expect((await buildClient().verify(COUPON)).verify_status).toBe('success');
        expect(gateway.requests.map((request) => request.authProblem)).toEqual([null, null]);
      });
    }

    it('not a second time when the server’s time does not help', async () => {
      const refused = answerError(401, 'auth.timestamp_out_of_window', {
        server_time: new Date().toISOString(),
      });
      gateway.script.push(refused, refused, refused);
      const error = await failureOf(buildClient().verify(COUPON));
      expect([error.code, error.status]).toEqual(['auth.timestamp_out_of_window', 401]);
      expect(gateway.requests).toHaveLength(2);
    });

    it('when something on the way sent the request twice', async () => {
      gateway.script.push(answerError(401, 'auth.nonce_reused'), answerRecord());
      expect((await buildClient().verify(COUPON)).verify_status).toBe('success');
    });
  });

  describe('does not repeat', () => {
    for (const [status, code] of [
      [400, 'coupon.short_link_invalid'],
      [401, 'auth.bad_signature'],
      [403, 'app.disabled'],
      [409, 'verification.token_reused'],
      [502, 'douyin.refused_gateway'],
    ] as const) {
      it(`${status} ${code}`, async () => {
        gateway.script.push(answerError(status, code, { hint: 1 }));
        const error = await failureOf(buildClient().verify({ ...COUPON, verify_token: 'bill-7' }));
        expect(error).toMatchObject({
          code,
          status,
          message: `text of ${code}`,
          requestId: 'req-test-1',
          details: { hint: 1 },
          verifyToken: 'bill-7',
          isOutcomeUnknown: false,
        });
        expect(gateway.requests).toHaveLength(1);
      });
    }

    it('a redirect, which would carry the signature elsewhere', async () => {
      gateway.script.push(answer(307, '', { Location: `${gateway.url}/elsewhere` }));
      const error = await failureOf(buildClient().verify(COUPON));
      expect([error.code, error.status]).toEqual(['client.bad_answer', 307]);
      expect(gateway.requests).toHaveLength(1);
    });

    it('beyond its deadline, and says then whether the coupon may be redeemed', async () => {
      gateway.script.push(...Array.from({ length: 50 }, () => answerError(503, 'gateway.busy')));
      const refused = await failureOf(buildClient().verify(COUPON, { deadlineMs: 5000 }));
      expect([refused.code, refused.isOutcomeUnknown]).toEqual(['gateway.busy', false]);
      expect(waitsMs.reduce((sum, waitMs) => sum + waitMs, 0)).toBeLessThan(5000);
      expect(gateway.requests.length).toBeGreaterThan(2);
    });

    it('when Retry-After is past the deadline', async () => {
      gateway.script.push(answerError(503, 'gateway.busy', undefined, { 'Retry-After': '60' }));
      const error = await failureOf(buildClient().verify(COUPON, { deadlineMs: 10_000 }));
      expect(error.retryAfterMs).toBe(60_000);
      expect(gateway.requests).toHaveLength(1);
    });
  });

  describe('says that the outcome is unknown', () => {
    it('after a cut connection, whatever is refused later', async () => {
      gateway.script.push(cutConnection, answerError(503, 'gateway.busy'), answerError(403, 'app.disabled'));
      const error = await failureOf(buildClient().verify({ ...COUPON, verify_token: 'bill-9' }));
      expect([error.code, error.isOutcomeUnknown, error.verifyToken]).toEqual([
        'app.disabled',
        true,
        'bill-9',
      ]);
    });

    it('when a 200 is not a record of this verification', async () => {
      gateway.script.push(...Array.from({ length: 50 }, () => answerRecord({ verify_token: 'another' })));
      const error = await failureOf(buildClient().verify(COUPON, { deadlineMs: 2000 }));
      expect([error.code, error.isOutcomeUnknown]).toEqual(['client.bad_answer', true]);
    });

    it('when a 200 has a status it does not know', async () => {
      gateway.script.push(...Array.from({ length: 50 }, () => answerRecord({ verify_status: 'partly' })));
      const error = await failureOf(buildClient().verify(COUPON, { deadlineMs: 2000 }));
      expect(error.isOutcomeUnknown).toBe(true);
    });

    it('when the caller cancels while a request is out', async () => {
      const controller = new AbortController();
      gateway.script.push(() => controller.abort());
      const error = await failureOf(buildClient().verify(COUPON, { signal: controller.signal }));
      expect([error.code, error.isOutcomeUnknown]).toEqual(['client.aborted', true]);
      expect(error.verifyToken).toBe(sentTokens()[0]);
      expect(gateway.requests).toHaveLength(1);
    });

    it('but not when the caller cancelled before, or nothing listens there', async () => {
      const cancelled = await failureOf(buildClient().verify(COUPON, { signal: AbortSignal.abort() }));
      expect([cancelled.code, cancelled.isOutcomeUnknown]).toEqual(['client.aborted', false]);
      await gateway.stop();
      const refused = await failureOf(buildClient().verify(COUPON, { deadlineMs: 1000 }));
      expect([refused.code, refused.isOutcomeUnknown]).toEqual(['client.network', false]);
    });
  });

  describe('while the outcome is processing', () => {
    it('looks it up until it is decided', async () => {
      gateway.script.push(
        answerRecord({ verify_status: 'processing' }),
        answerRecord({ verify_status: 'processing' }),
        cutConnection,
        answerRecord({ verify_status: 'success' }),
      );
      const view = await buildClient().verify({ ...COUPON, verify_token: '单/1 a?' });
      expect(view.verify_status).toBe('success');
      expect(gateway.requests.map((request) => request.method)).toEqual(['POST', 'GET', 'GET', 'GET']);
      expect(gateway.requests[1]?.target).toBe('/v1/open/coupons/verifications/%E5%8D%95%2F1%20a%3F');
      expect(gateway.requests.every((request) => request.authProblem === null)).toBe(true);
    });

    it('returns it as processing when the deadline comes first', async () => {
      gateway.script.push(...Array.from({ length: 50 }, () => answerRecord({ verify_status: 'processing' })));
      const view = await buildClient().verify(COUPON, { deadlineMs: 8000 });
      expect(view.verify_status).toBe('processing');
      expect(skippedMs).toBeLessThan(8000);
      expect(gateway.requests.length).toBeGreaterThan(3);
    });

    it('returns it as processing when the look-up is refused', async () => {
      gateway.script.push(answerRecord({ verify_status: 'processing' }), answerError(403, 'app.disabled'));
      expect((await buildClient().verify(COUPON)).verify_status).toBe('processing');
    });

    it('verifies again with the same token when nothing was sent to Douyin after all', async () => {
      gateway.script.push(
        answerRecord({ verify_status: 'processing' }),
        answerError(502, 'douyin.unavailable', { verification_id: 1 }),
        answerRecord({ verify_status: 'success' }),
      );
      const view = await buildClient().verify({ ...COUPON, verify_token: 'bill-2' });
      expect(view.verify_status).toBe('success');
      expect(gateway.requests.map((request) => request.method)).toEqual(['POST', 'GET', 'POST']);
      expect(gateway.requests[2]?.body).toBe(gateway.requests[0]?.body);
    });

    it('stops when the caller cancels, with the token to ask again', async () => {
      const controller = new AbortController();
      gateway.script.push(answerRecord({ verify_status: 'processing' }), () => controller.abort());
      const error = await failureOf(
        buildClient().verify({ ...COUPON, verify_token: 'bill-3' }, { signal: controller.signal }),
      );
      expect(error).toMatchObject({ code: 'client.aborted', isOutcomeUnknown: true, verifyToken: 'bill-3' });
    });
  });

  it('waits on the real clock, and a cancelled wait ends at once', async () => {
    const controller = new AbortController();
    gateway.script.push(answerError(503, 'gateway.busy', undefined, { 'Retry-After': '20' }));
    const client = new DyGatewayClient({
      baseUrl: gateway.url,
      clientKey: CLIENT_KEY,
      secret: SECRET,
      // By the next turn of the event loop the client is waiting.
      onAnswer: () => setImmediate(() => controller.abort()),
    });
    const error = await failureOf(client.verify(COUPON, { signal: controller.signal }));
    expect([error.code, error.isOutcomeUnknown]).toEqual(['client.aborted', false]);

    gateway.script.push(answerError(503, 'gateway.busy'), answerRecord());
    expect((await client.verify(COUPON)).verify_status).toBe('success');
  });
});

describe('findVerification', () => {
  it('returns the record, or null when the gateway never got the token', async () => {
    gateway.script.push(
      answerRecord({ verify_status: 'failed' }),
      answerError(404, 'verification.not_found'),
    );
    const client = buildClient();
    expect((await client.findVerification('bill-1'))?.verify_status).toBe('failed');
    expect(await client.findVerification('bill-2')).toBeNull();
  });

  it('does not take a missing endpoint for a missing verification', async () => {
    gateway.script.push(answerError(404, 'route.not_found'));
    expect((await failureOf(buildClient().findVerification('bill-1'))).code).toBe('route.not_found');
  });
});

describe('prepare', () => {
  it('hands on Douyin’s bytes, and the same parsed without rounding', async () => {
    const raw = '{ "data": {"error_code":0,"certificates":[{"certificate_id":7372594810362817586}]} }\n';
    gateway.script.push(answer(200, raw));
    const prepared = await buildClient().prepare({ poi_id: '1', short_link: 'https://v.douyin.com/x/' });
    expect(prepared.raw).toBe(raw);
    expect(prepared.body.data?.certificates?.[0]?.certificate_id).toBe('7372594810362817586');
    expect(JSON.parse(gateway.requests[0]?.body ?? '')).toEqual({
      poi_id: '1',
      short_link: 'https://v.douyin.com/x/',
    });
  });
});

describe('queryStores', () => {
  it('signs the query as it is sent', async () => {
    gateway.script.push(answer(200, '{"data":{"total":0,"pois":[]}}'));
    const stores = await buildClient().queryStores({ poi_id: '7 1/ö', page: 2 });
    expect(stores.body.data?.total).toBe(0);
    expect(gateway.requests[0]?.target).toBe('/v1/open/douyin/stores?poi_id=7+1%2F%C3%B6&page=2');
    expect(gateway.requests[0]?.authProblem).toBeNull();
  });
});

describe('readAccessToken', () => {
  it('returns the token, or the refusal', async () => {
    const data = { access_token: 'clt.x', expires_at: '2026-03-15T12:00:00Z', expires_in: 7000 };
    gateway.script.push(answer(200, { data }), answerError(403, 'app.token_read_not_allowed'));
    const client = buildClient();
    expect(await client.readAccessToken()).toEqual(data);
    expect((await failureOf(client.readAccessToken())).code).toBe('app.token_read_not_allowed');
  });
});

describe('an answer without end', () => {
  it('is not read further than the limit', async () => {
    const withoutEnd: Play = (_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const fill = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', fill);
      fill();
    };
    gateway.script.push(...Array.from({ length: 20 }, () => withoutEnd));
    const error = await failureOf(buildClient().readAccessToken({ deadlineMs: 10_000 }));
    expect(error.code).toBe('client.network');
    expect(String(error.cause)).toContain('larger than');
  });
});

describe('waitBeforeRepeatMs', () => {
  it('doubles up to a limit, spreads, and adds to what the gateway asked for', () => {
    expect([1, 2, 3, 9].map((attempt) => waitBeforeRepeatMs(attempt, null, 1))).toEqual([
      300, 600, 1200, 4000,
    ]);
    expect([1, 9].map((attempt) => waitBeforeRepeatMs(attempt, null, 0))).toEqual([150, 2000]);
    expect(waitBeforeRepeatMs(1, 3000, 1)).toBe(3300);
  });
});

describe('parseRetryAfterMs', () => {
  it('reads seconds and dates and nothing else', () => {
    const nowMs = Date.parse('2026-03-15T10:00:00Z');
    expect(parseRetryAfterMs('7', nowMs)).toBe(7000);
    expect(parseRetryAfterMs('Sun, 15 Mar 2026 10:00:30 GMT', nowMs)).toBe(30_000);
    expect(parseRetryAfterMs('Sun, 15 Mar 2026 09:00:30 GMT', nowMs)).toBe(0);
    expect(parseRetryAfterMs('soon', nowMs)).toBeNull();
    expect(parseRetryAfterMs(null, nowMs)).toBeNull();
  });
});
