import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AppRateLimiter } from '../../../src/services/rate-limits.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../../support/http-gateway.ts';

const LOOK_UP = { target: '/v1/open/coupons/verifications/none' };

function verifyOf(code: string | undefined) {
  const body = { poi_id: SIMULATOR_DEFAULTS.stores[0].poiId, code, verify_token: randomUUID() };
  return { method: 'POST', target: '/v1/open/coupons/verify', body: JSON.stringify(body) };
}

const now = () => String(Math.floor(Date.now() / 1000));

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 90_000);
afterAll(() => harness.close());

/** A gateway whose time the test turns; what signed requests are judged by is the database's. */
async function serveWithClock(limit: number): Promise<{ server: HttpGateway; turn: (ms: number) => void }> {
  let nowMs = 0;
  const monotonicMs = () => nowMs;
  const appRateLimiter = new AppRateLimiter(monotonicMs, { limit, windowMs: 10_000 });
  return {
    server: await serveHttp(harness, { monotonicMs, appRateLimiter }),
    turn: (ms) => void (nowMs += ms),
  };
}

describe('the rate of an app', () => {
  it('is limited per app, says how much is left, and opens again', async () => {
    const { server, turn } = await serveWithClock(3);
    try {
      const [app, other] = [await createClientApp(server.url), await createClientApp(server.url)];
      const ask = (who: typeof app) => callOpen(server.url, who, LOOK_UP);
      const remaining: unknown[] = [];
      for (let count = 0; count < 3; count += 1) {
        const reply = await ask(app);
        expect(reply.status).toBe(404);
        expect(reply.headers['ratelimit-limit']).toBe('3');
        remaining.push(reply.headers['ratelimit-remaining']);
      }
      expect(remaining).toEqual(['2', '1', '0']);

      turn(4_000);
      const refused = await ask(app);
      expect(errorOf(refused)).toEqual({
        status: 429,
        code: 'rate.limited',
        details: { retry_after_seconds: 6 },
      });
      expect(refused.headers['retry-after']).toBe('6');
      expect(refused.headers['ratelimit-reset']).toBe('6');
      expect((await ask(other)).status).toBe(404);

      turn(6_000);
      expect((await ask(app)).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  it('leaves nothing behind of a request that it refused: sent again later, it is refused as well', async () => {
    const { server, turn } = await serveWithClock(1);
    try {
      const app = await createClientApp(server.url);
      await callOpen(server.url, app, LOOK_UP);
      const order = harness.simulator.state.createOrder();
      const captured = { ...verifyOf(order.coupons[0]?.code), nonce: 'captured-nonce', timestamp: now() };
      expect(errorOf(await callOpen(server.url, app, captured))).toMatchObject({ code: 'rate.limited' });
      turn(10_000);
      expect(errorOf(await callOpen(server.url, app, captured))).toEqual({
        status: 401,
        code: 'auth.nonce_reused',
      });
    } finally {
      await server.close();
    }
  });

  it.each([
    ['a look-up', () => LOOK_UP],
    ['a verify', () => verifyOf(harness.simulator.state.createOrder().coupons[0]?.code)],
  ])('is not used up by whoever sends %s of the app again', async (_what, callOf) => {
    const { server } = await serveWithClock(3);
    try {
      const app = await createClientApp(server.url);
      const captured = { ...callOf(), nonce: `seen-${randomUUID()}`, timestamp: now() };
      expect([200, 404]).toContain((await callOpen(server.url, app, captured)).status);
      for (let count = 0; count < 5; count += 1) {
        const replayed = await callOpen(server.url, app, captured);
        expect(errorOf(replayed)).toEqual({ status: 401, code: 'auth.nonce_reused' });
      }
      for (let count = 0; count < 2; count += 1) {
        expect((await callOpen(server.url, app, LOOK_UP)).status).toBe(404);
      }
      expect(errorOf(await callOpen(server.url, app, LOOK_UP))).toMatchObject({ code: 'rate.limited' });
    } finally {
      await server.close();
    }
  });

  it('does not count what is not signed by the app', async () => {
    const { server } = await serveWithClock(2);
    try {
      const app = await createClientApp(server.url);
      for (let count = 0; count < 5; count += 1) {
        const reply = await callOpen(server.url, { ...app, secret: 'x'.repeat(32) }, LOOK_UP);
        expect(reply.status).toBe(401);
        expect(reply.headers['ratelimit-limit']).toBeUndefined();
      }
      expect((await callOpen(server.url, app, LOOK_UP)).status).toBe(404);
    } finally {
      await server.close();
    }
  });
});

describe('trying codes out', () => {
  const VERIFY = '/v1/open/coupons/verify';
  const PREPARE = '/v1/open/coupons/prepare';
  const LIMIT = 20;
  const [{ poiId: store }, { poiId: otherStore }] = SIMULATOR_DEFAULTS.stores;
  const unknownCode = (count: number) => String(900_000_000_000 + count);

  async function serve() {
    const server = await serveHttp(harness);
    const app = await createClientApp(server.url);
    const send = (target: string, body: Record<string, unknown>, who = app) =>
      callOpen(server.url, who, {
        method: 'POST',
        target,
        body: JSON.stringify({ poi_id: store, ...body }),
      });
    const verify = (body: Record<string, unknown>, who = app) =>
      send(VERIFY, { verify_token: randomUUID(), ...body }, who);
    return { server, app, send, verify };
  }
  const newCode = () => harness.simulator.state.createOrder().coupons[0]?.code;
  const STOPPED = { status: 429, code: 'rate.too_many_unknown_codes' };
  const SUCCESS = { data: { verify_status: 'success' } };

  it('stops an app at a store after many codes that Douyin does not know, whatever device it names', async () => {
    const { server, app, verify, send } = await serve();
    try {
      for (let count = 0; count < LIMIT; count += 1) {
        const reply = await verify({ code: unknownCode(count), extra: { device_id: `till-${count}` } });
        expect(reply.json()).toMatchObject({ data: { verify_status: 'failed' } });
      }
      const stopped = await verify({ code: unknownCode(99), extra: { device_id: 'a new one' } });
      expect(errorOf(stopped)).toMatchObject(STOPPED);
      expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(500);
      expect(errorOf(await verify({ code: newCode() }))).toMatchObject(STOPPED);
      expect(errorOf(await send(PREPARE, { code: unknownCode(98) }))).toMatchObject(STOPPED);

      // What cannot be guessed, the app's other stores, and other apps go on.
      const { shortLink } = harness.simulator.state.createOrder();
      expect((await verify({ short_link: shortLink })).json()).toMatchObject(SUCCESS);
      expect((await verify({ poi_id: otherStore, code: newCode() })).json()).toMatchObject(SUCCESS);
      const other = await createClientApp(server.url);
      expect((await verify({ code: newCode() }, other)).json()).toMatchObject(SUCCESS);
      expect(app.clientKey).not.toBe(other.clientKey);
    } finally {
      await server.close();
    }
  }, 60_000);

  it('counts what is tried by prepare as well', async () => {
    const { server, send, verify } = await serve();
    try {
      for (let count = 0; count < LIMIT; count += 1) {
        expect((await send(PREPARE, { code: unknownCode(200 + count) })).status).toBe(200);
      }
      expect(errorOf(await send(PREPARE, { code: unknownCode(299) }))).toMatchObject(STOPPED);
      expect(errorOf(await verify({ code: newCode() }))).toMatchObject(STOPPED);
    } finally {
      await server.close();
    }
  }, 60_000);

  it('counts each code once, and no verdict that was stored before', async () => {
    const { server, verify } = await serve();
    try {
      // One code that is tried again and again is a cashier, not a guesser.
      for (let count = 0; count < LIMIT + 2; count += 1) {
        expect((await verify({ code: unknownCode(400) })).status).toBe(200);
      }
      const asked = Array.from({ length: LIMIT - 2 }, (_, count) => ({
        code: unknownCode(401 + count),
        verify_token: randomUUID(),
      }));
      for (const body of asked) expect((await verify(body)).status).toBe(200);
      // A process that was started anew has counted nothing; the verdicts are still there.
      const restarted = await serveHttp(harness);
      try {
        const app = await createClientApp(restarted.url);
        const ask = (body: Record<string, unknown>) =>
          callOpen(restarted.url, app, {
            method: 'POST',
            target: VERIFY,
            body: JSON.stringify({ poi_id: store, ...body }),
          });
        for (const body of asked) expect((await ask(body)).status).toBe(200);
        const again = await serveHttp(harness);
        try {
          const repeat = (body: Record<string, unknown>) =>
            callOpen(again.url, app, {
              method: 'POST',
              target: VERIFY,
              body: JSON.stringify({ poi_id: store, ...body }),
            });
          for (let round = 0; round < 2; round += 1) {
            for (const body of asked) expect((await repeat(body)).status).toBe(200);
          }
          for (let count = 0; count < LIMIT - 1; count += 1) {
            expect((await repeat({ code: unknownCode(500 + count) })).status).toBe(200);
          }
          expect((await repeat({ code: newCode() })).json()).toMatchObject(SUCCESS);
        } finally {
          await again.close();
        }
      } finally {
        await restarted.close();
      }
    } finally {
      await server.close();
    }
  }, 90_000);

  it('answers a stored verdict during the lock-out, and still nothing new', async () => {
    const { server, verify } = await serve();
    try {
      const redeemed = { code: newCode(), verify_token: randomUUID() };
      expect((await verify(redeemed)).json()).toMatchObject(SUCCESS);
      const refused = { code: unknownCode(600), verify_token: randomUUID() };
      await verify(refused);
      for (let count = 1; count < LIMIT; count += 1) await verify({ code: unknownCode(600 + count) });
      expect(errorOf(await verify({ code: newCode() }))).toMatchObject(STOPPED);
      expect((await verify(redeemed)).json()).toMatchObject(SUCCESS);
      expect((await verify(refused)).json()).toMatchObject({ data: { verify_status: 'failed' } });
      // A known token is no way in for another code.
      expect(errorOf(await verify({ ...refused, code: newCode() }))).toMatchObject({
        status: 409,
        code: 'verification.token_reused',
      });
    } finally {
      await server.close();
    }
  }, 60_000);

  it('lets through no more when all come at the same moment', async () => {
    const { server, verify } = await serve();
    try {
      const replies = await Promise.all(
        Array.from({ length: 2 * LIMIT }, (_, count) => verify({ code: unknownCode(800 + count) })),
      );
      expect(replies.filter((reply) => reply.status === 200)).toHaveLength(LIMIT);
      for (const reply of replies.filter(({ status }) => status !== 200)) {
        expect(errorOf(reply)).toMatchObject(STOPPED);
      }
    } finally {
      await server.close();
    }
  }, 60_000);

  it('is no longer stopped when the time is over', async () => {
    const { server, turn } = await serveWithClock(1000);
    try {
      const app = await createClientApp(server.url);
      const prepare = (code: string | undefined) =>
        callOpen(server.url, app, {
          method: 'POST',
          target: PREPARE,
          body: JSON.stringify({ poi_id: store, code }),
        });
      for (let count = 0; count < LIMIT; count += 1) await prepare(unknownCode(700 + count));
      turn(599_000);
      expect(errorOf(await prepare(newCode()))).toEqual({
        ...STOPPED,
        details: { retry_after_seconds: 1 },
      });
      turn(1000);
      expect((await prepare(newCode())).status).toBe(200);
    } finally {
      await server.close();
    }
  }, 60_000);
});
