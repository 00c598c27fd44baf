// What a caller who is nobody can take away from the tills: no place among the verifications, and of everything else only
// a bounded part.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import Koa from 'koa';
import { Admission } from '../../src/http/middleware/admission.ts';
import { rawBody } from '../../src/http/middleware/raw-body.ts';
import type { RequestState } from '../../src/http/request-state.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { callOpen, createClientApp, errorOf, serveHttp } from '../support/http-gateway.ts';

const VERIFY = '/v1/open/coupons/verify';
const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 90_000);
afterAll(() => harness.close());

/** The harness's database, in which look-ups of unknown apps wait until they are let go. */
function holdLookUpsOf(isHeld: (clientKey: string) => boolean) {
  const { db } = harness.gateway;
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const heldDb: typeof db = {
    ...db,
    run: (work, timeoutMs) =>
      db.run((repositories) => {
        const { apps } = repositories;
        const findAppWithSecrets: typeof apps.findAppWithSecrets = async (clientKey) => {
          if (isHeld(clientKey)) {
            held += 1;
            await gate.promise;
          }
          return apps.findAppWithSecrets(clientKey);
        };
        return work({
          ...repositories,
          apps: Object.assign(Object.create(apps) as typeof apps, { findAppWithSecrets }),
        });
      }, timeoutMs),
  };
  return { db: heldDb, letGo: () => gate.resolve(), held: () => held };
}

const newBody = () =>
  JSON.stringify({
    poi_id: poiId,
    short_link: harness.simulator.state.createOrder().shortLink,
    verify_token: randomUUID(),
  });

describe('places among the verifications', () => {
  it('are not for callers who are nobody yet', async () => {
    const { db, letGo, held } = holdLookUpsOf((clientKey) => clientKey.startsWith('stranger'));
    const server = await serveHttp(harness, { db, officeDb: db, maxInFlight: 2 });
    try {
      const app = await createClientApp(server.url);
      const strangers = Array.from({ length: 6 }, (_, count) =>
        callOpen(
          server.url,
          { clientKey: `stranger-${count}`, secret: 'x'.repeat(32) },
          { method: 'POST', target: VERIFY, body: newBody() },
        ),
      );
      await eventually(() => held() === 6);
      const reply = await callOpen(server.url, app, { method: 'POST', target: VERIFY, body: newBody() });
      expect(reply.json()).toMatchObject({ data: { verify_status: 'success' } });
      letGo();
      // 503 for one that the machine let wait as long as a till waits for the database.
      for (const stranger of await Promise.all(strangers))
        expect([401, 503]).toContain(errorOf(stranger).status);
    } finally {
      letGo();
      await server.close();
    }
  }, 60_000);

  it('are still bounded for those who are somebody, and refused at once when all are taken', async () => {
    const board = harness.gateway.runner;
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const runner: typeof board = {
      ...board,
      start: async (input, timeoutMs) => {
        started += 1;
        await gate.promise;
        return board.start(input, timeoutMs);
      },
    };
    const server = await serveHttp(harness, { runner, maxInFlight: 2 });
    try {
      const app = await createClientApp(server.url);
      const verify = (who = app) =>
        callOpen(server.url, who, { method: 'POST', target: VERIFY, body: newBody() });
      const two = [verify(), verify()];
      await eventually(() => started === 2);
      expect(errorOf(await verify())).toEqual({ status: 503, code: 'gateway.busy' });
      // Before anything is looked up.
      expect(errorOf(await verify({ ...app, secret: 'x'.repeat(32) })).code).toBe('gateway.busy');
      gate.resolve();
      for (const reply of await Promise.all(two)) expect(reply.status).toBe(200);
      expect((await verify()).status).toBe(200);
    } finally {
      gate.resolve();
      await server.close();
    }
  }, 60_000);
});

describe('look-ups for callers who are nobody yet', () => {
  it('are bounded: the database is asked for a few at a time, whoever floods', async () => {
    const { db, letGo, held } = holdLookUpsOf((clientKey) => clientKey.startsWith('stranger'));
    const server = await serveHttp(harness, { db, officeDb: db });
    try {
      const replies = Array.from({ length: 40 }, (_, count) =>
        callOpen(
          server.url,
          { clientKey: `stranger-${count}`, secret: 'x'.repeat(32) },
          { target: '/v1/open/coupons/verifications/none' },
        ),
      );
      const statuses = (await Promise.all(replies)).map((reply) => errorOf(reply).status);
      // None was let go: ten at a time waited for the database, nobody longer than a till would.
      expect(held()).toBeLessThan(40);
      expect(new Set(statuses)).toEqual(new Set([503]));
    } finally {
      letGo();
      await server.close();
    }
  }, 60_000);

  const busy = { code: 'gateway.busy' };

  it('go first come, first served, and give their place on when they fail', async () => {
    const admission = new Admission({ maxAtOnce: 1, maxWaiting: 2, maxWaitMs: 60_000 });
    const order: string[] = [];
    const first = Promise.withResolvers<void>();
    const running = admission.run(() => first.promise);
    const second = admission.run(() => {
      order.push('second');
      return Promise.reject(new Error('a bug'));
    });
    const failed = second.catch((err: unknown) => String(err));
    const third = admission.run(() => Promise.resolve(order.push('third')));
    await expect(admission.run(() => Promise.resolve())).rejects.toMatchObject(busy);
    expect(order).toEqual([]);
    first.resolve();
    await running;
    expect(await failed).toBe('Error: a bug');
    await third;
    expect(order).toEqual(['second', 'third']);
    expect(await admission.run(() => Promise.resolve('free again'))).toBe('free again');
  });

  it('do not wait for ever', async () => {
    const admission = new Admission({ maxAtOnce: 1, maxWaiting: 2, maxWaitMs: 5 });
    const first = Promise.withResolvers<void>();
    const running = admission.run(() => first.promise);
    await expect(admission.run(() => Promise.resolve())).rejects.toMatchObject(busy);
    first.resolve();
    await running;
    expect(await admission.run(() => Promise.resolve('free again'))).toBe('free again');
  });
});

describe('bodies that come slowly', () => {
  it('hold no till up: the one that takes longest is cut off for the next', async () => {
    const app = new Koa<RequestState>();
    app.silent = true;
    app.use(rawBody(3));
    app.use((ctx) => {
      ctx.body = { bytes: ctx.state.rawBody?.length };
    });
    const server = createHttpServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const send = (text: string) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n${text}`);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      return { socket, answer: () => answer, closed: once(socket, 'close') };
    };
    try {
      const slow = [];
      for (let count = 0; count < 3; count += 1) {
        slow.push(send('{'));
        await eventually(async () => {
          const { promise, resolve } = Promise.withResolvers<number>();
          server.getConnections((_err, connections) => resolve(connections));
          return (await promise) === count + 1;
        });
      }
      for (let till = 0; till < 5; till += 1) {
        const quick = send('0123456789');
        await quick.closed;
        expect(quick.answer()).toContain('{"bytes":10}');
      }
      await slow[0]?.closed;
      expect(slow[0]?.answer()).toBe('');
      // Each till took one place for a moment only: the others were not cut off.
      slow[2]?.socket.write('123456789');
      await slow[2]?.closed;
      expect(slow[2]?.answer()).toContain('{"bytes":10}');
      slow[1]?.socket.destroy();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
