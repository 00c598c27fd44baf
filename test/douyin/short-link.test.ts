import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  HttpShortLinks,
  isPublicAddress,
  publicLookup,
  ShortLinkFence,
} from '../../src/douyin/short-link.ts';
import { startSimulator, type ShortLinkVariant, type Simulator } from '../../src/simulator/simulator.ts';
import { closedPort, httpServer, tcpServer } from './support.ts';

const TIMEOUT_MS = 1000;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
function linksTo(...hosts: string[]): HttpShortLinks {
  const links = new HttpShortLinks({ hosts, timeoutMs: TIMEOUT_MS });
  cleanups.push(() => links.close());
  return links;
}
const hostOf = (url: string) => new URL(url).host;

/** A host that answers every link with this status and Location; counts the requests. */
async function hostAnswering(status: number, location?: string) {
  const requests: string[] = [];
  const server = await httpServer((request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(status, location === undefined ? {} : { location }).end('<html>');
  });
  cleanups.push(() => server.close());
  return { ...server, requests, links: linksTo(hostOf(server.url)) };
}

describe('a short link of Douyin’s', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(() => simulator.close());

  it.each<[ShortLinkVariant, string]>([
    ['redirect', 'resolved'],
    ['relative_redirect', 'resolved'],
    ['foreign_host', 'resolved'],
    ['foreign_host_without_object_id', 'invalid'],
    ['without_object_id', 'invalid'],
    ['empty_object_id', 'invalid'],
    ['page', 'invalid'],
    ['gone', 'invalid'],
  ])('%s: %s', async (shortLinkVariant, kind) => {
    const order = simulator.state.createOrder({ shortLinkVariant });
    const resolution = await linksTo(hostOf(simulator.url)).resolve(order.shortLink);
    expect(resolution).toMatchObject(
      kind === 'resolved' ? { kind, encryptedData: order.encryptedData } : { kind },
    );
  });

  it('may lack its last slash, and have blanks around it', async () => {
    const order = simulator.state.createOrder();
    const links = linksTo(hostOf(simulator.url));
    for (const link of [order.shortLink.replace(/\/$/, ''), ` ${order.shortLink}\n`]) {
      expect(await links.resolve(link)).toMatchObject({ encryptedData: order.encryptedData });
    }
  });

  it.each(['server_error'] as const)('%s: could not be asked', async (shortLinkVariant) => {
    const order = simulator.state.createOrder({ shortLinkVariant });
    await expect(linksTo(hostOf(simulator.url)).resolve(order.shortLink)).rejects.toMatchObject({
      code: 'douyin.unavailable',
    });
  });

  it('that nobody knows is invalid', async () => {
    const resolution = await linksTo(hostOf(simulator.url)).resolve(`${simulator.url}/s/unknown/`);
    expect(resolution).toMatchObject({ kind: 'invalid' });
  });
});

describe('the Location', () => {
  it.each([
    ['https://www.iesdouyin.com/share/commerce/coupon/7/?a=1&object_id=CgYI%2Ba%2F9%3D%3D&b=2', 'CgYI+a/9=='],
    ['https://www.iesdouyin.com/?object_id=CgYI+a/9==', 'CgYI+a/9=='],
    ['https://www.iesdouyin.com/?object_id=CgYI-a_9', 'CgYI-a_9'],
    ['https://www.iesdouyin.com/?object_id=a%252Bb', 'a%2Bb'],
    ['/somewhere?object_id=abc#object_id=fragment', 'abc'],
    ['?object_id=abc', 'abc'],
    ['//other.example/?object_id=abc', 'abc'],
    ['snssdk1128://coupon/detail?object_id=abc', 'abc'],
    ['http://127.0.0.1:1/?object_id=abc', 'abc'],
  ])('%s carries %s', async (location, encryptedData) => {
    const { links, url, requests } = await hostAnswering(302, location);
    expect(await links.resolve(`${url}/s/x/`)).toEqual({ kind: 'resolved', encryptedData });
    expect(requests).toEqual(['/s/x/']);
  });

  it.each([
    'https://www.iesdouyin.com/share/commerce/coupon/object_id/',
    'https://www.iesdouyin.com/?object_id=',
    'https://www.iesdouyin.com/?object_id=%00',
    'https://www.iesdouyin.com/?object_id=%E5%88%B8',
    'https://www.iesdouyin.com/?xobject_id=abc',
    'https://www.iesdouyin.com/#?object_id=abc',
    'https://[not a url/?object_id=abc',
  ])('%s carries nothing', async (location) => {
    const { links, url } = await hostAnswering(302, location);
    expect(await links.resolve(`${url}/s/x/`)).toMatchObject({ kind: 'invalid' });
  });

  it.each([301, 302, 303, 307, 308])('is read at %i', async (status) => {
    const { links, url } = await hostAnswering(status, '/?object_id=abc');
    expect(await links.resolve(`${url}/s/x/`)).toMatchObject({ kind: 'resolved' });
  });

  it.each([200, 201, 300, 304, 400, 403, 404, 410])('is not looked for at %i', async (status) => {
    const { links, url } = await hostAnswering(status, '/?object_id=abc');
    expect(await links.resolve(`${url}/s/x/`)).toMatchObject({ kind: 'invalid' });
  });

  it.each([408, 429, 500, 502, 503])('cannot be had at %i', async (status) => {
    const { links, url } = await hostAnswering(status, '/?object_id=abc');
    await expect(links.resolve(`${url}/s/x/`)).rejects.toMatchObject({ code: 'douyin.unavailable' });
  });
});

describe('a host in trouble', () => {
  const unavailable = { code: 'douyin.unavailable' };

  it('refuses connections', async () => {
    const port = await closedPort();
    await expect(linksTo(`127.0.0.1:${port}`).resolve(`http://127.0.0.1:${port}/x`)).rejects.toMatchObject(
      unavailable,
    );
  });

  it('never answers', async () => {
    const server = await tcpServer(() => undefined);
    cleanups.push(() => server.close());
    await expect(linksTo(hostOf(server.url)).resolve(`${server.url}/x`)).rejects.toMatchObject(unavailable);
  });

  it('sends its body for ever: the headers suffice, and the connection is let go', async () => {
    let isClosed = false;
    const server = await httpServer((_request, response) => {
      response.writeHead(302, { location: '/?object_id=abc' });
      const drip = setInterval(() => response.write('x'), 10);
      response.on('close', () => {
        clearInterval(drip);
        isClosed = true;
      });
    });
    cleanups.push(() => server.close());
    expect(await linksTo(hostOf(server.url)).resolve(`${server.url}/x`)).toMatchObject({ kind: 'resolved' });
    for (const giveUpAt = performance.now() + 5000; !isClosed && performance.now() < giveUpAt;) {
      await new Promise(setImmediate);
    }
    expect(isClosed).toBe(true);
  });

  it('is not named in the error, nor is the link', async () => {
    const port = await closedPort();
    const error: Error = await linksTo(`127.0.0.1:${port}`)
      .resolve(`http://127.0.0.1:${port}/eHHc1ft/`)
      .then(
        () => new Error('it was resolved'),
        (err: Error) => err,
      );
    expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain('eHHc1ft');
  });
});

describe('ShortLinkFence', () => {
  const fence = new ShortLinkFence([
    'v.douyin.com',
    '*.iesdouyin.com',
    '127.0.0.1:8090',
    'sim.example:8091',
    '[::1]:8092',
  ]);

  it.each([
    ['https://v.douyin.com/eHHc1ft/', true],
    ['https://v.douyin.com/eHHc1ft', true],
    ['https://v.douyin.com', true],
    ['HTTPS://V.Douyin.COM/eHHc1ft/', true],
    ['https://v.douyin.com:443/x', true],
    ['https://v.douyin.com/x?y=z&u=https://a@b/', true],
    ['https://www.iesdouyin.com/x', true],
    ['https://a.b.iesdouyin.com/x', true],
    ['http://127.0.0.1:8090/s/x/', false],
    ['https://127.0.0.1:8090/s/x/', false],
    ['http://sim.example:8091/s/x/', false],
    ['http://[::1]:8092/x', false],
    ['http://127.1:8090/x', false],
  ])('admits %s', (link, mustBePublic) => {
    expect(fence.admit(link)).toMatchObject({ mustBePublic });
  });

  it.each([
    '',
    'v.douyin.com/x',
    '//v.douyin.com/x',
    'ftp://v.douyin.com/x',
    'javascript://v.douyin.com/x',
    'http://v.douyin.com/x',
    'http://www.iesdouyin.com/x',
    'https://v.douyin.com:8443/x',
    'https://v.douyin.com:80/x',
    'https://www.iesdouyin.com:444/x',
    'https://iesdouyin.com/x',
    'https://.iesdouyin.com/x',
    'https://www.douyin.com/x',
    'https://v.douyin.com.evil.example/x',
    'https://evil-iesdouyin.com/x',
    'https://xiesdouyin.com/x',
    'https://v.douyin.com./x',
    'https://www.iesdouyin.com./x',
    'https://user@v.douyin.com/x',
    'https://user:pass@v.douyin.com/x',
    'https://@v.douyin.com/x',
    'https://v.douyin.com@evil.example/x',
    'https://evil.example\\@v.douyin.com/x',
    'https://evil.example#@v.douyin.com/x',
    'https://evil.example?@v.douyin.com/x',
    'https:\\\\v.douyin.com\\x',
    'https:/v.douyin.com/x',
    'https:v.douyin.com/x',
    'https:///v.douyin.com/x',
    'https://v%2Edouyin.com/x',
    'https://v。douyin.com/x',
    'https://ｖ.douyin.com/x',
    'https://v.dоuyin.com/x',
    'https://v.dou\tyin.com/x',
    'https://v.douyin.com/x y',
    'https://v.douyin.com/x\ny',
    'https://v.douyin.com/x\\y',
    'https://v.douyin.com/\u0000',
    'https://v.douyin.com:99999/x',
    'https://127.0.0.1/x',
    'http://127.0.0.1/x',
    'http://127.0.0.1:8091/x',
    'http://127.0.0.1:80900/x',
    'http://2130706433/x',
    'http://0x7f.1/x',
    'http://[::1]:8090/x',
    'http://[::ffff:127.0.0.1]:8090/x',
    'http://169.254.169.254/latest/meta-data',
    'http://localhost:8090/x',
    'https://sim.example/x',
  ])('refuses %j', (link) => {
    expect(fence.admit(link)).toBeNull();
  });

  it('refuses entries that are none of its three forms', () => {
    for (const entry of [
      '',
      '*',
      '*.',
      '*.x.com:80',
      'https://v.douyin.com',
      'v.*.com',
      'a b',
      'v.douyin.com:x',
      'v.douyin.com/x',
    ]) {
      expect(() => new ShortLinkFence([entry])).toThrow('SHORT_LINK_HOSTS');
    }
  });

  it('asks nobody about a refused link', async () => {
    const { requests, url } = await hostAnswering(302, '/?object_id=abc');
    const resolution = await linksTo('v.douyin.com').resolve(`${url}/s/x/`);
    expect(resolution).toEqual({ kind: 'invalid', reason: 'not a link to a listed host' });
    expect(requests).toEqual([]);
  });
});

describe('a listed name without a port', () => {
  it('is not asked when it resolves to an address that is not public', async () => {
    for (const hosts of [['localhost'], ['*.localhost']]) {
      await expect(
        linksTo(...hosts).resolve(`https://${hosts[0]?.replace('*', 'a')}/x`),
      ).rejects.toMatchObject({
        code: 'douyin.unavailable',
        message: expect.stringMatching(/ERR_NOT_PUBLIC|ENOTFOUND|EAI_AGAIN/),
      });
    }
    await expect(linksTo('localhost').resolve('https://localhost/x')).rejects.toThrow('ERR_NOT_PUBLIC');
  });

  it('is asked at loopback when it is listed with its port', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(302, { location: '/?object_id=abc' }).end();
    });
    cleanups.push(() => server.close());
    const link = `http://localhost:${server.port}/x`;
    expect(await linksTo(`localhost:${server.port}`).resolve(link)).toMatchObject({ kind: 'resolved' });
  });
});

describe('a name with several addresses', () => {
  const PUBLIC = { address: '8.8.8.8', family: 4 };
  const PRIVATE = { address: '10.1.2.3', family: 4 };

  it.each([
    ['public ones', [PUBLIC, { address: '2400:3200::1', family: 6 }], null],
    ['a private one last', [PUBLIC, PRIVATE], 'ERR_NOT_PUBLIC'],
    ['a private one first', [PRIVATE, PUBLIC], 'ERR_NOT_PUBLIC'],
    ['loopback among them', [PUBLIC, { address: '::1', family: 6 }, PUBLIC], 'ERR_NOT_PUBLIC'],
    ['none', [], 'ERR_NOT_PUBLIC'],
  ])('is connected to only if all are public: %s', (_what, addresses, code) => {
    const lookup = publicLookup((_name, options, callback) => {
      expect(options.all).toBe(true);
      callback(null, [...addresses]);
    });
    for (const all of [true, false]) {
      const answers: unknown[] = [];
      lookup('v.douyin.com', { all }, (...answer) => answers.push(answer));
      const answered = all ? [null, addresses] : [null, addresses[0]?.address, addresses[0]?.family];
      expect(answers).toEqual([code === null ? answered : [expect.objectContaining({ code }), []]]);
    }
  });
});

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '101.226.4.6', '2400:3200::1', '2001:4860:4860::8888', '::ffff:8.8.8.8'])(
    '%s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    '127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1',
    '255.255.255.255', '198.18.0.1', '192.0.2.1', '::', '::1', 'fe80::1', 'fc00::1', 'fec0::1', 'ff02::1',
    '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '::7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::1', '2001:db8::1', 'x', '',
  ])('not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  }); // prettier-ignore
});
