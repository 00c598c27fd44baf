import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Verification } from '../../src/domain/verification.ts';
import type { FaultInput, OrderInput } from '../../src/simulator/simulator.ts';
import { type Bench, databaseAway, openBench, type Runner } from './support.ts';

let bench: Bench;
let runner: Runner;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
beforeEach(() => {
  runner = bench.startRunner();
});
afterEach(() => {
  bench.state.clearFaults();
});

type Expected = Partial<Verification>;

async function accept(order: OrderInput = {}) {
  const made = bench.state.createOrder(order);
  const coupon = made.coupons[0]!;
  return { key: await bench.accept({ requestValue: coupon.code }), order: made, coupon };
}

describe('prepareCoupon', () => {
  it('stores Douyin’s token and the coupon, and runs once', async () => {
    const { key, order, coupon } = await accept();
    expect(await runner.activities.prepareCoupon(key)).toEqual({ state: 'open' });
    expect(await runner.activities.prepareCoupon(key)).toEqual({ state: 'open' });
    expect(await bench.row(key)).toMatchObject({
      step: 'prepared',
      orderId: order.orderId,
      encryptedCode: coupon.encryptedCode,
      certificateId: coupon.certificateId,
      couponStatus: 'UNUSED',
    });
    expect(bench.state.calls({ endpoint: 'prepare', orderId: order.orderId })).toHaveLength(1);
  });

  it.each<[string, Omit<FaultInput, 'orderId' | 'endpoints'>, Expected]>([
    ['a busy Douyin', { kind: 'error-code-before-effect', code: 2119002 }, { reason: 'douyin.unavailable', errorCode: 2119002 }],
    ['a 5xx', { kind: 'http-5xx-after-effect' }, { reason: 'douyin.unavailable' }],
    ['what is no JSON', { kind: 'not-json-after-effect' }, { reason: 'douyin.unavailable' }],
    ['silence', { kind: 'hang-before-effect' }, { reason: 'douyin.unavailable' }],
    ['a missing verify_token', { kind: 'verify-token-empty' }, { reason: 'douyin.unavailable' }],
    ['a missing order', { kind: 'order-id-absent' }, { reason: 'douyin.unavailable' }],
    ['an order whose id says nothing', { kind: 'ids-empty' }, { reason: 'douyin.unavailable' }],
    ['a refused gateway', { kind: 'ip-not-listed' }, { reason: 'douyin.refused_gateway', errorCode: 2100007 }],
  ])('by %s ends without an attempt, and the same token may try again', async (_what, fault, expected) => {
    const { key, order } = await accept();
    bench.state.addFault({ endpoints: ['prepare'], orderId: order.orderId, ...fault });
    expect(await runner.activities.prepareCoupon(key)).toMatchObject({ state: 'closed', reason: expected.reason });
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'failed', step: 'not_attempted', ...expected });
  }); // prettier-ignore

  it.each<[string, OrderInput, Expected]>([
    [
      'an order that lists nothing usable',
      { couponStatus: 'refunded' },
      { reason: 'coupon.none_usable', errorCode: 0 },
    ],
    ['a coupon that is being given away', { status: 'gifted' }, { errorCode: 2119006 }],
    ['an order that is not paid', { status: 'unpaid' }, { errorCode: 2119007 }],
    ['a wrong store', { poiIds: ['7182937465123456791'] }, { errorCode: 3000002 }],
  ])('of %s is a final refusal', async (_what, order, expected) => {
    const { key } = await accept(order);
    expect(await runner.activities.prepareCoupon(key)).toMatchObject({
      state: 'closed',
      verifyStatus: 'failed',
    });
    expect(await bench.row(key)).toMatchObject({ verifyStatus: 'failed', step: 'settled', ...expected });
  });

  it('of a code Douyin does not know is a final refusal', async () => {
    const key = await bench.accept({ requestValue: '999999999999999' });
    expect(await runner.activities.prepareCoupon(key)).toMatchObject({ state: 'closed', errorCode: 1212 });
  });

  it('says what is wrong with an expired coupon that Douyin still lists', async () => {
    bench.state.changeSettings({ listExpired: true });
    const { key } = await accept({ expireTime: Math.floor(bench.clock.nowMs / 1000) - 60 });
    expect(await runner.activities.prepareCoupon(key)).toMatchObject({
      verifyStatus: 'failed',
      reason: 'coupon.none_usable',
    });
    expect(await bench.row(key)).toMatchObject({ reasonDetail: 'expired', errorDescription: '' });
    bench.state.changeSettings({ listExpired: false });
  });

  it('takes the first usable coupon, not the first', async () => {
    const { key, order } = await accept({ coupons: 3 });
    bench.state.changeCoupon(order.coupons[0]!.certificateId, { action: 'set_status', status: 'refunding' });
    await runner.activities.prepareCoupon(key);
    expect(await bench.row(key)).toMatchObject({ certificateId: order.coupons[1]!.certificateId });
  });

  it('is kept until the database takes it: one prepare, however often it broke off', async () => {
    const { key, order } = await accept();
    runner.interpose('before', 'storePrepared', () => databaseAway(false));
    expect(await runner.activities.prepareCoupon(key)).toEqual({ state: 'open' });
    expect(bench.state.calls({ endpoint: 'prepare', orderId: order.orderId })).toHaveLength(1);
  });

  it.each(['stored_value_card', 'dynamic_voucher'] as const)(
    'refuses a %s in words, before anything is sent',
    async (kind) => {
      const { key, order } = await accept({ kind });
      expect(await runner.activities.prepareCoupon(key)).toMatchObject({
        state: 'closed',
        verifyStatus: 'failed',
        reason: 'coupon.kind_not_supported',
      });
      expect(await bench.row(key)).toMatchObject({ step: 'settled', sendCount: 0 });
      expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(0);
    },
  );

  describe('for an app that lost its right since it asked', () => {
    it.each([
      ['disabled', `status = 'disabled'`, 'app.disabled'],
      ['fenced off', `poi_ids = '{other}'`, 'app.poi_not_allowed'],
    ])('%s: nothing goes to Douyin', async (_how, change, reason) => {
      const { key, order } = await accept();
      await bench.query(`update apps set ${change} where id = ${bench.app.id}`);
      expect(await runner.activities.prepareCoupon(key)).toMatchObject({ state: 'closed', reason });
      await bench.query(`update apps set status = 'active', poi_ids = '{}' where id = ${bench.app.id}`);
      expect(bench.state.calls({ orderId: order.orderId })).toHaveLength(0);
      const second = await accept();
      await runner.activities.prepareCoupon(second.key);
      await bench.query(`update apps set ${change} where id = ${bench.app.id}`);
      expect(await runner.activities.verifyCoupon(second.key)).toMatchObject({ state: 'closed', reason });
      await bench.query(`update apps set status = 'active', poi_ids = '{}' where id = ${bench.app.id}`);
      expect(bench.state.calls({ endpoint: 'verify', orderId: second.order.orderId })).toHaveLength(0);
    });
  });

  it('names our own redemption of minutes ago when the customer shows the same code again', async () => {
    const order = bench.state.createOrder();
    const request = { mode: 'short_link', requestValue: order.shortLink } as const;
    const first = await bench.accept(request);
    await runner.activities.resolveShortLink(first);
    await runner.activities.prepareCoupon(first);
    expect(await runner.activities.verifyCoupon(first)).toMatchObject({ verifyStatus: 'success' });
    const again = await bench.accept(request);
    await runner.activities.resolveShortLink(again);
    expect(await runner.activities.prepareCoupon(again)).toMatchObject({ errorCode: 45005117 });
    expect(await bench.row(again)).toMatchObject({ relatedVerificationId: first.verificationId });
  });

  describe('while another verification of the order is in doubt', () => {
    /** A coupon of the order was sent, and nobody knows what became of it. */
    async function inDoubt(coupons = 2) {
      const order = bench.state.createOrder({ coupons });
      const request = { mode: 'short_link', requestValue: order.shortLink } as const;
      const first = await bench.accept(request);
      await runner.activities.resolveShortLink(first);
      await runner.activities.prepareCoupon(first);
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await runner.activities.verifyCoupon(first);
      const { shortLink } = bench.state.refreshQr(order.orderId);
      const again = await bench.accept({ ...request, requestValue: shortLink });
      await runner.activities.resolveShortLink(again);
      return { order, first, again };
    }
    const redeemed = (orderId: string) => bench.state.ledger({ orderId, kind: 'verified' });

    it('a second scan redeems nothing, and says for which one it waits', async () => {
      const { order, first, again } = await inDoubt();
      expect(await runner.activities.prepareCoupon(again)).toMatchObject({
        state: 'closed',
        reason: 'coupon.sibling_in_doubt',
      });
      expect(await bench.row(again)).toMatchObject({
        step: 'not_attempted',
        relatedVerificationId: first.verificationId,
      });
      expect(redeemed(order.orderId)).toHaveLength(1);
    });

    it('goes on with what is left once that one is decided while it waits', async () => {
      const { order, first, again } = await inDoubt();
      runner.interpose('after', 'findSiblingInDoubt', () =>
        bench.startRunner().activities.verifyCoupon(first),
      );
      expect(await runner.activities.prepareCoupon(again)).toEqual({ state: 'open' });
      expect(await bench.row(again)).toMatchObject({ certificateId: order.coupons[1]!.certificateId });
      expect(await runner.activities.verifyCoupon(again)).toMatchObject({ verifyStatus: 'success' });
      expect(redeemed(order.orderId)).toHaveLength(2);
    });

    it('holds for one that was prepared before the other one was sent, too', async () => {
      const order = bench.state.createOrder({ coupons: 2 });
      const keys = [
        await bench.prepared({ requestValue: order.coupons[0]!.code }),
        await bench.prepared({ requestValue: order.coupons[1]!.code }),
      ] as const;
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await runner.activities.verifyCoupon(keys[0]);
      expect(await runner.activities.verifyCoupon(keys[1])).toEqual({ state: 'open' });
      // The coupon that it had picked explains nothing any more.
      expect(await bench.row(keys[1])).toMatchObject({
        step: 'accepted',
        douyinVerifyToken: '',
        certificateId: '',
        encryptedCode: '',
        orderId: order.orderId,
      });
      expect(await runner.activities.prepareCoupon(keys[1])).toMatchObject({
        reason: 'coupon.sibling_in_doubt',
      });
      expect(redeemed(order.orderId)).toHaveLength(1);
    });

    it('lets two tills that count at the same moment through one after the other', async () => {
      const order = bench.state.createOrder({ coupons: 2 });
      const keys = await Promise.all(
        order.coupons.map((coupon) => bench.prepared({ requestValue: coupon.code })),
      );
      const runners = [bench.startRunner(), bench.startRunner()];
      bench.state.addFault({ kind: 'latency-before-effect', endpoints: ['verify'], delayMs: 100 });
      const progress = await Promise.all(
        keys.map((key, position) => runners[position]!.activities.verifyCoupon(key)),
      );
      expect(progress.map(({ state }) => state).toSorted()).toEqual(['closed', 'open']);
      const held = keys[progress.findIndex(({ state }) => state === 'open')]!;
      expect(await runner.activities.prepareCoupon(held)).toEqual({ state: 'open' });
      expect(await runner.activities.verifyCoupon(held)).toMatchObject({ verifyStatus: 'success' });
      expect(redeemed(order.orderId)).toHaveLength(2);
    });

    it.each(['order', 'coupon'] as const)(
      'holds a plain code after a QR, although it lists one coupon: whose that is nobody knows (codes list the %s)',
      async (plainCodeLists) => {
        bench.state.changeSettings({ plainCodeLists });
        const { order, first } = await inDoubt();
        const key = await bench.accept({ requestValue: order.coupons[1]!.code });
        expect(await runner.activities.prepareCoupon(key)).toMatchObject({
          reason: 'coupon.sibling_in_doubt',
        });
        expect(await bench.row(key)).toMatchObject({ relatedVerificationId: first.verificationId });
        expect(redeemed(order.orderId)).toHaveLength(1);
        bench.state.changeSettings({ plainCodeLists: 'order' });
      },
    );

    it('does not send a plain code that was prepared before the QR’s verify was lost', async () => {
      bench.state.changeSettings({ plainCodeLists: 'coupon' });
      const order = bench.state.createOrder({ coupons: 2 });
      const typed = await bench.prepared({ requestValue: order.coupons[1]!.code });
      const scanned = await bench.accept({ mode: 'short_link', requestValue: order.shortLink });
      await runner.activities.resolveShortLink(scanned);
      await runner.activities.prepareCoupon(scanned);
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await runner.activities.verifyCoupon(scanned);
      expect(await runner.activities.verifyCoupon(typed)).toEqual({ state: 'open' });
      expect(await bench.row(typed)).toMatchObject({ step: 'accepted' });
      expect(redeemed(order.orderId)).toHaveLength(1);
      bench.state.changeSettings({ plainCodeLists: 'order' });
    });

    it('does not hold a plain code that is another coupon’s own, as the one in doubt shows', async () => {
      bench.state.changeSettings({ plainCodeLists: 'coupon' });
      const order = bench.state.createOrder({ coupons: 2 });
      const first = await bench.prepared({ requestValue: order.coupons[0]!.code });
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await runner.activities.verifyCoupon(first);
      const key = await bench.accept({ requestValue: order.coupons[1]!.code });
      expect(await runner.activities.prepareCoupon(key)).toEqual({ state: 'open' });
      expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'success' });
      bench.state.changeSettings({ plainCodeLists: 'order' });
    });

    it('holds a plain code that stands for its order, although it lists one coupon by now', async () => {
      const order = bench.state.createOrder({ coupons: 2 });
      const { code } = order.coupons[0]!;
      const first = await bench.prepared({ requestValue: code });
      bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
      await runner.activities.verifyCoupon(first);
      for (const requestValue of order.coupons.map((coupon) => coupon.code)) {
        const again = await bench.accept({ requestValue });
        expect(await runner.activities.prepareCoupon(again)).toMatchObject({
          reason: 'coupon.sibling_in_doubt',
        });
      }
      expect(redeemed(order.orderId)).toHaveLength(1);
    });

    it('does not hold a caller that has prepared by itself', async () => {
      const { order } = await inDoubt();
      const key = await bench.preparedByCaller(order.coupons[1]!.code);
      expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'success' });
    });
  });

  describe('two runners of one verification', () => {
    it('keep the first one’s token', async () => {
      const { key } = await accept();
      const other = bench.startRunner();
      let first = '';
      runner.interpose('before', 'storePrepared', async () => {
        await other.activities.prepareCoupon(key);
        first = (await bench.row(key)).douyinVerifyToken;
      });
      expect(await runner.activities.prepareCoupon(key)).toEqual({ state: 'open' });
      expect(first).not.toBe('');
      expect((await bench.row(key)).douyinVerifyToken).toBe(first);
    });

    it.each(['lost', 'known'] as const)(
      'do not end as failed when one’s prepare is refused for what the other one redeemed, the answer being %s',
      async (answer) => {
        const { key, order } = await accept();
        const other = bench.startRunner();
        if (answer === 'lost') {
          bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
        }
        // The other one prepares and redeems between this one's look at the row and its prepare.
        runner.interpose('after', 'findGuarded', async () => {
          await other.activities.prepareCoupon(key);
          await other.activities.verifyCoupon(key);
        });
        await runner.activities.prepareCoupon(key);
        expect(await runner.activities.verifyCoupon(key)).toMatchObject({ verifyStatus: 'success' });
        expect(bench.state.ledger({ orderId: order.orderId })).toHaveLength(1);
      },
    );

    it('are not closed by one’s lost prepare once the other one has sent', async () => {
      const { key, order } = await accept();
      const other = bench.startRunner();
      runner.interpose('after', 'findGuarded', async () => {
        bench.state.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId: order.orderId });
        await other.activities.prepareCoupon(key);
        await other.activities.verifyCoupon(key);
        bench.state.addFault({
          kind: 'http-5xx-before-effect',
          endpoints: ['prepare'],
          orderId: order.orderId,
        });
      });
      expect(await runner.activities.prepareCoupon(key)).toMatchObject({ state: 'unknown' });
      expect(await bench.row(key)).toMatchObject({ verifyStatus: 'processing', step: 'sent' });
    });
  });
});

describe('resolveShortLink', () => {
  it('stores what the link names, once', async () => {
    const order = bench.state.createOrder();
    const key = await bench.accept({ mode: 'short_link', requestValue: order.shortLink });
    expect(await runner.activities.resolveShortLink(key)).toEqual({ state: 'open' });
    expect(await runner.activities.resolveShortLink(key)).toEqual({ state: 'open' });
    expect(await bench.row(key)).toMatchObject({ encryptedData: order.encryptedData, step: 'accepted' });
    expect((await bench.eventsOf(key)).filter((kind) => kind === 'short_link_resolved')).toHaveLength(1);
  });

  it.each([
    ['page', 'coupon.short_link_invalid'],
    ['gone', 'coupon.short_link_invalid'],
    ['without_object_id', 'coupon.short_link_invalid'],
    ['server_error', 'douyin.unavailable'],
  ] as const)('of a link that is %s ends without an attempt: %s', async (shortLinkVariant, reason) => {
    const order = bench.state.createOrder({ shortLinkVariant });
    const key = await bench.accept({ mode: 'short_link', requestValue: order.shortLink });
    expect(await runner.activities.resolveShortLink(key)).toMatchObject({ state: 'closed', reason });
    expect(await bench.row(key)).toMatchObject({ step: 'not_attempted', reason });
  });

  it('of a host that is not listed asks nobody', async () => {
    const key = await bench.accept({ mode: 'short_link', requestValue: 'https://example.com/s/x/' });
    expect(await runner.activities.resolveShortLink(key)).toMatchObject({
      reason: 'coupon.short_link_invalid',
    });
  });
});
