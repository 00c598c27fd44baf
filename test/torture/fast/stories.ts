// What happens to the coupons of one seed: who is after them beside the till, and what customers and cashiers do meanwhile.
import type { CouponView, OrderView } from '../../../src/simulator/views.ts';
import type { Random } from './random.ts';
import { type Shop, STORES, type Story } from './sales.ts';

const [STORE = '', OTHER_STORE = ''] = STORES;
/** How long a cashier waits before scanning again what is still being settled. */
const RESCAN_AFTER_MS = 3000;

const STORIES: readonly { readonly weight: number; readonly story: Story }[] = [
  {
    weight: 50,
    story: (shop) => {
      const order = shop.order({ coupons: shop.parts.random.chance(0.15) ? 2 : 1, meals: 1 });
      return [shop.sale(order, first(order))];
    },
  },
  {
    // Several tills after one coupon, in one store or in two.
    weight: 15,
    story: (shop) => {
      const { random } = shop.parts;
      const order = shop.order();
      return Array.from({ length: random.between(2, 3) }, () =>
        shop.sale(order, first(order), {
          poiId: random.chance(0.7) ? STORE : OTHER_STORE,
          afterMs: random.between(0, 15_000),
        }),
      );
    },
  },
  {
    // A times card, each sale one use; sometimes more sales than uses.
    weight: 12,
    story: (shop) => {
      const { random } = shop.parts;
      const order = shop.order({ kind: 'times_card', timesCount: random.between(1, 5) });
      return Array.from({ length: random.between(2, 4) }, () =>
        shop.sale(order, first(order), {
          mode: random.pick(['code', 'code', 'encrypted_code']),
          poiId: random.chance(0.8) ? STORE : OTHER_STORE,
          afterMs: random.between(0, 20_000),
        }),
      );
    },
  },
  {
    // One meal: what is not told at once is scanned again, with a new token, from a refreshed code.
    weight: 8,
    story: (shop) => [rescan(shop)],
  },
  {
    // A till outside of the API is after it too.
    weight: 7,
    story: (shop) => {
      const { random, stage } = shop.parts;
      const order = shop.order();
      stage.setTimer(random.between(0, 20_000), () => useInDouyin(shop, order));
      return [shop.sale(order, first(order))];
    },
  },
  {
    // Used in Douyin's own app and taken back there, before or while we are after it; ours may be taken back too.
    weight: 6,
    story: (shop) => {
      const { random, stage } = shop.parts;
      const order = shop.order();
      if (random.chance(0.5)) {
        useInDouyin(shop, order);
        if (random.chance(0.5)) cancelInDouyin(shop, order);
        else stage.setTimer(random.between(0, 20_000), () => cancelInDouyin(shop, order));
      } else {
        stage.setTimer(random.between(0, 40_000), () => cancelInDouyin(shop, order));
      }
      return Array.from({ length: random.between(1, 2) }, () =>
        shop.sale(order, first(order), {
          mode: random.pick(['code', 'encrypted_code']),
          afterMs: random.between(0, 30_000),
        }),
      );
    },
  },
  {
    // The customer asks the money back meanwhile.
    weight: 5,
    story: (shop) => {
      const { random, stage, state } = shop.parts;
      const order = shop.order();
      stage.setTimer(random.between(0, 20_000), () => {
        const coupon = state.getCoupon(first(order).certificateId);
        if (coupon.status !== 'unused' || coupon.isInReview) return;
        const status = random.pick(['refund_applied', 'refunded', 'refunding'] as const);
        state.changeCoupon(coupon.certificateId, { action: 'set_status', status });
        shop.noteChange(order.orderId, status);
        if (status === 'refunded' || random.chance(0.5)) return;
        stage.setTimer(random.between(1000, 600_000), () => {
          if (state.getCoupon(coupon.certificateId).status !== status) return;
          state.changeCoupon(coupon.certificateId, { action: 'withdraw_refund' });
        });
      });
      return [shop.sale(order, first(order))];
    },
  },
  {
    // Two apps were handed the same token of Douyin's.
    weight: 3,
    story: (shop) => {
      const { random, apps } = shop.parts;
      const kind = random.chance(0.3) ? 'times_card' : 'groupon';
      const order = shop.order({ kind, timesCount: 3 });
      return [
        (async () => {
          const prepared = await shop.prepare(order, STORE);
          if (!prepared) return;
          await Promise.all(
            apps.map((_, app) =>
              shop.sale(order, first(order), { app, prepared, afterMs: random.between(0, 60_000) }),
            ),
          );
        })(),
      ];
    },
  },
  {
    // Douyin looks at it for up to two days.
    weight: 1,
    story: (shop) => {
      const { random, state } = shop.parts;
      const order = shop.order({ meals: 1 });
      state.addFault({
        kind: random.pick(['risk-review-passes', 'risk-review-fails']),
        endpoints: ['verify'],
        orderId: order.orderId,
        durationMs: random.between(60_000, 47 * 3_600_000),
      });
      return [shop.sale(order, first(order))];
    },
  },
  {
    weight: 2,
    story: (shop) => {
      const order = shop.order({
        flaw: 'its short link',
        shortLinkVariant: shop.parts.random.pick(['page', 'gone', 'without_object_id', 'server_error']),
      });
      return [shop.sale(order, first(order), { mode: 'short_link' })];
    },
  },
];

/** Good coupons, one till each, nothing beside them: with nothing in the way they succeed at the first request. */
export const CONTROL: Story = (shop) => {
  const order = shop.order({ meals: 1 });
  return [shop.sale(order, first(order), { isControl: true, asks: 1 })];
};

async function rescan(shop: Shop): Promise<void> {
  const { random, stage, state } = shop.parts;
  const order = shop.order({ coupons: random.between(1, 3), meals: 1 });
  const mode = random.pick(['short_link', 'code'] as const);
  let shown = order;
  for (let scans = 1; scans <= 3; scans += 1) {
    const heard = await shop.sale(shown, first(order), { mode, asks: random.between(1, 3) });
    if (heard.kind === 'record' && heard.record.verify_status !== 'processing') return;
    await stage.sleep(RESCAN_AFTER_MS + random.between(0, 20_000));
    shown = state.refreshQr(order.orderId);
    shop.noteChange(order.orderId, 'a new code');
  }
}

function useInDouyin(shop: Shop, order: OrderView): void {
  const { random, state } = shop.parts;
  const coupon = state.getCoupon(first(order).certificateId);
  if (coupon.status !== 'unused' || coupon.isInReview) return;
  state.useCouponAtTill(coupon.certificateId, {
    poiId: random.pick([STORE, OTHER_STORE]),
    channel: random.pick(['scan', 'typed', 'other_app']),
  });
}

/** The latest use, whoever's it is. */
function cancelInDouyin(shop: Shop, order: OrderView): void {
  const { state } = shop.parts;
  const { certificateId, timesUsed } = state.getCoupon(first(order).certificateId);
  if (timesUsed > 0) state.cancelCouponAtTill(certificateId, {});
}

/** @returns a story, each as often as it weighs */
export function pickStory(random: Random): Story {
  let dice = random.fraction() * STORIES.reduce((sum, { weight }) => sum + weight, 0);
  for (const { weight, story } of STORIES) {
    dice -= weight;
    if (dice < 0) return story;
  }
  throw new Error('The weights do not add up');
}

function first(order: OrderView): CouponView {
  const [coupon] = order.coupons;
  if (!coupon) throw new Error('An order without a coupon');
  return coupon;
}
