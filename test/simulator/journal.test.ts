// A simulator that is started again on its journal remembers everything, and its ids never repeat.
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator } from '../../src/simulator/simulator.ts';
import {
  codesOf,
  OTHER_STORE,
  refusedWith,
  resultsOf,
  standingClock,
  start,
  STORE,
  verifyBody,
} from './support.ts';

let folder: string;
let dataFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  dataFile = join(folder, 'journal.jsonl');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A journal as it was written before events had two times and orders their newer fields. */
function olderJournal(text: string): string {
  const newerFields = [
    'trueAtMs',
    'qrNumber',
    'verifiedBy',
    'cancelledBy',
    'alsoVerifyIds',
    'payAmountsFen',
    'receiptAmountFen',
    'serialPayAmountsFen',
  ];
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const event = JSON.parse(line) as { spec?: object };
      const strip = (part: object) =>
        Object.fromEntries(Object.entries(part).filter(([name]) => !newerFields.includes(name)));
      return `${JSON.stringify({ ...strip(event), ...(event.spec && { spec: strip(event.spec) }) })}\n`;
    })
    .join('');
}

describe('a restart on the same journal', () => {
  it('reads one of an older version', async () => {
    const clock = standingClock();
    const before = await start({ dataFile, clock: clock.now });
    const { state } = before.simulator;
    const order = state.createOrder({ coupons: 2 });
    await before.douyin.verify(verifyBody(order, await before.douyin.prepared(order)));
    state.useCouponAtTill(order.coupons[1]?.certificateId ?? '', { poiId: STORE });
    const uses = state.uses();
    await before.douyin.cancel({ verify_id: uses[0]?.verifyId, certificate_id: uses[0]?.certificateId });
    const remembered = state.uses();
    await before.simulator.close();
    await writeFile(dataFile, olderJournal(await readFile(dataFile, 'utf8')));

    const after = await start({ dataFile, clock: clock.now });
    expect(after.simulator.state.uses()).toEqual(remembered);
    const { douyin } = after;
    const renewed = await douyin.prepared(after.simulator.state.refreshQr(order.orderId));
    expect(resultsOf(await douyin.verify(verifyBody(order, renewed)))).toEqual([0]);
    expect((await douyin.orders({ order_id: order.orderId })).json).toMatchObject({
      data: { orders: [{ pay_amount: 15_800, receipt_amount: '15800' }] },
    });
  });

  it('finds orders, coupons, tokens, prepares, effects and cancellations', async () => {
    const clock = standingClock();
    const before = await start({ dataFile, clock: clock.now });
    const { state } = before.simulator;
    const orders = state.createOrders({ coupons: 2 }, 3);
    const [verified, cancelled, other] = orders;
    if (verified === undefined || cancelled === undefined || other === undefined)
      throw new Error('three orders');
    const token = await before.douyin.prepared(verified);
    await before.douyin.verify(verifyBody(verified, token));
    await before.douyin.verify(verifyBody(cancelled, await before.douyin.prepared(cancelled)));
    const line = state.ledger()[1];
    await before.douyin.cancel({ verify_id: line?.verifyId, certificate_id: line?.certificateId });
    state.useCouponAtTill(other.coupons[0]?.certificateId ?? '', { poiId: OTHER_STORE });
    state.changeCoupon(other.coupons[1]?.certificateId ?? '', { action: 'set_status', status: 'refunding' });
    state.changeOrder(other.orderId, { status: 'gifted', poiIds: [STORE] });
    state.refreshQr(cancelled.orderId);
    const remembered = {
      ledger: state.ledger(),
      orders: state.listOrders().items.map(({ shortLink: _changesWithThePort, ...order }) => order),
      truth: state.truth(token)?.effects,
    };
    await before.simulator.close();

    const after = await start({ dataFile, clock: clock.now });
    after.douyin.token = before.douyin.token;
    const found = after.simulator.state;
    expect({
      ledger: found.ledger(),
      orders: found.listOrders().items.map(({ shortLink: _changesWithThePort, ...order }) => order),
      truth: found.truth(token)?.effects,
    }).toEqual(remembered);
    const replay = await after.douyin.verify(verifyBody(verified, token));
    expect(resultsOf(replay)).toEqual([0]);
    const changed = await after.douyin.verify(verifyBody(verified, token, 2));
    expect(codesOf(changed)).toEqual(refusedWith(2100005));
    expect(found.ledger()).toHaveLength(remembered.ledger.length);
  });

  it('gives new orders new ids, and calls new call ids', async () => {
    const first = await start({ dataFile });
    const made = first.simulator.state.createOrders({}, 3);
    await first.douyin.stores();
    const callId = first.simulator.state.calls()[0]?.callId;
    await first.simulator.close();
    const second = await start({ dataFile, seed: 'another' });
    const added = second.simulator.state.createOrders({}, 3);
    const ids = [...made, ...added].flatMap((order) => [
      order.orderId,
      ...order.coupons.map((coupon) => coupon.certificateId),
    ]);
    expect(new Set(ids).size).toBe(12);
    await second.douyin.stores();
    expect(second.simulator.state.calls()[0]?.callId).not.toBe(callId);
  });

  it('decides a risk review that was open', async () => {
    const clock = standingClock();
    const before = await start({ dataFile, clock: clock.now });
    const order = before.simulator.state.createOrder();
    const token = await before.douyin.prepared(order);
    before.simulator.state.addFault({ kind: 'risk-review-passes', durationMs: 1000 });
    await before.douyin.verify(verifyBody(order, token));
    await before.simulator.close();
    const after = await start({ dataFile, clock: clock.now });
    expect(after.simulator.state.truth(token)).toMatchObject({ effect: 'none', isInReview: true });
    clock.advance(1000);
    expect(after.simulator.state.truth(token)).toMatchObject({ effect: 'verified', isInReview: false });
  });

  it('has an effect in the journal before its answer is sent', async () => {
    const { simulator, douyin } = await start({ dataFile });
    const order = simulator.state.createOrder();
    const token = await douyin.prepared(order);
    simulator.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'] });
    await expect(douyin.verify(verifyBody(order, token))).rejects.toThrow();
    expect(await readFile(dataFile, 'utf8')).toContain(`"type":"judged","verifyToken":"${token}"`);
  });

  it('drops a last line that was being written when the process died', async () => {
    const before = await start({ dataFile });
    before.simulator.state.createOrder();
    await before.simulator.close();
    await appendFile(dataFile, '{"type":"order_cre');
    const after = await start({ dataFile });
    after.simulator.state.createOrder();
    await after.simulator.close();
    const again = await start({ dataFile });
    expect(again.simulator.state.listOrders().total).toBe(2);
  });

  it('refuses a damaged journal and names the line', async () => {
    await writeFile(dataFile, '{"type":"opened","version":1,"seed":"s","run":1,"atMs":0}\n{"type":\n{}\n');
    await expect(startSimulator({ dataFile })).rejects.toThrow('damaged at line 2');
  });

  it('refuses a journal of another version', async () => {
    await writeFile(dataFile, '{"type":"opened","version":99,"seed":"s","run":1,"atMs":0}\n');
    await expect(startSimulator({ dataFile })).rejects.toThrow('version 99');
  });

  it('remembers a reset as well, and goes on with new ids', async () => {
    const before = await start({ dataFile });
    const order = before.simulator.state.createOrder();
    await before.douyin.accessToken();
    before.simulator.state.reset();
    expect(before.simulator.state.counters()).toMatchObject({ orders: 0, total: 0, verifyTokens: 0 });
    await before.simulator.close();
    const after = await start({ dataFile });
    expect(after.simulator.state.listOrders().total).toBe(0);
    expect(after.simulator.state.createOrder().orderId).not.toBe(order.orderId);
    after.douyin.token = before.douyin.token;
    expect(codesOf(await after.douyin.stores()).data).toBe(0);
  });
});

describe('ids', () => {
  it('follow from the seed and the order’s number alone', async () => {
    const made = [];
    for (const seed of ['one', 'one', 'two']) {
      const { simulator, douyin } = await start({ seed });
      const orders = simulator.state.createOrders({ coupons: 2 }, 3);
      const last = orders[2];
      if (last === undefined) throw new Error('three orders were asked for');
      // Other orders' calls in between must not matter.
      if (made.length === 1) await douyin.prepared(orders[0] ?? last);
      const verifyToken = await douyin.prepared(last);
      await douyin.verify(verifyBody(last, verifyToken));
      const { orderId, shortLinkId, encryptedData } = last;
      made.push({
        orderId,
        shortLinkId,
        encryptedData,
        verifyToken,
        verifyId: simulator.state.ledger()[0]?.verifyId,
      });
    }
    expect(made[1]).toEqual(made[0]);
    for (const [name, value] of Object.entries(made[2] ?? {})) {
      expect(value).not.toBe(made[0]?.[name as keyof (typeof made)[0]]);
    }
  });

  it('are unique, 19 digits, and cannot be held by a double', async () => {
    const { simulator } = await start();
    const orders = Array.from({ length: 3 }, () => simulator.state.createOrders({ coupons: 10 }, 300)).flat();
    const coupons = orders.flatMap((order) => order.coupons);
    const columns = {
      orderId: orders.map((order) => order.orderId),
      certificateId: coupons.map((coupon) => coupon.certificateId),
    };
    for (const ids of Object.values(columns)) {
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter((id) => !/^\d{19}$/.test(id) || BigInt(Number(id)) === BigInt(id))).toEqual([]);
    }
    for (const values of [
      coupons.map((coupon) => coupon.code),
      coupons.map((coupon) => coupon.encryptedCode),
      orders.map((order) => order.shortLinkId),
      orders.map((order) => order.encryptedData),
    ]) {
      expect(new Set(values).size).toBe(values.length);
    }
  });
});
