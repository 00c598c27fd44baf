// certificate/get, certificate/query and verify_record/query.
import { describe, expect, it } from '@jest/globals';
import {
  codesOf,
  OTHER_STORE,
  refusedWith,
  type Reply,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

const HOUR_MS = 3_600_000;
const dataOf = (reply: Reply) => (reply.json as { data: Record<string, unknown> }).data;

describe('GET /goodlife/v1/fulfilment/certificate/get/', () => {
  it('shows an unused coupon without a verification', async () => {
    const { simulator, douyin } = await start();
    const coupon = simulator.state.createOrder().coupons[0];
    const { certificate } = dataOf(await douyin.getCertificate(coupon?.encryptedCode ?? ''));
    expect(certificate).toMatchObject({ status: 1, certificate_id: BigInt(coupon?.certificateId ?? 0) });
    expect(certificate).not.toHaveProperty('verify');
  });

  it('shows who verified, where and when; poi_id is a number, the ids beside it are texts', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const order = simulator.state.createOrder();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const coupon = order.coupons[0];
    const reply = await douyin.getCertificate(coupon?.encryptedCode ?? '');
    expect(reply.json).toMatchObject({
      data: {
        certificate: {
          status: 2,
          verify: {
            verify_id: simulator.state.ledger()[0]?.verifyId,
            certificate_id: coupon?.certificateId,
            verify_time: clock.now() / 1000,
            can_cancel: true,
            verify_type: 4,
            verifier_unique_id: '开放平台API',
            poi_id: BigInt(STORE),
          },
        },
      },
    });
    expect(reply.text).toContain(`"poi_id":${STORE}`);
    expect(reply.text).not.toContain('"code"');
  });

  it('shows the plain code once the verification can no longer be cancelled', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const order = simulator.state.createOrder();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    clock.advance(HOUR_MS);
    const reply = await douyin.getCertificate(order.coupons[0]?.encryptedCode ?? '');
    expect(reply.json).toMatchObject({
      data: { certificate: { code: order.coupons[0]?.code, verify: { can_cancel: false } } },
    });
  });

  it('shows another till by its verify_type, store and time', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const coupon = simulator.state.createOrder().coupons[0];
    const atMs = clock.now() - 60_000;
    simulator.state.useCouponAtTill(coupon?.certificateId ?? '', { poiId: OTHER_STORE, atMs });
    expect(dataOf(await douyin.getCertificate(coupon?.encryptedCode ?? ''))).toMatchObject({
      certificate: {
        status: 2,
        verify: { verify_type: 2, poi_id: BigInt(OTHER_STORE), verify_time: atMs / 1000 },
      },
    });
  });

  it('forgets a verification that was cancelled', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const line = simulator.state.ledger()[0];
    await douyin.cancel({ verify_id: line?.verifyId, certificate_id: line?.certificateId });
    const { certificate } = dataOf(await douyin.getCertificate(order.coupons[0]?.encryptedCode ?? ''));
    expect(certificate).toMatchObject({ status: 1 });
    expect(certificate).not.toHaveProperty('verify');
  });

  it('keeps a times card at status 1 until its last use, with every use in verify_records', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ kind: 'times_card', timesCount: 2 });
    const code = order.coupons[0]?.encryptedCode ?? '';
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    expect(dataOf(await douyin.getCertificate(code))).toMatchObject({
      certificate: { status: 1, time_card: { times_count: 2, times_used: 1 }, verify_records: [{}] },
    });
    const refreshed = simulator.state.refreshQr(order.orderId);
    await douyin.verify(verifyBody(order, await douyin.prepared(refreshed)));
    expect(dataOf(await douyin.getCertificate(code))).toMatchObject({
      certificate: {
        status: 2,
        time_card: { times_used: 2 },
        verify: { times_card_serial_num: 2 },
        verify_records: [{ times_card_serial_num: 1 }, { times_card_serial_num: 2 }],
      },
    });
  });

  it.each([
    ['unused', 1],
    ['refund_applied', 3],
    ['refunded', 4],
    ['refund_failed', 5],
    ['refunding', 6],
  ] as const)('shows %s as status %d', async (couponStatus, status) => {
    const { simulator, douyin } = await start();
    const coupon = simulator.state.createOrder({ couponStatus }).coupons[0];
    expect(dataOf(await douyin.getCertificate(coupon?.encryptedCode ?? ''))).toMatchObject({
      certificate: { status },
    });
  });

  it('refuses a code that is missing, unknown, or lost its plus signs on the way', async () => {
    const { simulator, douyin } = await start();
    const code = simulator.state.createOrder().coupons[0]?.encryptedCode ?? '';
    expect(codesOf(await douyin.getCertificate(''))).toEqual(refusedWith(1502));
    expect(codesOf(await douyin.getCertificate('CgYunknown=='))).toEqual(refusedWith(1221));
    expect(code).toContain('+');
    const unencoded = await douyin.get(`/goodlife/v1/fulfilment/certificate/get/?encrypted_code=${code}&x=`);
    expect(codesOf(unencoded)).toEqual(refusedWith(1221));
  });
});

describe('GET /goodlife/v1/fulfilment/certificate/query/', () => {
  it('shows all coupons of an order, or the one of a code', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ coupons: 2 });
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    expect(dataOf(await douyin.queryCertificates({ order_id: order.orderId }))).toMatchObject({
      certificates: [{ status: 2 }, { status: 1 }],
    });
    const byCode = await douyin.queryCertificates({ encrypted_code: order.coupons[1]?.encryptedCode ?? '' });
    expect(dataOf(byCode)['certificates']).toHaveLength(1);
  });

  it('wants exactly one of encrypted_code and order_id', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const both = { order_id: order.orderId, encrypted_code: order.coupons[0]?.encryptedCode ?? '' };
    expect(codesOf(await douyin.queryCertificates(both))).toEqual(refusedWith(2100005));
    expect(codesOf(await douyin.queryCertificates({}))).toEqual(refusedWith(4000001));
    expect(codesOf(await douyin.queryCertificates({ order_id: '1' }))).toEqual(refusedWith(3100101));
  });
});

describe('GET /goodlife/v1/fulfilment/certificate/verify_record/query/', () => {
  async function withVerifications(count: number) {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    for (const order of simulator.state.createOrders({}, count)) {
      await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    }
    return { clock, simulator, douyin };
  }

  it('answers a record with ids as texts', async () => {
    const { clock, simulator, douyin } = await withVerifications(1);
    const line = simulator.state.ledger()[0];
    expect(dataOf(await douyin.verifyRecords())).toMatchObject({
      total: 1,
      records: [
        {
          cursor: line?.verifyId,
          verify_id: line?.verifyId,
          certificate_id: line?.certificateId,
          verify_time: clock.now() / 1000,
          can_cancel: true,
          verify_type: 4,
          status: 1,
          amount: { original_amount: 9900, pay_amount: 7900 },
          sku: { sku_id: '1790440745530376', title: '双人下午茶套餐' },
        },
      ],
    });
  });

  it('shows a cancelled verification as status 2 with its time', async () => {
    const { clock, simulator, douyin } = await withVerifications(1);
    const line = simulator.state.ledger()[0];
    clock.advance(2000);
    await douyin.cancel({ verify_id: line?.verifyId, certificate_id: line?.certificateId });
    expect(dataOf(await douyin.verifyRecords())).toMatchObject({
      records: [{ status: 2, can_cancel: false, cancel_time: clock.now() / 1000 }],
    });
  });

  it('is walked by the last record’s cursor, at most 20 at a time', async () => {
    const { simulator, douyin } = await withVerifications(5);
    const seen: string[] = [];
    let cursor = '0';
    for (let page = 0; page < 3; page += 1) {
      const { records, total } = dataOf(await douyin.verifyRecords({ cursor, size: '2' })) as {
        total: number;
        records: { cursor: string; verify_id: string }[];
      };
      expect(total).toBe(5);
      seen.push(...records.map((record) => record.verify_id));
      cursor = records.at(-1)?.cursor ?? '';
    }
    expect(seen).toEqual(simulator.state.ledger().map((line) => line.verifyId));
    for (const size of ['0', '21', 'x']) {
      expect(codesOf(await douyin.verifyRecords({ size }))).toEqual(refusedWith(2100005));
    }
    expect(codesOf(await douyin.verifyRecords({ cursor: '12345' }))).toEqual(refusedWith(2100005));
  });

  it('covers today unless asked for other times', async () => {
    const { clock, douyin } = await withVerifications(1);
    const seconds = clock.now() / 1000;
    clock.advance(24 * HOUR_MS);
    douyin.token = undefined;
    expect(dataOf(await douyin.verifyRecords())).toMatchObject({ total: 0, records: [] });
    const around = { start_time: String(seconds), end_time: String(seconds) };
    expect(dataOf(await douyin.verifyRecords(around))).toMatchObject({ total: 1 });
    expect(dataOf(await douyin.verifyRecords({ ...around, start_time: String(seconds + 1) }))).toMatchObject({
      total: 0,
    });
  });

  it('can be narrowed to stores, and needs the account', async () => {
    const { douyin } = await withVerifications(1);
    expect(dataOf(await douyin.verifyRecords({ poi_ids: `${OTHER_STORE},${STORE}` }))).toMatchObject({
      total: 1,
    });
    expect(dataOf(await douyin.verifyRecords({ poi_ids: OTHER_STORE }))).toMatchObject({ total: 0 });
    expect(codesOf(await douyin.verifyRecords({ account_id: '' }))).toEqual(refusedWith(2100005));
    expect(codesOf(await douyin.verifyRecords({ account_id: '1' }))).toEqual(refusedWith(2119005));
  });
});
