import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../../support/http-gateway.ts';

const TARGET = '/v1/open/douyin/stores';
const [firstStore, secondStore] = SIMULATOR_DEFAULTS.stores;

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

const query = (search: string, credentials = app) =>
  callOpen(server.url, credentials, { target: `${TARGET}${search}` });

interface Stores {
  readonly data: { readonly total: number; readonly pois: { readonly poi: { readonly poi_id: string } }[] };
}

describe('GET /v1/open/douyin/stores', () => {
  describe('200', () => {
    it('passes Douyin’s answer on, not wrapped', async () => {
      const reply = await query('');
      expect(reply.status).toBe(200);
      expect(Object.keys(reply.json() as object)).toEqual(['data', 'extra']);
      expect((reply.json() as Stores).data.total).toBe(SIMULATOR_DEFAULTS.stores.length);
    });

    it('asks for one store, and for one page', async () => {
      const one = (await query(`?poi_id=${secondStore.poiId}`)).json() as Stores;
      expect(one.data.pois.map((store) => store.poi.poi_id)).toEqual([secondStore.poiId]);
      const page = (await query('?page=2&page_size=1')).json() as Stores;
      expect(page.data.pois).toHaveLength(1);
      expect(page.data.pois[0]?.poi.poi_id).toBe(secondStore.poiId);
    });
  });

  describe('400', () => {
    it.each(['?page_size=51', '?page=0', '?poi_id=', '?poi_id=1&poi_id=2', '?account_id=1'])(
      'refuses %s',
      async (search) => {
        expect(errorOf(await query(search))).toMatchObject({ status: 400, code: 'request.invalid' });
      },
    );
  });

  describe('403', () => {
    it('keeps an app inside its stores, also when it names none', async () => {
      const fenced = await createClientApp(server.url, { poi_ids: [firstStore.poiId] });
      expect((await query(`?poi_id=${firstStore.poiId}`, fenced)).status).toBe(200);
      expect(errorOf(await query(`?poi_id=${secondStore.poiId}`, fenced)).code).toBe('app.poi_not_allowed');
      expect(errorOf(await query('', fenced))).toEqual({
        status: 403,
        code: 'app.poi_not_allowed',
        details: { poi_ids: [firstStore.poiId] },
      });
    });
  });
});
