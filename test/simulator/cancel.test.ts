// certificate/cancel: within the hour, once, and never what is settled.
import { describe, expect, it } from '@jest/globals';
import type { OrderInput, Settings } from '../../src/simulator/simulator.ts';
import { codesOf, refusedWith, type Reply, resultsOf, standingClock, start, verifyBody } from './support.ts';

const MINUTE_MS = 60_000;

async function verified(input: OrderInput = {}, settings: Partial<Settings> = {}) {
  const clock = standingClock();
  const { simulator, douyin } = await start({ clock: clock.now, settings });
  const order = simulator.state.createOrder(input);
  await douyin.verify(verifyBody(order, await douyin.prepared(order)));
  const line = simulator.state.ledger()[0];
  const body = { verify_id: line?.verifyId, certificate_id: line?.certificateId };
  return { clock, simulator, douyin, order, body };
}

interface Flagged {
  can_cancel: boolean;
}

const resultCodesOf = (reply: Reply) =>
  (reply.json as { data: { cancel_results: { result_code: number }[] } }).data.cancel_results.map(
    (item) => item.result_code,
  );

describe('POST /goodlife/v1/fulfilment/certificate/cancel/', () => {
  it('takes a verification back, and the coupon can be used with a new QR code', async () => {
    const { simulator, douyin, order, body } = await verified();
    const reply = await douyin.cancel(body);
    expect(reply.json).toMatchObject({
      data: {
        error_code: 0,
        cancel_results: [{ order_id: order.orderId, verify_id: body.verify_id, result_code: 0 }],
      },
    });
    expect(simulator.state.ledger().map((line) => line.kind)).toEqual(['verified', 'cancelled']);
    const refreshed = simulator.state.refreshQr(order.orderId);
    const again = await douyin.verify(verifyBody(order, await douyin.prepared(refreshed)));
    expect(resultsOf(again)).toEqual([0]);
    const verifyIds = simulator.state.ledger({ kind: 'verified' }).map((line) => line.verifyId);
    expect(new Set(verifyIds).size).toBe(2);
  });

  it('is refused after an hour with 3000001 and its sub code', async () => {
    const { clock, douyin, body, simulator } = await verified();
    clock.advance(60 * MINUTE_MS);
    const reply = await douyin.cancel(body);
    expect(codesOf(reply)).toEqual(refusedWith(3000001, 2034000910));
    expect(reply.text).toContain('已超过可撤销时限，无法撤销核销');
    expect(simulator.state.counters()).toMatchObject({ verified: 1, cancelled: 0 });
  });

  it('is refused once the verification is settled', async () => {
    const { douyin, body, simulator } = await verified();
    simulator.state.changeCoupon(body.certificate_id ?? '', { action: 'settle' });
    expect(codesOf(await douyin.cancel(body))).toEqual(refusedWith(3000001, 2034000910));
  });

  it('is refused a second time, except with the same cancel_token within the hour', async () => {
    const { clock, douyin, body, simulator } = await verified();
    const withToken = { ...body, cancel_token: 'c-1' };
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 0 }] },
    });
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 0 }] },
    });
    expect((await douyin.cancel(body)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 1265 }] },
    });
    clock.advance(60 * MINUTE_MS);
    expect((await douyin.cancel(withToken)).json).toMatchObject({
      data: { cancel_results: [{ result_code: 1265 }] },
    });
    expect(simulator.state.counters().cancelled).toBe(1);
  });

  it('gives one use of a times card back', async () => {
    const { simulator, douyin, order, body } = await verified({ kind: 'times_card', timesCount: 1 });
    expect(simulator.state.getOrder(order.orderId).coupons[0]?.status).toBe('used');
    await douyin.cancel(body);
    expect(simulator.state.getOrder(order.orderId).coupons[0]).toMatchObject({
      status: 'unused',
      timesUsed: 0,
    });
  });

  it('refuses ids that do not belong together and ids that are no texts', async () => {
    const { douyin, body, simulator } = await verified();
    const other = simulator.state.createOrder().coupons[0]?.certificateId;
    expect(codesOf(await douyin.cancel({ ...body, certificate_id: other }))).toEqual(refusedWith(1033000519));
    expect(codesOf(await douyin.cancel({ ...body, verify_id: '1' }))).toEqual(refusedWith(1033000519));
    expect(codesOf(await douyin.cancel({ ...body, verify_id: 1 }))).toEqual(refusedWith(2100005));
  });
});

describe('the deadline of a cancel', () => {
  it('is a setting per kind of coupon', async () => {
    const settings: Partial<Settings> = { cancelDeadlinesMs: { times_card: 2 * MINUTE_MS } };
    const card = await verified({ kind: 'times_card' }, settings);
    card.clock.advance(129_000);
    expect(codesOf(await card.douyin.cancel(card.body))).toEqual(refusedWith(3000001, 2034000910));
    const groupon = await verified({}, settings);
    groupon.clock.advance(129_000);
    expect(resultCodesOf(await groupon.douyin.cancel(groupon.body))).toEqual([0]);
  });

  it.each([
    ['honest', true, false],
    ['always', true, true],
    ['never', false, false],
  ] as const)('can be shown wrongly by can_cancel: %s', async (flag, before, after) => {
    const { clock, douyin, order } = await verified({}, { cancelFlags: { groupon: flag } });
    const flags = async () => {
      const get = await douyin.getCertificate(order.coupons[0]?.encryptedCode ?? '');
      const records = await douyin.verifyRecords();
      const { certificate } = (get.json as { data: { certificate: { verify: Flagged } } }).data;
      const { records: shown } = (records.json as { data: { records: Flagged[] } }).data;
      return [certificate.verify, ...shown].map((verify) => verify.can_cancel);
    };
    expect(await flags()).toEqual([before, before]);
    clock.advance(60 * MINUTE_MS);
    expect(await flags()).toEqual([after, after]);
  });
});

describe('cancel_token', () => {
  it('is remembered as long as its setting says', async () => {
    const { clock, douyin, body } = await verified({}, { cancelTokenWindowMs: MINUTE_MS });
    const withToken = { ...body, cancel_token: 'c-1' };
    await douyin.cancel(withToken);
    expect(resultCodesOf(await douyin.cancel(withToken))).toEqual([0]);
    expect(resultCodesOf(await douyin.cancel({ ...body, cancel_token: 'c-2' }))).toEqual([1265]);
    clock.advance(MINUTE_MS);
    expect(resultCodesOf(await douyin.cancel(withToken))).toEqual([1265]);
  });

  it('is ignored or refused where stores settle by themselves, and by setting only', async () => {
    const ignoring = await verified({}, { cancelTokenPerStore: 'ignored' });
    const withToken = { ...ignoring.body, cancel_token: 'c-1' };
    expect(resultCodesOf(await ignoring.douyin.cancel(withToken))).toEqual([0]);
    expect(resultCodesOf(await ignoring.douyin.cancel(withToken))).toEqual([1265]);
    const refusing = await verified({}, { cancelTokenPerStore: 'refused' });
    expect(codesOf(await refusing.douyin.cancel({ ...refusing.body, cancel_token: 'c-1' }))).toEqual(
      refusedWith(2100005),
    );
    expect(refusing.simulator.state.counters().cancelled).toBe(0);
    const central = await verified({ perStoreSettlement: false }, { cancelTokenPerStore: 'refused' });
    expect(resultCodesOf(await central.douyin.cancel({ ...central.body, cancel_token: 'c-1' }))).toEqual([0]);
  });
});

describe('several uses of a times card', () => {
  async function usedTwice(settings: Partial<Settings> = {}) {
    const made = await verified({ kind: 'times_card', timesCount: 4 }, settings);
    const { simulator, douyin, order } = made;
    const body = verifyBody(order, await douyin.prepared(simulator.state.refreshQr(order.orderId)));
    await douyin.verify({ ...body, encrypted_codes: Array(2).fill(body.encrypted_codes[0]) });
    const uses = simulator.state.uses();
    const batch = (verifyIds: unknown, change: object = {}) =>
      douyin.cancel({
        verify_id: '0',
        certificate_id: '0',
        batch_cancel_info: { order_id: order.orderId, verify_id_list: verifyIds },
        ...change,
      });
    const count = (times: number, change: object = {}) =>
      douyin.cancel({
        verify_id: '0',
        certificate_id: order.coupons[0]?.certificateId,
        times_card_cancel_count: times,
        ...change,
      });
    return { ...made, uses, verifyIds: uses.map((use) => use.verifyId), batch, count };
  }
  const inForce = (uses: { cancelledAtMs: number | null }[]) =>
    uses.filter((use) => use.cancelledAtMs === null).length;

  it('are taken back by batch_cancel_info in one step', async () => {
    const { batch, verifyIds, simulator } = await usedTwice();
    const [first, second] = verifyIds;
    expect((await batch([first, second])).json).toMatchObject({
      data: {
        cancel_results: [
          { verify_id: first, result_code: 0 },
          { verify_id: second, result_code: 0 },
        ],
      },
    });
    expect(inForce(simulator.state.uses())).toBe(1);
    expect(simulator.state.calls({ endpoint: 'cancel' })[0]).toMatchObject({
      facts: { verifyIds: [first, second] },
      effects: 2,
    });
  });

  it('are taken back all or none', async () => {
    const { batch, verifyIds, douyin, simulator, uses } = await usedTwice();
    await douyin.cancel({ verify_id: verifyIds[0], certificate_id: uses[0]?.certificateId });
    expect(codesOf(await batch(verifyIds))).toEqual(refusedWith(1265));
    expect(codesOf(await batch([verifyIds[1], '1']))).toEqual(refusedWith(1033000519));
    expect(inForce(simulator.state.uses())).toBe(2);
  });

  it('are a repeat of the same batch by its cancel_token', async () => {
    const { batch, verifyIds, simulator } = await usedTwice();
    expect(resultCodesOf(await batch(verifyIds, { cancel_token: 'c-1' }))).toEqual([0, 0, 0]);
    expect(resultCodesOf(await batch(verifyIds, { cancel_token: 'c-1' }))).toEqual([0, 0, 0]);
    expect(codesOf(await batch(verifyIds, { cancel_token: 'c-2' }))).toEqual(refusedWith(1265));
    expect(simulator.state.counters().cancelled).toBe(3);
  });

  it.each([
    ['an id beside it', [], { verify_id: '1' }],
    ['an empty list', [], {}],
    ['ids that are no texts', [1], {}],
    ['no order', ['1'], { batch_cancel_info: { verify_id_list: ['1'] } }],
  ])('are refused with %s', async (_what, verifyIds, change) => {
    const { batch, simulator } = await usedTwice();
    expect(codesOf(await batch(verifyIds, change))).toEqual(refusedWith(2100005));
    expect(simulator.state.counters().cancelled).toBe(0);
  });

  it('are not for ordinary coupons', async () => {
    const { douyin, body, order } = await verified();
    const several = { batch_cancel_info: { order_id: order.orderId, verify_id_list: [body.verify_id] } };
    expect(codesOf(await douyin.cancel({ verify_id: '0', certificate_id: '0', ...several }))).toEqual(
      refusedWith(2100005),
    );
    const counted = { verify_id: '0', certificate_id: body.certificate_id, times_card_cancel_count: 1 };
    expect(codesOf(await douyin.cancel(counted))).toEqual(refusedWith(2100005));
  });

  it('by a count are taken back again by a repeat, unless its cancel_token is remembered', async () => {
    const plain = await usedTwice();
    expect(resultCodesOf(await plain.count(1))).toEqual([0]);
    expect(inForce(plain.simulator.state.uses())).toBe(2);
    await plain.count(1);
    expect(inForce(plain.simulator.state.uses())).toBe(1);
    expect(codesOf(await plain.count(2))).toEqual(refusedWith(1265));
    const named = await usedTwice();
    await named.count(1, { cancel_token: 'c-1' });
    expect(resultCodesOf(await named.count(1, { cancel_token: 'c-1' }))).toEqual([0]);
    expect(inForce(named.simulator.state.uses())).toBe(2);
    expect(named.simulator.state.uses().at(-1)?.cancelToken).toBe('c-1');
  });

  it('by a count that is none are refused', async () => {
    const { count } = await usedTwice();
    for (const times of [0, -1, 1.5]) expect(codesOf(await count(times))).toEqual(refusedWith(2100005));
  });
});
