import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../../support/http-gateway.ts';

let harness: Harness;
let server: HttpGateway;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface SecretView {
  readonly id: number;
  readonly ended_at: string | null;
}

const pathOf = (appId: number) => `/v1/internal/apps/${appId}/secrets`;
const add = (appId: number, body?: string): Promise<Reply> =>
  callInternal(server.url, {
    method: 'POST',
    target: pathOf(appId),
    ...(body === undefined ? {} : { body }),
  });
const end = (appId: number, secretId: number | string): Promise<Reply> =>
  callInternal(server.url, { method: 'DELETE', target: `${pathOf(appId)}/${secretId}` });
const list = async (appId: number): Promise<SecretView[]> =>
  ((await callInternal(server.url, { target: pathOf(appId) })).json() as { data: SecretView[] }).data;
const isLetIn = async (credentials: Parameters<typeof callOpen>[1]): Promise<boolean> =>
  (await callOpen(server.url, credentials, { target: '/v1/open/coupons/verifications/none' })).status === 404;

describe('/v1/internal/apps/{id}/secrets', () => {
  describe('200', () => {
    it('changes a secret without a pause', async () => {
      const app = await createClientApp(server.url);
      const reply = await add(app.id);
      const { data } = reply.json() as { data: { id: number; app_id: number; secret: string } };
      expect(data).toMatchObject({ app_id: app.id });
      const renewed = { clientKey: app.clientKey, secret: data.secret };
      expect([await isLetIn(app), await isLetIn(renewed)]).toEqual([true, true]);

      const secrets = await list(app.id);
      expect(secrets.map((secret) => secret.ended_at)).toEqual([null, null]);
      expect(Object.keys(secrets[0] ?? {})).toEqual(['id', 'app_id', 'created_at', 'ended_at']);
      const first = secrets.find((secret) => secret.id !== data.id);
      expect((await end(app.id, first?.id ?? 0)).status).toBe(200);
      expect([await isLetIn(app), await isLetIn(renewed)]).toEqual([false, true]);
      expect((await list(app.id)).find((secret) => secret.id === first?.id)?.ended_at).not.toBeNull();
    });

    it('takes a given secret, and no body at all', async () => {
      const app = await createClientApp(server.url);
      const secret = 'given-secret-given-secret-given-secret';
      expect((await add(app.id, JSON.stringify({ secret }))).status).toBe(200);
      expect(await isLetIn({ clientKey: app.clientKey, secret })).toBe(true);
    });
  });

  describe('400', () => {
    it('refuses a short secret', async () => {
      const app = await createClientApp(server.url);
      expect((await add(app.id, JSON.stringify({ secret: 'short' }))).status).toBe(400);
    });
  });

  describe('404', () => {
    it('knows no such app and no such secret, and ends no secret of another app', async () => {
      const app = await createClientApp(server.url);
      const other = await createClientApp(server.url);
      await add(other.id);
      expect(errorOf(await add(999_999)).code).toBe('app.not_found');
      expect(errorOf(await end(999_999, 1)).code).toBe('app.not_found');
      expect(errorOf(await callInternal(server.url, { target: pathOf(999_999) })).code).toBe('app.not_found');
      const [foreign] = await list(other.id);
      expect(errorOf(await end(app.id, foreign?.id ?? 0)).code).toBe('app.secret_not_found');
      expect(await isLetIn(other)).toBe(true);
    });
  });

  describe('409', () => {
    it('has two live secrets at most, also when asked many times at once', async () => {
      const app = await createClientApp(server.url);
      const replies = await Promise.all(Array.from({ length: 5 }, () => add(app.id)));
      expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
      expect(errorOf(await add(app.id))).toEqual({ status: 409, code: 'app.secret_limit' });
      expect((await list(app.id)).filter((secret) => secret.ended_at === null)).toHaveLength(2);
    });

    it('does not end the last one', async () => {
      const app = await createClientApp(server.url);
      const [only] = await list(app.id);
      expect(errorOf(await end(app.id, only?.id ?? 0))).toEqual({ status: 409, code: 'app.last_secret' });
      expect(await isLetIn(app)).toBe(true);
    });
  });
});
