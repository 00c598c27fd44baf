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

const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;
const LOOK_UP = { target: '/v1/open/coupons/verifications/none' };

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 90_000);
afterAll(() => harness.close());

/** A gateway whose time the test turns; a signed request's own time must follow. */
async function serveWithClock(
  limit: number,
): Promise<{ server: HttpGateway; turn: (ms: number) => void; seconds: () => string }> {
  let nowMs = Date.now();
  const clock = { now: () => new Date(nowMs) };
  const appRateLimiter = new AppRateLimiter(clock, { limit, windowMs: 10_000 });
  return {
    server: await serveHttp(harness, { clock, appRateLimiter }),
    turn: (ms) => void (nowMs += ms),
    seconds: () => String(Math.floor(nowMs / 1000)),
  };
}

describe('the rate of an app', () => {
  it('is limited per app, says how much is left, and opens again', async () => {
    const { server, turn, seconds } = await serveWithClock(3);
    try {
      const [app, other] = [await createClientApp(server.url), await createClientApp(server.url)];
      const ask = (who: typeof app) => callOpen(server.url, who, { ...LOOK_UP, timestamp: seconds() });
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
  it('stops a device that brings many codes Douyin does not know, and it alone', async () => {
    const server = await serveHttp(harness);
    try {
      const app = await createClientApp(server.url);
      const verify = (coupon: Record<string, string | undefined>, deviceId: string) =>
        callOpen(server.url, app, {
          method: 'POST',
          target: '/v1/open/coupons/verify',
          body: JSON.stringify({
            poi_id: poiId,
            ...coupon,
            verify_token: randomUUID(),
            extra: { device_id: deviceId },
          }),
        });
      for (let count = 0; count < 20; count += 1) {
        expect((await verify({ code: String(900_000_000_000 + count) }, 'till-1')).status).toBe(200);
      }
      const stopped = await verify({ code: '900000000099' }, 'till-1');
      expect(errorOf(stopped)).toMatchObject({ status: 429, code: 'rate.too_many_unknown_codes' });
      expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(500);

      const order = harness.simulator.state.createOrder();
      expect((await verify({ short_link: order.shortLink }, 'till-1')).status).toBe(200);
      const another = harness.simulator.state.createOrder().coupons[0]?.code;
      expect((await verify({ code: another }, 'till-2')).json()).toMatchObject({
        data: { verify_status: 'success' },
      });
    } finally {
      await server.close();
    }
  }, 60_000);
});
