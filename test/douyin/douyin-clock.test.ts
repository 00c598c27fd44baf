import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { DouyinAccessTokens } from '../../src/douyin/access-token.ts';
import { HttpDouyin } from '../../src/douyin/client.ts';
import { MonotonicDouyinClock } from '../../src/douyin/douyin-clock.ts';
import { Secret } from '../../src/observability/secret.ts';
import { InMemoryTokenRow, InMemoryTokenStore } from './in-memory-token-store.ts';
import { fixedTokens, httpServer, keepingLogger, systemClock, type TestServer } from './support.ts';

let monotonicMs: number;
let clock: MonotonicDouyinClock;
beforeEach(() => {
  monotonicMs = 1000;
  clock = new MonotonicDouyinClock({ monotonicMs: () => monotonicMs });
});

describe('MonotonicDouyinClock', () => {
  it('knows nothing before the first answer, then runs with the monotonic clock', () => {
    expect(clock.now()).toBeNull();
    clock.note(new Date('2026-03-15T10:31:08Z'), 1000);
    expect(clock.now()).toEqual(new Date('2026-03-15T10:31:08Z'));
    monotonicMs += 1250;
    expect(clock.now()).toEqual(new Date('2026-03-15T10:31:09.249Z'));
  });

  it('is never ahead, although nobody has corrected this machine’s clock for a day', () => {
    clock.note(new Date('2026-03-15T10:31:08Z'), 1000);
    monotonicMs += 86_400_000 + 8600;
    const now = clock.now()!.getTime();
    expect(now).toBeLessThanOrEqual(Date.parse('2026-03-16T10:31:08Z'));
    expect(now).toBeGreaterThan(Date.parse('2026-03-16T10:30:53Z'));
  });

  it('counts from the receipt, and believes the answer received last, also if it goes back', () => {
    monotonicMs = 5000;
    clock.note(new Date('2026-03-15T10:31:08Z'), 4000);
    expect(clock.now()).toEqual(new Date('2026-03-15T10:31:08.999Z'));
    clock.note(new Date('2026-03-15T10:30:00Z'), 5000);
    expect(clock.now()).toEqual(new Date('2026-03-15T10:30:00Z'));
    clock.note(new Date('2026-03-15T12:00:00Z'), 4999);
    expect(clock.now()).toEqual(new Date('2026-03-15T10:30:00Z'));
  });

  it('reads the machine’s monotonic clock unless given another', () => {
    const own = new MonotonicDouyinClock();
    own.note(new Date(0), own.monotonicMs());
    expect(own.now()?.getTime()).toBeGreaterThanOrEqual(0);
  });
});

describe('Douyin’s answers tell its time', () => {
  const DATE = 'Sun, 15 Mar 2026 10:31:08 GMT';
  const NOW = 1773570660;
  let server: TestServer;
  let answer: (response: ServerResponse) => void;
  beforeAll(async () => {
    server = await httpServer((_request, response) => answer(response));
  });
  afterAll(() => server.close());

  const client = () =>
    new HttpDouyin({
      baseUrl: server.url,
      accountId: '1',
      timeoutMs: 500,
      tokens: fixedTokens(),
      logger: keepingLogger().logger,
      douyinClock: clock,
    });
  const json = (body: object, { date = DATE, status = 200 } = {}) => {
    answer = (response) => {
      response.sendDate = false;
      if (date !== '') response.setHeader('date', date);
      response.writeHead(status).end(JSON.stringify(body));
    };
  };
  const verify = async () => {
    const douyin = client();
    await douyin.verify({
      douyinVerifyToken: 't',
      poiId: '7',
      encryptedCode: 'a',
      attempt: 'first',
      isCallerSupplied: false,
    });
    await douyin.close();
  };

  it.each([
    ['extra.now in seconds', { extra: { error_code: 2119002, now: NOW } }, {}, NOW * 1000],
    ['extra.now in milliseconds', { extra: { error_code: 0, now: NOW * 1000 + 7 } }, {}, NOW * 1000 + 7],
    ['the Date header without extra', { data: { error_code: 0 } }, {}, (NOW + 8) * 1000],
    ['the Date header where now is odd', { extra: { error_code: 0, now: 'x' } }, {}, (NOW + 8) * 1000],
    ['an error’s HTTP status', { extra: { error_code: 2119002, now: NOW } }, { status: 500 }, NOW * 1000],
    ['nothing: no time at all', { data: { error_code: 0 } }, { date: '' }, null],
    ['nothing: a date that is none', { data: { error_code: 0 } }, { date: 'yesterday' }, null],
    // A proxy's own answer: its clock is not Douyin's.
    ['nothing: not Douyin’s answer', { message: 'bad gateway' }, { status: 502 }, null],
  ])('%s', async (_, body, head, ms) => {
    json(body, head);
    await verify();
    expect(clock.now()?.getTime() ?? null).toBe(ms);
  });

  it('shows when prepare and get were answered, from either source', async () => {
    const douyin = client();
    const certificate = { encrypted_code: 'a', certificate_id: 1 };
    const told = {
      data: { error_code: 0, order_id: '9', verify_token: 't', certificates: [certificate], certificate },
    };
    json(told);
    expect(await douyin.prepare({ code: '1' }, '7')).toMatchObject({
      order: { shownAt: new Date((NOW + 8) * 1000) },
    });
    json({ ...told, extra: { error_code: 0, now: NOW } });
    expect(await douyin.prepare({ code: '1' }, '7')).toMatchObject({
      order: { shownAt: new Date(NOW * 1000) },
    });
    expect(await douyin.getCertificate('a', 'look_up')).toMatchObject({ shownAt: new Date(NOW * 1000) });
    json(told, { date: '' });
    expect(await douyin.getCertificate('a', 'look_up')).toMatchObject({ shownAt: null });
    await douyin.close();
  });

  it('also the answer that gives an access token', async () => {
    json({ data: { error_code: 0, access_token: 'clt.token-1', expires_in: 7200 }, message: 'success' });
    const tokens = new DouyinAccessTokens({
      baseUrl: server.url,
      clientKey: 'k',
      clientSecret: new Secret('s'),
      store: new InMemoryTokenStore(new InMemoryTokenRow()),
      clock: systemClock,
      timeoutMs: 500,
      logger: keepingLogger().logger,
      douyinClock: clock,
    });
    await tokens.current();
    await tokens.close();
    expect(clock.now()).toEqual(new Date((NOW + 8) * 1000));
  });
});
