// Bodies of the internal surface, byte for byte: what is read, what is refused, and in which words.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../../support/http-gateway.ts';

const APPS = '/v1/internal/apps';
const LIMIT = 64 * 1024;

let harness: Harness;
let server: HttpGateway;
beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
}, 90_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

const send = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Reply> =>
  callInternal(server.url, { method: 'POST', target: APPS, body, headers });
const newApp = (more: Record<string, unknown> = {}) => ({
  name: '收银台',
  code: `app-${randomBytes(6).toString('hex')}`,
  ...more,
});
const withBytes = (bytes: readonly number[]) =>
  Buffer.concat([
    Buffer.from('{"name":"a'),
    Buffer.from(bytes),
    Buffer.from(`","code":"${randomBytes(6).toString('hex')}"}`),
  ]);

const MALFORMED = { status: 400, code: 'request.malformed_json' };
const UNSUPPORTED = { status: 415, code: 'request.unsupported_media_type' };
const TOO_LARGE = { status: 413, code: 'request.too_large' };

describe('a body is read', () => {
  it.each([
    'application/json',
    'application/json;charset=utf-8',
    'Application/JSON; Charset="UTF-8"',
    'application/json ;',
  ])('as %s', async (type) => {
    expect((await send(JSON.stringify(newApp()), { 'Content-Type': type })).status).toBe(200);
  });

  it('with the encoding that is none, in whichever case', async () => {
    for (const encoding of ['identity', 'IDENTITY', 'Identity']) {
      expect((await send(JSON.stringify(newApp()), { 'Content-Encoding': encoding })).status).toBe(200);
    }
  });

  it('with a byte order mark, every kind of letter, and fields that are nobody’s', async () => {
    const name = '店😀ÿ\u2028é';
    const body = newApp({ name, nonsense: { deep: [1] } });
    const reply = await send(`\ufeff${JSON.stringify(body)}`);
    expect(reply.json()).toMatchObject({ data: { app: { name } } });
  });

  it('up to its limit, and no byte further', async () => {
    const body = JSON.stringify(newApp({ name: 'till' }));
    expect((await send(body.padEnd(LIMIT))).status).toBe(200);
    expect(errorOf(await send(body.padEnd(LIMIT + 1)))).toEqual(TOO_LARGE);
  });

  it('in pieces that hold nothing as if there were none', async () => {
    const app = (await send(JSON.stringify(newApp()))).json() as { data: { app: { id: number } } };
    const reply = await callInternal(server.url, {
      method: 'POST',
      target: `${APPS}/${app.data.app.id}/secrets`,
      headers: { 'Transfer-Encoding': 'chunked' },
    });
    expect(reply.status).toBe(200);
  });

  it('in pieces, to the same limit', async () => {
    const chunked = (text: string) =>
      exchange('Transfer-Encoding: chunked', `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`, {
        hangsUp: false,
      });
    expect((await chunked(JSON.stringify(newApp({ name: 'till' })).padEnd(LIMIT))).status).toBe(200);
    expect(await chunked(JSON.stringify(newApp({ name: 'till' })).padEnd(LIMIT + 1))).toEqual(TOO_LARGE);
  });
});

describe('a body is refused', () => {
  it.each([
    '{',
    '{"name":',
    'nonsense',
    '   ',
    '{}{}',
    "{'name':'x'}",
    '{"name":"x",}',
    '\u0000',
    '[1',
    'NaN',
  ])('that is no JSON: %j', async (body) => {
    expect(errorOf(await send(body))).toEqual(MALFORMED);
  });

  it.each(['[]', '"text"', '5', 'true', 'null', '{}'])(
    'by the schema if it is other JSON: %s',
    async (body) => {
      expect(errorOf(await send(body))).toMatchObject({ status: 400, code: 'request.invalid' });
    },
  );

  it('by the schema if there is none', async () => {
    expect(errorOf(await send(''))).toMatchObject({ status: 400, code: 'request.invalid' });
    expect(errorOf(await send('', { 'Content-Type': 'text/plain' }))).toMatchObject({
      code: 'request.invalid',
    });
  });

  it.each([
    ['a byte that begins no letter', [0xff]],
    ['a letter that is cut', [0xe2, 0x82]],
    ['a half of a pair', [0xed, 0xa0, 0x80]],
    ['four bytes of which one is missing', [0xf0, 0x9f, 0x98]],
    ['Latin-1', [0xe9]],
    ['an overlong slash', [0xc0, 0xaf]],
  ])('that is no UTF-8: %s', async (_what, bytes) => {
    expect(errorOf(await send(withBytes(bytes)))).toEqual(MALFORMED);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/vnd.api+json',
    'application/json; charset=gbk',
    'application/json; charset=utf-16',
    'application/jsonx',
    'text/json',
    '',
  ])('as %j: other web pages can send some of these unasked', async (type) => {
    expect(errorOf(await send(JSON.stringify(newApp()), { 'Content-Type': type }))).toEqual(UNSUPPORTED);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd', 'gzip, identity', 'x'])(
    'compressed by %s, unread',
    async (encoding) => {
      // 60 KiB that would become 60 MiB.
      const bomb = gzipSync(Buffer.alloc(60 * 1024 * 1024, ' '));
      expect(bomb.length).toBeLessThan(LIMIT);
      expect(errorOf(await send(bomb, { 'Content-Encoding': encoding }))).toEqual(UNSUPPORTED);
    },
  );

  it('that would change what every object inherits', async () => {
    expect(errorOf(await send('{"name":"x","code":"y","__proto__":{"polluted":1}}'))).toEqual(MALFORMED);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('in pieces too, by its type before its JSON', async () => {
    const chunked = (header: string) =>
      exchange(`Transfer-Encoding: chunked\r\n${header}`, '1\r\n{\r\n0\r\n\r\n', { hangsUp: false });
    expect(await chunked('X-Nothing: x')).toEqual(MALFORMED);
    expect(await chunked('Content-Encoding: gzip')).toEqual(UNSUPPORTED);
  });

  it('that ends before its length', async () => {
    expect(await exchange('Content-Length: 100', '{"name":', { hangsUp: true })).toEqual({
      status: 400,
      code: 'request.unreadable',
    });
  });

  it('after the caller is known, never before', async () => {
    expect(errorOf(await send('x'.repeat(LIMIT + 1), { 'X-XTJ-UID': '' }))).toEqual({
      status: 401,
      code: 'auth.missing_uid',
    });
  });
});

/** Sends bytes as they are. */
async function exchange(
  header: string,
  body: string,
  { hangsUp }: { readonly hangsUp: boolean },
): Promise<{ status: number; code: string }> {
  const { hostname, port } = new URL(server.url);
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => socket.destroy());
  const closed = once(socket, 'close');
  socket.once('end', () => socket.destroy());
  socket.write(
    `POST ${APPS} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-XTJ-UID: a\r\nContent-Type: application/json\r\nConnection: close\r\n${header}\r\n\r\n${body}`,
  );
  if (hangsUp) socket.end();
  await closed;
  const answer = Buffer.concat(chunks).toString();
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]),
    code: /"error":\{"code":"([^"]+)"/.exec(answer)?.[1] ?? '',
  };
}
