// Carries out the visits of a plan: makes the orders at Douyin, and lets the tills scan at their time.
import { setTimeout as delay } from 'node:timers/promises';
import { QR_REFRESHED, type SoldOrder, type UsedToken } from '../oracle/ledgers.ts';
import { type Elsewhere, type Plan, type PlannedTill, STORES, type Visit } from './plan.ts';
import type { CreatedOrder } from './simulator-control.ts';
import type { System } from './system.ts';
import { prepare, redeem, type TillDeps } from './till.ts';

export interface Progress {
  /** Tills that have begun and that are through. */
  begun: number;
  done: number;
}

export interface SoldVisit {
  readonly created: CreatedOrder;
  readonly sold: SoldOrder & { readonly changes: { readonly atMs: number; readonly what: string }[] };
}

/** How long a cashier waits before scanning again what is still being settled: longer than a first send may be late. */
const RESCAN_AFTER_MS = 3500;

/** In the plan's order, so that the same plan makes the same orders. Nothing disturbs this part. */
export async function makeOrders(plan: Plan, system: System): Promise<readonly SoldVisit[]> {
  const orders: SoldVisit[] = [];
  for (const visit of plan.visits) {
    const order = await sell(plan, visit, system);
    for (const step of visit.elsewhere) {
      if (step.afterMs === 'before') await happenElsewhere(system, visit, order, step);
    }
    orders.push(order);
  }
  return orders;
}

async function sell(plan: Plan, visit: Visit, system: System): Promise<SoldVisit> {
  const created = await system.simulator.createOrder(visit.order);
  const { kind, timesCount, payAmountFen = 0, originalAmountFen = 0, poiIds = STORES } = visit.order;
  return {
    created,
    sold: {
      orderId: created.order_id,
      certificateIds: created.coupons.map((coupon) => coupon.certificate_id),
      timesCount: kind === 'times_card' ? (timesCount ?? 1) : null,
      payFen: payAmountFen,
      originalFen: originalAmountFen,
      isAmountShown: plan.readings.certificateAmount !== 'absent',
      poiIds,
      flaw: visit.flaw,
      meals: visit.isOneMeal ? 1 : null,
      changes: [],
    },
  };
}

/** Too late if a till of ours was faster. */
async function happenElsewhere(
  { simulator }: System,
  visit: Visit,
  { created, sold }: SoldVisit,
  { act, channel, isSameStore }: Elsewhere,
): Promise<void> {
  const certificateId = created.coupons[0]?.certificate_id ?? '';
  const storeOfTill = visit.tills[0]?.poiId ?? '';
  const poiId = isSameStore ? storeOfTill : (STORES.find((store) => store !== storeOfTill) ?? storeOfTill);
  switch (act) {
    case 'use':
      await simulator.useAtTill(certificateId, poiId, channel);
      return;
    case 'cancel':
      await simulator.cancelAtTill(certificateId);
      return;
    case 'refund':
      sold.changes.push({ atMs: Date.now(), what: act });
      await simulator.setCouponStatus(certificateId, 'refund_applied');
      return;
    case 'withdraw_refund':
      await simulator.withdrawRefund(certificateId);
      return;
  }
}

/** @returns every token that was used, when all tills are through */
export async function receiveCustomers(
  plan: Plan,
  system: System,
  orders: readonly SoldVisit[],
  deps: TillDeps,
  progress: Progress,
): Promise<readonly UsedToken[]> {
  const startedAt = performance.now();
  const used: UsedToken[] = [];
  const untilMs = (atMs: number) => pause(startedAt + atMs - performance.now(), deps);
  await Promise.all(
    plan.visits.map(async (visit) => {
      const order = orders[visit.visit];
      if (!order) throw new Error(`Visit ${visit.visit} has no order`);
      const prepared = new Map<number, ReturnType<typeof prepare>>();
      const elsewhere = visit.elsewhere.map(async (step) => {
        if (step.afterMs === 'before') return;
        await untilMs(visit.atMs + step.afterMs);
        await happenElsewhere(system, visit, order, step);
      });
      const run = async (till: PlannedTill) => {
        if (deps.closing.aborted) return true;
        progress.begun += 1;
        const { token, isKnown } = await runTill(system, order, till, deps, prepared);
        if (token !== null) used.push(usedToken(till, token, order, false));
        progress.done += 1;
        return isKnown;
      };
      const atOnce = () =>
        Promise.all(
          visit.tills.map(async (till) => {
            await untilMs(visit.atMs + till.startDelayMs);
            await run(till);
          }),
        );
      const inTurn = async () => {
        await untilMs(visit.atMs);
        for (const till of visit.tills) {
          if (await run(till)) return;
          await pause(RESCAN_AFTER_MS, deps);
        }
      };
      await Promise.all([...elsewhere, visit.isOneMeal ? inTurn() : atOnce()]);
    }),
  );
  return used;
}

function usedToken(till: PlannedTill, token: string, { sold }: SoldVisit, isControl: boolean): UsedToken {
  const orderId = till.hasUnknownCode ? null : sold.orderId;
  return { till: till.till, app: till.app, token, poiId: till.poiId, orderId, isControl };
}

/** Good coupons when nothing is disturbed any more: each must be redeemed at its first request. */
export async function receiveControls(
  plan: Plan,
  system: System,
  deps: TillDeps,
): Promise<{ readonly orders: readonly SoldVisit[]; readonly used: readonly UsedToken[] }> {
  const orders: SoldVisit[] = [];
  const used: UsedToken[] = [];
  for (const visit of plan.controls) {
    const order = await sell(plan, visit, system);
    orders.push(order);
    for (const till of visit.tills) {
      const { token } = await runTill(system, order, till, deps, new Map());
      used.push(usedToken(till, token ?? '', order, true));
    }
  }
  return { orders, used };
}

async function pause(durationMs: number, { closing }: TillDeps): Promise<void> {
  await delay(Math.max(0, durationMs), undefined, { signal: closing }).catch(() => undefined);
}

interface TillEnd {
  /** Null if it had nothing to verify. */
  readonly token: string | null;
  /** Whether it knows how it ended. */
  readonly isKnown: boolean;
}

async function runTill(
  system: System,
  { created, sold }: SoldVisit,
  till: PlannedTill,
  deps: TillDeps,
  prepared: Map<number, ReturnType<typeof prepare>>,
): Promise<TillEnd> {
  if (till.refreshesQr) sold.changes.push({ atMs: Date.now(), what: QR_REFRESHED });
  const shown = till.refreshesQr ? await system.simulator.refreshQr(created.order_id) : created;
  const shortLink = { short_link: system.scannable(shown.short_link) };
  const code = {
    code: till.hasUnknownCode
      ? String(900_000_000_000_000 + till.till)
      : (created.coupons[till.couponIndex]?.code ?? ''),
  };
  const redeemAll = async (token: string, coupon: Parameters<typeof redeem>[3]): Promise<TillEnd> => {
    const ends = await Promise.all(
      Array.from({ length: till.requests }, (_, request) =>
        redeem(deps, till, token, coupon, ((till.api + request) % 2) as 0 | 1),
      ),
    );
    return { token, isKnown: ends.includes(true) };
  };
  switch (till.mode) {
    case 'short_link':
      return redeemAll(till.token ?? '', shortLink);
    case 'code':
      return redeemAll(till.token ?? '', code);
    case 'encrypted_code': {
      const own = till.preparedBy ?? till.till;
      const preparing = prepared.get(own) ?? prepare(deps, till, shortLink, till.couponIndex);
      prepared.set(own, preparing);
      const result = await preparing;
      return result
        ? redeemAll(result.token, { encrypted_code: result.encryptedCode })
        : { token: null, isKnown: true };
    }
  }
}
