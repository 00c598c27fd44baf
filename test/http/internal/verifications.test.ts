import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { eventually } from '../../support/eventually.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  callOpen,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../../support/http-gateway.ts';

const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness({ env: { VERIFY_BUDGET_MS: '1000' } });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
}, 90_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface Detail extends Record<string, unknown> {
  readonly id: number;
  readonly verify_status: string;
  readonly step: string;
  readonly enrichment_status: string;
  readonly timeline: readonly {
    readonly kind: string;
    readonly summary: string;
    readonly details: unknown;
  }[];
}

async function verify(order: { readonly shortLink: string }): Promise<Detail> {
  const reply = await callOpen(server.url, app, {
    method: 'POST',
    target: '/v1/open/coupons/verify',
    body: JSON.stringify({ poi_id: poiId, short_link: order.shortLink, extra: { operator_id: 'cashier-1' } }),
  });
  expect(reply.status).toBe(200);
  return (reply.json() as { data: Detail }).data;
}

const show = (id: number | string): Promise<Reply> =>
  callInternal(server.url, { target: `/v1/internal/verifications/${id}` });
const detailOf = async (id: number) => ((await show(id)).json() as { data: Detail }).data;
const resolve = (id: number | string, body: unknown, headers = {}): Promise<Reply> =>
  callInternal(server.url, {
    method: 'POST',
    target: `/v1/internal/verifications/${id}/resolve`,
    body: JSON.stringify(body),
    headers,
  });

/** A verification that neither repeats nor look-ups decide. */
async function undecided(): Promise<number> {
  const order = harness.simulator.state.createOrder();
  harness.simulator.state.addFault({
    kind: 'cut-before-effect',
    endpoints: ['verify'],
    orderId: order.orderId,
    count: 'always',
  });
  const { id } = await verify(order);
  await eventually(async () => (await detailOf(id)).step === 'unsettled');
  return id;
}

describe('GET /v1/internal/verifications/{id}', () => {
  describe('200', () => {
    it('tells who asked, each attempt and each outcome, in order', async () => {
      const { id } = await verify(harness.simulator.state.createOrder());
      await eventually(async () => (await detailOf(id)).enrichment_status === 'success');
      const detail = await detailOf(id);
      expect(detail).toMatchObject({ id, mode: 'short_link', step: 'settled', round: 1, send_count: 1 });
      expect(detail.timeline.map((entry) => entry.kind)).toEqual([
        'accepted',
        'short_link_resolved',
        'prepared',
        'verify_sent',
        'verified',
        'enrichment_success',
      ]);
      expect(detail.timeline[0]).toMatchObject({
        summary: '收到核销请求',
        details: { operator_id: 'cashier-1' },
      });
      expect(detail.timeline.every((entry) => /[\u4e00-\u9fff]/.test(entry.summary))).toBe(true);
    });
  });

  describe('400', () => {
    it.each(['abc', '0', '-1', '1e3', '99999999999999999999'])('refuses the id %s', async (id) => {
      expect(errorOf(await show(id))).toMatchObject({ status: 400, code: 'request.invalid' });
    });
  });

  describe('404', () => {
    it('knows no such verification', async () => {
      expect(errorOf(await show(999_999_999))).toEqual({ status: 404, code: 'verification.not_found' });
    });
  });
});

describe('POST /v1/internal/verifications/{id}/resolve', () => {
  describe('200', () => {
    it('takes an operator’s word, finally and audited', async () => {
      const id = await undecided();
      const decision = { verify_status: 'failed', note: '来客后台显示未核销' };
      const decide = () => resolve(id, decision, { 'X-XTJ-UID': 'ops-7', 'X-Request-Id': 'resolve-7' });
      // Refused until the last send can have no effect any more; the first refusal ends the repeats.
      let reply = await decide();
      await eventually(async () => reply.status !== 409 || (reply = await decide()).status !== 409);
      expect(reply.status).toBe(200);
      expect(reply.json()).toMatchObject({ data: { id, verify_status: 'failed' } });
      expect(await detailOf(id)).toMatchObject({ step: 'settled', verify_status: 'failed' });
      const audit = await callInternal(server.url, {
        target: `/v1/internal/audit-log?target_type=verification&target_id=${id}`,
      });
      expect(audit.json()).toMatchObject({
        data: [
          {
            actor: 'ops-7',
            action: 'verification.resolve',
            request_id: 'resolve-7',
            after: { note: decision.note },
          },
        ],
        total: 1,
      });
      expect(errorOf(await resolve(id, { ...decision, verify_status: 'success' }))).toEqual({
        status: 409,
        code: 'verification.not_processing',
      });
    });

    it('takes the first of several decisions made at the same moment', async () => {
      const id = await undecided();
      const replies = await Promise.all(
        ['ops-1', 'ops-2', 'ops-3'].map((uid) =>
          resolve(id, { verify_status: 'success', note: '已核对' }, { 'X-XTJ-UID': uid }),
        ),
      );
      expect(replies.map((reply) => reply.status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
      expect((await detailOf(id)).verify_status).toBe('success');
    });
  });

  describe('400', () => {
    it.each([
      {},
      { verify_status: 'success' },
      { verify_status: 'success', note: '' },
      { verify_status: 'processing', note: 'x' },
      { verify_status: 'failed', note: 'x'.repeat(257) },
      { verify_status: 'failed', note: 'x\u0000' },
    ])('refuses %j', async (body) => {
      expect(errorOf(await resolve(1, body)).status).toBe(400);
    });
  });

  describe('404', () => {
    it('knows no such verification', async () => {
      expect(errorOf(await resolve(999_999_999, { verify_status: 'failed', note: 'x' }))).toEqual({
        status: 404,
        code: 'verification.not_found',
      });
    });
  });

  describe('409', () => {
    it('says when to decide that it failed while a send may be under way, and stops the repeats', async () => {
      const id = await undecided();
      await harness.gateway.orm.em
        .fork()
        .execute('update verifications set last_sent_at = now() where id = ?', [id]);
      const reply = await resolve(id, { verify_status: 'failed', note: '来客后台显示未核销' });
      expect(errorOf(reply)).toMatchObject({
        status: 409,
        code: 'verification.send_in_flight',
        details: { retry_after_seconds: expect.any(Number) },
      });
      expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(await detailOf(id)).toMatchObject({ verify_status: 'processing', are_sends_stopped: true });
    });

    it('leaves a settled verification alone', async () => {
      const { id } = await verify(harness.simulator.state.createOrder());
      expect(errorOf(await resolve(id, { verify_status: 'failed', note: 'x' })).code).toBe(
        'verification.not_processing',
      );
      expect((await detailOf(id)).verify_status).toBe('success');
    });
  });
});

describe('/v1/internal/enrichments', () => {
  const list = async (search = '') =>
    (await callInternal(server.url, { target: `/v1/internal/enrichments${search}` })).json() as {
      data: { verification_id: number; enrichment_status: string; enrichment_error: string }[];
      total: number;
    };
  const retry = (id: number | string) =>
    callInternal(server.url, { method: 'POST', target: `/v1/internal/enrichments/${id}/retry` });

  it('lists a stuck one with its reason, and completes it after retry; pressing twice is harmless', async () => {
    const order = harness.simulator.state.createOrder();
    harness.simulator.state.addFault({
      kind: 'permission-missing',
      endpoints: ['order_query'],
      orderId: order.orderId,
      count: 'always',
    });
    const { id } = await verify(order);
    const stuck = await eventually(async () => (await list()).data.find((row) => row.verification_id === id));
    expect(stuck.enrichment_status).toBe('stuck');
    expect(stuck.enrichment_error).not.toBe('');
    expect((await list('?status=pending')).data.some((row) => row.verification_id === id)).toBe(false);

    harness.simulator.state.clearFaults();
    const replies = await Promise.all([retry(id), retry(id)]);
    expect(replies.map((reply) => reply.status)).toEqual([200, 200]);
    await eventually(async () => (await detailOf(id)).enrichment_status === 'success');
    expect((await detailOf(id)).verify_status).toBe('success');
    expect((await list()).data.some((row) => row.verification_id === id)).toBe(false);
    expect(errorOf(await retry(id))).toEqual({ status: 409, code: 'enrichment.not_open' });
    const audit = await callInternal(server.url, {
      target: `/v1/internal/audit-log?action=enrichment.retry`,
    });
    expect(audit.json()).toMatchObject({ total: 2 });
  });

  it('knows no such verification', async () => {
    expect(errorOf(await retry(999_999_999))).toEqual({ status: 404, code: 'verification.not_found' });
    expect(errorOf(await retry('x')).status).toBe(400);
  });

  it.each(['?status=success', '?page=0', '?x=1'])('refuses %s', async (search) => {
    const reply = await callInternal(server.url, { target: `/v1/internal/enrichments${search}` });
    expect(errorOf(reply)).toMatchObject({ status: 400, code: 'request.invalid' });
  });
});
