// Redeeming coupons at a gateway that runs as a user starts it: what the client is told, what the gateway recorded and
// what Douyin did are the same, and nothing secret is left in a log or a history.
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import type { VerificationView } from '../../clients/typescript/index.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { eventually } from '../support/eventually.ts';
import { call, callOpen, signedHeaders } from '../support/http-gateway.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { SimulatorControl, type SimulatedOrder } from '../support/simulator-control.ts';
import { type StartedGateway, startGateway } from '../support/started-gateway.ts';
import { readHistories } from '../support/temporal-histories.ts';
import { foundSecrets, type Till, tillOf } from '../support/till.ts';

const VERIFICATIONS = 200;
const TILLS_AT_ONCE = 8;
const IDENTICAL_REQUESTS = 20;
const MODES = ['short_link', 'code', 'encrypted_code'] as const;
const ACCESS_TOKEN = /clt\.[0-9a-f]{40}/;

describe('a started gateway', () => {
  const makeFolder = scratchFolders();
  let gateway: StartedGateway;
  let simulator: SimulatorControl;
  let till: Till;

  beforeAll(async () => {
    gateway = await startGateway(await makeFolder(), {
      DOUYIN_TIMEOUT_MS: '1000',
      DOUYIN_REPEAT_DELAYS_MS: '200,400,800,1600,3200',
      ENRICH_RETRY_DELAYS_MS: '200,400,800,1600,3200',
    });
    simulator = new SimulatorControl(gateway.simulatorUrl);
    till = tillOf(gateway);
    till.keepSecret('Douyin client secret', SIMULATOR_DEFAULTS.clientSecret);
    till.keepSecret('database password', new URL(gateway.databaseUrl).password);
  }, 90_000);

  afterAll(() => gateway?.end(), 60_000);

  it('answers, records and redeems the same, in all three modes, with one prepare for each verify', async () => {
    const before = await simulator.calls();
    const orders = await simulator.createOrders(VERIFICATIONS);
    const answers = await redeemAll(till, orders);

    const after = await simulator.calls();
    expect(after.prepare - before.prepare).toBe(VERIFICATIONS);
    expect(after.verify - before.verify).toBe(VERIFICATIONS);
    expect(answers.map((answer) => [answer.verify_status, answer.error_code])).toEqual(
      orders.map(() => ['success', 0]),
    );

    const redeemed = (await simulator.ledgerOf(orders)).map(
      ({ certificate_id, verify_id, order_id, poi_id }) => ({
        certificate_id,
        verify_id,
        order_id,
        poi_id,
      }),
    );
    expect(redeemed).toHaveLength(VERIFICATIONS);
    expect(answers.map(effectOf).toSorted(byCertificate)).toEqual(redeemed.toSorted(byCertificate));
    const recorded = await recordedSuccesses(gateway.databaseUrl, orders);
    expect(recorded.toSorted(byCertificate)).toEqual(redeemed.toSorted(byCertificate));
  }, 90_000);

  it('completes the order’s data of each by itself', async () => {
    const order = await simulator.createOrder({ payAmountFen: 6600, title: '单人午餐' });
    const { verify_token: verifyToken } = await till.redeem(order, 'short_link');
    const completed = await eventually(async () => {
      const view = await till.client.findVerification(verifyToken);
      return view?.enrichment_status === 'success' ? view : null;
    });
    expect(completed).toMatchObject({
      verify_status: 'success',
      coupon_status: 'USED',
      sku_name: '单人午餐',
      pay_amount: 6600,
      order_status: 1,
    });
  });

  it('redeems once for many identical requests at once, and answers all the same', async () => {
    const order = await simulator.createOrder();
    till.keepSecretsOf([order]);
    const verifyToken = randomUUID();
    till.keepSecret('verify token', verifyToken);
    // The order's data arrives after the last of them, so that no answer can have more in it than another.
    const endLatency = await simulator.addFault({
      kind: 'latency-before-effect',
      endpoints: ['order_query', 'get'],
      orderId: order.order_id,
      delayMs: 900,
      count: 'always',
    });
    const body = JSON.stringify({
      poi_id: till.poiId,
      short_link: order.short_link,
      verify_token: verifyToken,
    });
    const credentials = { clientKey: gateway.demo.client_key, secret: gateway.demo.secret };
    const replies = await Promise.all(
      Array.from({ length: IDENTICAL_REQUESTS }, () =>
        callOpen(gateway.url, credentials, { method: 'POST', target: '/v1/open/coupons/verify', body }),
      ),
    );
    await endLatency();
    expect(replies.map((reply) => reply.status)).toEqual(replies.map(() => 200));
    expect(new Set(replies.map((reply) => reply.text)).size).toBe(1);
    expect(replies[0]?.json()).toMatchObject({
      data: { verify_status: 'success', verify_token: verifyToken },
    });
    expect(await simulator.ledgerOf([order])).toHaveLength(1);
    const [line] = await simulator.ledgerOf([order]);
    expect(await simulator.truth(line?.verify_token ?? '')).toMatchObject({ sends: 1, parameter_sets: 1 });
  });

  it('never shows a redeemed coupon as failed when Douyin’s answer was lost', async () => {
    const order = await simulator.createOrder();
    await simulator.addFault({ kind: 'hang-after-effect', endpoints: ['verify'], orderId: order.order_id });
    const verifyToken = randomUUID();
    const first = await till.redeem(order, 'short_link', verifyToken);
    expect(['processing', 'success']).toContain(first.verify_status);
    const settled = await eventually(async () => {
      const view = await till.client.findVerification(verifyToken);
      expect(view?.verify_status).not.toBe('failed');
      return view?.verify_status === 'success' ? view : null;
    });
    const ledger = await simulator.ledgerOf([order]);
    expect(ledger.map((line) => line.verify_id)).toEqual([settled.verify_id]);
    expect(await simulator.truth(ledger[0]?.verify_token ?? '')).toMatchObject({ parameter_sets: 1 });
  });

  describe('refuses rubbish in the contract’s words', () => {
    const target = '/v1/open/coupons/verify';
    const credentials = () => ({ clientKey: gateway.demo.client_key, secret: gateway.demo.secret });
    const post = (body: string, headers: Record<string, string> = {}) =>
      callOpen(gateway.url, credentials(), { method: 'POST', target, body, headers });
    const codeOf = (reply: { json(): unknown }) => (reply.json() as { error: { code: string } }).error.code;

    it('malformed JSON', async () => {
      const replies = await Promise.all(
        ['{"poi_id":', '[]', '"text"', 'null', '\u0000', '{"poi_id":1}'].map((body) => post(body)),
      );
      expect(replies.map((reply) => reply.status)).toEqual(replies.map(() => 400));
    });

    it('a body beyond the limit', async () => {
      const reply = await post(JSON.stringify({ poi_id: till.poiId, code: '1'.repeat(70_000) }));
      expect([reply.status, codeOf(reply)]).toEqual([413, 'request.too_large']);
    });

    it('another content type', async () => {
      const reply = await post('poi_id=1', { 'Content-Type': 'application/x-www-form-urlencoded' });
      expect([reply.status, codeOf(reply)]).toEqual([415, 'request.unsupported_media_type']);
    });

    it('a wrong signature', async () => {
      const body = JSON.stringify({ poi_id: till.poiId, code: '100000000000000' });
      const reply = await callOpen(
        gateway.url,
        { ...credentials(), secret: 'not-the-secret'.repeat(3) },
        { method: 'POST', target, body },
      );
      expect([reply.status, codeOf(reply)]).toEqual([401, 'auth.bad_signature']);
    });

    it('a request sent twice', async () => {
      const lookUp = '/v1/open/coupons/verifications/none';
      const headers = signedHeaders(credentials(), { target: lookUp });
      const first = await call(gateway.url, { target: lookUp, headers });
      const second = await call(gateway.url, { target: lookUp, headers });
      expect([first.status, codeOf(first)]).toEqual([404, 'verification.not_found']);
      expect([second.status, codeOf(second)]).toEqual([401, 'auth.nonce_reused']);
    });

    it('a path that is not there', async () => {
      const reply = await callOpen(gateway.url, credentials(), { target: '/v1/open/nothing' });
      expect([reply.status, codeOf(reply)]).toEqual([404, 'route.not_found']);
    });
  });

  describe('afterwards', () => {
    it('has no workflow that failed, and none that is still open', async () => {
      await eventually(async () => {
        const histories = await readHistories(gateway.temporalAddress);
        const verifications = histories.filter(
          ({ type }) => type === 'VerifyCoupon' || type === 'EnrichOrder',
        );
        expect(verifications.length).toBeGreaterThan(VERIFICATIONS);
        expect(verifications.filter(({ status }) => status !== 'COMPLETED')).toEqual([]);
        return true;
      }, 20_000);
    }, 60_000);

    it('left no code, token or secret in any history', async () => {
      const histories = await readHistories(gateway.temporalAddress);
      const text = histories.map((history) => history.text).join('\n');
      // What may be there is found, so what must not be there would be.
      expect(text).toContain(till.poiId);
      await keepWhatTheRowsHold(gateway.databaseUrl, till);
      expect(foundSecrets(text, till.secrets)).toEqual([]);
      expect(text).not.toMatch(ACCESS_TOKEN);
    }, 60_000);

    it('left none in its output and in its servers’ logs', async () => {
      await keepWhatTheRowsHold(gateway.databaseUrl, till);
      const logs = join(gateway.dataDir, 'logs');
      const files = await Promise.all(
        (await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')),
      );
      // The welcome text shows a link to try; it belongs to a demo coupon.
      const text = [gateway.output, ...files].join('\n');
      expect(text).toContain('"route":"/v1/open/coupons/verifications/{verify_token}"');
      expect(foundSecrets(text, till.secrets)).toEqual([]);
      expect(text).not.toMatch(ACCESS_TOKEN);
    });
  });
});

/** Redeems each order's coupon, the modes in turn, a few tills at a time. */
async function redeemAll(
  till: Till,
  orders: readonly SimulatedOrder[],
): Promise<readonly VerificationView[]> {
  const answers: VerificationView[] = [];
  let next = 0;
  const serve = async () => {
    for (let position = next++; position < orders.length; position = next++) {
      const order = orders[position] as SimulatedOrder;
      answers[position] = await till.redeem(order, MODES[position % MODES.length] as (typeof MODES)[number]);
    }
  };
  await Promise.all(Array.from({ length: TILLS_AT_ONCE }, serve));
  return answers;
}

interface Effect {
  readonly certificate_id: string;
  readonly verify_id: string;
  readonly order_id: string;
  readonly poi_id: string;
}

function effectOf({ certificate_id, verify_id, order_id, poi_id }: Effect): Effect {
  return { certificate_id, verify_id, order_id, poi_id };
}

function byCertificate(a: Effect, b: Effect): number {
  return a.certificate_id < b.certificate_id ? -1 : 1;
}

async function recordedSuccesses(databaseUrl: string, orders: readonly SimulatedOrder[]): Promise<Effect[]> {
  return withDatabase(databaseUrl, async (client) => {
    const { rows } = await client.query<Effect>(
      `select certificate_id, verify_id, order_id, poi_id from verifications
       where verify_status = 'success' and order_id = any($1)`,
      [orders.map((order) => order.order_id)],
    );
    return rows;
  });
}

/** Douyin's own tokens and the codes it told are secrets that only the rows know. */
async function keepWhatTheRowsHold(databaseUrl: string, till: Till): Promise<void> {
  const columns = [
    'verify_token',
    'douyin_verify_token',
    'encrypted_code',
    'encrypted_data',
    'origin_code',
    'request_value',
  ];
  await withDatabase(databaseUrl, async (client) => {
    const { rows } = await client.query<Record<string, string>>(
      `select ${columns.join(', ')} from verifications`,
    );
    expect(rows.length).toBeGreaterThan(VERIFICATIONS);
    for (const row of rows) for (const column of columns) till.keepSecret(column, row[column] ?? '');
  });
}

async function withDatabase<T>(databaseUrl: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
