// What a test or an operator can do and see: orders, coupons, faults, ledger, calls, truth. The HTTP control side is
// these methods and nothing else.
import { z } from 'zod';
import { type CallCounters, type CallEntry, type CallFilter, type CallLog } from './call-log.ts';
import { LIMITS } from './defaults.ts';
import type { CouponChange } from './events.ts';
import {
  type FaultBook,
  type FaultInput,
  type FaultPlan,
  type FaultPlanInput,
  faultPlanSchema,
  faultSpecSchema,
  type ListedFault,
} from './faults.ts';
import {
  activeEffects,
  type Coupon,
  type Effect,
  type LedgerEntry,
  type Order,
  type VerifyToken,
} from './model.ts';
import {
  completeOrderSpec,
  type OrderChange,
  orderChangeSchema,
  type OrderInput,
  orderSpecSchema,
} from './order-spec.ts';
import { decideDueReviews } from './redemption.ts';
import { type Settings, type SettingsChange, settingsChangeSchema } from './settings.ts';
import {
  type CouponView,
  couponView,
  type LedgerLine,
  ledgerLine,
  type OrderView,
  orderView,
  type Truth,
  truthOf,
  type Use,
  useOf,
} from './views.ts';
import type { World } from './world.ts';

/** The control side was asked for something that does not exist (`not_found`) or cannot be (`invalid`). */
export class ControlError extends Error {
  readonly kind: 'not_found' | 'invalid';

  constructor(kind: 'not_found' | 'invalid', message: string) {
    super(message);
    this.name = 'ControlError';
    this.kind = kind;
  }
}

export interface Page<T> {
  total: number;
  items: T[];
}

export interface LedgerFilter {
  /** Only lines after this sequence number. */
  after?: number | undefined;
  limit?: number | undefined;
  kind?: LedgerEntry['kind'] | undefined;
  verifyToken?: string | undefined;
  certificateId?: string | undefined;
  orderId?: string | undefined;
}

/** As for the ledger; `after` is the ledger's sequence number, which a use has too. */
export type UseFilter = Omit<LedgerFilter, 'kind'>;

/** How somebody else redeems: Douyin's own app for merchants by scanning or typing, or another app's API calls. */
export const USE_CHANNELS = ['scan', 'typed', 'other_app'] as const;
type UseChannel = (typeof USE_CHANNELS)[number];
const VERIFIER_OF = { scan: 'till', typed: 'till_typed', other_app: 'other_app' } as const;

/** Exact numbers; those of effects and prepares survive a restart, those of calls do not. */
export interface Counters extends CallCounters {
  orders: number;
  verifyTokens: number;
  verified: number;
  cancelled: number;
}

const couponStatusSchema = orderSpecSchema.shape.couponStatus.unwrap();
const seconds = z.int().min(0).max(9_999_999_999);
export const couponChangeSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('set_status'), status: couponStatusSchema }),
  z.strictObject({
    action: z.literal('set_validity'),
    startTime: seconds.optional(),
    expireTime: seconds.optional(),
  }),
  z.strictObject({ action: z.literal('settle') }),
  z.strictObject({ action: z.literal('withdraw_refund') }),
]);

export class SimulatorState {
  readonly #world: World;
  readonly #calls: CallLog;
  readonly #faults: FaultBook;
  readonly #baseUrl: () => string;
  readonly #refuse: (durationMs: number) => void;

  constructor(parts: {
    world: World;
    calls: CallLog;
    faults: FaultBook;
    baseUrl: () => string;
    refuseConnections: (durationMs: number) => void;
  }) {
    this.#world = parts.world;
    this.#calls = parts.calls;
    this.#faults = parts.faults;
    this.#baseUrl = parts.baseUrl;
    this.#refuse = parts.refuseConnections;
  }

  get settings(): Readonly<Settings> {
    return this.#world.settings;
  }

  changeSettings(change: SettingsChange): Settings {
    const settings = { ...this.#world.settings, ...settingsChangeSchema.parse(change) } as Settings;
    this.#world.settings = settings;
    return settings;
  }

  createOrder(input: OrderInput = {}): OrderView {
    if (this.#world.orders.length >= LIMITS.orders) {
      throw new ControlError('invalid', `at most ${String(LIMITS.orders)} orders; reset the simulator`);
    }
    const nowMs = this.#world.clock();
    const poiIds = this.#world.merchant.stores.map((store) => store.poiId);
    const spec = completeOrderSpec(input, nowMs, poiIds);
    this.#world.commit({ type: 'order_created', index: this.#world.nextOrderIndex, atMs: nowMs, spec });
    const order = this.#world.orders.at(-1);
    if (order === undefined) throw new Error('an order that was not kept');
    return this.#view(order);
  }

  createOrders(input: OrderInput, count: number): OrderView[] {
    const bounded = z.int().min(1).max(LIMITS.ordersPerRequest).parse(count);
    return Array.from({ length: bounded }, () => this.createOrder(input));
  }

  getOrder(orderId: string): OrderView {
    return this.#view(this.#order(orderId));
  }

  /** Newest first. */
  listOrders(page: { page?: number; pageSize?: number } = {}): Page<OrderView> {
    const { orders } = this.#world;
    return { total: orders.length, items: pageOf(orders, page).map((order) => this.#view(order)) };
  }

  /** Newest order first. */
  listCoupons(page: { page?: number; pageSize?: number } = {}): Page<CouponView> {
    decideDueReviews(this.#world);
    const coupons = [...this.#world.couponsByCertificateId.values()];
    return {
      total: coupons.length,
      items: pageOf(coupons, page).map((coupon) => couponView(this.#world, coupon)),
    };
  }

  getCoupon(certificateId: string): CouponView {
    decideDueReviews(this.#world);
    return couponView(this.#world, this.#coupon(certificateId));
  }

  changeOrder(orderId: string, change: OrderChange): OrderView {
    const order = this.#order(orderId);
    const parsed = orderChangeSchema.parse(change);
    this.#world.commit({ type: 'order_changed', orderId, atMs: this.#world.clock(), change: parsed });
    return this.#view(order);
  }

  /** The customer opens the order page again: a new QR code and short link for the same order. */
  refreshQr(orderId: string): OrderView {
    const order = this.#order(orderId);
    this.#world.commit({ type: 'qr_refreshed', orderId });
    return this.#view(order);
  }

  changeCoupon(certificateId: string, change: CouponChange): CouponView {
    const coupon = this.#coupon(certificateId);
    const parsed = couponChangeSchema.parse(change);
    const isFreeing = parsed.action === 'set_status' && parsed.status === 'unused';
    if (isFreeing && activeEffects(coupon).length >= coupon.timesCount) {
      throw new ControlError('invalid', 'the coupon is verified: cancel its verification instead');
    }
    this.#world.commit({ type: 'coupon_changed', certificateId, atMs: this.#world.clock(), change: parsed });
    return couponView(this.#world, coupon);
  }

  /**
   * Somebody else redeems the coupon or one use of a times card: in Douyin's own app for merchants, or by another app.
   * @param at.atMs when, by Douyin's clock; now if absent
   */
  useCouponAtTill(
    certificateId: string,
    at: { poiId: string; atMs?: number | undefined; channel?: UseChannel | undefined },
  ): CouponView {
    decideDueReviews(this.#world);
    const coupon = this.#coupon(certificateId);
    if (coupon.status !== 'unused' || activeEffects(coupon).length >= coupon.timesCount) {
      throw new ControlError('invalid', `the coupon is ${coupon.status}`);
    }
    if (coupon.review !== null) throw new ControlError('invalid', 'the coupon is in review');
    if (!this.#world.merchant.stores.some((store) => store.poiId === at.poiId)) {
      throw new ControlError('invalid', `no store ${at.poiId}`);
    }
    const atMs = at.atMs ?? this.#world.clock();
    const verifiedBy = VERIFIER_OF[at.channel ?? 'scan'];
    this.#world.commit(
      { type: 'used_by_till', certificateId, poiId: at.poiId, verifiedBy, atMs },
      this.#world.trueTimeOf(atMs),
    );
    return couponView(this.#world, coupon);
  }

  /**
   * Somebody takes a use back in Douyin's own app for merchants, whoever made it; no deadline is looked at.
   * @param what.verifyId the latest use in force if absent
   */
  cancelCouponAtTill(certificateId: string, what: { verifyId?: string | undefined } = {}): CouponView {
    decideDueReviews(this.#world);
    const coupon = this.#coupon(certificateId);
    const { verifyId } = what;
    const effect: Effect | undefined = activeEffects(coupon).findLast(
      (active) => verifyId === undefined || active.verifyId === verifyId,
    );
    if (effect === undefined) throw new ControlError('invalid', 'no such use in force');
    this.#world.commit({
      type: 'cancelled',
      verifyId: effect.verifyId,
      cancelledBy: 'till',
      cancelToken: null,
      callId: null,
      atMs: this.#world.clock(),
    });
    return couponView(this.#world, coupon);
  }

  /** Every use of every coupon in the order they happened, each with what became of it. */
  uses(filter: UseFilter = {}): Use[] {
    decideDueReviews(this.#world);
    const { after = 0, limit = LIMITS.controlPageSize, verifyToken, certificateId, orderId } = filter;
    const uses: Use[] = [];
    for (const { sequence, kind, effect } of this.#ledgerOf(filter)) {
      if (uses.length >= limit) break;
      const isWanted =
        kind === 'verified' &&
        sequence > after &&
        (verifyToken === undefined || effect.verifyToken === verifyToken) &&
        (certificateId === undefined || effect.certificateId === certificateId) &&
        (orderId === undefined || effect.orderId === orderId);
      if (isWanted) uses.push(useOf(sequence, effect));
    }
    return uses;
  }

  /** Effects in the order they happened, each verification and each cancellation a line. */
  ledger(filter: LedgerFilter = {}): LedgerLine[] {
    decideDueReviews(this.#world);
    const { after = 0, limit = LIMITS.controlPageSize, kind, verifyToken, certificateId, orderId } = filter;
    const lines: LedgerLine[] = [];
    for (const entry of this.#ledgerOf(filter)) {
      if (lines.length >= limit) break;
      const { effect } = entry;
      const isWanted =
        entry.sequence > after &&
        (kind === undefined || entry.kind === kind) &&
        (verifyToken === undefined || effect.verifyToken === verifyToken) &&
        (certificateId === undefined || effect.certificateId === certificateId) &&
        (orderId === undefined || effect.orderId === orderId);
      if (isWanted) lines.push(ledgerLine(entry));
    }
    return lines;
  }

  #ledgerOf(filter: LedgerFilter): LedgerEntry[] {
    return filter.after === undefined ? this.#world.ledger : this.#world.ledger.slice(filter.after);
  }

  calls(filter: Partial<CallFilter> = {}): CallEntry[] {
    return this.callPage(filter).calls;
  }

  callPage(filter: Partial<CallFilter> = {}): ReturnType<CallLog['list']> {
    return this.#calls.list({ after: 0, limit: LIMITS.controlPageSize, ...filter });
  }

  latestCalls(limit: number): CallEntry[] {
    return this.#calls.latest(limit);
  }

  counters(): Counters {
    decideDueReviews(this.#world);
    const { ledger, orders, verifyTokens, effectsByVerifyId } = this.#world;
    return {
      ...this.#calls.counters(),
      orders: orders.length,
      verifyTokens: verifyTokens.size,
      verified: effectsByVerifyId.size,
      cancelled: ledger.length - effectsByVerifyId.size,
    };
  }

  /** What really became of one verification; undefined for a token no prepare gave out. */
  truth(verifyToken: string): Truth | undefined {
    decideDueReviews(this.#world);
    const token = this.#world.verifyTokens.get(verifyToken);
    return token === undefined ? undefined : truthOf(this.#world, token);
  }

  /** The truth about every verification, in the order of the prepares. */
  truths(page: { after?: number; limit?: number } = {}): Page<Truth> {
    decideDueReviews(this.#world);
    const { after = 0, limit = LIMITS.controlPageSize } = page;
    const items: Truth[] = [];
    let position = 0;
    for (const token of this.#world.verifyTokens.values() as Iterable<VerifyToken>) {
      position += 1;
      if (position > after) items.push(truthOf(this.#world, token));
      if (items.length >= limit) break;
    }
    return { total: this.#world.verifyTokens.size, items };
  }

  addFault(input: FaultInput): ListedFault {
    const spec = faultSpecSchema.parse(input);
    try {
      return this.#faults.add(spec);
    } catch (error) {
      throw new ControlError('invalid', (error as Error).message);
    }
  }

  listFaults(): readonly ListedFault[] {
    return this.#faults.list();
  }

  removeFault(faultId: string): void {
    if (!this.#faults.remove(faultId)) throw new ControlError('not_found', `no fault ${faultId}`);
  }

  /** Removes every fault and the plan. */
  clearFaults(): void {
    this.#faults.clear();
  }

  get faultPlan(): FaultPlan | null {
    return this.#faults.plan;
  }

  setFaultPlan(plan: FaultPlanInput | null): void {
    this.#faults.setPlan(plan === null ? null : faultPlanSchema.parse(plan));
  }

  /** Ends every access token now: 2190008. */
  expireTokens(): void {
    this.#world.accessTokens.expireAll(this.#world.trueClock());
  }

  /** Forgets every access token: 2190002. */
  revokeTokens(): void {
    this.#world.accessTokens.revokeAll();
  }

  /** Somebody else fetches a token with the same key, which ends ours after the grace, five minutes by default. */
  replaceToken(graceMs = 300_000): void {
    const { accessTokens, settings, trueClock } = this.#world;
    accessTokens.issue(trueClock(), settings.tokenLifetimeSeconds, graceMs);
  }

  /** New connections are refused for a while, those of the control side too. */
  refuseConnections(durationMs: number): void {
    this.#refuse(z.int().min(0).max(LIMITS.delayMs).parse(durationMs));
  }

  /** Forgets orders, verifications, effects, calls and faults; settings and access tokens stay. */
  reset(): void {
    this.#world.reset();
    this.#calls.clear();
    this.#faults.clear();
  }

  #view(order: Order): OrderView {
    decideDueReviews(this.#world);
    return orderView(this.#world, order, this.#baseUrl());
  }

  #order(orderId: string): Order {
    const order = this.#world.ordersById.get(orderId);
    if (order === undefined) throw new ControlError('not_found', `no order ${orderId}`);
    return order;
  }

  #coupon(certificateId: string): Coupon {
    const coupon = this.#world.couponsByCertificateId.get(certificateId);
    if (coupon === undefined) throw new ControlError('not_found', `no coupon ${certificateId}`);
    return coupon;
  }
}

/** One page of a list, newest first. */
function pageOf<T>(
  items: readonly T[],
  { page = 1, pageSize = 50 }: { page?: number; pageSize?: number },
): T[] {
  const end = items.length - (page - 1) * pageSize;
  return items.slice(Math.max(0, end - pageSize), Math.max(0, end)).reverse();
}
