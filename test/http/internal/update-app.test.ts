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

const patch = (target: string, body: unknown, headers = {}): Promise<Reply> =>
  callInternal(server.url, { method: 'PATCH', target, body: JSON.stringify(body), headers });
const lookUp = (app: Parameters<typeof callOpen>[1]) =>
  callOpen(server.url, app, { target: '/v1/open/coupons/verifications/none' });

describe('PATCH /v1/internal/apps/{id}', () => {
  describe('200', () => {
    it('changes the given fields alone', async () => {
      const app = await createClientApp(server.url, { description: 'before', poi_ids: ['1'] });
      const reply = await patch(`/v1/internal/apps/${app.id}`, { name: '新名', poi_ids: ['2', '3'] });
      expect(reply.status).toBe(200);
      expect(reply.json()).toMatchObject({
        data: { id: app.id, name: '新名', description: 'before', poi_ids: ['2', '3'], code: app.code },
      });
    });

    it('stops a disabled app at its next request, and lets it back in', async () => {
      const app = await createClientApp(server.url);
      expect((await lookUp(app)).status).toBe(404);
      await patch(`/v1/internal/apps/${app.id}`, { status: 'disabled' });
      expect(errorOf(await lookUp(app))).toEqual({ status: 403, code: 'app.disabled' });
      await patch(`/v1/internal/apps/${app.id}`, { status: 'active' });
      expect((await lookUp(app)).status).toBe(404);
    });

    it('ignores fields that cannot be changed', async () => {
      const app = await createClientApp(server.url);
      const reply = await patch(`/v1/internal/apps/${app.id}`, {
        name: '新名',
        code: 'other',
        secret: 'x'.repeat(40),
      });
      expect(reply.json()).toMatchObject({ data: { code: app.code, client_key: app.clientKey } });
      expect((await lookUp(app)).status).toBe(404);
    });

    it('audits who changed what, with the state before and after', async () => {
      const app = await createClientApp(server.url);
      await patch(
        `/v1/internal/apps/${app.id}`,
        { poi_ids: ['9'] },
        { 'X-XTJ-UID': 'admin-9', 'X-Request-Id': 'audit-9' },
      );
      const entries = await harness.gateway.orm.em
        .fork()
        .execute<Record<string, unknown>[]>(`select * from audit_log where request_id = 'audit-9'`);
      expect(entries).toMatchObject([
        {
          actor: 'admin-9',
          action: 'app.update',
          target_type: 'app',
          target_id: String(app.id),
          before: { poi_ids: [] },
          after: { poi_ids: ['9'] },
        },
      ]);
    });
  });

  describe('400', () => {
    it.each([{}, { name: '' }, { status: 'gone' }, { poi_ids: 'all' }, { poi_ids: [''] }, { code: 'other' }])(
      'refuses %j',
      async (body) => {
        const app = await createClientApp(server.url);
        expect(errorOf(await patch(`/v1/internal/apps/${app.id}`, body))).toMatchObject({
          status: 400,
          code: 'request.invalid',
        });
      },
    );

    it.each(['abc', '0', '-1', '1.5', '99999999999999999999', '1%00'])('refuses the id %s', async (id) => {
      expect(errorOf(await patch(`/v1/internal/apps/${id}`, { name: 'x' })).status).toBe(400);
    });
  });

  describe('404', () => {
    it('knows no such app', async () => {
      expect(errorOf(await patch('/v1/internal/apps/999999', { name: 'x' }))).toEqual({
        status: 404,
        code: 'app.not_found',
      });
    });
  });

  describe('concurrency', () => {
    it('loses none of two changes made at the same moment', async () => {
      const app = await createClientApp(server.url);
      await Promise.all([
        patch(`/v1/internal/apps/${app.id}`, { name: 'changed' }),
        patch(`/v1/internal/apps/${app.id}`, { description: 'changed' }),
      ]);
      const stored = await harness.gateway.db.run(({ apps }) => apps.findAppById(app.id));
      expect(stored).toMatchObject({ name: 'changed', description: 'changed' });
    });
  });
});

describe('PATCH /v1/internal/apps/{id}/token-access', () => {
  it('answers as published', async () => {
    const app = await createClientApp(server.url);
    const reply = await patch(`/v1/internal/apps/${app.id}/token-access`, { allow_token_read: true });
    expect([reply.status, reply.text]).toEqual([200, '{"message":"更新成功"}']);
    const stored = await harness.gateway.db.run(({ apps }) => apps.findAppById(app.id));
    expect(stored?.allowTokenRead).toBe(true);
  });

  it.each([{}, { allow_token_read: 'true' }, { allow_token_read: 1 }, { allow_token_read: null }])(
    'refuses %j',
    async (body) => {
      const app = await createClientApp(server.url);
      expect((await patch(`/v1/internal/apps/${app.id}/token-access`, body)).status).toBe(400);
    },
  );

  it('knows no such app', async () => {
    const reply = await patch('/v1/internal/apps/999999/token-access', { allow_token_read: true });
    expect(errorOf(reply)).toEqual({ status: 404, code: 'app.not_found' });
  });
});
