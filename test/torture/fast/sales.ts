// The tills of one seed: each sells one verification of a coupon, asks until it knows or gives up, and keeps what it was told.
// Which coupons come in which way is stories.ts.
import type { VerifyMode } from '../../../src/domain/coupon.ts';
import type { VerifierApp } from '../../../src/domain/verifier-app.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import type { OrderInput } from '../../../src/simulator/order-spec.ts';
import type { SimulatorState } from '../../../src/simulator/state.ts';
import type { CouponView, OrderView } from '../../../src/simulator/views.ts';
import type { SoldOrder, UsedToken } from '../oracle/ledgers.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';
import { type Heard, type Outcome, TillLedger } from './till-ledger.ts';

export const STORES: readonly string[] = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId);
const [STORE = ''] = STORES;
const TILL_PATIENCE_MS = 20_000;
const MAX_ASKS = 6;
const MAX_PREPARES = 4;
const MODES: readonly VerifyMode[] = ['short_link', 'short_link', 'code', 'code', 'encrypted_code'];

export interface SalesParts {
  readonly stage: Stage;
  readonly random: Random;
  readonly seed: string;
  readonly state: SimulatorState;
  readonly apps: readonly VerifierApp[];
  readonly someProcess: () => Promise<GatewayProcess>;
}

export interface Prepared {
  readonly verifyToken: string;
  readonly encryptedCode: string;
}

export interface SaleOptions {
  readonly mode?: VerifyMode;
  readonly poiId?: string;
  readonly app?: number;
  readonly afterMs?: number;
  readonly prepared?: Prepared | null;
  /** Requests before the cashier gives this token up. */
  readonly asks?: number;
  readonly isControl?: boolean;
}

type Sold = { -readonly [Key in keyof SoldOrder]: SoldOrder[Key] } & {
  changes: { readonly atMs: number; readonly what: string }[];
};

/** What an order is sold with, beside the simulator's own description of it. */
export interface Sale extends OrderInput {
  readonly flaw?: string;
  readonly meals?: number;
}

export class Shop {
  readonly parts: SalesParts;
  readonly tills: TillLedger;
  readonly usedTokens: UsedToken[] = [];
  readonly orders = new Map<string, Sold>();
  #sales = 0;

  constructor(parts: SalesParts) {
    this.parts = parts;
    this.tills = new TillLedger(parts.stage);
  }

  get sales(): number {
    return this.#sales;
  }

  /** Sells stories until `verifications` of them were made. @param pauseMs between two stories at most */
  async sell(verifications: number, pauseMs: number, nextStory: () => Story): Promise<void> {
    const { stage, random } = this.parts;
    const open: Promise<unknown>[] = [];
    while (this.#sales < verifications) {
      open.push(...nextStory()(this));
      await stage.sleep(random.between(0, pauseMs));
    }
    await Promise.all(open);
  }

  order(sale: Sale = {}): OrderView {
    const { state, random } = this.parts;
    const { flaw = null, meals = null, ...input } = sale;
    const originalFen = random.between(1000, 20_000);
    const payFen = random.between(100, originalFen);
    const order = state.createOrder({
      perStoreSettlement: random.chance(0.5),
      refusalAs: random.pick(['item', 'error_code', null]),
      originalAmountFen: originalFen,
      payAmountFen: payFen,
      ...input,
    });
    this.orders.set(order.orderId, {
      orderId: order.orderId,
      certificateIds: order.coupons.map(({ certificateId }) => certificateId),
      timesCount: order.kind === 'times_card' ? (order.coupons[0]?.timesCount ?? 1) : null,
      payFen,
      originalFen,
      isAmountShown: state.settings.certificateAmount === 'present',
      poiIds: order.poiIds,
      flaw,
      meals,
      changes: [],
    });
    return order;
  }

  /** Notes what was done to an order in Douyin's own apps. */
  noteChange(orderId: string, what: string): void {
    this.orders.get(orderId)?.changes.push({ atMs: this.parts.stage.nowMs, what });
  }

  /** One till redeems one coupon, asking until it knows or gives up. @returns what it was told last */
  async sale(order: OrderView, coupon: CouponView, options: SaleOptions = {}): Promise<Heard> {
    const { stage, random, seed, apps } = this.parts;
    const mode = options.prepared ? 'encrypted_code' : (options.mode ?? random.pick(MODES));
    const poiId = options.poiId ?? STORE;
    const app = options.app ?? random.between(0, apps.length - 1);
    this.#sales += 1;
    const till = this.#sales;
    if (options.afterMs) await stage.sleep(options.afterMs);
    const prepared =
      options.prepared ?? (mode === 'encrypted_code' ? await this.prepare(order, poiId) : null);
    if (mode === 'encrypted_code' && !prepared) return { kind: 'nothing' };
    const used: UsedToken = {
      till,
      app,
      token: prepared?.verifyToken ?? `${seed}/${till}`,
      poiId,
      orderId: order.orderId,
      isControl: options.isControl ?? false,
    };
    this.usedTokens.push(used);
    const requestValue =
      mode === 'short_link'
        ? order.shortLink
        : mode === 'code'
          ? coupon.code
          : (prepared?.encryptedCode ?? '');
    let last: Heard = { kind: 'nothing' };
    for (let asks = 1; asks <= (options.asks ?? MAX_ASKS); asks += 1) {
      const isLookUp: boolean = last.kind === 'record' && random.chance(0.3);
      const atOnce = random.chance(0.08) ? random.between(2, 3) : 1;
      const heard: Heard[] = isLookUp
        ? [await this.lookUp(used, 'look_up')]
        : await Promise.all(
            Array.from({ length: atOnce }, (_, copy) =>
              this.#verify(used, { mode, requestValue, poiId }, `${till}-${asks}-${copy}`),
            ),
          );
      last = heard.find(isOver) ?? heard.at(-1) ?? last;
      if (isOver(last) || random.chance(0.15)) return last;
      await stage.sleep(random.between(500, 30_000));
    }
    return last;
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

  async lookUp(used: UsedToken, operation: 'look_up' | 'closing_look_up'): Promise<Heard> {
    const app = this.#app(used);
    return this.#ask(used, operation, (process) =>
      process.lookUp({ appId: app.id, verifyToken: used.token }),
    );
  }

  #verify(
    used: UsedToken,
    request: { readonly mode: VerifyMode; readonly requestValue: string; readonly poiId: string },
    requestId: string,
  ): Promise<Heard> {
    const { stage, seed } = this.parts;
    const app = this.#app(used);
    return this.#ask(used, 'verify', (process) =>
      process.verify({
        ...request,
        app,
        verifyToken: used.token,
        nonce: {
          clientKey: app.clientKey,
          nonce: `${seed}/${requestId}`,
          expiresAt: new Date(stage.nowMs + 300_000),
        },
        requestId,
        receivedAtMs: stage.nowMs,
        operatorId: '',
        deviceId: '',
        note: '',
      }),
    );
  }

  async #ask(
    used: UsedToken,
    operation: 'verify' | 'look_up' | 'closing_look_up',
    ask: (process: GatewayProcess) => ReturnType<GatewayProcess['verify']>,
  ): Promise<Heard> {
    const { stage, someProcess } = this.parts;
    const process = await someProcess();
    const { till, app, token } = used;
    const number = this.tills.begin({ till, app, operation, token });
    const outcome = await Promise.race([
      process
        .perform(() => ask(process))
        .then(
          (told): Outcome => ({ kind: 'told', told }),
          (cause: unknown): Outcome => ({ kind: 'failed', cause }),
        ),
      stage.sleep(TILL_PATIENCE_MS).then((): Outcome => ({ kind: 'nothing' })),
    ]);
    return this.tills.end(number, outcome);
  }

  #app(used: UsedToken): VerifierApp {
    const app = this.parts.apps[used.app];
    if (!app) throw new Error(`There is no app ${used.app}`);
    return app;
  }
}

/** One coupon and everything that happens to it. @returns the sales that tried to redeem it */
export type Story = (shop: Shop) => readonly Promise<unknown>[];

function isOver(heard: Heard): boolean {
  if (heard.kind === 'record') return heard.record.verify_status !== 'processing';
  return heard.kind === 'error' && heard.code === 'coupon.short_link_invalid';
}
