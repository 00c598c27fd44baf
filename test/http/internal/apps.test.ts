import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type Harness, startHarness } from '../../support/harness.ts';
import { callInternal, callOpen, errorOf, type HttpGateway, serveHttp } from '../../support/http-gateway.ts';

const TARGET = '/v1/internal/apps';
const APP_FIELDS =
  'id created_at updated_at name code description client_key status allow_token_read last_used_at poi_ids'.split(
    ' ',
  );

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

interface AppView extends Record<string, unknown> {
  readonly id: number;
  readonly client_key: string;
}

const create = (body: unknown) =>
  callInternal(server.url, { method: 'POST', target: TARGET, body: JSON.stringify(body) });
const named = (overrides = {}) => ({ name: '前台', code: randomUUID(), ...overrides });

describe('POST /v1/internal/apps', () => {
  describe('200', () => {
    it('makes key and secret, and shows the secret this once', async () => {
      const body = named();
      const reply = await create(body);
      expect(reply.status).toBe(200);
      const { data } = reply.json() as { data: { app: AppView; secret: string } };
      expect(Object.keys(data)).toEqual(['app', 'secret']);
      expect(Object.keys(data.app)).toEqual(APP_FIELDS);
      expect(data.app).toMatchObject({
        name: body.name,
        code: body.code,
        description: '',
        status: 'active',
        allow_token_read: false,
        last_used_at: null,
        poi_ids: [],
      });
      expect(data.secret.length).toBeGreaterThanOrEqual(32);
      const credentials = { clientKey: data.app.client_key, secret: data.secret };
      const target = '/v1/open/coupons/verifications/none';
      expect((await callOpen(server.url, credentials, { target })).status).toBe(404);
      expect((await callInternal(server.url, { target: TARGET })).text).not.toContain(data.secret);
    });

    it('takes the key and secret it is given', async () => {
      const given = { client_key: `ck_${randomUUID()}`, secret: '密'.repeat(32) };
      const reply = await create(
        named({ ...given, description: '说明', allow_token_read: true, poi_ids: ['1', '2'] }),
      );
      const { data } = reply.json() as { data: { app: AppView; secret: string } };
      expect(data.secret).toBe(given.secret);
      expect(data.app).toMatchObject({
        client_key: given.client_key,
        allow_token_read: true,
        poi_ids: ['1', '2'],
      });
      const target = '/v1/open/coupons/verifications/none';
      const credentials = { clientKey: given.client_key, secret: given.secret };
      expect((await callOpen(server.url, credentials, { target })).status).toBe(404);
    });

    it('keeps the secret encrypted, and out of the audit log', async () => {
      const secret = randomUUID() + randomUUID();
      await create(named({ secret }));
      const rows = await harness.gateway.orm.em
        .fork()
        .execute<{ text: string }[]>(
          `select row_to_json(a)::text as text from audit_log a union all select row_to_json(s)::text from app_secrets s`,
        );
      expect(rows.length).toBeGreaterThan(1);
      expect(rows.map((row) => row.text).join('\n')).not.toContain(secret);
    });
  });

  describe('400', () => {
    it.each([
      [{}, ['/name', '/code']],
      [{ name: '', code: 'x' }, ['/name']],
      [{ name: 'x', code: 'x', secret: 'x'.repeat(31) }, ['/secret']],
      [{ name: 'x', code: 'x', client_key: 'has space' }, ['/client_key']],
      [{ name: 'x', code: 'x', client_key: '键键键键' }, ['/client_key']],
      [{ name: 'x', code: 'x', status: 'gone' }, ['/status']],
      [{ name: 'x', code: 'x', allow_token_read: 'yes' }, ['/allow_token_read']],
      [{ name: 'x', code: 'x', poi_ids: ['ok', ''] }, ['/poi_ids/1']],
      [{ name: 'x\u0000', code: 'x' }, ['/name']],
    ])('names what is wrong in %j', async (body, pointers) => {
      const error = errorOf(await create(body));
      expect(error).toMatchObject({ status: 400, code: 'request.invalid' });
      const fields = error.details?.['fields'] as { pointer: string }[];
      expect(fields.map((field) => field.pointer)).toEqual(pointers);
    });
  });

  describe('401', () => {
    it.each([undefined, '', 'has space', 'x'.repeat(65), 'ümlaut'])('refuses the uid %j', async (uid) => {
      const headers = uid === undefined ? { 'X-XTJ-UID': [] } : { 'X-XTJ-UID': uid };
      const reply = await callInternal(server.url, { target: TARGET, headers });
      expect(errorOf(reply)).toEqual({ status: 401, code: 'auth.missing_uid' });
    });

    it('refuses two uids', async () => {
      const reply = await callInternal(server.url, { target: TARGET, headers: { 'X-XTJ-UID': ['a', 'b'] } });
      expect(errorOf(reply)).toEqual({ status: 401, code: 'auth.missing_uid' });
    });

    it('refuses peers outside the trusted networks, whatever their headers say', async () => {
      const guarded = await serveHttp(harness, { internalTrustedCidrs: ['10.0.0.0/8', '::1/128'] });
      try {
        const headers = { 'X-Forwarded-For': '10.0.0.1', Forwarded: 'for=10.0.0.1', 'X-Real-IP': '10.0.0.1' };
        const reply = await callInternal(guarded.url, { target: TARGET, headers });
        expect(errorOf(reply)).toEqual({ status: 401, code: 'auth.untrusted_peer' });
        expect((await callInternal(guarded.url, { target: '/v1/internal/no-such-path' })).status).toBe(401);
      } finally {
        await guarded.close();
      }
    });
  });

  describe('409', () => {
    it('refuses a code and a client key that are taken, and stores nothing', async () => {
      const clientKey = `ck_${randomUUID()}`;
      const first = named({ client_key: clientKey });
      await create(first);
      expect(errorOf(await create(named({ code: first.code })))).toEqual({
        status: 409,
        code: 'app.code_taken',
      });
      const sameKey = named({ client_key: clientKey });
      expect(errorOf(await create(sameKey))).toEqual({ status: 409, code: 'app.client_key_taken' });
      expect((await create({ ...sameKey, client_key: undefined })).status).toBe(200);
    });

    it('creates one of many with the same code at the same moment', async () => {
      const body = named();
      const replies = await Promise.all(Array.from({ length: 8 }, () => create(body)));
      expect(replies.map((reply) => reply.status).toSorted((a, b) => a - b)).toEqual([
        200,
        ...Array<number>(7).fill(409),
      ]);
    });
  });
});

describe('GET /v1/internal/apps', () => {
  describe('200', () => {
    it('pages through the apps, newest first, without their secrets', async () => {
      const created: number[] = [];
      for (let count = 0; count < 3; count += 1) {
        const { data } = (await create(named())).json() as { data: { app: AppView } };
        created.unshift(data.app.id);
      }
      const first = await callInternal(server.url, { target: `${TARGET}?page=1&page_size=2` });
      const page = first.json() as { data: AppView[]; total: number; page: number; page_size: number };
      expect(Object.keys(page)).toEqual(['data', 'total', 'page', 'page_size']);
      expect(page).toMatchObject({ page: 1, page_size: 2 });
      expect(page.total).toBeGreaterThanOrEqual(3);
      expect(page.data.map((app) => app.id)).toEqual(created.slice(0, 2));
      expect(Object.keys(page.data[0] ?? {})).toEqual(APP_FIELDS);
      const second = await callInternal(server.url, { target: `${TARGET}?page=2&page_size=2` });
      expect((second.json() as { data: AppView[] }).data[0]?.id).toBe(created[2]);
      expect(first.text).not.toMatch(/secret/i);
    });

    it('answers an empty page past the end', async () => {
      const reply = await callInternal(server.url, { target: `${TARGET}?page=1000000` });
      expect(reply.json()).toMatchObject({ data: [], page: 1_000_000 });
    });
  });

  describe('400', () => {
    it.each([
      'page=0',
      'page=-1',
      'page=1.5',
      'page=1e2',
      'page=',
      'page_size=201',
      'page_size=x',
      'sort=name',
      'page=1&page=2',
    ])('refuses ?%s', async (query) => {
      expect(errorOf(await callInternal(server.url, { target: `${TARGET}?${query}` }))).toMatchObject({
        status: 400,
        code: 'request.invalid',
      });
    });
  });
});
