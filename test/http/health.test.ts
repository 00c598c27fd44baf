import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HealthProbes } from '../../src/services/check-health.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { call, errorOf, type Reply, serveHttp } from '../support/http-gateway.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ workers: [] });
}, 60_000);
afterAll(() => harness.close());

const up = () => Promise.resolve();
const away = () => Promise.reject(new Error('away'));
const ALL_UP: HealthProbes = { database: up, temporal: up, accessToken: up };

async function ask(target: string, probes: Partial<HealthProbes>, isStopping = false): Promise<Reply> {
  const server = await serveHttp(harness, { health: { ...ALL_UP, ...probes }, isStopping: () => isStopping });
  try {
    return await call(server.url, { target });
  } finally {
    await server.close();
  }
}

describe('GET /health', () => {
  it('is ok when everything answers', async () => {
    const reply = await ask('/health', {});
    expect(reply.status).toBe(200);
    expect(reply.json()).toEqual({
      status: 'ok',
      version: 'test',
      checks: { database: 'ok', temporal: 'ok', access_token: 'ok' },
    });
  });

  it('is degraded, and still 200, without an access token', async () => {
    const reply = await ask('/health', { accessToken: away });
    expect([reply.status, reply.json()]).toMatchObject([
      200,
      { status: 'degraded', checks: { access_token: 'down' } },
    ]);
  });

  it.each(['database', 'temporal'] as const)('is down with 503 when the %s is away', async (part) => {
    const reply = await ask('/health', { [part]: away });
    expect([reply.status, reply.json()]).toMatchObject([503, { status: 'down', checks: { [part]: 'down' } }]);
  });

  it('is down, and answers in time, when a part never answers', async () => {
    const reply = await ask('/health', { database: () => new Promise(() => undefined) });
    expect(reply.status).toBe(503);
  });

  it('asks the parts once for many callers at the same moment', async () => {
    let asked = 0;
    const database = () => {
      asked += 1;
      return Promise.resolve();
    };
    const server = await serveHttp(harness, { health: { ...ALL_UP, database } });
    try {
      await Promise.all(Array.from({ length: 10 }, () => call(server.url, { target: '/health' })));
      expect(asked).toBe(1);
    } finally {
      await server.close();
    }
  });
});

describe('GET /health, as time goes on', () => {
  it('tells what is so now, not what was so once', async () => {
    let nowMs = 0;
    let isUp = true;
    const server = await serveHttp(harness, {
      // Set back with every look: nobody reads it.
      clock: { now: () => new Date(-nowMs) },
      monotonicMs: () => nowMs,
      health: { ...ALL_UP, database: () => (isUp ? up() : away()) },
    });
    try {
      const statuses: number[] = [];
      for (const state of [true, false, true, false]) {
        isUp = state;
        nowMs += 1000;
        statuses.push((await call(server.url, { target: '/health' })).status);
      }
      expect(statuses).toEqual([200, 503, 200, 503]);
    } finally {
      await server.close();
    }
  });
});

describe('a process that stops', () => {
  it('takes no work, neither from tills nor from offices', async () => {
    const server = await serveHttp(harness, { isStopping: () => true });
    try {
      for (const target of [
        '/v1/internal/apps',
        '/v1/internal/reports/verifications',
        '/v1/open/coupons/verify',
      ]) {
        const reply = await call(server.url, { target, headers: { 'X-XTJ-UID': 'admin-1' } });
        expect(errorOf(reply)).toEqual({ status: 503, code: 'gateway.stopping' });
        expect(reply.headers).toMatchObject({ connection: 'close', 'retry-after': '1' });
      }
      expect((await call(server.url, { target: '/livez' })).status).toBe(200);
    } finally {
      await server.close();
    }
  });
});

describe('GET /readyz', () => {
  it('is 503 while the process stops, so that no new traffic comes', async () => {
    expect((await ask('/readyz', {})).status).toBe(200);
    expect((await ask('/readyz', {}, true)).status).toBe(503);
    expect((await ask('/readyz', { temporal: away })).status).toBe(503);
  });
});

describe('GET /livez', () => {
  it('answers whatever the other parts do', async () => {
    expect((await ask('/livez', { database: away, temporal: away }, true)).status).toBe(200);
  });
});
