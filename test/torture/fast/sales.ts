// What the tills of one seed do: which coupons they sell, in which way, who else is after the same coupon, and how they
// ask again. Each sale keeps what it was told, for the checker.
import { AppError } from '../../../src/domain/errors.ts';
import type { VerifyMode } from '../../../src/domain/coupon.ts';
import type { VerifierApp } from '../../../src/domain/verifier-app.ts';
import { verifyCoupon } from '../../../src/services/verify-coupon.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import type { OrderInput } from '../../../src/simulator/order-spec.ts';
import type { SimulatorState } from '../../../src/simulator/state.ts';
import type { CouponView, OrderView } from '../../../src/simulator/views.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

const [STORE, OTHER_STORE] = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId) as [string, string];
const TILL_PATIENCE_MS = 20_000;
const MAX_ASKS = 6;
const MAX_PREPARES = 4;
const MODES: readonly VerifyMode[] = ['short_link', 'short_link', 'code', 'code', 'encrypted_code'];

/** What a till was told, once per request. */
export type Answer =
  | { readonly kind: 'told'; readonly verifyStatus: string; readonly verificationId: number }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'nothing' };

export interface Sale {
  readonly app: VerifierApp;
  readonly verifyToken: string;
  readonly mode: VerifyMode;
  readonly answers: Answer[];
}

export interface SalesParts {
  readonly stage: Stage;
  readonly random: Random;
  readonly seed: string;
  readonly state: SimulatorState;
  readonly apps: readonly VerifierApp[];
  readonly someProcess: () => Promise<GatewayProcess>;
}

/** One coupon and everything that happens to it. @returns the sales that tried to redeem it */
type Story = (shop: Shop) => readonly Promise<unknown>[];

/** Sells coupons until `verifications` sales were made. */
export class Shop {
  readonly sales: Sale[] = [];
  readonly parts: SalesParts;
  readonly #isBusy: number;

  /** @param pauseMs the pause between two coupons at most, milliseconds */
  constructor(parts: SalesParts, pauseMs: number) {
    this.parts = parts;
    this.#isBusy = pauseMs;
  }

  async sell(verifications: number): Promise<void> {
    const { stage, random } = this.parts;
    const open: Promise<unknown>[] = [];
    while (this.sales.length < verifications) {
      open.push(...pickStory(random)(this));
      await stage.sleep(random.between(0, this.#isBusy));
    }
    await Promise.all(open);
  }

  order(input: OrderInput = {}): OrderView {
    return this.parts.state.createOrder({
      perStoreSettlement: this.parts.random.chance(0.5),
      refusalAs: this.parts.random.pick(['item', 'error_code', null]),
      ...input,
    });
  }

  /** One till redeems one coupon, asking until it knows or gives up. */
  async sale(
    order: OrderView,
    coupon: CouponView,
    options: {
      readonly mode?: VerifyMode;
      readonly poiId?: string;
      readonly app?: VerifierApp;
      readonly afterMs?: number;
      readonly prepared?: Prepared | null;
    } = {},
  ): Promise<void> {
    const { stage, random, seed, apps } = this.parts;
    const mode = options.prepared ? 'encrypted_code' : (options.mode ?? random.pick(MODES));
    const poiId = options.poiId ?? STORE;
    const app = options.app ?? random.pick(apps);
    const position = this.sales.length;
    const sale = { app, mode, verifyToken: `${seed}/${position}`, answers: [] as Answer[] };
    this.sales.push(sale);
    if (options.afterMs) await stage.sleep(options.afterMs);
    const prepared =
      options.prepared ?? (mode === 'encrypted_code' ? await this.prepare(order, poiId) : null);
    if (mode === 'encrypted_code') {
      if (!prepared) return;
      sale.verifyToken = prepared.verifyToken;
    }
    const requestValue =
      mode === 'short_link'
        ? order.shortLink
        : mode === 'code'
          ? coupon.code
          : (prepared?.encryptedCode ?? '');
    for (let asks = 1; asks <= MAX_ASKS; asks += 1) {
      const atOnce = random.chance(0.08) ? random.between(2, 3) : 1;
      const told = await Promise.all(
        Array.from({ length: atOnce }, (_, copy) =>
          this.#ask(sale, { mode, requestValue, poiId }, `${position}-${asks}-${copy}`),
        ),
      );
      sale.answers.push(...told);
      if (told.some((answer) => answer.kind === 'told' && answer.verifyStatus !== 'processing')) return;
      if (told.some((answer) => answer.kind === 'error' && answer.code === 'coupon.short_link_invalid'))
        return;
      if (random.chance(0.15)) return;
      await stage.sleep(random.between(500, 30_000));
    }
  }

  /** The prepare of a till that does its own, by its own connection to Douyin. */
  async prepare(order: OrderView, poiId: string): Promise<Prepared | null> {
    const { stage } = this.parts;
    for (let tries = 1; tries <= MAX_PREPARES; tries += 1) {
      const process = await this.parts.someProcess();
      const outcome = await Promise.race([
        process
          .perform(() => process.douyin.prepare({ encryptedData: order.encryptedData }, poiId))
          .catch(() => null),
        stage.sleep(TILL_PATIENCE_MS).then(() => null),
      ]);
      if (outcome?.kind === 'refused') return null;
      const certificate = outcome?.order.certificates[0];
      if (outcome && certificate) {
        return { verifyToken: outcome.order.verifyToken, encryptedCode: certificate.encryptedCode };
      }
    }
    return null;
  }

  async #ask(
    sale: Sale,
    request: { readonly mode: VerifyMode; readonly requestValue: string; readonly poiId: string },
    name: string,
  ): Promise<Answer> {
    const { stage, seed, someProcess } = this.parts;
    const process = await someProcess();
    const { app, verifyToken } = sale;
    const asked = process.perform(() =>
      verifyCoupon(process, {
        ...request,
        app,
        verifyToken,
        nonce: {
          clientKey: app.clientKey,
          nonce: `${seed}/${name}`,
          expiresAt: new Date(stage.nowMs + 300_000),
        },
        requestId: name,
        operatorId: '',
        deviceId: '',
        note: '',
      }),
    );
    return Promise.race([
      asked.then(
        ({ verifyStatus, id }): Answer => ({ kind: 'told', verifyStatus, verificationId: id }),
        (err: unknown): Answer => ({
          kind: 'error',
          code: err instanceof AppError ? err.code : `threw ${String(err)}`,
        }),
      ),
      stage.sleep(TILL_PATIENCE_MS).then((): Answer => ({ kind: 'nothing' })),
    ]);
  }
}

export interface Prepared {
  readonly verifyToken: string;
  readonly encryptedCode: string;
}

const STORIES: readonly { readonly weight: number; readonly story: Story }[] = [
  {
    weight: 55,
    story: (shop) => {
      const order = shop.order({ coupons: shop.parts.random.chance(0.15) ? 2 : 1 });
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
    // A till outside of the API is after it too.
    weight: 7,
    story: (shop) => {
      const { random, stage, state } = shop.parts;
      const order = shop.order();
      stage.setTimer(random.between(0, 20_000), () => {
        const coupon = state.getCoupon(first(order).certificateId);
        if (coupon.status !== 'unused' || coupon.isInReview) return;
        state.useCouponAtTill(coupon.certificateId, { poiId: random.pick([STORE, OTHER_STORE]) });
      });
      return [shop.sale(order, first(order))];
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
        state.changeCoupon(coupon.certificateId, {
          action: 'set_status',
          status: random.pick(['refund_applied', 'refunded', 'refunding']),
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
            apps.map((app) =>
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
      const order = shop.order();
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
        shortLinkVariant: shop.parts.random.pick(['page', 'gone', 'without_object_id', 'server_error']),
      });
      return [shop.sale(order, first(order), { mode: 'short_link' })];
    },
  },
];

function pickStory(random: Random): Story {
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
