// Who gets near the internal surface: trusted peers, under names of the gateway's own, from no other web page, on its own
// listener. Every request goes out byte for byte through a socket.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { ROUTES } from '../../src/http/routes/index.ts';
import { surfaceOf } from '../../src/http/surfaces.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  call,
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../support/http-gateway.ts';

const APPS = '/v1/internal/apps';

let harness: Harness;
let server: HttpGateway;
beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness, { internalHosts: ['Gateway.Corp.Example', 'gw'] });
}, 90_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface RawReply {
  readonly status: number;
  readonly code: string;
}

/** Sends header lines as they are, several of one name too. */
async function raw(target: string, lines: readonly string[], method = 'GET'): Promise<RawReply> {
  const { hostname, port } = new URL(server.url);
  const socket = net.connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = once(socket, 'close');
  socket.write(
    [`${method} ${target} HTTP/1.1`, ...lines, 'X-XTJ-UID: admin-1', 'Connection: close', '', ''].join(
      '\r\n',
    ),
    'latin1',
  );
  await closed;
  const answer = Buffer.concat(chunks).toString();
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]),
    code: /"error":\{"code":"([^"]+)"/.exec(answer)?.[1] ?? '',
  };
}

const PORT = () => new URL(server.url).port;
const OK = { status: 200, code: '' };
const WRONG_HOST = { status: 421, code: 'request.wrong_host' };
const FOREIGN = { status: 403, code: 'request.foreign_origin' };
const PATHS = [APPS, '/v1/internal/reports/verifications', '/docs', '/docs/page.js'];

describe('the name in Host', () => {
  it.each(PATHS)(
    'of %s may be an IP literal, localhost or a configured name, with or without a port',
    async (path) => {
      for (const host of [
        '127.0.0.1',
        `127.0.0.1:${PORT()}`,
        '127.0.0.1:1',
        '10.1.2.3',
        '[::1]',
        `[::1]:${PORT()}`,
        '[fd00::1:2]:443',
        '[::ffff:127.0.0.1]',
        'localhost',
        'LocalHost:9999',
        'localhost.',
        'gateway.corp.example',
        'GATEWAY.corp.example.:8080',
        'gw:80',
      ]) {
        expect([host, await raw(path, [`Host: ${host}`])]).toEqual([host, OK]);
      }
    },
  );

  it.each([...PATHS, '/console', '/console/app.js', '/v1/internal', '/v1/internal/nothing'])(
    'of %s may be nothing else: that is what DNS rebinding looks like',
    async (path) => {
      for (const host of [
        'evil.example',
        `evil.example:${PORT()}`,
        '127.0.0.1.evil.example',
        '127.0.0.1:80@evil.example',
        'localhost.evil.example',
        'evil.localhost',
        'notgw',
        'gw.evil.example',
        'corp.example',
        '127.1',
        '2130706433',
        '0x7f000001',
        '127.0.0.1 evil.example',
        '127.0.0.1, evil.example',
        '127.0.0.1/evil',
        '[::1',
        '[::1]evil.example',
        '[evil.example]',
        '::1',
        ':8080',
        '',
        'localhost:8080:1',
        'localhost:x',
        'loc\u00e4lhost',
        'x'.repeat(5000),
      ]) {
        expect([host.slice(0, 40), await raw(path, [`Host: ${host}`])]).toEqual([
          host.slice(0, 40),
          WRONG_HOST,
        ]);
      }
    },
  );

  it('is one: several are none of ours, in whichever order', async () => {
    for (const hosts of [
      ['127.0.0.1', 'evil.example'],
      ['evil.example', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.1'],
    ]) {
      expect(
        await raw(
          APPS,
          hosts.map((host) => `Host: ${host}`),
        ),
      ).toEqual(WRONG_HOST);
    }
  });

  it('is not the whole truth when the request target is a URL', async () => {
    expect(await raw(`http://evil.example${APPS}`, ['Host: 127.0.0.1'])).toEqual(WRONG_HOST);
    expect(await raw(`http://127.0.0.1${APPS}`, ['Host: evil.example'])).toEqual(WRONG_HOST);
    expect(await raw(`http:${APPS}`, ['Host: 127.0.0.1'])).toEqual({
      status: 400,
      code: 'request.unreadable',
    });
    expect(await raw(`http://127.0.0.1${APPS}`, ['Host: 127.0.0.1'])).toEqual(OK);
  });

  it('does not matter to the open surface and to health: proxies write what they like', async () => {
    expect(await raw('/livez', ['Host: anything.example'])).toEqual(OK);
    const app = await createClientApp(server.url);
    const reply = await callOpen(server.url, app, {
      target: '/v1/open/coupons/verifications/none',
      headers: { Host: 'pos.example', Origin: 'https://other.example', 'Sec-Fetch-Site': 'cross-site' },
    });
    expect(errorOf(reply)).toEqual({ status: 404, code: 'verification.not_found' });
  });

  it('changes nothing for a peer that is not trusted: 401, whatever the headers say', async () => {
    const elsewhere = await serveHttp(harness, { internalTrustedCidrs: ['10.0.0.0/8'] });
    try {
      for (const headers of [
        {},
        { Host: 'evil.example' },
        { Origin: 'null' },
        { 'X-Forwarded-For': '10.0.0.1' },
      ]) {
        for (const target of [APPS, '/v1/internal/nothing', '/console']) {
          expect(errorOf(await callInternal(elsewhere.url, { target, headers }))).toEqual({
            status: 401,
            code: 'auth.untrusted_peer',
          });
        }
      }
    } finally {
      await elsewhere.close();
    }
  });
});

describe('what a browser says of where a request comes from', () => {
  it.each(['POST', 'GET'])('lets the gateway’s own pages in (%s)', async (method) => {
    const host = `Host: 127.0.0.1:${PORT()}`;
    const isLetIn = async (lines: readonly string[]) => {
      const { status, code } = await raw(
        method === 'GET' ? APPS : '/v1/internal/enrichments/999/retry',
        lines,
        method,
      );
      return [status, code];
    };
    const letIn = method === 'GET' ? [200, ''] : [404, 'verification.not_found'];
    expect(await isLetIn([host])).toEqual(letIn);
    expect(await isLetIn([host, `Origin: http://127.0.0.1:${PORT()}`])).toEqual(letIn);
    expect(await isLetIn([host, 'Sec-Fetch-Site: same-origin'])).toEqual(letIn);
    expect(await isLetIn([host, 'Sec-Fetch-Site: none'])).toEqual(letIn);
    // TLS may end in front of the gateway; the port that belongs to the scheme may be left out.
    expect(await isLetIn(['Host: gw', 'Origin: https://gw'])).toEqual(letIn);
    expect(await isLetIn(['Host: gw:443', 'Origin: https://gw'])).toEqual(letIn);
    expect(await isLetIn(['Host: gw:80', 'Origin: http://gw'])).toEqual(letIn);
    expect(await isLetIn(['Host: [::1]:8080', 'Origin: http://[::1]:8080'])).toEqual(letIn);
  });

  it.each([...PATHS, '/console', '/v1/internal/nothing'])(
    'keeps every other page out of %s',
    async (path) => {
      const host = `Host: 127.0.0.1:${PORT()}`;
      for (const lines of [
        ['Origin: null'],
        ['Origin: '],
        ['Origin: https://evil.example'],
        ['Origin: http://127.0.0.1'],
        ['Origin: http://127.0.0.1:1'],
        [`Origin: http://localhost:${PORT()}`],
        [`Origin: http://127.0.0.1:${PORT()}/`],
        [`Origin: http://127.0.0.1:${PORT()}@evil.example`],
        [`Origin: ftp://127.0.0.1:${PORT()}`],
        [`Origin: http://127.0.0.1:${PORT()}`, 'Origin: https://evil.example'],
        [`Origin: http://127.0.0.1:${PORT()}, https://evil.example`],
        [`Origin: http://127.0.0.1:${PORT()}`, 'Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: same-site'],
        ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: same-origin, cross-site'],
        ['Origin: chrome-extension://abcdefgh'],
      ]) {
        expect([lines, await raw(path, [host, ...lines])]).toEqual([lines, FOREIGN]);
      }
    },
  );

  it('answers no preflight of another page', async () => {
    const lines = [
      'Host: 127.0.0.1',
      'Origin: https://evil.example',
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: x-xtj-uid',
    ];
    expect(await raw(APPS, lines, 'OPTIONS')).toEqual(FOREIGN);
  });

  it('changes nothing that another page asks for', async () => {
    const code = `foreign-${Date.now()}`;
    const reply = await callInternal(server.url, {
      method: 'POST',
      target: APPS,
      headers: { Origin: 'https://evil.example' },
      body: JSON.stringify({ name: 'x', code }),
    });
    expect(errorOf(reply)).toEqual({ status: 403, code: 'request.foreign_origin' });
    expect(await harness.gateway.db.run(({ apps }) => apps.findAppByCode(code))).toBeNull();
  });
});

describe('a listener of its own', () => {
  let open: HttpGateway;
  let internal: HttpGateway;
  beforeAll(async () => {
    open = await serveHttp(harness, {}, 'public');
    internal = await serveHttp(harness, {}, 'internal');
  });
  afterAll(() => Promise.all([open.close(), internal.close()]));

  const concrete = (path: string) => path.replaceAll(/\{(\w+)\}/g, '1');
  const NOT_FOUND = { status: 404, code: 'route.not_found' };

  it('belongs to a route by its path', () => {
    for (const route of ROUTES) {
      expect([route.path, surfaceOf(route.path)]).toEqual([
        route.path,
        route.surface === 'public' ? 'shared' : route.surface,
      ]);
    }
  });

  it.each(ROUTES.filter(({ surface }) => surface === 'internal').map((route) => [route.method, route.path]))(
    'is the only one with %s %s',
    async (method, path) => {
      const ask = (url: string) => callInternal(url, { method, target: concrete(path) });
      expect(errorOf(await ask(open.url))).toEqual(NOT_FOUND);
      const reply = await ask(internal.url);
      if (reply.status !== 200) expect(errorOf(reply).code).not.toBe('route.not_found');
    },
  );

  it.each(ROUTES.filter(({ surface }) => surface === 'open').map((route) => [route.method, route.path]))(
    'has no %s %s',
    async (method, path) => {
      const ask = (url: string) => call(url, { method, target: concrete(path) });
      expect(errorOf(await ask(internal.url))).toEqual(NOT_FOUND);
      expect(errorOf(await ask(open.url))).toMatchObject({ status: 401 });
    },
  );

  it.each(['/console', '/console/', '/v1/internal', '/v1/internal/', '/v1/internal/nothing'])(
    'is asked for %s, the other one knows nothing of it',
    async (target) => {
      expect(errorOf(await call(open.url, { target }))).toEqual(NOT_FOUND);
    },
  );

  it.each(['/livez', '/health', '/readyz', '/docs', '/openapi.json'])(
    'has %s as the other one',
    async (target) => {
      expect((await call(open.url, { target })).status).toBe(200);
      expect((await call(internal.url, { target })).status).toBe(200);
    },
  );

  it('does not open a door in another spelling', async () => {
    for (const target of [
      '/V1/internal/apps',
      '//v1/internal/apps',
      '/v1//internal/apps',
      '/v1/./internal/apps',
      '/v1/open/../internal/apps',
      '/v1/%69nternal/apps',
      '/v1/internal%2fapps',
      '/v1/internal/../internal/apps',
      '/x?/../v1/internal/apps',
      '/v1/internal/apps;x=1',
    ]) {
      const reply = await callInternal(open.url, { target });
      expect([target, reply.status === 401 || reply.status === 404]).toEqual([target, true]);
    }
  });
});
