// What is no whole HTTP request never reaches a route; it is answered all the same as the contract says of every answer.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { type Harness, startHarness } from '../support/harness.ts';
import { eventually } from '../support/eventually.ts';
import { call, errorOf, type HttpGateway, serveHttp } from '../support/http-gateway.ts';

let harness: Harness;
let server: HttpGateway;
const lines: string[] = [];

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  server = await serveHttp(harness, { logger: pino({ level: 'debug' }, sink) });
}, 90_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

/** Sends bytes, hangs up its half, and waits for the other one. */
async function exchange(text: string): Promise<{ readonly head: string; readonly body: string }> {
  const { hostname, port } = new URL(server.url);
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.once('error', () => socket.destroy());
  const closed = once(socket, 'close');
  socket.once('end', () => socket.destroy());
  socket.end(text, 'latin1');
  await closed;
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  return { head, body };
}

const HEAD =
  'POST /v1/internal/apps HTTP/1.1\r\nHost: 127.0.0.1\r\nX-XTJ-UID: a\r\nContent-Type: application/json\r\n';

describe('a request that is not HTTP', () => {
  it.each([
    ['an unknown method', 'foo /x HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a header name with a blank', `${HEAD}Bad Name: x\r\n\r\n`],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    [
      'a length and chunks, as smugglers send',
      `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    ],
    ['a negative length', `${HEAD}Content-Length: -1\r\n\r\n`],
    ['a chunk without its size', `${HEAD}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`],
    ['headers of more than 16 KiB', `${HEAD}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n'],
    ['a body that is cut', `${HEAD}Content-Length: 100\r\n\r\n{"name":`],
  ])('with %s gets 400, its envelope and a request id', async (_what, text) => {
    const { head, body } = await exchange(text);
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    const requestId = /^x-request-id: (\S+)$/im.exec(head)?.[1];
    expect(JSON.parse(body)).toEqual({
      error: { code: 'request.unreadable', message: expect.any(String), request_id: requestId },
    });
  });

  it('behind a whole request that has no answer yet cuts the line without a word: it would be read as its answer', async () => {
    const whole = `${HEAD}Content-Length: 2\r\n\r\n{}`;
    expect(await exchange(`${whole}\u0000 no request\r\n\r\n`)).toEqual({ head: '', body: '' });
  });

  it('has no body if it was a HEAD', async () => {
    const { head, body } = await exchange('HEAD /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(body).toBe('');
  });

  it('wakes nobody: a caller that hangs up in the middle is no fault of ours', async () => {
    lines.length = 0;
    await exchange(`${HEAD}Content-Length: 100\r\n\r\n{"name":`);
    await eventually(() => lines.some((line) => line.includes('"request"')));
    expect(lines.filter((line) => line.includes('"alert":true'))).toEqual([]);
    expect(lines.join('')).not.toContain('internal.unexpected');
  });

  it('does not disturb the next one', async () => {
    expect((await call(server.url, { target: '/livez' })).status).toBe(200);
  });
});

it('an expectation nobody knows changes nothing about a request', async () => {
  const reply = await call(server.url, {
    target: '/v1/internal/apps/999999999/secrets',
    headers: { 'X-XTJ-UID': 'a', Expect: 'the-unexpected' },
  });
  expect(errorOf(reply)).toEqual({ status: 404, code: 'app.not_found' });
});
