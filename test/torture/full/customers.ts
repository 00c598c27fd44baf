// Carries out the visits of a plan: makes the orders at Douyin, and lets the tills scan at their time.
import { setTimeout as delay } from 'node:timers/promises';
import type { Plan, PlannedTill, Visit } from './plan.ts';
import type { CreatedOrder } from './simulator-control.ts';
import type { System } from './system.ts';
import { prepare, redeem, type TillDeps } from './till.ts';

/** What a till ended up asking for; absent when its prepare gave it nothing to verify. */
export interface UsedToken {
  readonly till: number;
  readonly app: 0 | 1;
  readonly token: string;
}

export interface Progress {
  /** Tills that have begun and that are through. */
  begun: number;
  done: number;
}

/** In the plan's order, so that the same plan makes the same orders. Nothing disturbs this part. */
export async function makeOrders(plan: Plan, system: System): Promise<readonly CreatedOrder[]> {
  const orders: CreatedOrder[] = [];
  for (const visit of plan.visits) {
    const order = await system.simulator.createOrder(visit.order);
    if (visit.usedElsewhereAfterMs === 'before') await useElsewhere(system, visit, order);
    orders.push(order);
  }
  return orders;
}

async function useElsewhere(system: System, visit: Visit, order: CreatedOrder): Promise<void> {
  const certificateId = order.coupons[0]?.certificate_id ?? '';
  // Too late if a till of ours was faster.
  await system.simulator.useAtTill(certificateId, visit.tills[0]?.poiId ?? '');
}

/** @returns every token that was used, when all tills are through */
export async function receiveCustomers(
  plan: Plan,
  system: System,
  orders: readonly CreatedOrder[],
  deps: TillDeps,
  progress: Progress,
): Promise<readonly UsedToken[]> {
  const startedAt = performance.now();
  const used: UsedToken[] = [];
  const untilMs = (atMs: number) =>
    delay(Math.max(0, startedAt + atMs - performance.now()), undefined, { signal: deps.closing }).catch(
      () => undefined,
    );
  await Promise.all(
    plan.visits.map(async (visit) => {
      const order = orders[visit.visit];
      if (!order) throw new Error(`Visit ${visit.visit} has no order`);
      const prepared = new Map<number, ReturnType<typeof prepare>>();
      const elsewhere =
        typeof visit.usedElsewhereAfterMs === 'number'
          ? untilMs(visit.atMs + visit.usedElsewhereAfterMs).then(() => useElsewhere(system, visit, order))
          : undefined;
      const tills = visit.tills.map(async (till) => {
        await untilMs(visit.atMs + till.startDelayMs);
        if (deps.closing.aborted) return;
        progress.begun += 1;
        const token = await runTill(system, order, till, deps, prepared);
        if (token !== null) used.push({ till: till.till, app: till.app, token });
        progress.done += 1;
      });
      await Promise.all([elsewhere, ...tills]);
    }),
  );
  return used;
}

/** @returns the token it used, or null if it had nothing to verify */
async function runTill(
  system: System,
  order: CreatedOrder,
  till: PlannedTill,
  deps: TillDeps,
  prepared: Map<number, ReturnType<typeof prepare>>,
): Promise<string | null> {
  const shown = till.refreshesQr ? await system.simulator.refreshQr(order.order_id) : order;
  const shortLink = { short_link: system.scannable(shown.short_link) };
  const code = {
    code: till.hasUnknownCode
      ? String(900_000_000_000_000 + till.till)
      : (order.coupons[till.couponIndex]?.code ?? ''),
  };
  const redeemAll = async (token: string, coupon: Parameters<typeof redeem>[3]) => {
    await Promise.all(
      Array.from({ length: till.requests }, (_, request) =>
        redeem(deps, till, token, coupon, ((till.api + request) % 2) as 0 | 1),
      ),
    );
    return token;
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
      return result && redeemAll(result.token, { encrypted_code: result.encryptedCode });
    }
  }
}
