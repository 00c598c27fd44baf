// Short links come from whoever holds a phone to the till. None of these makes the gateway connect to anything: listeners
// where they point count every connection, whatever is or is not sent over it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../support/http-gateway.ts';

const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;
const ENDPOINTS = ['/v1/open/coupons/verify', '/v1/open/coupons/prepare'] as const;

interface Canary {
  readonly port: number;
  connections: number;
  requests: number;
  close(): Promise<void>;
}

/** Listens on every local address and counts who comes; answers as a redirecting short-link host would. */
async function startCanary(wantedPort = 0, location = '/?object_id=from-the-canary'): Promise<Canary | null> {
  const server = http.createServer((_request, response) => {
    canary.requests += 1;
    response.writeHead(302, { location }).end();
  });
  const started = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(wantedPort, '::', () => resolve(true));
  });
  if (!started) return null;
  const canary = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    requests: 0,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
  server.on('connection', () => {
    canary.connections += 1;
  });
  return canary;
}

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;
let canary: Canary;
/** Where links without a port lead; absent when the machine does not let us listen there. */
const defaultPorts: Canary[] = [];
/** A listed host that redirects to the canary. */
let redirector: Canary;
const lines: string[] = [];

beforeAll(async () => {
  canary = (await startCanary()) as Canary;
  redirector = (await startCanary(0, `http://127.0.0.1:${canary.port}/latest/meta-data`)) as Canary;
  for (const port of [80, 443]) {
    const found = await startCanary(port);
    if (found) defaultPorts.push(found);
  }
  harness = await startHarness({
    env: {
      SHORT_LINK_HOSTS: `127.0.0.1:${redirector.port},v.douyin.com,*.douyin.com,localhost,*.localhost,ip6-localhost`,
    },
  });
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  server = await serveHttp(harness, { logger: pino({ level: 'debug' }, sink) });
  app = await createClientApp(server.url);
}, 120_000);
afterAll(async () => {
  await server.close();
  await harness.close();
  await Promise.all([canary, redirector, ...defaultPorts].map((listener) => listener.close()));
});

const connections = () => [canary, ...defaultPorts].map((listener) => listener.connections);

function ask(target: (typeof ENDPOINTS)[number], shortLink: string): Promise<Reply> {
  const body = { poi_id: poiId, short_link: shortLink, verify_token: randomUUID() };
  return callOpen(server.url, app, { method: 'POST', target, body: JSON.stringify(body) });
}

/** Links by what is nasty about them; `PORT` stands for the canary's. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  'an address of the machine itself': [
    'http://127.0.0.1:PORT/x',
    'https://127.0.0.1:PORT/x',
    'http://127.0.0.1/x',
    'https://127.0.0.1/x',
    'http://127.8.9.10:PORT/x',
    'http://0.0.0.0:PORT/x',
    'http://[::1]:PORT/x',
    'http://[::]:PORT/x',
    'http://localhost:PORT/x',
    'http://LOCALHOST:PORT/x',
    'http://localhost.localdomain:PORT/x',
    'http://ip6-localhost:PORT/x',
  ],
  'a private or link-local address': [
    'http://10.0.0.1/x',
    'http://172.16.0.1/x',
    'http://192.168.0.1/x',
    'http://100.64.0.1/x',
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/latest/meta-data/',
    'http://100.100.100.200/latest/meta-data/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://[fe80::1]:PORT/x',
    'http://[fe80::1%25lo]:PORT/x',
    'http://[fd00:ec2::254]/latest/meta-data/',
    'http://224.0.0.1/x',
    'http://255.255.255.255/x',
  ],
  'IPv4 inside IPv6': [
    'http://[::ffff:127.0.0.1]:PORT/x',
    'http://[::ffff:7f00:1]:PORT/x',
    'http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/x',
    'http://[::127.0.0.1]:PORT/x',
    'http://[64:ff9b::7f00:1]:PORT/x',
    'http://[2002:7f00:1::]:PORT/x',
    'https://[::ffff:169.254.169.254]/x',
  ],
  'an address in another notation': [
    'http://2130706433:PORT/x',
    'http://0x7f000001:PORT/x',
    'http://0x7f.0.0.1:PORT/x',
    'http://0177.0.0.1:PORT/x',
    'http://017700000001:PORT/x',
    'http://127.1:PORT/x',
    'http://127.0.1:PORT/x',
    'http://0:PORT/x',
    'http://127.0.0.1.:PORT/x',
    'http://%31%32%37.0.0.1:PORT/x',
    'http://①②⑦.⓪.⓪.①:PORT/x',
    'http://１２７.０.０.１:PORT/x',
    'http://127。0。0。1:PORT/x',
  ],
  'a name that leads to the machine': [
    'http://127.0.0.1.nip.io:PORT/x',
    'https://localtest.me:PORT/x',
    'https://v.douyin.com.127.0.0.1.nip.io:PORT/x',
  ],
  'user information': [
    'http://v.douyin.com@127.0.0.1:PORT/x',
    'https://v.douyin.com:443@127.0.0.1:PORT/x',
    'https://user:pass@v.douyin.com:PORT/x',
    'https://v.douyin.com%40127.0.0.1:PORT/x',
    'https://v.douyin.com@@127.0.0.1:PORT/x',
    'https://127.0.0.1:PORT#@v.douyin.com/x',
    'https://127.0.0.1:PORT?@v.douyin.com/x',
    'https://127.0.0.1:PORT/@v.douyin.com/x',
    'https://127.0.0.1:PORT;@v.douyin.com/x',
    'http://127.0.0.1:PORT\\@v.douyin.com/x',
  ],
  'a host that only looks like Douyin’s': [
    'https://v.douyin.com.example/x',
    'https://v-douyin.com/x',
    'https://xdouyin.com/x',
    'https://douyin.com/x',
    'https://v.dοuyin.com/x',
    'https://v.douyın.com/x',
    'https://ｖ.douyin.com/x',
    'https://v。douyin。com/x',
    'https://xn--v-douyin-cqb.com/x',
    'https://v.douyin.com\u200b/x',
    'https://v.dou\u00adyin.com/x',
  ],
  'a dot at the end': ['https://v.douyin.com./x', 'https://a.douyin.com./x', 'http://localhost.:PORT/x'],
  'another port': [
    'https://v.douyin.com:PORT/x',
    'https://v.douyin.com:22/x',
    'https://localhost:PORT/x',
    'https://v.douyin.com:0/x',
    'https://v.douyin.com:-1/x',
    'https://v.douyin.com:443443/x',
    'https://v.douyin.com:443:PORT/x',
  ],
  'another scheme': [
    'file:///etc/passwd',
    'file://127.0.0.1/etc/passwd',
    'ftp://127.0.0.1:PORT/x',
    'gopher://127.0.0.1:PORT/_x',
    'dict://127.0.0.1:PORT/x',
    'ws://127.0.0.1:PORT/x',
    'data:text/html,x',
    'javascript:fetch("http://127.0.0.1:PORT")',
    'jar:http://127.0.0.1:PORT!/x',
    'unix:/var/run/docker.sock',
    'http+unix://%2Fvar%2Frun%2Fdocker.sock/x',
    'snssdk1128://127.0.0.1:PORT/x',
    '//127.0.0.1:PORT/x',
    '127.0.0.1:PORT/x',
    '/x',
  ],
  'plain http to Douyin': ['http://v.douyin.com/x', 'http://a.douyin.com/x'],
  'backslashes and odd slashes': [
    'http:\\\\127.0.0.1:PORT\\x',
    'https://v.douyin.com\\@127.0.0.1:PORT/x',
    'https:/\\v.douyin.com:PORT/x',
    'http:/127.0.0.1:PORT/x',
    'http:127.0.0.1:PORT/x',
    'http:///127.0.0.1:PORT/x',
    'https:////127.0.0.1:PORT/x',
  ],
  'blanks within': [
    'https://v.douyin.com /x',
    'https://v.douyin.com /x http://127.0.0.1:PORT/x',
    'http://127.0.0.1 :PORT/x',
    'https://v.douyin.com\u00a0@127.0.0.1:PORT/x',
    '看看这张券 http://127.0.0.1:PORT/x',
  ],
  'great length': [
    `http://127.0.0.1:PORT/${'a'.repeat(2000)}`,
    `https://${'a.'.repeat(900)}localhost:PORT/`,
    `https://v.douyin.com@${'a'.repeat(1900)}@127.0.0.1:PORT/`,
  ],
};

/** Refused as text, before anything reads them as links. */
const NOT_TEXT = [
  'https://v.douyin.com/x\r\nHost: 127.0.0.1',
  'http://127.0.0.1:PORT/x\r\n\r\nGET / HTTP/1.1',
  'http://127.0.0.1:PORT/\u0000.douyin.com',
  'https://v.douyin.com\t@127.0.0.1:PORT/',
  'https://v.douyin.com/\u0085x',
  `http://127.0.0.1:PORT/${'a'.repeat(2049)}`,
];

describe.each(ENDPOINTS)('a short link to POST %s', (endpoint) => {
  describe.each(Object.entries(LINKS))('with %s', (_what, links) => {
    it.each(links.map((link) => [link.slice(0, 70), link]))('%s contacts nobody', async (_short, link) => {
      const before = connections();
      const reply = await ask(endpoint, link.replaceAll('PORT', String(canary.port)));
      const { status, code } = errorOf(reply);
      expect({ status, code, connections: connections() }).toEqual({
        status: 400,
        code: 'coupon.short_link_invalid',
        connections: before,
      });
      // The answer must not be a way to ask what there is inside.
      expect(reply.text).not.toMatch(/ECONN|ENOTFOUND|127\.0\.0|refused|timeout/i);
    });
  });

  it.each(NOT_TEXT.map((link) => [JSON.stringify(link).slice(0, 60), link]))(
    'is no text at all: %s',
    async (_short, link) => {
      const before = connections();
      const reply = await ask(endpoint, link.replaceAll('PORT', String(canary.port)));
      expect(errorOf(reply)).toMatchObject({ status: 400, code: 'request.invalid' });
      expect(connections()).toEqual(before);
    },
  );

  it('is not followed when a listed host redirects inside', async () => {
    const [before, asked] = [connections(), redirector.requests];
    const reply = await ask(endpoint, `http://127.0.0.1:${redirector.port}/x`);
    expect(errorOf(reply)).toMatchObject({ status: 400, code: 'coupon.short_link_invalid' });
    expect(redirector.requests).toBe(asked + 1);
    expect(connections()).toEqual(before);
  });

  it.each(['https://localhost/x', 'https://a.localhost/x'])(
    'is not asked when the listed name %s has an internal address, as after a rebinding',
    async (link) => {
      const before = connections();
      const reply = await ask(endpoint, link);
      // The name is listed, so it is the host that could not be asked; what is behind it is not told.
      expect(errorOf(reply)).toMatchObject({ status: 502, code: 'douyin.unavailable' });
      expect(reply.text).not.toMatch(/PUBLIC|ECONN|ENOTFOUND/);
      expect(connections()).toEqual(before);
    },
  );
});

it('refused the internal address itself, before connecting', () => {
  // Without a listener on port 443 a count of none would say little.
  expect(lines.join('')).toContain('ERR_NOT_PUBLIC');
});

it('counts connections', async () => {
  const before = canary.connections;
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(canary.port, '127.0.0.1', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
  expect(canary.connections).toBe(before + 1);
});
