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

const TARGET = '/v1/open/coupons/prepare';
const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;

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

const prepare = (body: unknown, credentials = app) =>
  callOpen(server.url, credentials, { method: 'POST', target: TARGET, body: JSON.stringify(body) });

describe('POST /v1/open/coupons/prepare', () => {
  describe('200', () => {
    it('passes Douyin’s answer on as it came, with every digit of its ids', async () => {
      const order = harness.simulator.state.createOrder();
      const reply = await prepare({ poi_id: poiId, short_link: order.shortLink });
      expect(reply.status).toBe(200);
      expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
      const certificateId = order.coupons[0]?.certificateId ?? '';
      expect(certificateId.length).toBeGreaterThan(15);
      expect(reply.text).toMatch(new RegExp(`"certificate_id":\\s*${certificateId}\\b`));
      expect(Object.keys(reply.json() as object)).toEqual(['data', 'extra']);
    });

    it('prepares by plain code', async () => {
      const code = harness.simulator.state.createOrder().coupons[0]?.code;
      const reply = await prepare({ poi_id: poiId, code });
      expect((reply.json() as { data: { error_code: number } }).data.error_code).toBe(0);
    });

    it('passes a refusal of Douyin’s on too', async () => {
      const reply = await prepare({ poi_id: poiId, code: '000000000000' });
      expect(reply.status).toBe(200);
      expect((reply.json() as { data: { error_code: number } }).data.error_code).not.toBe(0);
    });
  });

  describe('400', () => {
    it.each([
      [{}, '/poi_id'],
      [{ poi_id: '1' }, ''],
      [{ poi_id: '1', code: '1', short_link: 'https://v.douyin.com/x' }, ''],
      [{ poi_id: '1', encrypted_code: 'x' }, ''],
    ])('refuses %j', async (body, pointer) => {
      const error = errorOf(await prepare(body));
      expect(error).toMatchObject({ status: 400, code: 'request.invalid' });
      expect(error.details?.['fields']).toMatchObject([{ in: 'body', pointer }]);
    });

    it.each([
      'https://example.com/x',
      'https://127.0.0.1/x',
      'https://[::ffff:7f00:1]/x',
      'https://user@v.douyin.com@169.254.169.254/x',
      'https://v.douyin.com.evil.example/x',
      'https://ｖ.douyin.com.evil.example/x',
      'file:///etc/passwd',
    ])('contacts nobody for %s', async (shortLink) => {
      expect(errorOf(await prepare({ poi_id: poiId, short_link: shortLink }))).toEqual({
        status: 400,
        code: 'coupon.short_link_invalid',
      });
    });
  });

  describe('403', () => {
    it('keeps an app inside its stores', async () => {
      const fenced = await createClientApp(server.url, { poi_ids: ['1'] });
      expect(errorOf(await prepare({ poi_id: poiId, code: '1' }, fenced))).toEqual({
        status: 403,
        code: 'app.poi_not_allowed',
      });
    });
  });

  describe('502', () => {
    it('says that Douyin could not be asked', async () => {
      const order = harness.simulator.state.createOrder({ shortLinkVariant: 'server_error' });
      expect(errorOf(await prepare({ poi_id: poiId, short_link: order.shortLink }))).toMatchObject({
        status: 502,
        code: 'douyin.unavailable',
      });
    });

    it.each([
      ['Douyin', 'prepare'],
      ['the short link’s host', 'short_link'],
    ] as const)('says so too when %s takes longer than the caller can wait', async (_who, endpoint) => {
      const impatient = await serveHttp(harness, { budgetMs: 150 });
      const order = harness.simulator.state.createOrder();
      harness.simulator.state.addFault({
        kind: 'hang-before-effect',
        endpoints: [endpoint],
        orderId: order.orderId,
      });
      try {
        const reply = await callOpen(impatient.url, app, {
          method: 'POST',
          target: TARGET,
          body: JSON.stringify({ poi_id: poiId, short_link: order.shortLink }),
        });
        expect(errorOf(reply)).toMatchObject({ status: 502, code: 'douyin.unavailable' });
      } finally {
        harness.simulator.state.clearFaults();
        await impatient.close();
      }
    });
  });
});
