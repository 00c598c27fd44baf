// The client package and the gateway itself, with the simulator behind it: what one says, the other understands.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import { DyGatewayClient } from '../../clients/typescript/index.ts';
import type { VerificationView } from '../../clients/typescript/index.ts';
import type { verificationViewSchema } from '../../src/http/presenters/present-verification.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import type { Harness } from '../support/harness.ts';
import { startHarness } from '../support/harness.ts';
import type { HttpGateway } from '../support/http-gateway.ts';
import { serveHttp } from '../support/http-gateway.ts';

type Served = z.output<typeof verificationViewSchema>;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
/** Compiles only while the client's type has the served record's fields, of the same types. */
const isSameRecord: Same<Omit<VerificationView, 'douyin_response'>, Omit<Served, 'douyin_response'>> = true;

const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;
let harness: Harness;
let http: HttpGateway;

beforeAll(async () => {
  harness = await startHarness();
  // Too short for a verification that goes wrong on the way.
  http = await serveHttp(harness, { budgetMs: 400 });
}, 60_000);
afterAll(async () => {
  await http.close();
  await harness.close();
}, 60_000);

function buildClient(clockErrorMs = 0, onBody: (body: string) => void = () => undefined): DyGatewayClient {
  return new DyGatewayClient({
    baseUrl: http.url,
    clientKey: harness.app.clientKey,
    secret: harness.secret,
    onAnswer: (answer) => onBody(answer.body),
    clock: {
      wallMs: () => Date.now() + clockErrorMs,
      monotonicMs: () => performance.now(),
      sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
    },
  });
}

describe('the client package against the gateway', () => {
  it('redeems a coupon by a till whose clock is an hour off, and finds it again', async () => {
    const order = harness.simulator.state.createOrder();
    const client = buildClient(-3_600_000);
    const view = await client.verify({
      poi_id: POI_ID,
      short_link: order.shortLink,
      verify_token: '单/1 a?',
      extra: { note: '前台' },
    });
    expect([view.verify_status, view.note, isSameRecord]).toEqual(['success', '前台', true]);
    expect(await client.findVerification('单/1 a?')).toMatchObject({ id: view.id, verify_status: 'success' });
    expect(await client.findVerification('another')).toBeNull();
  });

  it('prepares a coupon and redeems what the prepare named', async () => {
    const code = harness.simulator.state.createOrder().coupons[0]?.code ?? '';
    const client = buildClient();
    const { body } = await client.prepare({ poi_id: POI_ID, code });
    const [certificate] = body.data?.certificates ?? [];
    // The simulator, like Douyin, sends this id as a number beyond what JavaScript can hold.
    expect(certificate?.certificate_id).toMatch(/^\d{19}$/);
    const view = await client.verify({
      poi_id: POI_ID,
      encrypted_code: certificate?.encrypted_code ?? '',
      verify_token: body.data?.verify_token ?? '',
    });
    expect(view).toMatchObject({ verify_status: 'success', certificate_id: certificate?.certificate_id });
  });

  it('asks on while the gateway does not know, and the coupon is redeemed once', async () => {
    const { state } = harness.simulator;
    const { orderId, shortLink } = state.createOrder();
    state.addFault({ kind: 'hang-after-effect', endpoints: ['verify'], orderId });
    const statuses: string[] = [];
    const client = buildClient(0, (body) => {
      statuses.push((JSON.parse(body) as { data: VerificationView }).data.verify_status);
    });
    const view = await client.verify({ poi_id: POI_ID, short_link: shortLink });
    expect(view.verify_status).toBe('success');
    expect(statuses[0]).toBe('processing');
    expect(state.ledger({ orderId, kind: 'verified' })).toHaveLength(1);
  });
});
