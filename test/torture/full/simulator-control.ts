// The simulator's control side, directly and never through the nemesis's proxies.
import { setTimeout as delay } from 'node:timers/promises';
import { CONTROL_PREFIX } from '../../../src/simulator/control.ts';
import { snakeKeys } from '../../../src/simulator/naming.ts';
import type { FaultInput, FaultPlanInput } from '../../../src/simulator/faults.ts';
import type { DouyinCall, Effect, Truth } from '../oracle/ledgers.ts';
import type { SettingsChange } from '../../../src/simulator/settings.ts';
import type { OrderInput } from '../../../src/simulator/order-spec.ts';

const PAGE = 1000;
const REQUEST_TRIES = 40;
const REQUEST_PAUSE_MS = 100;

export type TillChannel = 'scan' | 'typed' | 'other_app';
export type CouponStatus = 'refund_applied' | 'refunding' | 'refunded' | 'refund_failed';

export interface CreatedOrder {
  readonly order_id: string;
  readonly short_link: string;
  readonly coupons: readonly {
    readonly certificate_id: string;
    readonly encrypted_code: string;
    readonly code: string;
  }[];
}

export interface Counters {
  readonly calls: Readonly<Record<string, number>>;
  readonly in_flight: number;
  /** Calls that arrived and may have their effect yet. */
  readonly unjudged: number;
  readonly faults: Readonly<Record<string, number>>;
}

type Dated<Entry> = Entry & { readonly true_at_ms: number };

/** Douyin's own clock may be wrong: what is compared with the tills goes by the machine's. */
function byTrueClock<Entry extends { readonly at_ms: number }>(entry: Dated<Entry>): Dated<Entry> {
  return { ...entry, at_ms: entry.true_at_ms };
}

export class SimulatorControl {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async createOrder(order: OrderInput): Promise<CreatedOrder> {
    const { orders } = await this.#call<{ orders: CreatedOrder[] }>('POST', '/orders', snakeKeys(order));
    const [created] = orders;
    if (!created) throw new Error('The simulator created no order');
    return created;
  }

  async refreshQr(orderId: string): Promise<CreatedOrder> {
    return this.#call('POST', `/orders/${orderId}/qr`, {});
  }

  /** @returns false if the coupon could not be used any more */
  async useAtTill(certificateId: string, poiId: string, channel: TillChannel = 'scan'): Promise<boolean> {
    return this.#change(certificateId, { action: 'use_at_till', poi_id: poiId, channel });
  }

  /** Takes a use back in Douyin's own app. @returns false if there was none in force */
  async cancelAtTill(certificateId: string): Promise<boolean> {
    return this.#change(certificateId, { action: 'cancel_at_till' });
  }

  /** The customer asks for the money back. @returns false if the coupon is past it */
  async setCouponStatus(certificateId: string, status: CouponStatus): Promise<boolean> {
    return this.#change(certificateId, { action: 'set_status', status });
  }

  async withdrawRefund(certificateId: string): Promise<boolean> {
    return this.#change(certificateId, { action: 'withdraw_refund' });
  }

  async changeSettings(change: SettingsChange): Promise<void> {
    await this.#call('PATCH', '/settings', snakeKeys(change));
  }

  async setFaultPlan(plan: FaultPlanInput): Promise<void> {
    await this.#call('PUT', '/fault-plan', snakeKeys(plan));
  }

  async addFault(fault: FaultInput): Promise<void> {
    await this.#call('POST', '/faults', snakeKeys(fault));
  }

  async clearFaults(): Promise<void> {
    await this.#call('DELETE', '/faults', {});
  }

  async changeAccessTokens(action: 'expire' | 'revoke' | 'replace'): Promise<void> {
    await this.#call('POST', '/access-tokens', { action, ...(action === 'replace' ? { grace_ms: 0 } : {}) });
  }

  async counters(): Promise<Counters> {
    return this.#call('GET', '/counters');
  }

  /** Every effect, in the order they happened. */
  async effects(): Promise<readonly Effect[]> {
    return this.#pages(async (after) => {
      const { ledger } = await this.#call<{ ledger: Dated<Effect>[] }>(
        'GET',
        `/ledger?limit=${PAGE}&after=${after}`,
      );
      return { items: ledger.map(byTrueClock), next: ledger.at(-1)?.sequence ?? null };
    });
  }

  /** The truth about every token that a prepare gave out. */
  async truths(): Promise<readonly Truth[]> {
    return this.#pages(async (after) => {
      const { items } = await this.#call<{ items: Truth[] }>('GET', `/truth?limit=${PAGE}&after=${after}`);
      return { items, next: items.length < PAGE ? null : after + items.length };
    });
  }

  /** Whether a use under this token is in force. */
  async isRedeemed(verifyToken: string): Promise<boolean> {
    const { ledger } = await this.#call<{ ledger: readonly Effect[] }>(
      'GET',
      `/ledger?verify_token=${encodeURIComponent(verifyToken)}`,
    );
    const cancelled = new Set(
      ledger.filter(({ kind }) => kind === 'cancelled').map((line) => line.verify_id),
    );
    return ledger.some(({ kind, verify_id }) => kind === 'verified' && !cancelled.has(verify_id));
  }

  /** Every call that arrived, as long as the simulator keeps them. */
  async calls(): Promise<readonly DouyinCall[]> {
    return this.#pages(async (after) => {
      const page = await this.#call<{ calls: Dated<DouyinCall>[]; next_after: number | null }>(
        'GET',
        `/calls?limit=${PAGE}&after=${after}`,
      );
      return { items: page.calls.map(byTrueClock), next: page.next_after };
    });
  }

  async #change(certificateId: string, change: object): Promise<boolean> {
    const response = await this.#request('PATCH', `/coupons/${certificateId}`, change);
    await response.body?.cancel();
    return response.ok;
  }

  async #pages<T>(
    read: (after: number) => Promise<{ items: readonly T[]; next: number | null }>,
  ): Promise<T[]> {
    const all: T[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: { items: readonly T[]; next: number | null } = await read(after);
      all.push(...page.items);
      after = page.items.length === 0 ? null : page.next;
    }
    return all;
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#request(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`The simulator refused ${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** One of its own faults refuses connections for a moment, this side's too: then again. */
  async #request(method: string, path: string, body?: unknown): Promise<Response> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await fetch(`${this.#url}${CONTROL_PREFIX}${path}`, {
          method,
          headers: { 'Content-Type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      } catch (err) {
        if (tries >= REQUEST_TRIES) throw err;
        await delay(REQUEST_PAUSE_MS);
      }
    }
  }
}
