import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  call,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../support/http-gateway.ts';

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;
const lines: string[] = [];

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  server = await serveHttp(harness, { logger: pino({ level: 'trace' }, sink) });
  app = await createClientApp(server.url);
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

describe('every answer', () => {
  it('carries the caller’s request id, in header and error', async () => {
    const reply = await call(server.url, { target: '/nowhere', headers: { 'X-Request-Id': 'till-7_A.b' } });
    expect(reply.headers['x-request-id']).toBe('till-7_A.b');
    expect(reply.json()).toEqual({
      error: { code: 'route.not_found', message: '没有这个接口', request_id: 'till-7_A.b' },
    });
  });

  it.each(['has space', 'x'.repeat(65), 'semi;colon', '<script>'])(
    'replaces the request id %j',
    async (id) => {
      const reply = await call(server.url, { target: '/nowhere', headers: { 'X-Request-Id': id } });
      expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it.each([
    ['en', 'There is no such endpoint'],
    ['en-US,en;q=0.9', 'There is no such endpoint'],
    ['zh-CN', '没有这个接口'],
    ['fr', '没有这个接口'],
    ['zh;q=0.1, en;q=0.9', 'There is no such endpoint'],
  ])('speaks to Accept-Language: %s', async (language, message) => {
    const reply = await call(server.url, { target: '/nowhere', headers: { 'Accept-Language': language } });
    expect((reply.json() as { error: { message: string } }).error.message).toBe(message);
  });
});

describe('the log', () => {
  it('has one line per request, with the route’s pattern and never the token in the path', async () => {
    lines.length = 0;
    const target = '/v1/open/coupons/verifications/very-private-token';
    await callOpen(server.url, app, { target, headers: { 'X-Request-Id': 'log-1' } });
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.filter((record) => record['msg'] === 'request')).toMatchObject([
      {
        request_id: 'log-1',
        method: 'GET',
        route: '/v1/open/coupons/verifications/{verify_token}',
        status: 404,
        app: app.code,
        error_code: 'verification.not_found',
        ms: expect.any(Number),
      },
    ]);
    expect(lines.join('')).not.toContain('very-private-token');
  });

  it('holds no body, code, token, secret or signature of a request that fails', async () => {
    lines.length = 0;
    const body = JSON.stringify({
      poi_id: '1',
      code: '998877665544',
      verify_token: 'private-9',
      extra: { note: 7 },
    });
    await callOpen(server.url, app, { method: 'POST', target: '/v1/open/coupons/verify', body });
    await callOpen(
      server.url,
      { ...app, secret: 'x'.repeat(40) },
      { target: '/v1/open/coupons/verifications/private-9' },
    );
    expect(lines.length).toBeGreaterThan(1);
    for (const secret of ['998877665544', 'private-9', app.secret, 'x'.repeat(40)]) {
      expect(lines.join('')).not.toContain(secret);
    }
  });
});

describe('a failure nobody foresaw', () => {
  it('is 500 with the request id and nothing else; the cause is in the log alone', async () => {
    lines.length = 0;
    const broken = await serveHttp(harness, {
      logger: pino({ level: 'error' }, { write: (line: string) => lines.push(line) }),
      reportTimeZone: 'UTC',
      version: 7 as unknown as string,
    });
    try {
      const reply = await call(broken.url, { target: '/health', headers: { 'X-Request-Id': 'bug-1' } });
      expect(errorOf(reply)).toEqual({ status: 500, code: 'internal.unexpected' });
      expect(lines.join('')).toContain('does not fit its schema');
      expect(reply.text).not.toContain('schema');
    } finally {
      await broken.close();
    }
  });
});
