// certificate/prepare: what is listed, what is refused, and the token it hands out.
import { describe, expect, it } from '@jest/globals';
import {
  codesOf,
  OTHER_STORE,
  refusedWith,
  type Reply,
  resultsOf,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

const listed = (reply: Reply) =>
  (reply.json as { data: { certificates: { encrypted_code: string }[] } }).data.certificates.map(
    (certificate) => certificate.encrypted_code,
  );

describe('GET /goodlife/v1/fulfilment/certificate/prepare/', () => {
  it('lists the coupons with ids as bare numbers that keep every digit', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const order = simulator.state.createOrder({ coupons: 2 });
    const reply = await douyin.prepare({ encrypted_data: order.encryptedData, poi_id: STORE });
    expect(reply.status).toBe(200);
    const nowSeconds = Math.floor(clock.now() / 1000);
    expect(reply.json).toEqual({
      data: {
        error_code: 0,
        description: 'success',
        order_id: order.orderId,
        verify_token: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        certificates: order.coupons.map((coupon) => ({
          encrypted_code: coupon.encryptedCode,
          certificate_id: BigInt(coupon.certificateId),
          status: 1,
          start_time: nowSeconds - 3600,
          expire_time: nowSeconds + 90 * 86_400,
          sku: {
            sku_id: '1790440745530376',
            title: '双人下午茶套餐',
            groupon_type: 1,
            market_price: 12800,
            sold_start_time: 1770000000,
            third_sku_id: '',
            account_id: '7126518000000000001',
          },
          amount: {
            original_amount: 9900,
            pay_amount: 7900,
            coupon_pay_amount: 7900,
            list_market_amount: 12800,
            merchant_ticket_amount: 2000,
            payment_discount_amount: 0,
            platform_discount_amount: 0,
          },
        })),
      },
      extra: {
        error_code: 0,
        description: 'success',
        sub_error_code: 0,
        sub_description: '',
        logid: expect.stringMatching(/^\d{14}[0-9A-F]+$/),
        now: nowSeconds,
      },
    });
    for (const { certificateId } of order.coupons) {
      expect(reply.text).toContain(`"certificate_id":${certificateId},`);
      expect(String(Number(certificateId))).not.toBe(certificateId);
    }
  });

  it('never shows a plain code of an unused coupon', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const reply = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(reply.text).not.toContain(order.coupons[0]?.code);
    expect(reply.text).not.toContain('"code"');
  });

  it('takes a plain code instead and lists the same order', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ coupons: 2 });
    const reply = await douyin.prepare({ code: order.coupons[1]?.code ?? '', poi_id: STORE });
    expect(listed(reply)).toEqual(order.coupons.map((coupon) => coupon.encryptedCode));
    expect(order.coupons[1]?.code).toMatch(/^\d{12,15}$/);
  });

  it('hands out another token every time', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    expect(await douyin.prepared(order)).not.toBe(await douyin.prepared(order));
  });

  it('wants exactly one of encrypted_data and code', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const both = { encrypted_data: order.encryptedData, code: order.coupons[0]?.code ?? '' };
    expect(codesOf(await douyin.prepare(both))).toEqual(refusedWith(2100005));
    expect(codesOf(await douyin.prepare({ poi_id: STORE }))).toEqual(refusedWith(1502));
    expect(codesOf(await douyin.prepare({ code: '' }))).toEqual(refusedWith(1502));
  });

  it('refuses a value that was cut, encoded twice, or lost its plus signs', async () => {
    const { simulator, douyin } = await start();
    const { encryptedData } = simulator.state.createOrder();
    for (const broken of [
      encryptedData.slice(0, -3),
      encodeURIComponent(encryptedData),
      encryptedData.replaceAll('+', ' '),
      encryptedData.replaceAll(/[-_=]/g, ''),
    ]) {
      const reply = await douyin.prepare({ encrypted_data: broken });
      expect(codesOf(reply)).toEqual(refusedWith(3000001));
      expect(reply.text).toContain('二维码参数不合法');
      expect(reply.text).not.toContain('verify_token');
    }
  });

  it('refuses an unknown plain code with 1212', async () => {
    const { douyin } = await start();
    expect(codesOf(await douyin.prepare({ code: '999999999999999' }))).toEqual(refusedWith(1212));
  });

  it.each([
    ['gifted', 2119006],
    ['unpaid', 2119007],
  ] as const)('refuses an order that is %s', async (status, code) => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ status });
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encryptedData }))).toEqual(refusedWith(code));
  });

  it.each([3000002, 1228] as const)(
    'refuses a wrong store with %d under per-store settlement',
    async (code) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ poiIds: [STORE], wrongStoreCode: code });
      const wrong = { encrypted_data: order.encryptedData, poi_id: OTHER_STORE };
      expect(codesOf(await douyin.prepare(wrong))).toEqual(refusedWith(code));
      expect(codesOf(await douyin.prepare({ ...wrong, poi_id: STORE })).data).toBe(0);
    },
  );

  it('takes any store of the merchant without per-store settlement, but none of others', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ poiIds: [STORE], perStoreSettlement: false });
    const query = { encrypted_data: order.encryptedData, poi_id: OTHER_STORE };
    expect(codesOf(await douyin.prepare(query)).data).toBe(0);
    expect(codesOf(await douyin.prepare({ ...query, poi_id: '7000000000000000001' }))).toEqual(
      refusedWith(2100005),
    );
  });

  it('refuses the account of another merchant', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const query = { encrypted_data: order.encryptedData, account_id: '7126518000000099999' };
    expect(codesOf(await douyin.prepare(query))).toEqual(refusedWith(2119005));
  });

  it.each(['refund_applied', 'refunded', 'refund_failed', 'refunding'] as const)(
    'does not list a coupon that is %s',
    async (couponStatus) => {
      const { simulator, douyin } = await start();
      const order = simulator.state.createOrder({ coupons: 2 });
      simulator.state.changeCoupon(order.coupons[0]?.certificateId ?? '', {
        action: 'set_status',
        status: couponStatus,
      });
      const reply = await douyin.prepare({ encrypted_data: order.encryptedData });
      expect(listed(reply)).toEqual([order.coupons[1]?.encryptedCode]);
    },
  );

  it('succeeds with an empty list when nothing is usable', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ couponStatus: 'refunded' });
    const reply = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(codesOf(reply).data).toBe(0);
    expect(listed(reply)).toEqual([]);
  });

  it('lists coupons inside their validity only, expired ones too until they are cleaned up', async () => {
    const clock = standingClock();
    const { simulator, douyin } = await start({ clock: clock.now });
    const nowSeconds = clock.now() / 1000;
    const early = simulator.state.createOrder({ startTime: nowSeconds + 1 });
    const late = simulator.state.createOrder({ expireTime: nowSeconds });
    expect(listed(await douyin.prepare({ encrypted_data: early.encryptedData }))).toEqual([]);
    expect(listed(await douyin.prepare({ encrypted_data: late.encryptedData }))).toEqual([]);
    simulator.state.changeSettings({ listExpired: true });
    expect(listed(await douyin.prepare({ encrypted_data: late.encryptedData }))).toHaveLength(1);
    const reply = await douyin.verify(verifyBody(late, await douyin.prepared(late)));
    expect(resultsOf(reply)).toEqual([1250]);
  });

  it('refuses the QR code after a verification until it is refreshed', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ coupons: 2 });
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encryptedData }))).toEqual(
      refusedWith(45005117),
    );
    const refreshed = simulator.state.refreshQr(order.orderId);
    const reply = await douyin.prepare({ encrypted_data: refreshed.encryptedData });
    expect(listed(reply)).toEqual([order.coupons[1]?.encryptedCode]);
  });

  it('refuses a QR code that was replaced by a newer one', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    simulator.state.refreshQr(order.orderId);
    expect(codesOf(await douyin.prepare({ encrypted_data: order.encryptedData }))).toEqual(
      refusedWith(45005117),
    );
  });

  it('lists nothing for a used-up QR code when switched so', async () => {
    const { simulator, douyin } = await start({ settings: { deadQr: 'empty' } });
    const order = simulator.state.createOrder({ coupons: 2 });
    await douyin.verify(verifyBody(order, await douyin.prepared(order)));
    const reply = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(codesOf(reply).data).toBe(0);
    expect(listed(reply)).toEqual([]);
  });

  it('shows a times card with its counts', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({ kind: 'times_card', timesCount: 3 });
    simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId: STORE });
    const { encryptedData } = simulator.state.refreshQr(order.orderId);
    const reply = await douyin.prepare({ encrypted_data: encryptedData });
    expect(reply.json).toMatchObject({
      data: {
        certificates: [
          {
            status: 1,
            sku: { groupon_type: 3 },
            time_card: {
              times_count: 3,
              times_used: 1,
              time_card_type: 1,
              serial_amount_list: [{ serial_numb: 1 }, { serial_numb: 2 }, { serial_numb: 3 }],
            },
            verify_records: [{ verify_type: 2, poi_id: BigInt(STORE), times_card_serial_num: 1 }],
          },
        ],
      },
    });
  });

  it('lays extra fields over the certificate', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder({
      certificateExtra: {
        sku: { product_id: '1790440745530001' },
        deduction_info_list: [{ source_order_id: '1086312045673310000' }],
      },
    });
    const reply = await douyin.prepare({ encrypted_data: order.encryptedData });
    expect(reply.json).toMatchObject({
      data: {
        certificates: [
          {
            sku: { title: '双人下午茶套餐', product_id: '1790440745530001' },
            deduction_info_list: [{ source_order_id: '1086312045673310000' }],
          },
        ],
      },
    });
  });
});
