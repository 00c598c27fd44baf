// What answers look like where Douyin's documentation and recorded traffic differ: `extra`, clocks, lists under two names,
// fields of items and records, cancelled uses.
import { describe, expect, it } from '@jest/globals';
import type { OrderInput, Settings } from '../../src/simulator/simulator.ts';
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

type Json = Record<string, unknown>;
const dataOf = (reply: Reply) => (reply.json as { data: Json }).data;
const listOf = (reply: Reply, name: string) => dataOf(reply)[name] as Json[];

async function verified(settings: Partial<Settings>, input: OrderInput = {}) {
  const clock = standingClock();
  const { simulator, douyin } = await start({ clock: clock.now, settings });
  const order = simulator.state.createOrder(input);
  const reply = await douyin.verify(verifyBody(order, await douyin.prepared(order)));
  const code = order.coupons[0]?.encryptedCode ?? '';
  return {
    clock,
    state: simulator.state,
    douyin,
    order,
    reply,
    code,
    item: listOf(reply, 'verify_results')[0],
  };
}

describe('extra', () => {
  it('can be left out, of refusals too', async () => {
    const { reply, douyin } = await verified({ extra: 'absent' });
    expect(reply.json).not.toHaveProperty('extra');
    const refusal = await douyin.getCertificate('unknown');
    expect(refusal.json).toEqual({ data: { error_code: 1221, description: expect.any(String) } });
  });

  it.each([
    ['seconds', 1_790_000_000],
    ['milliseconds', 1_790_000_000_000],
    ['absent', undefined],
  ] as const)('has its now in %s', async (extraNow, now) => {
    const { reply } = await verified({ extraNow });
    expect((reply.json as { extra: Json }).extra['now']).toBe(now);
    expect(codesOf(reply)).toEqual(refusedWith(0));
  });
});

describe('the clock of Douyin', () => {
  it('is the machine\u2019s and an offset, in extra.now, in the Date header and in what is dated', async () => {
    const { douyin, clock, state, order, code } = await verified({ clockOffsetMs: -90_000 });
    const atMs = clock.now() - 90_000;
    const get = await douyin.getCertificate(code);
    expect((get.json as { extra: Json }).extra['now']).toBe(atMs / 1000);
    expect(get.headers.get('date')).toBe(new Date(atMs).toUTCString());
    expect(dataOf(get)['certificate']).toMatchObject({ verify: { verify_time: atMs / 1000 } });
    expect(state.ledger()[0]).toMatchObject({ atMs, trueAtMs: clock.now() });
    state.changeSettings({ clockOffsetMs: 120_000 });
    const token = await douyin.fetchToken();
    expect(token.headers.get('date')).toBe(new Date(clock.now() + 120_000).toUTCString());
    expect(state.calls().at(-1)).toMatchObject({
      atMs: clock.now() + 120_000,
      trueAtMs: clock.now(),
      judgedTrueAtMs: clock.now(),
    });
    const record = listOf(await douyin.verifyRecords(), 'records')[0];
    expect(record).toMatchObject({
      certificate_id: order.coupons[0]?.certificateId,
      verify_time: atMs / 1000,
    });
  });

  it('can be kept out of the header', async () => {
    const { douyin } = await verified({ dateHeader: 'absent' });
    expect((await douyin.fetchToken()).headers.get('date')).toBeNull();
  });

  it('does not end access tokens or the hour for a cancel when it jumps', async () => {
    const { douyin, state } = await verified({});
    state.changeSettings({ clockOffsetMs: 3 * 3_600_000 });
    const [use] = state.uses();
    const reply = await douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId });
    expect(dataOf(reply)).toMatchObject({ cancel_results: [{ result_code: 0 }] });
  });
});

describe('lists for combination packages', () => {
  const idsIn = (reply: Reply, name: string) =>
    (dataOf(reply)[name] as Json[] | undefined)?.map((entry) => String(entry['certificate_id']));

  it.each(['v2', 'v_2'] as const)('stand under %s', async (v2Spelling) => {
    const { douyin, state } = await verified({ v2Lists: 'duplicate', v2Spelling });
    const order = state.createOrder({ coupons: 2 });
    const ids = order.coupons.map((coupon) => coupon.certificateId);
    const prepare = await douyin.prepare({ encrypted_data: order.encryptedData });
    const query = await douyin.queryCertificates({ order_id: order.orderId });
    for (const reply of [prepare, query]) {
      expect(idsIn(reply, 'certificates')).toEqual(ids);
      expect(idsIn(reply, `certificates_${v2Spelling}`)).toEqual(ids);
    }
    const get = dataOf(await douyin.getCertificate(order.coupons[0]?.encryptedCode ?? ''));
    expect(get[`certificate_${v2Spelling}`]).toEqual(get['certificate']);
    const records = dataOf(await douyin.verifyRecords());
    expect(records['records_v2']).toEqual(records['records']);
  });

  it('can hold everything, or some of the coupons', async () => {
    const { douyin, state, code } = await verified({ v2Lists: 'only' });
    expect(Object.keys(dataOf(await douyin.getCertificate(code)))).toContain('certificate_v2');
    expect(dataOf(await douyin.getCertificate(code))).not.toHaveProperty('certificate');
    expect(dataOf(await douyin.verifyRecords())).toMatchObject({ records: [], records_v2: [{}] });
    state.changeSettings({ v2Lists: 'split' });
    const order = state.createOrder({ coupons: 10 });
    const reply = await douyin.queryCertificates({ order_id: order.orderId });
    const [v1, v2] = [idsIn(reply, 'certificates') ?? [], idsIn(reply, 'certificates_v2') ?? []];
    expect(Math.min(v1.length, v2.length)).toBeGreaterThan(0);
    expect([...v1, ...v2].toSorted()).toEqual(order.coupons.map((coupon) => coupon.certificateId).toSorted());
    for (const coupon of order.coupons) {
      const get = dataOf(await douyin.getCertificate(coupon.encryptedCode));
      expect('certificate' in get).toBe(v1.includes(coupon.certificateId));
    }
  });
});

describe('items of a verify answer', () => {
  it('have neither product nor time unless asked for', async () => {
    const { item } = await verified({});
    expect(item).not.toHaveProperty('product_id');
    expect(item).not.toHaveProperty('verify_time');
    const asked = await verified({ itemProductId: true, itemVerifyTime: true });
    expect(asked.item).toMatchObject({ product_id: '1790440745530001', verify_time: 1_790_000_000 });
  });

  it('tell what this use of a times card cost, and the uses together cost what the card did', async () => {
    const input: OrderInput = {
      kind: 'times_card',
      timesCount: 3,
      payAmountFen: 10_000,
      originalAmountFen: 12_000,
    };
    const { item, state, douyin, order, code } = await verified({}, input);
    expect(item).toMatchObject({
      verify_amount_info: {
        time_card_amount: { amount: 3333 },
        times_card_serial_amount: {
          serial_numb: 1,
          amount: {
            original_amount: 4000,
            pay_amount: 3333,
            merchant_ticket_amount: 667,
            platform_discount_amount: 0,
          },
        },
      },
    });
    const card = (dataOf(await douyin.getCertificate(code)) as { certificate: { time_card: Json } })
      .certificate;
    expect(card.time_card).toMatchObject({
      time_card_type: 1,
      serial_amount_list: [
        { serial_numb: 1, amount: { pay_amount: 3333 } },
        { serial_numb: 2, amount: { pay_amount: 3333 } },
        { serial_numb: 3, amount: { pay_amount: 3334 } },
      ],
    });
    state.changeSettings({ timesCardAmountAs: 'text' });
    const token = await douyin.prepared(state.refreshQr(order.orderId));
    const second = await douyin.verify(verifyBody(order, token));
    expect(listOf(second, 'verify_results')[0]).toMatchObject({
      verify_amount_info: {
        time_card_amount: { amount: '3333' },
        times_card_serial_amount: { serial_numb: 2 },
      },
    });
  });

  it('follow the prices of a tiered card', async () => {
    const { item, douyin, code } = await verified(
      {},
      { kind: 'times_card', timesCount: 2, serialPayAmountsFen: [9000, 1000] },
    );
    expect(item).toMatchObject({
      verify_amount_info: {
        time_card_amount: { amount: 9000 },
        times_card_serial_amount: { amount: { pay_amount: 9000 } },
      },
    });
    expect(dataOf(await douyin.getCertificate(code))).toMatchObject({
      certificate: {
        time_card: { time_card_type: 2, serial_amount_list: [{}, { amount: { pay_amount: 1000 } }] },
      },
    });
  });

  it.each(['sent', 'reversed', 'shuffled'] as const)('come in any order: %s', async (resultsOrder) => {
    const { simulator, douyin } = await start({ settings: { resultsOrder } });
    const order = simulator.state.createOrder({ coupons: 5 });
    const reply = await douyin.verify(verifyBody(order, await douyin.prepared(order), 5));
    const sent = order.coupons.map((coupon) => coupon.encryptedCode);
    const answered = listOf(reply, 'verify_results').map((item) => item['code'] as string);
    const expected = { sent, reversed: sent.toReversed(), shuffled: answered }[resultsOrder];
    expect(answered).toEqual(expected);
    expect(answered.toSorted()).toEqual(sent.toSorted());
    for (const item of listOf(reply, 'verify_results')) {
      const coupon = order.coupons.find((other) => other.encryptedCode === item['code']);
      expect(item['certificate_id']).toBe(coupon?.certificateId);
    }
  });
});

describe('verify records', () => {
  const stores = async (verifyRecordPoiIds: Settings['verifyRecordPoiIds'], poiIds?: string) => {
    const { simulator, douyin } = await start({ settings: { verifyRecordPoiIds, recordPoiId: true } });
    for (const poiId of [STORE, OTHER_STORE]) {
      const order = simulator.state.createOrder();
      simulator.state.useCouponAtTill(order.coupons[0]?.certificateId ?? '', { poiId });
    }
    const reply = await douyin.verifyRecords(poiIds === undefined ? {} : { poi_ids: poiIds });
    if (codesOf(reply).data !== 0) return codesOf(reply).data;
    return listOf(reply, 'records').map((record) => String(record['poi_id']));
  };

  it.each(['any', 'json', 'comma', 'single', 'ignored'] as const)(
    'are those of all stores when none is named: %s',
    async (form) => {
      expect(await stores(form)).toEqual([STORE, OTHER_STORE]);
    },
  );

  it.each([
    ['any', `[${STORE}]`, [STORE]],
    ['any', STORE, [STORE]],
    ['json', `[${STORE}]`, [STORE]],
    ['json', `["${STORE}", "${OTHER_STORE}"]`, [STORE, OTHER_STORE]],
    ['json', STORE, 2100005],
    ['comma', `${STORE},${OTHER_STORE}`, [STORE, OTHER_STORE]],
    ['comma', `[${STORE}]`, []],
    ['single', STORE, [STORE]],
    ['single', `${STORE},${OTHER_STORE}`, []],
    ['ignored', STORE, [STORE, OTHER_STORE]],
  ] as const)('take poi_ids in the form %s: %s', async (form, poiIds, expected) => {
    expect(await stores(form, poiIds)).toEqual(expected);
  });

  it('carry no store unless asked for', async () => {
    const { douyin } = await verified({});
    expect(listOf(await douyin.verifyRecords(), 'records')[0]).not.toHaveProperty('poi_id');
  });
});

describe('a cancelled use', () => {
  const cancelledCard = async (cancelledUses: 'dropped' | 'kept', kind: 'groupon' | 'times_card') => {
    const made = await verified({ cancelledUses }, { kind, timesCount: 2 });
    const [use] = made.state.uses();
    await made.douyin.cancel({ verify_id: use?.verifyId, certificate_id: use?.certificateId });
    const get = dataOf(await made.douyin.getCertificate(made.code))['certificate'] as Json;
    return { ...made, get, use };
  };

  it.each(['groupon', 'times_card'] as const)(
    'of a %s stays in verify_records where it is kept',
    async (kind) => {
      const { get, use } = await cancelledCard('kept', kind);
      expect(get).toMatchObject({
        status: 1,
        verify_records: [{ verify_id: use?.verifyId, can_cancel: false, cancel_time: 1_790_000_000 }],
      });
      expect(get).not.toHaveProperty('verify');
    },
  );

  it('leaves no trace in the certificate where it is dropped, but one in the records', async () => {
    const { get, douyin } = await cancelledCard('dropped', 'times_card');
    expect(get['verify_records']).toEqual([]);
    expect((await cancelledCard('dropped', 'groupon')).get).not.toHaveProperty('verify_records');
    expect(listOf(await douyin.verifyRecords(), 'records')[0]).toMatchObject({
      status: 2,
      cancel_time: 1_790_000_000,
      can_cancel: false,
    });
  });

  it('gives its serial number to the next use', async () => {
    const { douyin, state, order } = await cancelledCard('kept', 'times_card');
    const body = verifyBody(order, await douyin.prepared(state.refreshQr(order.orderId)));
    const reply = await douyin.verify({ ...body, encrypted_codes: Array(2).fill(body.encrypted_codes[0]) });
    expect(listOf(reply, 'verify_results')).toMatchObject([
      { verify_amount_info: { times_card_serial_amount: { serial_numb: 1 } } },
      { verify_amount_info: { times_card_serial_amount: { serial_numb: 2 } } },
    ]);
  });
});

describe('certificates', () => {
  it('can lack the amounts of the coupon', async () => {
    const { douyin, code } = await verified({ certificateAmount: 'absent' });
    expect(dataOf(await douyin.getCertificate(code))['certificate']).not.toHaveProperty('amount');
  });

  it.each([
    ['order', 2],
    ['coupon', 1],
  ] as const)('are prepared by a plain code for the %s', async (plainCodeLists, count) => {
    const { simulator, douyin } = await start({ settings: { plainCodeLists } });
    const order = simulator.state.createOrder({ coupons: 2 });
    const second = order.coupons[1];
    const listed = listOf(await douyin.prepare({ code: second?.code ?? '' }), 'certificates');
    expect(listed).toHaveLength(count);
    expect(listed.at(-1)).toMatchObject({ encrypted_code: second?.encryptedCode });
  });
});

describe('tokens', () => {
  it('are refused with 10020 beyond the limit', async () => {
    const { simulator, douyin } = await start();
    simulator.state.changeSettings({ tokenFetchLimit: 1 });
    expect((await douyin.fetchToken()).json).toMatchObject({ data: { error_code: 0 } });
    expect((await douyin.fetchToken()).json).toMatchObject({ data: { error_code: 10020 } });
  });
});
