// What the client knows about a request when the transport itself is odd: nothing may be called unsent that may have
// arrived, and nothing may be sent twice that must not be.
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { HttpDouyin, type HttpDouyinOptions } from '../../src/douyin/client.ts';
import type { VerifyInput } from '../../src/ports/douyin.ts';
import { closedPort, fixedTokens, httpServer, keepingLogger, rawAnswer, tcpServer } from './support.ts';

const TIMEOUT_MS = 300;
const ENCRYPTED_CODE = 'CgYIASAHKAESLgos8Xk2/bQ+aA==';
const VERIFY: VerifyInput = {
  douyinVerifyToken: '4c1f2d0e-8a57-4d0b-9a3e-6f0f5b7c2e11',
  poiId: '7182937465123456789',
  encryptedCode: ENCRYPTED_CODE,
  attempt: 'first',
  isCallerSupplied: false,
};
const VERIFIED = JSON.stringify({
  data: { error_code: 0, verify_results: [{ result: 0, msg: '验券成功', code: ENCRYPTED_CODE }] },
  extra: { error_code: 0 },
});
const NO_ORDERS = JSON.stringify({
  data: { error_code: 0, orders: [] },
  extra: { error_code: 0 },
});

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
function cleaned<T extends { close(): Promise<void> }>(resource: T): T {
  cleanups.push(() => resource.close());
  return resource;
}

const clientOn = (baseUrl: string, more: Partial<HttpDouyinOptions> = {}) =>
  cleaned(
    new HttpDouyin({
      baseUrl,
      accountId: '7126518000000000001',
      timeoutMs: TIMEOUT_MS,
      tokens: fixedTokens(),
      logger: keepingLogger().logger,
      ...more,
    }),
  );

describe('verify, when no request byte can have left', () => {
  it('was not sent: connection refused', async () => {
    const douyin = clientOn(`http://127.0.0.1:${await closedPort()}`);
    expect(await douyin.verify(VERIFY)).toEqual({
      kind: 'not_sent',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('was not sent: a name that does not resolve', async () => {
    expect(await clientOn('http://nowhere.invalid').verify(VERIFY)).toMatchObject({ kind: 'not_sent' });
  });

  it('was not sent: the other side speaks no TLS', async () => {
    const server = cleaned(await tcpServer((socket) => socket.end('220 hello\r\n')));
    expect(await clientOn(`https://127.0.0.1:${server.port}`).verify(VERIFY)).toMatchObject({
      kind: 'not_sent',
    });
  });

  it('was not sent: the other side never finishes TLS', async () => {
    const server = cleaned(await tcpServer(() => undefined));
    expect(await clientOn(`https://127.0.0.1:${server.port}`).verify(VERIFY)).toMatchObject({
      kind: 'not_sent',
    });
  });

  it('was not sent: every connection stayed busy, and it is not sent when one comes free later', async () => {
    const received: string[] = [];
    let release = (): void => undefined;
    const server = cleaned(
      await httpServer((request, response) => {
        received.push(request.url ?? '');
        if (received.length > 1) response.end(VERIFIED);
        else release = () => response.end(NO_ORDERS);
      }),
    );
    const patient = clientOn(server.url, { connections: 1, timeoutMs: 5000 });
    const busy = patient.findOrder('1');
    while (received.length === 0) await new Promise(setImmediate);
    expect(await patient.verify(VERIFY, AbortSignal.timeout(50))).toMatchObject({ kind: 'not_sent' });
    release();
    await busy;
    expect(await patient.verify(VERIFY)).toMatchObject({ kind: 'verified' });
    expect(received).toHaveLength(2);
  });

  it('was not sent: cancelled before it began', async () => {
    const server = cleaned(await httpServer((_request, response) => response.end(VERIFIED)));
    expect(await clientOn(server.url).verify(VERIFY, AbortSignal.abort())).toMatchObject({
      kind: 'not_sent',
    });
  });

  it('was not sent: cancelled while it waits for an access token', async () => {
    const douyin = clientOn('http://127.0.0.1:1', {
      tokens: { ...fixedTokens(), current: () => new Promise(() => undefined) },
    });
    expect(await douyin.verify(VERIFY, AbortSignal.timeout(20))).toMatchObject({ kind: 'not_sent' });
  });
});

describe('verify, later than it may start', () => {
  const STALE = JSON.stringify({ data: { error_code: 2190008 }, extra: { error_code: 2190008 } });
  const LATE = { kind: 'not_sent', reason: expect.stringContaining('too late') };
  const STILL_UNKNOWN = { kind: 'unknown', why: 'unanswered', reason: expect.stringContaining('too late') };

  async function countingServer(answer: (requests: number) => string) {
    let requests = 0;
    const server = cleaned(
      await httpServer((_request, response) => {
        requests += 1;
        response.end(answer(requests));
      }),
    );
    return { url: server.url, requests: () => requests };
  }

  it('is not sent, and leaves a repeat as unknown as it was', async () => {
    const server = await countingServer(() => VERIFIED);
    const douyin = clientOn(server.url, { monotonicMs: () => 1001 });
    expect(await douyin.verify({ ...VERIFY, mustStartBy: 1000 })).toEqual(LATE);
    expect(await douyin.verify({ ...VERIFY, mustStartBy: 1000, attempt: 'repeat' })).toMatchObject(
      STILL_UNKNOWN,
    );
    expect(server.requests()).toBe(0);
    expect(await douyin.verify({ ...VERIFY, mustStartBy: 1001 })).toMatchObject({ kind: 'verified' });
  });

  it('is measured by the machine’s monotonic clock', async () => {
    const server = await countingServer(() => VERIFIED);
    const douyin = clientOn(server.url);
    expect(await douyin.verify({ ...VERIFY, mustStartBy: performance.now() - 1 })).toEqual(LATE);
    expect(await douyin.verify({ ...VERIFY, mustStartBy: performance.now() + 60_000 })).toMatchObject({
      kind: 'verified',
    });
  });

  it('is not sent again with a fresh access token that came too late', async () => {
    const server = await countingServer(() => STALE);
    let nowMs = 0;
    const tokens = {
      ...fixedTokens(),
      replace: () => {
        nowMs = 1001;
        return fixedTokens('clt.fresh').current();
      },
    };
    const douyin = clientOn(server.url, { tokens, monotonicMs: () => nowMs });
    expect(await douyin.verify({ ...VERIFY, mustStartBy: 1000 })).toEqual(LATE);
    nowMs = 0;
    expect(await douyin.verify({ ...VERIFY, mustStartBy: 1000, attempt: 'repeat' })).toMatchObject(
      STILL_UNKNOWN,
    );
    expect(server.requests()).toBe(2);
  });

  it('is not sent when the connection it waited for came free too late', async () => {
    let release = (): void => undefined;
    let requests = 0;
    const server = cleaned(
      await httpServer((_request, response) => {
        requests += 1;
        if (requests === 1) release = () => response.end(NO_ORDERS);
        else response.end(VERIFIED);
      }),
    );
    let nowMs = 0;
    const douyin = clientOn(server.url, { connections: 1, timeoutMs: 5000, monotonicMs: () => nowMs });
    const busy = douyin.findOrder('1');
    while (requests === 0) await new Promise(setImmediate);
    const waiting = douyin.verify({ ...VERIFY, mustStartBy: 1000 });
    await new Promise(setImmediate);
    nowMs = 1001;
    release();
    expect(await waiting).toEqual(LATE);
    await busy;
    expect(await douyin.verify(VERIFY)).toMatchObject({ kind: 'verified' });
    expect(requests).toBe(2);
  });
});

describe('verify, when the request may have arrived', () => {
  const oneByte = (socket: NodeJS.EventEmitter) => once(socket, 'data');

  it('is unknown: no answer in time', async () => {
    const server = cleaned(await tcpServer(() => undefined));
    const startedAt = performance.now();
    expect(await clientOn(server.url).verify(VERIFY)).toMatchObject({ kind: 'unknown', why: 'unanswered' });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS * 3);
  });

  it.each([
    ['reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
    ['closed without an answer', (socket: { end(): void }) => socket.end()],
    [
      'cut in the headers',
      (socket: { end(text: string): void }) => socket.end('HTTP/1.1 200 OK\r\ncontent-'),
    ],
    [
      'cut in the body',
      (socket: { end(text: string): void }) => socket.end(rawAnswer(VERIFIED).slice(0, -20)),
    ],
    ['not HTTP', (socket: { end(text: string): void }) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      'two lengths',
      (socket: { end(text: string): void }) => socket.end(rawAnswer(VERIFIED, 'content-length: 3\r\n')),
    ],
  ])('is unknown: %s, and it is sent once', async (_what, act) => {
    const server = cleaned(await tcpServer((socket) => void oneByte(socket).then(() => act(socket))));
    expect(await clientOn(server.url).verify(VERIFY)).toMatchObject({ kind: 'unknown' });
    expect(server.connectionCount()).toBe(1);
  });

  it('is unknown: an answer that drips for ever', async () => {
    const server = cleaned(
      await httpServer((_request, response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
      }),
    );
    expect(await clientOn(server.url).verify(VERIFY)).toMatchObject({ kind: 'unknown' });
  });

  it('is unknown: an answer without end', async () => {
    const server = cleaned(
      await httpServer((_request, response) => {
        const block = Buffer.alloc(65_536, ' ');
        const more = (): void => {
          while (!response.destroyed && response.write(block));
        };
        response.on('drain', more);
        more();
      }),
    );
    const outcome = await clientOn(server.url, { timeoutMs: 5000 }).verify(VERIFY);
    expect(outcome).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('too large') });
  });

  it('is unknown: cancelled while Douyin works', async () => {
    const controller = new AbortController();
    const server = cleaned(await httpServer(() => controller.abort()));
    expect(await clientOn(server.url).verify(VERIFY, controller.signal)).toMatchObject({ kind: 'unknown' });
  });

  it('is unknown: a kept-alive connection was closed just then, and it is not sent again', async () => {
    let requests = 0;
    const server = cleaned(
      await tcpServer((socket) =>
        socket.on('data', () => {
          requests += 1;
          if (requests === 2) socket.destroy();
          else socket.write(rawAnswer(VERIFIED));
        }),
      ),
    );
    const douyin = clientOn(server.url, { connections: 1 });
    expect(await douyin.verify(VERIFY)).toMatchObject({ kind: 'verified' });
    expect(await douyin.verify(VERIFY)).toMatchObject({ kind: 'unknown' });
    expect(requests).toBe(2);
    expect(server.connectionCount()).toBe(1);
  });
});

describe('a read', () => {
  it('is asked again when a kept-alive connection was closed just then', async () => {
    let requests = 0;
    const server = cleaned(
      await tcpServer((socket) =>
        socket.on('data', () => {
          requests += 1;
          if (requests === 2) socket.destroy();
          else socket.write(rawAnswer(NO_ORDERS));
        }),
      ),
    );
    const douyin = clientOn(server.url, { connections: 1 });
    expect(await douyin.findOrder('1')).toBeNull();
    expect(await douyin.findOrder('1')).toBeNull();
    expect(requests).toBe(3);
    expect(server.connectionCount()).toBe(2);
  });

  it('is not asked again when what came back is no HTTP', async () => {
    const server = cleaned(
      await tcpServer((socket) => void socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))),
    );
    await expect(clientOn(server.url).findOrder('1')).rejects.toMatchObject({ code: 'douyin.unavailable' });
    expect(server.connectionCount()).toBe(1);
  });

  it('is not asked again when it took too long', async () => {
    const server = cleaned(await tcpServer(() => undefined));
    await expect(clientOn(server.url).findOrder('1')).rejects.toMatchObject({ code: 'douyin.unavailable' });
    expect(server.connectionCount()).toBe(1);
  });
});

describe('what is sent', () => {
  async function requestOf(
    call: (douyin: HttpDouyin) => Promise<unknown>,
    path = '',
    more: Partial<HttpDouyinOptions> = {},
  ): Promise<{ request: IncomingMessage; body: string }> {
    const seen: { request: IncomingMessage; body: string }[] = [];
    const server = cleaned(
      await httpServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        request.on('end', () => {
          seen.push({ request, body });
          response.end(JSON.stringify({ data: { error_code: 1212 }, extra: { error_code: 1212 } }));
        });
      }),
    );
    await call(clientOn(server.url + path, more)).catch(() => undefined);
    const [first] = seen;
    if (!first) throw new Error('nothing was sent');
    return first;
  }

  it('names the token and the merchant in the headers, and speaks JSON', async () => {
    const { request, body } = await requestOf((douyin) => douyin.verify(VERIFY));
    expect(request.method).toBe('POST');
    expect(request.url).toBe('/goodlife/v1/fulfilment/certificate/verify/');
    expect(request.headers).toMatchObject({
      'access-token': 'clt.fixed',
      'content-type': 'application/json',
      'rpc-transit-life-account': '7126518000000000001',
    });
    expect(JSON.parse(body)).toEqual({
      verify_token: VERIFY.douyinVerifyToken,
      poi_id: VERIFY.poiId,
      encrypted_codes: [ENCRYPTED_CODE],
    });
  });

  it('names the merchant in prepare and verify for a cloud chain, alike on a repeat', async () => {
    const chain = { sendsAccountId: true };
    for (const attempt of ['first', 'repeat'] as const) {
      const { body } = await requestOf((douyin) => douyin.verify({ ...VERIFY, attempt }), '', chain);
      expect(JSON.parse(body)).toEqual({
        verify_token: VERIFY.douyinVerifyToken,
        poi_id: VERIFY.poiId,
        encrypted_codes: [ENCRYPTED_CODE],
        account_id: '7126518000000000001',
      });
    }
    const { request } = await requestOf((douyin) => douyin.prepare({ code: '1' }, '7'), '', chain);
    expect(request.url).toBe(
      '/goodlife/v1/fulfilment/certificate/prepare/?code=1&poi_id=7&account_id=7126518000000000001',
    );
  });

  it('encodes each value exactly once', async () => {
    const { request } = await requestOf((douyin) =>
      douyin.prepare({ encryptedData: 'a+b/c=d-e_f%2Bg&h' }, '7182937465123456789'),
    );
    expect(request.url).toBe(
      '/goodlife/v1/fulfilment/certificate/prepare/?encrypted_data=a%2Bb%2Fc%3Dd-e_f%252Bg%26h&poi_id=7182937465123456789',
    );
  });

  it('survives text that is no Unicode, and keeps the base address’s path', async () => {
    const { request } = await requestOf((douyin) => douyin.prepare({ code: '\ud800' }, '店'), '/proxy/');
    expect(request.url).toBe(
      '/proxy/goodlife/v1/fulfilment/certificate/prepare/?code=%EF%BF%BD&poi_id=%E5%BA%97',
    );
  });
});
