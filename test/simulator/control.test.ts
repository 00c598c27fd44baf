// The control side over HTTP, its limits, and the page a new user sees.
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { SIMULATOR_DEFAULTS, startSimulator } from '../../src/simulator/simulator.ts';
import {
  ACCOUNT_ID,
  type Caller,
  codesOf,
  only,
  OTHER_STORE,
  type Reply,
  resultsOf,
  start,
  STORE,
  verifyBody,
} from './support.ts';

async function control(douyin: Caller, method: string, path: string, body?: unknown): Promise<Reply> {
  return douyin.send(`/_simulator${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function json<T>(douyin: Caller, method: string, path: string, body?: unknown): Promise<T> {
  const reply = await control(douyin, method, path, body);
  expect({ path, status: reply.status, text: reply.status === 200 ? '' : reply.text }).toEqual({
    path,
    status: 200,
    text: '',
  });
  return reply.json as T;
}

interface WireOrder {
  order_id: string;
  short_link: string;
  encrypted_data: string;
  is_qr_live: boolean;
  coupons: {
    certificate_id: string;
    encrypted_code: string;
    code: string;
    status: string;
    is_usable_now: boolean;
  }[];
}

describe('orders and coupons', () => {
  it('are created, listed, read, changed and refreshed', async () => {
    const { douyin } = await start();
    const { orders } = await json<{ orders: WireOrder[] }>(douyin, 'POST', '/orders', {
      count: 2,
      kind: 'voucher',
      coupons: 2,
      pay_amount_fen: 5000,
      poi_ids: [STORE],
      wrong_store_code: 1228,
      certificate_extra: { book_info: { book_poi_id: '1' } },
    });
    expect(orders).toHaveLength(2);
    const order = orders[0];
    if (order === undefined) throw new Error('two orders were asked for');
    const listed = await json<{ total: number; items: WireOrder[] }>(
      douyin,
      'GET',
      '/orders?page=2&page_size=1',
    );
    expect(listed).toMatchObject({ total: 2, items: [{ order_id: order.order_id }] });
    const coupons = await json<{ total: number }>(douyin, 'GET', '/coupons');
    expect(coupons.total).toBe(4);
    const prepared = await douyin.prepare({ encrypted_data: order.encrypted_data });
    expect(prepared.json).toMatchObject({
      data: { certificates: [{ sku: { groupon_type: 2 }, book_info: { book_poi_id: '1' } }, {}] },
    });
    const wrongStore = await douyin.prepare({ encrypted_data: order.encrypted_data, poi_id: OTHER_STORE });
    expect(codesOf(wrongStore).data).toBe(1228);
    await json(douyin, 'PATCH', `/orders/${order.order_id}`, { status: 'unpaid' });
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encrypted_data })).data).toBe(2119007);
    const refreshed = await json<WireOrder>(douyin, 'POST', `/orders/${order.order_id}/qr`);
    expect(refreshed.short_link).not.toBe(order.short_link);
    const { certificate_id: certificateId } = order.coupons[0] ?? { certificate_id: '' };
    const used = await json(douyin, 'PATCH', `/coupons/${certificateId}`, {
      action: 'use_at_till',
      poi_id: STORE,
    });
    expect(used).toMatchObject({ status: 'used', is_usable_now: false });
    expect(await json(douyin, 'GET', `/coupons/${certificateId}`)).toEqual(used);
    const changed = await json(douyin, 'PATCH', `/coupons/${order.coupons[1]?.certificate_id ?? ''}`, {
      action: 'set_status',
      status: 'refund_applied',
    });
    expect(changed).toMatchObject({ status: 'refund_applied' });
    expect(await json(douyin, 'GET', `/orders/${order.order_id}`)).toMatchObject({ is_qr_live: false });
  });

  it.each([
    ['POST', '/orders', { kind: 'lottery' }, 400, 'kind'],
    ['POST', '/orders', { coupons: 11 }, 400, 'coupons'],
    ['POST', '/orders', { pay_amount: 1 }, 400, 'unknown pay_amount'],
    ['POST', '/orders', { count: 1001 }, 400, 'count'],
    ['POST', '/orders', '[1]', 400, 'JSON object'],
    ['GET', '/orders/1', undefined, 404, 'no order 1'],
    ['GET', '/orders?page_size=1001', undefined, 400, 'page_size'],
    ['PATCH', '/coupons/1', { action: 'settle' }, 404, 'no coupon 1'],
    ['PATCH', '/coupons/1', { action: 'explode' }, 400, 'action'],
    ['GET', '/truth?verify_token=x', undefined, 404, 'verify_token'],
    ['POST', '/faults', { kind: 'gremlins' }, 400, 'kind'],
    ['POST', '/faults', { kind: 'results-reordered', endpoints: ['get'] }, 400, 'makes no sense'],
    ['DELETE', '/faults/fault-9', undefined, 404, 'fault-9'],
    ['PUT', '/fault-plan', { seed: 1, rate: 2 }, 400, 'rate'],
    ['PATCH', '/settings', { dead_qr: 'maybe' }, 400, 'dead_qr'],
    ['POST', '/access-tokens', { action: 'steal' }, 400, 'action'],
    ['POST', '/listener', { refuse_for_ms: -1 }, 400, 'refuse_for_ms'],
    ['GET', '/nothing', undefined, 404, 'no GET'],
  ])('%s %s %j is refused with the reason', async (method, path, body, status, reason) => {
    const { douyin } = await start();
    const reply = await control(douyin, method, path, body);
    expect(reply.status).toBe(status);
    expect((reply.json as { error: { message: string } }).error.message).toContain(reason);
  });

  it('refuses to use a used coupon at another till, and to use it in no store', async () => {
    const { simulator } = await start();
    const certificateId = simulator.state.createOrder().coupons[0]?.certificateId ?? '';
    expect(() => simulator.state.useCouponAtTill(certificateId, { poiId: '1' })).toThrow('no store');
    simulator.state.useCouponAtTill(certificateId, { poiId: STORE });
    expect(() => simulator.state.useCouponAtTill(certificateId, { poiId: STORE })).toThrow('used');
    const freed = { action: 'set_status', status: 'unused' } as const;
    expect(() => simulator.state.changeCoupon(certificateId, freed)).toThrow('cancel its verification');
  });
});

describe('ledger, calls, counters and truth', () => {
  it('tell what happened', async () => {
    const { simulator, douyin } = await start();
    const [order, idle] = simulator.state.createOrders({}, 2);
    if (order === undefined || idle === undefined) throw new Error('two orders were asked for');
    const token = await douyin.prepared(order);
    const idleToken = await douyin.prepared(idle);
    await douyin.verify(verifyBody(order, token));
    await douyin.verify(verifyBody(order, token));
    const { ledger } = await json<{ ledger: object[] }>(douyin, 'GET', `/ledger?verify_token=${token}`);
    expect(only(ledger)).toMatchObject({
      kind: 'verified',
      poi_id: STORE,
      verify_token: token,
      verified_by: 'api',
    });
    expect(await json(douyin, 'GET', '/ledger?after=1')).toEqual({ ledger: [] });
    const truth = { verify_token: token, effect: 'verified', sends: 2, parameter_sets: 1, effects: [{}] };
    expect(await json(douyin, 'GET', `/truth?verify_token=${token}`)).toMatchObject(truth);
    expect(
      await json(douyin, 'POST', '/truth', { verify_tokens: [idleToken, 'unknown', token] }),
    ).toMatchObject({
      truths: [{ effect: 'none', sends: 0, effects: [] }, null, truth],
    });
    expect(await json(douyin, 'GET', '/truth?after=1&limit=5')).toMatchObject({
      total: 2,
      items: [{ verify_token: idleToken }],
    });
    expect(await json(douyin, 'GET', '/counters')).toMatchObject({
      calls: { client_token: 1, prepare: 2, verify: 2, cancel: 0 },
      total: 5,
      in_flight: 0,
      max_in_flight: 1,
      orders: 2,
      verify_tokens: 2,
      verified: 1,
      cancelled: 0,
      faults: {},
    });
    const { calls } = await json<{ calls: object[] }>(douyin, 'GET', `/calls?verify_token=${token}&limit=1`);
    expect(only(calls)).toMatchObject({
      sequence: 4,
      endpoint: 'verify',
      facts: {
        order_id: order.orderId,
        verify_token: token,
        poi_id: STORE,
        encrypted_codes: [order.coupons[0]?.encryptedCode],
        certificate_ids: [order.coupons[0]?.certificateId],
      },
      fault: null,
      effects: 1,
      outcome: 'answered',
      http_status: 200,
      answer_code: 0,
      duration_ms: expect.any(Number),
    });
    const latest = await json<{ calls: { sequence: number }[] }>(douyin, 'GET', '/calls/latest');
    expect(latest.calls.map((call) => call.sequence)).toEqual([5, 4, 3, 2, 1]);
  });

  it('never show the client secret or an access token', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    await douyin.fetchToken('client_token', { client_secret: 'wrong-secret' });
    for (const path of ['/calls', '/ledger', '/counters', '/merchant', '/settings', '/truth', '/']) {
      const { text } = await control(douyin, 'GET', path);
      expect(text).not.toContain(SIMULATOR_DEFAULTS.clientSecret);
      expect(text).not.toContain('wrong-secret');
      expect(text).not.toContain(await douyin.accessToken());
    }
  });
});

describe('faults, settings, tokens and reset', () => {
  it('are switched over HTTP', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const { fault_id: faultId } = await json<{ fault_id: string }>(douyin, 'POST', '/faults', {
      kind: 'error-code-before-effect',
      endpoints: ['prepare'],
      order_id: order.orderId,
      code: 2119003,
    });
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encryptedData })).data).toBe(2119003);
    expect(await json(douyin, 'GET', '/faults')).toMatchObject({
      faults: [{ fault_id: faultId, applied: 1 }],
    });
    await json(douyin, 'DELETE', `/faults/${faultId}`);
    const plan = { seed: 'x', rate: 0.5, max_faults_per_coupon: 2 };
    expect(await json(douyin, 'PUT', '/fault-plan', plan)).toMatchObject({ plan });
    await json(douyin, 'DELETE', '/fault-plan');
    expect(await json(douyin, 'GET', '/fault-plan')).toEqual({ plan: null });
    await json(douyin, 'DELETE', '/faults');
    const settings = { refusal_as: 'error_code', calls_per_second: { order_query: 20 } };
    expect(await json(douyin, 'PATCH', '/settings', settings)).toMatchObject(settings);
    expect(await json(douyin, 'GET', '/settings')).toMatchObject({
      ...settings,
      token_lifetime_seconds: 7200,
    });
    await json(douyin, 'POST', '/access-tokens', { action: 'expire' });
    expect(codesOf(await douyin.stores()).data).toBe(2190008);
    await json(douyin, 'POST', '/access-tokens', { action: 'revoke' });
    expect(codesOf(await douyin.stores()).data).toBe(2190002);
    douyin.token = undefined;
    expect(codesOf(await douyin.stores()).data).toBe(0);
    await json(douyin, 'POST', '/access-tokens', { action: 'replace', grace_ms: 0 });
    expect(codesOf(await douyin.stores()).data).toBe(2190008);
    await json(douyin, 'POST', '/reset');
    expect(await json(douyin, 'GET', '/counters')).toMatchObject({ orders: 0, total: 0 });
    const kinds = await json<{ fault_kinds: string[] }>(douyin, 'GET', '/fault-kinds');
    expect(kinds.fault_kinds.length).toBeGreaterThanOrEqual(25);
    const merchant = await json<{ account_id: string; stores: object[] }>(douyin, 'GET', '/merchant');
    expect(merchant).toMatchObject({ account_id: ACCOUNT_ID, stores: [{ poi_id: STORE }, {}, {}] });
    const index = await json<{ routes: string[] }>(douyin, 'GET', '/');
    expect(index.routes).toContain('POST /_simulator/orders');
  });

  it('refuse connections for a while', async () => {
    const { douyin } = await start();
    await json(douyin, 'POST', '/listener', { refuse_for_ms: 60_000 });
    await expect(douyin.stores()).rejects.toThrow('fetch failed');
  });
});

describe('fences', () => {
  it('listens on loopback only, unless told otherwise', async () => {
    await expect(startSimulator({ host: '0.0.0.0' })).rejects.toThrow('loopback');
    const { simulator } = await start({ host: '0.0.0.0', allowNonLoopback: true });
    expect(simulator.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });

  it('takes no control call that a foreign web page could send', async () => {
    const { simulator, douyin } = await start();
    const reply = await douyin.send('/_simulator/orders', { method: 'POST', body: '{}' });
    expect(reply.status).toBe(400);
    expect(simulator.state.listOrders().total).toBe(0);
  });

  it('answers 413 to a body that is too large', async () => {
    const { douyin } = await start();
    const reply = await douyin.send('/oauth/client_token/', { method: 'POST', body: 'x'.repeat(300_000) });
    expect(reply.status).toBe(413);
  });

  it('answers 400 to a request line without a path it can read', async () => {
    const { simulator } = await start();
    const { port, hostname } = new URL(simulator.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.end('GET //[ HTTP/1.1\r\nhost: x\r\n\r\n'));
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('says why when the port is taken', async () => {
    const { simulator } = await start();
    const port = Number(new URL(simulator.url).port);
    await expect(startSimulator({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('closes while calls are waiting, which then do nothing', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const token = await douyin.prepared(order);
    simulator.state.changeSettings({ latencyMinMs: 60_000, latencyMaxMs: 60_000 });
    const waiting = douyin
      .verify(verifyBody(order, token))
      .catch((error: unknown) => (error as Error).message);
    while (simulator.state.counters().inFlight === 0) await new Promise(setImmediate);
    await simulator.close();
    expect(await waiting).toBe('fetch failed');
    expect(simulator.state.ledger()).toEqual([]);
  });
});

describe('GET /', () => {
  it('shows the demonstration coupons on a page that loads nothing from outside', async () => {
    const { simulator, douyin } = await start({ demo: true });
    const reply = await douyin.send('/');
    expect(reply.headers.get('content-type')).toContain('text/html');
    expect(reply.text).toContain('换一个二维码');
    expect(reply.text).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(reply.headers.get('content-security-policy')).toContain("default-src 'none'");
    const { total, items } = simulator.state.listOrders();
    expect(total).toBeGreaterThanOrEqual(5);
    const usable = items.filter((order) => order.coupons.some((coupon) => coupon.isUsableNow));
    expect(usable.length).toBeGreaterThanOrEqual(4);
    const first = usable[0];
    if (first === undefined) throw new Error('no coupon to try');
    expect(resultsOf(await douyin.verify(verifyBody(first, await douyin.prepared(first))))).toEqual([0]);
  });
});
