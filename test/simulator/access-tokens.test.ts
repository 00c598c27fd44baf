// Douyin's rules for access tokens, over real sockets.
import { describe, expect, it } from '@jest/globals';
import { type Caller, codesOf, refusedWith, type Reply, standingClock, start } from './support.ts';

const MINUTE_MS = 60_000;

const tokenOf = (reply: Reply) => (reply.json as { data: { access_token: string } }).data.access_token;
const codeOf = (reply: Reply) => (reply.json as { data: { error_code: number } }).data.error_code;

async function codeWith(douyin: Caller, token: string): Promise<unknown> {
  douyin.token = token;
  return codesOf(await douyin.stores()).data;
}

describe('POST /oauth/client_token/', () => {
  it('answers a token of two hours in an envelope without extra', async () => {
    const { douyin } = await start();
    const reply = await douyin.fetchToken();
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({
      data: {
        access_token: expect.stringMatching(/^clt\./),
        expires_in: 7200,
        error_code: 0,
        description: '',
      },
      message: 'success',
    });
  });

  it('ends the token after its life with 2190008', async () => {
    const clock = standingClock();
    const { douyin } = await start({ clock: clock.now });
    const token = tokenOf(await douyin.fetchToken());
    clock.advance(7200_000 - 1);
    expect(await codeWith(douyin, token)).toBe(0);
    clock.advance(1);
    expect(await codeWith(douyin, token)).toBe(2190008);
  });

  it('ends the previous token five minutes after a new fetch', async () => {
    const clock = standingClock();
    const { douyin } = await start({ clock: clock.now });
    const first = tokenOf(await douyin.fetchToken());
    const second = tokenOf(await douyin.fetchToken());
    expect(second).not.toBe(first);
    clock.advance(5 * MINUTE_MS - 1);
    expect(await codeWith(douyin, first)).toBe(0);
    clock.advance(1);
    expect(await codeWith(douyin, first)).toBe(2190008);
    expect(await codeWith(douyin, second)).toBe(0);
  });

  it('knows the newest two tokens only', async () => {
    const { douyin } = await start();
    const tokens = [];
    for (let index = 0; index < 3; index += 1) tokens.push(tokenOf(await douyin.fetchToken()));
    expect(await codeWith(douyin, tokens[0] ?? '')).toBe(2190002);
    expect(await codeWith(douyin, tokens[1] ?? '')).toBe(0);
    expect(await codeWith(douyin, tokens[2] ?? '')).toBe(0);
  });

  it('refuses more than 500 calls in five minutes with 10020', async () => {
    const clock = standingClock();
    const { douyin } = await start({ clock: clock.now });
    for (let index = 0; index < 500; index += 1) expect(codeOf(await douyin.fetchToken())).toBe(0);
    expect(codeOf(await douyin.fetchToken())).toBe(10020);
    clock.advance(5 * MINUTE_MS);
    expect(codeOf(await douyin.fetchToken())).toBe(0);
  });

  it.each([
    ['another client_key', { client_key: 'awsomebodyelse' }, 10003],
    ['a wrong client_secret', { client_secret: 'wrong' }, 10013],
    ['another grant_type', { grant_type: 'authorization_code' }, 10002],
    ['no client_key', { client_key: undefined }, 10002],
    ['a client_secret that is not a string', { client_secret: 1 }, 10002],
  ])('refuses %s', async (_what, change, code) => {
    const { douyin } = await start();
    const reply = await douyin.fetchToken('client_token', change);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ data: { error_code: code }, message: 'error' });
    expect(reply.text).not.toContain('clt.');
  });

  it('refuses a body that is not JSON, or not said to be', async () => {
    const { douyin } = await start();
    const body = '{"client_key":';
    const cut = await douyin.send('/oauth/client_token/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const form = await douyin.send('/oauth/client_token/', {
      method: 'POST',
      body: new URLSearchParams({ a: 'b' }),
    });
    expect([codeOf(cut), codeOf(form)]).toEqual([10002, 10002]);
  });

  it('takes the lifetime from the settings', async () => {
    const { douyin } = await start({ settings: { tokenLifetimeSeconds: 60 } });
    expect((await douyin.fetchToken()).json).toMatchObject({ data: { expires_in: 60 } });
  });
});

describe('POST /oauth/stable_client_token/', () => {
  it('answers the same token while it is valid, with the seconds that are left', async () => {
    const clock = standingClock();
    const { douyin } = await start({ clock: clock.now });
    const first = await douyin.fetchToken('stable_client_token');
    clock.advance(100_000);
    const second = await douyin.fetchToken('stable_client_token');
    expect(tokenOf(second)).toBe(tokenOf(first));
    expect(second.json).toMatchObject({ data: { expires_in: 7100 }, message: 'success' });
    clock.advance(7100_000);
    expect(tokenOf(await douyin.fetchToken('stable_client_token'))).not.toBe(tokenOf(first));
  });

  it('refuses wrong credentials as client_token does', async () => {
    const { douyin } = await start();
    expect(codeOf(await douyin.fetchToken('stable_client_token', { client_secret: 'wrong' }))).toBe(10013);
  });
});

describe('the access-token header', () => {
  it('is needed, with a hyphen', async () => {
    const { douyin } = await start();
    const token = await douyin.accessToken();
    const without = await douyin.stores();
    expect(codesOf(without).data).toBe(0);
    const headers = { 'content-type': 'application/json' };
    const missing = await douyin.send('/goodlife/v1/shop/poi/query/', { headers });
    const underscore = await douyin.send('/goodlife/v1/shop/poi/query/', {
      headers: { ...headers, access_token: token },
    });
    expect(codesOf(missing)).toEqual(refusedWith(2190002));
    expect(codesOf(underscore)).toEqual(refusedWith(2190002));
  });

  it('goes with content-type application/json, also on a GET', async () => {
    const { douyin } = await start();
    const token = await douyin.accessToken();
    const reply = await douyin.stores();
    expect(codesOf(reply).data).toBe(0);
    const bare = await douyin.send('/goodlife/v1/shop/poi/query/?account_id=1&page=1&size=1', {
      headers: { 'access-token': token },
    });
    expect(codesOf(bare)).toEqual(refusedWith(2100005));
  });

  it('may go with the merchant of the app and with no other', async () => {
    const { douyin } = await start();
    const headers = { 'content-type': 'application/json', 'access-token': await douyin.accessToken() };
    const reply = await douyin.stores();
    expect(codesOf(reply).data).toBe(0);
    const other = await douyin.send('/goodlife/v1/shop/poi/query/', {
      headers: { ...headers, 'rpc-transit-life-account': '7126518000000099999' },
    });
    expect(codesOf(other)).toEqual(refusedWith(2119005));
  });
});

describe('what others do to the token', () => {
  it('expires it at once: 2190008', async () => {
    const { simulator, douyin } = await start();
    await douyin.accessToken();
    simulator.state.expireTokens();
    expect(codesOf(await douyin.stores())).toEqual(refusedWith(2190008));
  });

  it('revokes it: 2190002', async () => {
    const { simulator, douyin } = await start();
    await douyin.accessToken();
    simulator.state.revokeTokens();
    expect(codesOf(await douyin.stores())).toEqual(refusedWith(2190002));
  });

  it('replaces it as another environment would, which ends ours after the grace', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    await douyin.accessToken();
    simulator.state.replaceToken();
    expect(codesOf(await douyin.stores()).data).toBe(0);
    clock.advance(5 * MINUTE_MS);
    expect(codesOf(await douyin.stores())).toEqual(refusedWith(2190008));
  });
});

describe('a path Douyin does not have', () => {
  it('is answered with 28001017 and HTTP 200, a missing final slash and a wrong method too', async () => {
    const { douyin } = await start();
    for (const path of ['/goodlife/v1/nothing/', '/goodlife/v1/shop/poi/query']) {
      const reply = await douyin.get(path);
      expect(reply.status).toBe(200);
      expect(codesOf(reply)).toEqual(refusedWith(28001017));
    }
    expect(codesOf(await douyin.post('/goodlife/v1/shop/poi/query/', {}))).toEqual(refusedWith(28001017));
  });
});
