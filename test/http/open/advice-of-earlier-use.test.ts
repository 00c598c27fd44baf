// Which of our own redemptions the advice of a refused coupon names.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness.ts';
import { callOpen, createClientApp, type HttpGateway, serveHttp } from '../../support/http-gateway.ts';
import { insertRow } from '../internal/report-rows.ts';

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

let coupons = 0;
const nextCoupon = () => `73725948103628170${(coupons += 1)}`;
const insert = (token: string, columns: Readonly<Record<string, unknown>>) =>
  insertRow(harness, app.id, token, '2026-03-11T10:00:00Z', {
    request_value: token,
    origin_code: '',
    order_id: '',
    ...columns,
  });
const REFUSED = { verify_status: 'failed', error_code: 1208, enrichment_status: 'skipped' };
const adviceOf = async (token: string): Promise<string> => {
  const reply = await callOpen(server.url, app, { target: `/v1/open/coupons/verifications/${token}` });
  return (reply.json() as { data: { advice: string } }).data.advice;
};

describe('the advice for a coupon that Douyin refused as used', () => {
  it('names our earlier redemption of it: when, where, by whom, which record', async () => {
    const coupon = nextCoupon();
    const id = await insert('earlier', {
      certificate_id: coupon,
      poi_id: '555',
      operator_id: 'cashier-6',
      verify_time: '2026-03-11T10:35:12Z',
    });
    await insert('asked-after', { ...REFUSED, certificate_id: coupon, used_by_verification_id: id });
    expect(await adviceOf('asked-after')).toBe(
      `这张券已在本系统核销过：2026-03-11 18:35，门店 555，操作员 cashier-6，记录号 ${id}。请与顾客核对，不要重复交付。`,
    );
  });

  it('names no redemption that was made later', async () => {
    const coupon = nextCoupon();
    await insert('asked-before', { ...REFUSED, certificate_id: coupon });
    await insert('later', { certificate_id: coupon });
    expect(await adviceOf('asked-before')).toContain('这张券已在别处核销过');
  });

  it('names the redemption that was known when it was refused, before any other', async () => {
    const coupon = nextCoupon();
    const id = await insert('known', { certificate_id: coupon });
    await insert('not-known', { certificate_id: coupon });
    await insert('asked-knowing', { ...REFUSED, certificate_id: coupon, used_by_verification_id: id });
    expect(await adviceOf('asked-knowing')).toContain(`记录号 ${id}。`);
  });

  it('names no redemption of another coupon, and none that failed', async () => {
    const coupon = nextCoupon();
    await insert('of-another', { certificate_id: nextCoupon() });
    await insert('failed-too', { ...REFUSED, certificate_id: coupon });
    await insert('asked-alone', { ...REFUSED, certificate_id: coupon });
    expect(await adviceOf('asked-alone')).toContain('这张券已在别处核销过');
  });
});
