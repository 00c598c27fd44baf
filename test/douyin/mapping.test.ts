import { describe, expect, it } from '@jest/globals';
import {
  mergeRecords,
  toCertificate,
  toCertificates,
  toOrderDetails,
  toVerifyRecord,
} from '../../src/douyin/mapping.ts';
import {
  certificateSchema,
  orderSchema,
  certificateListsSchema,
  readAnswer,
  verifyRecordSchema,
} from '../../src/douyin/wire.ts';
import { parseLosslessJson } from '../../src/douyin/lossless-json.ts';

const certificate = (more: object, source: 'prepare' | 'look_up' = 'look_up') =>
  toCertificate(certificateSchema.parse({ encrypted_code: 'Cg==', ...more }), source);

describe('toCertificate', () => {
  it('reads a full certificate, ids as text', () => {
    const wire = parseLosslessJson(
      `{"encrypted_code":"CgYIASAHKAESLgos8Xk2/bQ+aA==","certificate_id":7372594810362817586,"status":2,"start_time":1773540010,"expire_time":1781366399,"code":"104686126200131",
      "sku":{"sku_id":"1790440745530376","third_sku_id":"SKU-7","title":"双人下午茶套餐","groupon_type":3,"product_id":1790440745530001},"amount":{"original_amount":9900,"pay_amount":"7900"},
      "time_card":{"times_count":5,"times_used":2,"serial_amount_list":[{"serial_numb":1,"amount":{"original_amount":2000,"pay_amount":"1600"}},{"serial_numb":"2","amount":{"pay_amount":1500}},{"amount":{"pay_amount":1}}]},
      "verify":{"verify_id":"7372601122334455667","certificate_id":"7372594810362817586","verify_time":1773570668,"can_cancel":true,"verify_type":4,"poi_id":7182937465123456789,"times_card_serial_num":2},
      "verify_records":[{"verify_id":"7372601122334455600","verify_time":1773570600,"verify_type":2,"can_cancel":false,"cancel_time":1773570630,"poi_id":7182937465123456700,"times_card_serial_num":"1"},{}],
      "deduction_info_list":[{"source_order_id":"0"},{"source_order_id":1086312045673319999}],"new_field":{"x":1}}`,
    );
    expect(toCertificate(certificateSchema.parse(wire), 'look_up')).toEqual({
      encryptedCode: 'CgYIASAHKAESLgos8Xk2/bQ+aA==',
      certificateId: '7372594810362817586',
      status: 'USED',
      originCode: '104686126200131',
      startTime: new Date('2026-03-15T02:00:10Z'),
      expireTime: new Date(1781366399_000),
      productId: '1790440745530001',
      skuId: '1790440745530376',
      skuTitle: '双人下午茶套餐',
      thirdSkuId: 'SKU-7',
      kind: 'times_card',
      payAmountFen: 7900,
      originalAmountFen: 9900,
      timesCount: 5,
      timesUsed: 2,
      serialAmounts: [
        { serialNumber: 1, payFen: 1600, originalFen: 2000 },
        { serialNumber: 2, payFen: 1500, originalFen: null },
      ],
      lastUse: {
        verifyId: '7372601122334455667',
        verifyTime: new Date(1773570668_000),
        channel: 'open_api',
        poiId: '7182937465123456789',
        serialNumber: 2,
        canCancel: true,
        isCancelled: false,
        cancelledAt: null,
      },
      uses: [
        {
          verifyId: '7372601122334455600',
          verifyTime: new Date(1773570600_000),
          channel: 'other',
          poiId: '7182937465123456700',
          serialNumber: 1,
          canCancel: false,
          isCancelled: true,
          cancelledAt: new Date(1773570630_000),
        },
      ],
      sourceOrderId: '1086312045673319999',
    });
  });

  it('reads a certificate with nothing but its code', () => {
    expect(certificate({})).toMatchObject({
      certificateId: '',
      startTime: null,
      payAmountFen: null,
      timesCount: null,
      lastUse: null,
      uses: [],
      skuId: '',
      kind: 'unknown',
    });
    const empty = {
      sku: '',
      amount: null,
      verify: {},
      verify_records: null,
      certificate_id: null,
      expire_time: '',
    };
    expect(certificate(empty)).toEqual(certificate({}));
  });

  it.each([
    [1, 'UNUSED', 'UNUSED'],
    ['1', 'UNUSED', 'UNUSED'],
    [2, 'USED', 'USED'],
    [3, 'REFUNDING', 'REFUNDING'],
    [4, 'REFUNDED', 'REFUNDED'],
    [5, 'UNKNOWN', 'UNKNOWN'],
    [6, 'REFUNDING', 'REFUNDING'],
    [7, 'UNKNOWN', 'UNKNOWN'],
    ['x', 'UNKNOWN', 'UNKNOWN'],
    [0, 'UNUSED', 'UNKNOWN'],
    [null, 'UNUSED', 'UNKNOWN'],
    [undefined, 'UNUSED', 'UNKNOWN'],
  ])('status %j is %s when prepare lists it and %s in a look-up', (status, prepared, lookedUp) => {
    expect(certificate({ status }, 'prepare').status).toBe(prepared);
    expect(certificate({ status }, 'look_up').status).toBe(lookedUp);
  });

  it.each([
    [1682265599, '2023-04-23T15:59:59.000Z'],
    [1682265599000, '2023-04-23T15:59:59.000Z'],
    ['1682265599', '2023-04-23T15:59:59.000Z'],
  ])('reads the time %j, in seconds or with 13 digits in milliseconds', (expire_time, iso) => {
    expect(certificate({ expire_time }).expireTime?.toISOString()).toBe(iso);
  });

  it.each([0, '0', '', null, -1, 'soon', 9e15, '99999999999999999999'])(
    'has no time for %j',
    (expire_time) => {
      expect(certificate({ expire_time }).expireTime).toBeNull();
    },
  );

  it.each([
    [0, 0],
    ['0', 0],
    ['7900', 7900],
    [79.5, null],
    [-1, null],
    ['', null],
    [2 ** 31, null],
    ['79.00', null],
  ])('reads the amount %j as %j fen', (pay_amount, fen) => {
    expect(certificate({ amount: { pay_amount } }).payAmountFen).toBe(fen);
  });

  it.each([
    [4, 'open_api'],
    [1, 'other'],
    [3, 'other'],
    [0, 'unknown'],
    [undefined, 'unknown'],
  ])('a verification of type %j came through %s', (verify_type, channel) => {
    expect(certificate({ verify: { verify_id: '1', verify_type } }).lastUse?.channel).toBe(channel);
  });
});

describe('the kind of a coupon', () => {
  it.each([
    [{ sku: { groupon_type: 1 } }, 'package'],
    [{ sku: { groupon_type: '2' } }, 'voucher'],
    [{ sku: { groupon_type: 3 } }, 'times_card'],
    [{ sku: { groupon_type: 4 } }, 'unknown'],
    [{ sku: {} }, 'unknown'],
    [{ sku: { groupon_type: 1 }, benefit_card_info: { id: '1' } }, 'stored_value'],
    [{ sku: { groupon_type: 1 }, benefit_card_info: {} }, 'package'],
    [{ sku: { groupon_type: 1 }, benefit_card_info: null, dynamic_coupon_info: '' }, 'package'],
    [{ sku: { groupon_type: 2, voucher_type: 2 } }, 'dynamic_voucher'],
    [{ sku: { groupon_type: 2, voucher_type: 1 }, dynamic_coupon_info: {} }, 'voucher'],
    [{ sku: { groupon_type: 2 }, dynamic_coupon_info: { max_deduction_amount: 1 } }, 'dynamic_voucher'],
  ])('%j is %s', (more, kind) => {
    expect(certificate(more).kind).toBe(kind);
  });
});

describe('a use', () => {
  it.each([
    [undefined, false],
    [null, false],
    ['', false],
    [0, false],
    ['0', false],
    [-62135596800, false],
    [false, false],
    [1773570630, true],
    ['1773570630000', true],
    ['soon', true],
  ])('with the cancel time %j was undone: %j', (cancel_time, isCancelled) => {
    const verify = { verify_id: '1', cancel_time };
    expect(certificate({ verify }).lastUse?.isCancelled).toBe(isCancelled);
    expect(certificate({ verify_records: [verify] }).uses[0]?.isCancelled).toBe(isCancelled);
    expect(toVerifyRecord(verifyRecordSchema.parse(verify)).isCancelled).toBe(isCancelled);
  });
});

describe('toCertificates', () => {
  const listed = (lists: object) => toCertificates(certificateListsSchema.parse(lists), 'look_up');

  it('joins the lists under all their names, each coupon once', () => {
    const certificates = listed({
      certificates: [
        { encrypted_code: 'a', certificate_id: 1 },
        { encrypted_code: 'b', certificate_id: 2 },
      ],
      certificates_v2: [
        { encrypted_code: 'b', certificate_id: '2' },
        { encrypted_code: 'c', certificate_id: 3 },
      ],
      certificates_v_2: [
        { encrypted_code: 'c' },
        { encrypted_code: 'd', certificate_id: 4 },
        { certificate_id: 1 },
      ],
    });
    expect(certificates.map(({ encryptedCode }) => encryptedCode)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps apart what has neither id nor code in common', () => {
    expect(listed({ certificates: [{}, {}], certificates_v2: [{ encrypted_code: 'a' }] })).toHaveLength(3);
    expect(
      listed({
        certificates: [{ encrypted_code: 'a', certificate_id: 1 }],
        certificates_v2: [{ encrypted_code: 'a', certificate_id: 2 }],
      }),
    ).toHaveLength(2);
  });

  it('takes what one list leaves out from the other, and never overwrites', () => {
    const [merged] = listed({
      certificates: [
        {
          encrypted_code: 'a',
          certificate_id: 1,
          status: 1,
          sku: { sku_id: 's', title: '' },
          amount: { pay_amount: 0 },
          verify: {},
          verify_records: [{ verify_id: 'u1', poi_id: '' }],
        },
      ],
      certificates_v2: [
        {
          certificate_id: 1,
          status: 2,
          code: '104686126200131',
          sku: { sku_id: 't', title: '下午茶', groupon_type: 3 },
          amount: { pay_amount: 7900, original_amount: 9900 },
          time_card: { times_count: 5 },
          verify: { verify_id: 'u2', verify_type: 4 },
          verify_records: [
            { verify_id: 'u1', poi_id: '7', cancel_time: 1773570630 },
            { verify_id: 'u2', verify_type: 4 },
          ],
          benefit_card_info: {},
        },
      ],
    });
    expect(merged).toMatchObject({
      encryptedCode: 'a',
      status: 'UNUSED',
      originCode: '104686126200131',
      skuId: 's',
      skuTitle: '下午茶',
      kind: 'times_card',
      payAmountFen: 0,
      originalAmountFen: 9900,
      timesCount: 5,
      lastUse: { verifyId: 'u2', channel: 'open_api' },
      uses: [
        { verifyId: 'u1', poiId: '7', isCancelled: true },
        { verifyId: 'u2', channel: 'open_api' },
      ],
    });
  });

  it('loses no use when the two tell different ones', () => {
    const [merged] = listed({
      certificates: [{ certificate_id: 1, verify: { verify_id: 'u1' } }],
      certificates_v2: [{ certificate_id: 1, verify: { verify_id: 'u2' } }],
    });
    expect(merged).toMatchObject({ lastUse: { verifyId: 'u1' }, uses: [{ verifyId: 'u2' }] });
  });

  it('refuses a list with an element that cannot be read, instead of skipping it', () => {
    expect(certificateListsSchema.safeParse({ certificates: [{ encrypted_code: 'a' }, 'b'] }).success).toBe(
      false,
    );
  });
});

describe('toOrderDetails', () => {
  const order = (more: object) =>
    toOrderDetails(orderSchema.parse({ order_id: '1086312045673319463', ...more }));

  it('reads the order of two coupons, amounts as numbers or text', () => {
    expect(
      order({
        order_type: 21,
        order_status: 201,
        sku_id: '1790440745530376',
        sku_name: '双人下午茶套餐',
        count: 2,
        products: [
          { product_id: '1790440745530001', product_name: '双人下午茶', sku_id: '1790440745530376', num: 2 },
        ],
        pay_amount: 15800,
        receipt_amount: '15800',
        discount_amount: '4000',
        create_order_time: 1773540000,
        pay_time: 0,
        certificate: [
          { certificate_id: '', order_item_id: '1' },
          { certificate_id: '7372594810362883122', order_item_id: 2 },
        ],
        sub_order_amount_infos: [
          { sub_order_id: 1, pay_amount: '7000', receipt_amount: '6900', discount_amount: '100' },
          { sub_order_id: '2', pay_amount: '8800', receipt_amount: 8700, discount_amount: '' },
        ],
      }),
    ).toEqual({
      orderId: '1086312045673319463',
      extOrderId: '',
      orderStatus: 201,
      productId: '1790440745530001',
      productName: '双人下午茶',
      skuId: '1790440745530376',
      skuName: '双人下午茶套餐',
      payAmountFen: 15800,
      receiptAmountFen: 15800,
      discountAmountFen: 4000,
      couponCount: 2,
      parts: [
        {
          certificateId: '7372594810362883122',
          payAmountFen: 8800,
          receiptAmountFen: 8700,
          discountAmountFen: null,
        },
      ],
      createOrderTime: new Date(1773540000_000),
      payTime: null,
    });
  });

  it('adds up the parts when only they tell an amount, and only if all of them do', () => {
    const parts = [{ receipt_amount: '15000', discount_amount: '4000' }, { receipt_amount: 800 }];
    expect(order({ receipt_amount: '', sub_order_amount_infos: parts })).toMatchObject({
      receiptAmountFen: 15800,
      discountAmountFen: null,
    });
    expect(order({}).receiptAmountFen).toBeNull();
  });

  it('knows how many coupons it holds by whichever place tells the most, or not at all', () => {
    expect(order({ count: 1, certificate: [{}, {}], products: [{ num: 1 }] }).couponCount).toBe(2);
    expect(order({ count: '3', certificate: [{}] }).couponCount).toBe(3);
    expect(order({ count: 1, products: [{ num: 1 }, { num: '2' }] }).couponCount).toBe(3);
    expect(order({ count: 1 }).couponCount).toBe(1);
    expect(order({}).couponCount).toBeNull();
  });

  const ITEMS = [
    { certificate_id: '7', order_item_id: '1' },
    { certificate_id: '8', order_item_id: '2' },
  ];
  const subOrders = (...ids: string[]) => ids.map((sub_order_id) => ({ sub_order_id, pay_amount: 5 }));
  it.each<[string, object]>([
    ['a coupon has no sub-order of its own', { sub_order_amount_infos: subOrders('1') }],
    ['two sub-orders have a coupon’s number', { sub_order_amount_infos: subOrders('1', '1', '2') }],
    ['there are none', {}],
    ['there are more coupons than items', { count: 3, sub_order_amount_infos: subOrders('1', '2') }],
    [
      'two coupons share an item',
      {
        certificate: [...ITEMS, { certificate_id: '9', order_item_id: '2' }],
        sub_order_amount_infos: subOrders('1', '2'),
      },
    ],
    [
      'items have no numbers',
      { certificate: [{ certificate_id: '7' }], sub_order_amount_infos: [{ pay_amount: 5 }] },
    ],
  ])('tells no coupon’s part when %s', (_, more) => {
    expect(order({ certificate: ITEMS, ...more }).parts).toEqual([]);
  });

  it('tells each coupon’s part where each has a sub-order, whatever else the order lists', () => {
    expect(
      order({ certificate: ITEMS, sub_order_amount_infos: subOrders('2', 'delivery', '1') }).parts.map(
        ({ certificateId }) => certificateId,
      ),
    ).toEqual(['7', '8']);
  });

  it('takes the sku from the product when the order does not name it', () => {
    expect(order({ products: [{ product_id: 1, sku_id: 2 }] })).toMatchObject({ productId: '1', skuId: '2' });
  });
});

describe('toVerifyRecord', () => {
  const wire = {
    verify_id: '7',
    certificate_id: 8,
    verify_time: 1773570668,
    verify_type: 4,
    status: 2,
    can_cancel: false,
    verify_amount_info: { times_card_serial_amount: { serial_numb: 3 } },
  };

  it('reads a record, a cancelled one too, and puts no store where it names none', () => {
    expect(toVerifyRecord(verifyRecordSchema.parse(wire))).toEqual({
      verifyId: '7',
      certificateId: '8',
      verifyTime: new Date(1773570668_000),
      channel: 'open_api',
      poiId: '',
      serialNumber: 3,
      canCancel: false,
      isCancelled: true,
      cancelledAt: null,
    });
    expect(toVerifyRecord(verifyRecordSchema.parse({ ...wire, poi_id: 9, status: 1 }))).toMatchObject({
      poiId: '9',
      isCancelled: false,
    });
  });

  it('is told in two lists once, with what either leaves out', () => {
    const parsed = (records: readonly object[]) => records.map((one) => verifyRecordSchema.parse(one));
    const merged = mergeRecords(
      parsed([{ verify_id: '7', poi_id: '', status: 1 }, { verify_id: '8' }]),
      parsed([{ verify_id: '7', poi_id: '9', status: 2 }, { verify_id: '10' }]),
    );
    expect(merged.map((record) => [record.verify_id, record.poi_id, record.status])).toEqual([
      ['7', '9', 1],
      ['8', '', null],
      ['10', '', null],
    ]);
  });
});

describe('readAnswer', () => {
  const read = (json: object) => readAnswer(Buffer.from(JSON.stringify(json)));

  it('takes the words that belong to the deciding code, or those there are', () => {
    const words = (data: object, extra: object) => read({ data, extra })?.description;
    expect(words({ error_code: 1212, description: '券不存在' }, { error_code: 1, description: 'x' })).toBe(
      '券不存在',
    );
    expect(words({ error_code: 0, description: '' }, { error_code: 1212, description: '券不存在' })).toBe(
      '券不存在',
    );
    expect(words({ error_code: 1212 }, { error_code: 1212, description: '券不存在' })).toBe('券不存在');
  });

  it('takes nothing odd for a log id', () => {
    expect(read({ extra: { error_code: 1, logid: '20260315EX1' } })?.logid).toBe('20260315EX1');
    expect(read({ extra: { error_code: 1, logid: 'a b\n' } })?.logid).toBe('');
  });

  it('does not read bytes that are no UTF-8', () => {
    expect(readAnswer(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeNull();
  });
});
