import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
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

const lookUp = (verifyToken: string, credentials = app) =>
  callOpen(server.url, credentials, {
    target: `/v1/open/coupons/verifications/${encodeURIComponent(verifyToken)}`,
  });

/** A row as the till's request leaves it before anything is sent. */
async function storeAccepted(verifyToken: string): Promise<number> {
  const outcome = await harness.gateway.db.run(({ verifications }) =>
    verifications.accept(
      {
        appId: app.id,
        appName: '收银台',
        appCode: app.code,
        poiId: '1',
        mode: 'code',
        requestValue: '1',
        verifyToken,
        operatorId: '',
        deviceId: '',
        note: '',
        requestId: 'test',
        roundKey: randomUUID(),
        waitedMs: 0,
      },
      { clientKey: app.clientKey, nonce: randomUUID(), expiresAt: new Date(Date.now() + 1000) },
    ),
  );
  if (outcome.kind !== 'accepted') throw new Error(outcome.kind);
  return outcome.verification.id;
}

describe('GET /v1/open/coupons/verifications/{verify_token}', () => {
  describe('200', () => {
    it.each(['plain-1', 'a/b c%2F?#&=+', '令牌 é 😀', '..', '%', 'x'.repeat(128)])(
      'finds the record of the token %j',
      async (token) => {
        const id = await storeAccepted(token);
        // A URL parser would resolve `..`; a till that sends it escaped is understood.
        const target = `/v1/open/coupons/verifications/${encodeURIComponent(token).replaceAll('.', '%2E')}`;
        const reply = await callOpen(server.url, app, { target });
        expect(reply.status).toBe(200);
        expect(reply.json()).toMatchObject({
          data: {
            id,
            verify_token: token,
            verify_status: 'processing',
            douyin_response: null,
            verify_time: null,
          },
        });
      },
    );

    it('advises to ask again while the outcome is open', async () => {
      await storeAccepted('open-1');
      const { data } = (await lookUp('open-1')).json() as { data: { advice: string } };
      expect(data.advice).toContain('verify_token');
    });
  });

  describe('400', () => {
    it.each(['%E0%A4', '%', 'a%ZZ', `${'x'.repeat(129)}`, 'a%00b', 'a%0Ab'])(
      'refuses %s',
      async (segment) => {
        const target = `/v1/open/coupons/verifications/${segment}`;
        expect(errorOf(await callOpen(server.url, app, { target }))).toMatchObject({
          status: 400,
          code: 'request.invalid',
        });
      },
    );

    it('names an unknown query parameter', async () => {
      const target = '/v1/open/coupons/verifications/x?verbose=1&verbose=2';
      expect(errorOf(await callOpen(server.url, app, { target })).details).toMatchObject({
        fields: [{ in: 'query', pointer: '/verbose' }],
      });
    });
  });

  describe('a round of which nothing was sent', () => {
    it('shows failed with its reason: the same token may try again', async () => {
      const id = await storeAccepted('not-attempted');
      await harness.gateway.db.run(async ({ verifications }) => {
        const row = await verifications.findById(id);
        if (!row) throw new Error('not stored');
        await verifications.endNotAttempted(row, {
          reason: 'douyin.refused_gateway',
          douyin: { errorCode: 2100007, description: 'IP不在白名单' },
          relatedVerificationId: null,
        });
      });
      expect((await lookUp('not-attempted')).json()).toMatchObject({
        data: {
          id,
          verify_status: 'failed',
          error_code: -1,
          reason: 'douyin.refused_gateway',
          error_description: expect.stringContaining('抖音拒绝了网关的请求'),
          advice: expect.stringContaining('verify_token'),
        },
      });
    });

    it('is closed by whoever finds it too old to be sent', async () => {
      const id = await storeAccepted('too-old');
      await harness.gateway.orm.em
        .fork()
        .execute(`update verifications set round_started_at = now() - interval '1 minute' where id = ?`, [
          id,
        ]);
      expect((await lookUp('too-old')).json()).toMatchObject({
        data: { id, verify_status: 'failed', reason: 'gateway.too_late' },
      });
    });
  });

  describe('404', () => {
    it('does not show one app the verification of another', async () => {
      await storeAccepted('private');
      const other = await createClientApp(server.url);
      const reply = await lookUp('private', other);
      expect(errorOf(reply)).toEqual({ status: 404, code: 'verification.not_found' });
      expect(errorOf(await lookUp('nobody-used-it', other))).toEqual(errorOf(reply));
    });
  });
});
