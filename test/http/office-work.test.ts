// Office work beside the tills: a pool and a patience of its own, and so much of it at a time.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import http from 'node:http';
import { ROUTES } from '../../src/http/routes/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { callInternal, callOpen, createClientApp, errorOf, serveHttp } from '../support/http-gateway.ts';

const REPORT = '/v1/internal/reports/verifications';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ workers: [] });
}, 90_000);
afterAll(() => harness.close());

/** The office's database, in which everything waits until it is let go. */
function heldOffice() {
  const { officeDb } = harness.office;
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const db: typeof officeDb = {
    ...officeDb,
    run: async (work, timeoutMs) => {
      held += 1;
      await gate.promise;
      return officeDb.run(work, timeoutMs);
    },
  };
  return { db, letGo: () => gate.resolve(), held: () => held };
}

describe('office work', () => {
  it('is bounded at four requests, and leaves the tills alone', async () => {
    const { db, letGo, held } = heldOffice();
    const server = await serveHttp(harness, { officeDb: db });
    try {
      const app = await createClientApp(server.url);
      const targets = [REPORT, '/v1/internal/audit-log', '/v1/internal/enrichments', '/v1/internal/apps'];
      const running = targets.map((target) => callInternal(server.url, { target }));
      await eventually(() => held() === 4);
      for (const target of targets) {
        const refused = await callInternal(server.url, { target });
        expect(errorOf(refused)).toMatchObject({ status: 429, code: 'report.too_many_running' });
        expect(refused.headers['retry-after']).toBe('5');
      }
      const till = await callOpen(server.url, app, { target: '/v1/open/coupons/verifications/none' });
      expect(errorOf(till)).toEqual({ status: 404, code: 'verification.not_found' });
      letGo();
      for (const reply of await Promise.all(running)) expect(reply.status).toBe(200);
      expect((await callInternal(server.url, { target: REPORT })).status).toBe(200);
    } finally {
      letGo();
      await server.close();
    }
  });

  it('makes two files at a time, so that a person still finds a place', async () => {
    const { db, letGo, held } = heldOffice();
    const server = await serveHttp(harness, { officeDb: db });
    try {
      const file = (format: string) => callInternal(server.url, { target: `${REPORT}?export=${format}` });
      const running = [file('csv'), file('xlsx')];
      await eventually(() => held() === 2);
      expect(errorOf(await file('csv'))).toMatchObject({ status: 429, code: 'report.too_many_running' });
      const page = callInternal(server.url, { target: REPORT });
      await eventually(() => held() === 3);
      letGo();
      for (const reply of await Promise.all([...running, page])) expect(reply.status).toBe(200);
      expect((await file('csv')).status).toBe(200);
    } finally {
      letGo();
      await server.close();
    }
  });

  it('gives its place back when the person goes away', async () => {
    const { db, letGo, held } = heldOffice();
    const server = await serveHttp(harness, { officeDb: db });
    try {
      for (let round = 0; round < 3; round += 1) {
        const before = held();
        const requests = Array.from({ length: 4 }, () =>
          http.get(`${server.url}${REPORT}`, { headers: { 'X-XTJ-UID': 'admin-1' }, agent: false }),
        );
        for (const request of requests) request.on('error', () => undefined);
        await eventually(() => held() === before + 4);
        for (const request of requests) request.destroy();
        await eventually(async () => {
          const probe = http.get(`${server.url}${REPORT}`, {
            headers: { 'X-XTJ-UID': 'admin-1' },
            agent: false,
          });
          probe.on('error', () => undefined);
          const isLetIn = await Promise.race([
            new Promise<boolean>((resolve) => probe.once('response', () => resolve(false))),
            eventually(() => held() > before + 4, 200).catch(() => false),
          ]);
          probe.destroy();
          return isLetIn;
        });
      }
    } finally {
      letGo();
      await server.close();
    }
  });

  it('reads through its own pool alone, whatever is read', async () => {
    const { db } = harness.gateway;
    let tillReads = 0;
    const watchedDb: typeof db = {
      ...db,
      run: (work, timeoutMs) => {
        tillReads += 1;
        return db.run(work, timeoutMs);
      },
    };
    const server = await serveHttp(harness, { db: watchedDb, officeDb: harness.office.officeDb });
    try {
      const reads = ROUTES.filter(({ surface, method }) => surface === 'internal' && method === 'GET');
      expect(reads.length).toBeGreaterThan(5);
      for (const { path } of reads) {
        const query = path.endsWith('summary') ? '?start_time=2026-01-01&end_time=2026-01-02' : '';
        const target = path.replaceAll(/\{\w+\}/g, String(harness.app.id)) + query;
        const reply = await callInternal(server.url, { target });
        expect([path, [200, 404].includes(reply.status)]).toEqual([path, true]);
      }
      expect(tillReads).toBe(0);
    } finally {
      await server.close();
    }
  });
});
