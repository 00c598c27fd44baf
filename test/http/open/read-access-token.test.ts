import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../../support/http-gateway.ts';

const TARGET = '/v1/open/douyin/access-token';

let harness: Harness;
let server: HttpGateway;
let reader: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  reader = await createClientApp(server.url, { allow_token_read: true });
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

const auditEntries = () =>
  harness.gateway.orm.em
    .fork()
    .execute<Record<string, unknown>[]>(
      `select * from audit_log where action = 'access_token.read' order by id`,
    );

describe('GET /v1/open/douyin/access-token', () => {
  describe('200', () => {
    it('tells the token and how long it lives, and audits the read without the token', async () => {
      const reply = await callOpen(server.url, reader, {
        target: TARGET,
        headers: { 'X-Request-Id': 'read-1' },
      });
      expect(reply.status).toBe(200);
      const { data } = reply.json() as {
        data: { access_token: string; expires_at: string; expires_in: number };
      };
      expect(Object.keys(data)).toEqual(['access_token', 'expires_at', 'expires_in']);
      expect(data.access_token).toBe((await harness.gateway.accessTokens.current()).token);
      expect(data.expires_in).toBeGreaterThanOrEqual(60);
      expect(Math.abs(Date.parse(data.expires_at) - Date.now() - data.expires_in * 1000)).toBeLessThan(2000);
      const [entry] = await auditEntries();
      expect(entry).toMatchObject({
        actor: `app:${reader.code}`,
        target_type: 'access_token',
        request_id: 'read-1',
      });
      expect(JSON.stringify(entry)).not.toContain(data.access_token);
    });
  });

  describe('403', () => {
    it('is refused to an app without the right, and from the next request on when the right ends', async () => {
      const app = await createClientApp(server.url);
      const read = () => callOpen(server.url, app, { target: TARGET });
      const allow = (allowed: boolean) =>
        callInternal(server.url, {
          method: 'PATCH',
          target: `/v1/internal/apps/${app.id}/token-access`,
          body: JSON.stringify({ allow_token_read: allowed }),
        });
      expect(errorOf(await read())).toEqual({ status: 403, code: 'app.token_read_not_allowed' });
      await allow(true);
      expect((await read()).status).toBe(200);
      await allow(false);
      expect((await read()).status).toBe(403);
    });
  });

  describe('502', () => {
    it('never hands out a token that ends within a minute', async () => {
      const dying = await serveHttp(harness, {
        accessTokens: {
          ...harness.gateway.accessTokens,
          current: () =>
            Promise.resolve({ token: 'clt.dying', expiresAt: new Date(Date.now() + 59_000), generation: 1 }),
        } as never,
      });
      try {
        const reply = await callOpen(dying.url, reader, { target: TARGET });
        expect(errorOf(reply)).toMatchObject({ status: 502, code: 'douyin.unavailable' });
        expect(reply.text).not.toContain('clt.dying');
      } finally {
        await dying.close();
      }
    });
  });
});
