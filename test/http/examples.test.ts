// The reference's examples are answers of real runs. SAVE_EXAMPLES=1 takes them anew; otherwise it is held that every
// operation has one. That they fit their schemas is the linter's to say, in openapi.test.ts.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { readExamples } from '../../src/http/openapi.ts';
import { ROUTES } from '../../src/http/routes/index.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { callInternal, callOpen, type HttpGateway, type Reply, serveHttp } from '../support/http-gateway.ts';

const FOLDER = fileURLToPath(new URL('../../src/http/examples', import.meta.url));
const isSaving = process.env['SAVE_EXAMPLES'] !== undefined;

const withJson = ROUTES.filter((route) => Object.values(route.responses).some((response) => response.schema));

describe('the examples', () => {
  it.each(withJson.map((route) => [route.operationId, route] as const))(
    'has one for %s',
    (operationId, route) => {
      const examples = isSaving ? { request: {}, response: {} } : readExamples(operationId);
      expect(examples?.response).toBeDefined();
      if (route.body) expect(examples?.request).toBeDefined();
    },
  );
});

(isSaving ? describe : describe.skip)('a run that takes the examples', () => {
  let harness: Harness;
  let server: HttpGateway;
  beforeAll(async () => {
    harness = await startHarness();
    server = await serveHttp(harness);
  }, 90_000);
  afterAll(async () => {
    await server.close();
    await harness.close();
  });

  /** Keeps the answer's text, so that ids keep their digits; what must stay secret is replaced. */
  async function keep(operationId: string, reply: Reply, request?: unknown): Promise<Reply> {
    expect([operationId, reply.status]).toEqual([operationId, 200]);
    const response = reply.text
      .replace(/"secret":"[^"]+"/, '"secret":"shown-once-and-then-never-again-00000000"')
      .replace(/"access_token":"clt\.[^"]+"/, '"access_token":"clt.0f3c9a51e7example"');
    const parts = [
      ...(request === undefined
        ? []
        : [
            `"request":${JSON.stringify(request).replace(`${harness.simulator.url}/s/`, 'https://v.douyin.com/')}`,
          ]),
      `"response":${response}`,
    ];
    const text = await format(`{${parts.join(',')}}`, { parser: 'json', printWidth: 110 });
    await writeFile(`${FOLDER}/${operationId}.json`, text);
    return reply;
  }

  it('goes through every operation', async () => {
    const { state } = harness.simulator;
    const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;
    const internal = async (operationId: string, method: string, target: string, body?: unknown) =>
      keep(
        operationId,
        await callInternal(server.url, {
          method,
          target,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
        body,
      );

    const appBody = {
      name: '前台收银',
      code: 'front-desk',
      description: '一楼收银台',
      allow_token_read: true,
    };
    const created = (await internal('createApp', 'POST', '/v1/internal/apps', appBody)).json() as {
      data: { app: { id: number; client_key: string } };
    };
    const appId = created.data.app.id;
    await internal('updateTokenAccess', 'PATCH', `/v1/internal/apps/${appId}/token-access`, {
      allow_token_read: true,
    });
    const added = await callInternal(server.url, {
      method: 'POST',
      target: `/v1/internal/apps/${appId}/secrets`,
    });
    const secret = (added.json() as { data: { id: number; secret: string } }).data;
    await keep('addAppSecret', added, {});
    await internal('listAppSecrets', 'GET', `/v1/internal/apps/${appId}/secrets`);

    const credentials = { clientKey: created.data.app.client_key, secret: secret.secret };
    const open = async (operationId: string, method: string, target: string, body?: unknown) =>
      keep(
        operationId,
        await callOpen(server.url, credentials, {
          method,
          target,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
        body,
      );
    const order = state.createOrder();
    await open('prepareCoupon', 'POST', '/v1/open/coupons/prepare', {
      poi_id: poiId,
      short_link: state.createOrder({ coupons: 2 }).shortLink,
    });
    const body = {
      poi_id: poiId,
      short_link: order.shortLink,
      verify_token: 'bill-20260311-0042',
      extra: { operator_id: 'cashier-008', device_id: 'ipad-pos-01', note: '前台扫码核销' },
    };
    const verified = (await open('verifyCoupon', 'POST', '/v1/open/coupons/verify', body)).json() as {
      data: { id: number };
    };
    const { id } = verified.data;
    await eventually(async () => {
      const { data } = (
        await callInternal(server.url, { target: `/v1/internal/verifications/${id}` })
      ).json() as {
        data: { enrichment_status: string };
      };
      return data.enrichment_status === 'success';
    });
    await open('findVerification', 'GET', `/v1/open/coupons/verifications/${body.verify_token}`);
    await open('readAccessToken', 'GET', '/v1/open/douyin/access-token');
    await open('queryStores', 'GET', '/v1/open/douyin/stores?page_size=2');
    await internal('showVerification', 'GET', `/v1/internal/verifications/${id}`);
    await internal('reportVerifications', 'GET', '/v1/internal/reports/verifications?page_size=1');
    const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai' }).format(new Date());
    await internal(
      'summarizeVerifications',
      'GET',
      `/v1/internal/reports/verifications/summary?start_time=${today}&end_time=${today}&group_by=day,poi`,
    );

    const undecided = state.createOrder();
    state.addFault({
      kind: 'cut-before-effect',
      endpoints: ['verify'],
      orderId: undecided.orderId,
      count: 'always',
    });
    const processing = await callOpen(server.url, credentials, {
      method: 'POST',
      target: '/v1/open/coupons/verify',
      body: JSON.stringify({ poi_id: poiId, short_link: undecided.shortLink }),
    });
    const undecidedId = (processing.json() as { data: { id: number } }).data.id;
    await internal('resolveVerification', 'POST', `/v1/internal/verifications/${undecidedId}/resolve`, {
      verify_status: 'success',
      note: '来客后台显示已由本店核销',
    });

    const stuck = state.createOrder();
    state.addFault({
      kind: 'permission-missing',
      endpoints: ['order_query'],
      orderId: stuck.orderId,
      count: 'always',
    });
    await callOpen(server.url, credentials, {
      method: 'POST',
      target: '/v1/open/coupons/verify',
      body: JSON.stringify({ poi_id: poiId, short_link: stuck.shortLink }),
    });
    const listed = await eventually(async () => {
      const reply = await callInternal(server.url, { target: '/v1/internal/enrichments' });
      return (reply.json() as { total: number }).total > 0 ? reply : null;
    });
    await keep('listEnrichments', listed);
    const [first] = (listed.json() as { data: { verification_id: number }[] }).data;
    await internal(
      'retryEnrichment',
      'POST',
      `/v1/internal/enrichments/${first?.verification_id ?? 0}/retry`,
    );

    await internal('endAppSecret', 'DELETE', `/v1/internal/apps/${appId}/secrets/${secret.id}`);
    await internal('updateApp', 'PATCH', `/v1/internal/apps/${appId}`, { poi_ids: [poiId] });
    await internal('listApps', 'GET', '/v1/internal/apps');
    await internal('listAuditLog', 'GET', '/v1/internal/audit-log?page_size=2');
    await keep('health', await callInternal(server.url, { target: '/health' }));
    await keep('livez', await callInternal(server.url, { target: '/livez' }));
    await keep('readyz', await callInternal(server.url, { target: '/readyz' }));
  }, 90_000);
});
