// The simulator's whole memory: orders, coupons, verification names and the ledger, kept in step with the journal.
// It applies events and finds things; what may be done is decided in redemption.ts.
import { AccessTokenBook } from './access-tokens.ts';
import type { Merchant } from './defaults.ts';
import {
  type CouponChange,
  JOURNAL_VERSION,
  type JudgedEvent,
  type KeptEvent,
  type SimulatorEvent,
} from './events.ts';
import { IdSource } from './ids.ts';
import { type Journal, openJournal } from './journal.ts';
import {
  activeEffects,
  type Coupon,
  type Effect,
  type LedgerEntry,
  type Order,
  type QrCode,
  type VerifyToken,
} from './model.ts';
import { completeOrderSpec, type OrderSpec } from './order-spec.ts';
import type { Settings } from './settings.ts';

export interface WorldOptions {
  merchant: Merchant;
  seed: string;
  settings: Settings;
  dataFile: string | undefined;
  /** The machine's clock; Douyin's is this one and the setting `clockOffsetMs`. */
  clock: () => number;
}

export class World {
  readonly merchant: Merchant;
  /** Douyin's clock, in milliseconds: everything that Douyin dates. It may be wrong, and jump. */
  readonly clock: () => number;
  /** The machine's clock: windows, deadlines, and when things really happened. */
  readonly trueClock: () => number;
  readonly accessTokens: AccessTokenBook;
  readonly orders: Order[] = [];
  readonly ordersById = new Map<string, Order>();
  readonly qrByShortLink = new Map<string, { order: Order; qr: QrCode }>();
  readonly qrByEncryptedData = new Map<string, { order: Order; qr: QrCode }>();
  readonly couponsByEncryptedCode = new Map<string, Coupon>();
  readonly couponsByPlainCode = new Map<string, Coupon>();
  readonly couponsByCertificateId = new Map<string, Coupon>();
  readonly verifyTokens = new Map<string, VerifyToken>();
  readonly effectsByVerifyId = new Map<string, Effect>();
  readonly ledger: LedgerEntry[] = [];
  readonly couponsInReview = new Set<Coupon>();
  /** Counts the starts on this journal; it keeps call ids apart. */
  run = 0;
  settings: Settings;
  ids: IdSource;
  nextOrderIndex = 0;
  readonly #journal: Journal;

  constructor(options: WorldOptions) {
    this.merchant = options.merchant;
    this.trueClock = options.clock;
    this.clock = () => options.clock() + this.settings.clockOffsetMs;
    this.settings = options.settings;
    this.ids = new IdSource(options.seed);
    this.accessTokens = new AccessTokenBook(
      () => this.ids,
      (state) => {
        this.#journal.append({ type: 'access_tokens', state });
      },
    );
    this.#journal = openJournal(options.dataFile, (event) => {
      this.#apply(event as KeptEvent);
    });
    this.#open();
  }

  /**
   * Writes an event to the journal, then makes it so. Nothing happens when it cannot be written.
   * @param trueAtMs when it happened by the machine's clock
   */
  commit(event: SimulatorEvent, trueAtMs: number = this.trueClock()): void {
    const kept: KeptEvent = { ...event, trueAtMs };
    this.#journal.append(kept);
    this.#apply(kept);
  }

  /** The machine's time of a moment given by Douyin's clock as it goes now. */
  trueTimeOf(atMs: number): number {
    return this.trueClock() - (this.clock() - atMs);
  }

  /** Forgets orders, verifications and effects, not access tokens. Later orders get new ids all the same. */
  reset(): void {
    this.#journal.clear();
    this.#open();
    this.commit({ type: 'access_tokens', state: this.accessTokens.state });
    this.commit({ type: 'reset', nextOrderIndex: this.nextOrderIndex });
  }

  close(): void {
    this.#journal.close();
  }

  /** Begins a run. The seed of an existing journal stays, because the ids in it follow from that seed. */
  #open(): void {
    const { seed } = this.ids;
    this.commit({ type: 'opened', version: JOURNAL_VERSION, seed, run: this.run + 1, atMs: this.clock() });
  }

  #apply(event: KeptEvent): void {
    const trueAtMs = event.trueAtMs ?? ('atMs' in event ? event.atMs : 0);
    switch (event.type) {
      case 'opened':
        if (event.version !== JOURNAL_VERSION) {
          throw new Error(
            `simulator journal has version ${String(event.version)}, this one reads ${String(JOURNAL_VERSION)}`,
          );
        }
        this.run = event.run;
        this.ids = new IdSource(event.seed);
        return;
      case 'access_tokens':
        this.accessTokens.restore(event.state);
        return;
      case 'order_created':
        this.#addOrder(event.index, this.#completeSpec(event.spec, event.atMs), event.atMs, trueAtMs);
        return;
      case 'order_changed': {
        const order = this.#order(event.orderId);
        Object.assign(order.spec, event.change);
        markChanged(order, event.atMs, trueAtMs);
        return;
      }
      case 'qr_refreshed': {
        const order = this.#order(event.orderId);
        this.#addQr(order, order.lastQr.number + 1);
        return;
      }
      case 'coupon_changed':
        this.#changeCoupon(this.#certificate(event.certificateId), event.change, event.atMs, trueAtMs);
        return;
      case 'prepared':
        this.#addVerifyToken(this.#order(event.orderId), event.poiId, event.qrNumber ?? null, event.atMs);
        return;
      case 'judged':
        this.#judge(event, trueAtMs);
        return;
      case 'review_opened':
        for (const code of event.encryptedCodes) {
          const coupon = this.#coupon(code);
          coupon.review = event;
          this.couponsInReview.add(coupon);
        }
        this.#verifyToken(event.verifyToken).boundTo = event.fingerprint;
        return;
      case 'review_decided':
        for (const certificateId of event.certificateIds) {
          const coupon = this.#certificate(certificateId);
          coupon.review = null;
          this.couponsInReview.delete(coupon);
        }
        if (event.judged !== null) this.#judge(event.judged, trueAtMs);
        return;
      case 'used_by_till':
        this.#addEffect(this.#certificate(event.certificateId), {
          poiId: event.poiId,
          verifyToken: null,
          verifiedBy: event.verifiedBy ?? 'till',
          atMs: event.atMs,
          trueAtMs,
          callId: null,
        });
        return;
      case 'cancelled':
        for (const verifyId of [event.verifyId, ...(event.alsoVerifyIds ?? [])]) {
          this.#cancel(verifyId, event, trueAtMs);
        }
        return;
      case 'reset':
        this.#clear(event.nextOrderIndex);
        return;
    }
  }

  /** Orders of older journals lack what has been added to their description since. */
  #completeSpec(spec: OrderSpec, atMs: number): OrderSpec {
    return completeOrderSpec(
      spec,
      atMs,
      this.merchant.stores.map((store) => store.poiId),
    );
  }

  #addOrder(index: number, spec: OrderSpec, atMs: number, trueAtMs: number): void {
    const orderId = this.ids.orderId(index);
    const order: Order = {
      index,
      orderId,
      spec,
      createdAtMs: atMs,
      changedAtMs: atMs,
      changedTrueAtMs: trueAtMs,
      coupons: [],
      liveQr: null,
      lastQr: { number: -1, shortLinkId: '', encryptedData: '' },
      endedQrs: new Set(),
      prepareCount: 0,
    };
    for (let couponIndex = 0; couponIndex < spec.coupons; couponIndex += 1) {
      const coupon: Coupon = {
        order,
        index: couponIndex,
        certificateId: this.ids.certificateId(index, couponIndex),
        encryptedCode: this.ids.encryptedCode(index, couponIndex),
        plainCode: this.ids.plainCode(index, couponIndex),
        orderItemId: this.ids.orderItemId(index, couponIndex),
        status: spec.couponStatus,
        startTimeSeconds: spec.startTime,
        expireTimeSeconds: spec.expireTime,
        timesCount: spec.kind === 'times_card' ? spec.timesCount : 1,
        effects: [],
        settled: false,
        refundedAtMs: spec.couponStatus === 'refunded' ? atMs : null,
        changedAtMs: atMs,
        review: null,
      };
      order.coupons.push(coupon);
      this.couponsByEncryptedCode.set(coupon.encryptedCode, coupon);
      this.couponsByPlainCode.set(coupon.plainCode, coupon);
      this.couponsByCertificateId.set(coupon.certificateId, coupon);
    }
    this.#addQr(order, 0);
    this.orders.push(order);
    this.ordersById.set(orderId, order);
    this.nextOrderIndex = index + 1;
  }

  #addQr(order: Order, number: number): void {
    let collision = 0;
    while (this.qrByShortLink.has(this.ids.shortLinkId(order.index, number, collision))) collision += 1;
    const qr = {
      number,
      shortLinkId: this.ids.shortLinkId(order.index, number, collision),
      encryptedData: this.ids.encryptedData(order.index, number),
    };
    order.liveQr = qr;
    order.lastQr = qr;
    this.qrByShortLink.set(qr.shortLinkId, { order, qr });
    this.qrByEncryptedData.set(qr.encryptedData, { order, qr });
  }

  #changeCoupon(coupon: Coupon, change: CouponChange, atMs: number, trueAtMs: number): void {
    coupon.changedAtMs = atMs;
    markChanged(coupon.order, atMs, trueAtMs);
    switch (change.action) {
      case 'set_status':
        coupon.status = change.status;
        coupon.refundedAtMs = change.status === 'refunded' ? atMs : null;
        return;
      case 'set_validity':
        coupon.startTimeSeconds = change.startTime ?? coupon.startTimeSeconds;
        coupon.expireTimeSeconds = change.expireTime ?? coupon.expireTimeSeconds;
        return;
      case 'settle':
        coupon.settled = true;
        return;
      case 'withdraw_refund':
        coupon.status = activeEffects(coupon).length >= coupon.timesCount ? 'used' : 'unused';
        coupon.refundedAtMs = null;
        return;
    }
  }

  #addVerifyToken(order: Order, poiId: string | null, qrNumber: number | null, atMs: number): void {
    const verifyToken = this.ids.verifyToken(order.orderId, order.prepareCount);
    order.prepareCount += 1;
    this.verifyTokens.set(verifyToken, {
      verifyToken,
      orderId: order.orderId,
      poiId,
      qrNumber,
      preparedAtMs: atMs,
      sends: 0,
      parameterSets: new Set(),
      boundTo: null,
      spent: null,
      effects: [],
    });
  }

  #judge(event: JudgedEvent, trueAtMs: number): void {
    const token = this.#verifyToken(event.verifyToken);
    token.boundTo = event.fingerprint;
    const items = event.items.map((item) => {
      if (item.result !== 0) return { ...item, effect: null };
      const effect = this.#addEffect(this.#coupon(item.encryptedCode), {
        poiId: event.poiId,
        verifyToken: event.verifyToken,
        verifiedBy: 'api',
        atMs: event.atMs,
        trueAtMs,
        callId: event.callId,
      });
      token.effects.push(effect);
      return { ...item, effect };
    });
    if (items.every((item) => item.effect === null)) return;
    token.spent = { trueAtMs, items };
    if (token.qrNumber !== null) this.#order(token.orderId).endedQrs.add(token.qrNumber);
  }

  #addEffect(
    coupon: Coupon,
    by: Pick<Effect, 'poiId' | 'verifyToken' | 'verifiedBy' | 'atMs' | 'trueAtMs' | 'callId'>,
  ): Effect {
    const { order } = coupon;
    const effect: Effect = {
      ...by,
      verifyId: this.ids.verifyId(order.index, coupon.index, coupon.effects.length),
      certificateId: coupon.certificateId,
      encryptedCode: coupon.encryptedCode,
      orderId: order.orderId,
      serialNumber: order.spec.kind === 'times_card' ? freeSerialNumber(coupon) : null,
      cancelledAtMs: null,
      cancelledTrueAtMs: null,
      cancelledBy: null,
      cancelCallId: null,
      cancelToken: null,
    };
    coupon.effects.push(effect);
    if (activeEffects(coupon).length >= coupon.timesCount) coupon.status = 'used';
    coupon.changedAtMs = by.atMs;
    markChanged(order, by.atMs, by.trueAtMs);
    // A verification ends the QR code; the customer has to open the order page for a new one.
    order.liveQr = null;
    this.effectsByVerifyId.set(effect.verifyId, effect);
    this.#addLedgerEntry('verified', effect, by);
    return effect;
  }

  #cancel(verifyId: string, event: Extract<SimulatorEvent, { type: 'cancelled' }>, trueAtMs: number): void {
    const { cancelToken, atMs, callId } = event;
    const effect = required(this.effectsByVerifyId.get(verifyId), 'verify id', verifyId);
    const coupon = this.#certificate(effect.certificateId);
    effect.cancelledAtMs = atMs;
    effect.cancelledTrueAtMs = trueAtMs;
    effect.cancelledBy = event.cancelledBy ?? 'api';
    effect.cancelCallId = callId;
    effect.cancelToken = cancelToken;
    if (coupon.status === 'used') coupon.status = 'unused';
    coupon.changedAtMs = atMs;
    markChanged(coupon.order, atMs, trueAtMs);
    this.#addLedgerEntry('cancelled', effect, { atMs, trueAtMs, callId });
  }

  #addLedgerEntry(
    kind: LedgerEntry['kind'],
    effect: Effect,
    { atMs, trueAtMs, callId }: Pick<LedgerEntry, 'atMs' | 'trueAtMs' | 'callId'>,
  ): void {
    this.ledger.push({ sequence: this.ledger.length + 1, kind, atMs, trueAtMs, callId, effect });
  }

  #clear(nextOrderIndex: number): void {
    this.orders.length = 0;
    this.ledger.length = 0;
    for (const collection of [
      this.ordersById,
      this.qrByShortLink,
      this.qrByEncryptedData,
      this.couponsByEncryptedCode,
      this.couponsByPlainCode,
      this.couponsByCertificateId,
      this.verifyTokens,
      this.effectsByVerifyId,
      this.couponsInReview,
    ]) {
      collection.clear();
    }
    this.nextOrderIndex = nextOrderIndex;
  }

  #order(orderId: string): Order {
    return required(this.ordersById.get(orderId), 'order', orderId);
  }

  #certificate(certificateId: string): Coupon {
    return required(this.couponsByCertificateId.get(certificateId), 'certificate', certificateId);
  }

  #coupon(encryptedCode: string): Coupon {
    return required(this.couponsByEncryptedCode.get(encryptedCode), 'encrypted code', encryptedCode);
  }

  #verifyToken(verifyToken: string): VerifyToken {
    return required(this.verifyTokens.get(verifyToken), 'verify token', verifyToken);
  }
}

function markChanged(order: Order, atMs: number, trueAtMs: number): void {
  order.changedAtMs = atMs;
  order.changedTrueAtMs = trueAtMs;
}

/** The lowest number of a use that no use in force has: a cancelled use gives its number back. */
function freeSerialNumber(coupon: Coupon): number {
  const taken = new Set(activeEffects(coupon).map((effect) => effect.serialNumber));
  let number = 1;
  while (taken.has(number)) number += 1;
  return number;
}

function required<T>(value: T | undefined, what: string, id: string): T {
  if (value === undefined) throw new Error(`simulator has no ${what} ${id}`);
  return value;
}
