// What a connection may take from the HTTP server, however little it sends, and what that means for the others.
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import net from 'node:net';
import Koa from 'koa';
import type { RequestState } from '../../src/http/request-state.ts';
import { createHttpServer, HTTP_LIMITS, type HttpLimits } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';

const QUICK: HttpLimits = { ...HTTP_LIMITS, headersMs: 200, requestMs: 400, checkMs: 50 };
const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\n';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function serve(limits: HttpLimits) {
  const app = new Koa<RequestState>();
  app.silent = true;
  app.use(async (ctx) => {
    let bytes = 0;
    for await (const chunk of ctx.req) bytes += (chunk as Buffer).length;
    ctx.body = ctx.path === '/large' ? 'x'.repeat(50_000_000) : { bytes };
  });
  const started = createHttpServer(app, limits);
  server = started;
  started.listen(0, '127.0.0.1');
  await once(started, 'listening');
  const { port } = started.address() as net.AddressInfo;
  const open = (text: string) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const over = new Promise<void>((resolve) => {
      for (const event of ['end', 'error', 'close']) socket.once(event, () => resolve());
    });
    return { socket, answer: () => answer, over };
  };
  const connections = () =>
    new Promise<number>((resolve) => started.getConnections((_err, count) => resolve(count)));
  return { open, connections };
}

describe('a connection', () => {
  it.each([
    ['sends nothing', ''],
    ['sends its headers one by one', HEAD],
    ['sends its body byte by byte', `${HEAD}Content-Length: 100\r\n\r\n{`],
  ])('is closed that %s', async (_what, text) => {
    const { open, connections } = await serve(QUICK);
    const slow = open(text);
    const dripping = setInterval(() => slow.socket.write(text === HEAD ? 'X-A: 1\r\n' : 'x'), 20);
    if (text === '') clearInterval(dripping);
    try {
      await slow.over;
      await eventually(async () => (await connections()) === 0);
    } finally {
      clearInterval(dripping);
      slow.socket.destroy();
    }
    // Who still sends may lose the answer to the reset.
    expect(slow.answer()).toMatch(text === '' ? /^HTTP\/1\.1 400 / : /^(HTTP\/1\.1 400 |$)/);
  });

  it('is closed when its reader has stopped in the middle of an answer', async () => {
    const { open, connections } = await serve({ ...HTTP_LIMITS, silenceMs: 200 });
    const lazy = open('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    lazy.socket.pause();
    await eventually(async () => (await connections()) === 1);
    await eventually(async () => (await connections()) === 0);
    lazy.socket.destroy();
  });

  it('is closed as a whole after a request without a host', async () => {
    const { open, connections } = await serve(HTTP_LIMITS);
    const { socket, over, answer } = open('GET / HTTP/1.1\r\n\r\n');
    await over;
    expect(answer()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    // The caller's half is still open; ours is not kept for it.
    await eventually(async () => (await connections()) === 0);
    socket.destroy();
  });
});

describe('too many connections', () => {
  it('are closed at once, while those that were there go on', async () => {
    const { open, connections } = await serve({ ...HTTP_LIMITS, connections: 3 });
    const first = open(`${HEAD}Content-Length: 2\r\n\r\n{`);
    await eventually(async () => (await connections()) === 1);
    const others = [open(HEAD), open(HEAD)];
    await eventually(async () => (await connections()) === 3);
    const surplus = open('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await surplus.over;
    expect(surplus.answer()).toBe('');
    first.socket.write('}');
    await eventually(() => first.answer().includes('{"bytes":2}'));
    for (const { socket } of [first, ...others]) socket.destroy();
  });

  it('make those leave that rest, so that the next one is served', async () => {
    const { open, connections } = await serve({ ...HTTP_LIMITS, connections: 2 });
    const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const resting = [open(REQUEST), open(REQUEST)];
    await eventually(() => resting.every((each) => each.answer().includes('{"bytes":0}')));
    await open(REQUEST).over;
    await Promise.all(resting.map(({ over }) => over));
    for (const { socket } of resting) socket.destroy();
    await eventually(async () => (await connections()) === 0);
    const next = open(REQUEST);
    await eventually(() => next.answer().includes('{"bytes":0}'));
    next.socket.destroy();
  });
});
