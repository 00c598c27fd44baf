// The simulator's control side, directly and never through the nemesis's proxies.
import { CONTROL_PREFIX } from '../../../src/simulator/control.ts';
import { snakeKeys } from '../../../src/simulator/naming.ts';
import type { FaultInput, FaultPlanInput } from '../../../src/simulator/faults.ts';
import type { OrderInput } from '../../../src/simulator/order-spec.ts';

const PAGE = 1000;

export interface CreatedOrder {
  readonly order_id: string;
  readonly short_link: string;
  readonly coupons: readonly {
    readonly certificate_id: string;
    readonly encrypted_code: string;
    readonly code: string;
  }[];
}

export interface Effect {
  readonly sequence: number;
  readonly kind: 'verified' | 'cancelled';
  readonly at_ms: number;
  readonly verify_id: string;
  readonly certificate_id: string;
  readonly encrypted_code: string;
  readonly order_id: string;
  readonly poi_id: string;
  /** Null for a use outside of the API. */
  readonly verify_token: string | null;
  readonly verified_by: 'api' | 'till';
  /** Which use of a times card it was; null for other coupons. */
  readonly serial_number: number | null;
}

export interface Truth {
  readonly verify_token: string;
  readonly order_id: string;
  readonly effect: 'verified' | 'cancelled' | 'none';
  readonly is_in_review: boolean;
  /** Verify calls that arrived with this token. */
  readonly sends: number;
  /** Different parameters it was sent with. */
  readonly parameter_sets: number;
}

export interface DouyinCall {
  readonly sequence: number;
  readonly endpoint: string;
  readonly at_ms: number;
  readonly facts: {
    readonly order_id?: string;
    readonly verify_token?: string;
    readonly encrypted_codes?: readonly string[];
    readonly poi_id?: string;
  };
  readonly fault: string | null;
  readonly outcome: string;
}

export interface Counters {
  readonly calls: Readonly<Record<string, number>>;
  readonly in_flight: number;
  readonly faults: Readonly<Record<string, number>>;
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
  async useAtTill(certificateId: string, poiId: string): Promise<boolean> {
    const response = await this.#request('PATCH', `/coupons/${certificateId}`, {
      action: 'use_at_till',
      poi_id: poiId,
    });
    await response.body?.cancel();
    return response.ok;
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
      const { ledger } = await this.#call<{ ledger: Effect[] }>(
        'GET',
        `/ledger?limit=${PAGE}&after=${after}`,
      );
      return { items: ledger, next: ledger.at(-1)?.sequence ?? null };
    });
  }

  /** The truth about every token that a prepare gave out. */
  async truths(): Promise<readonly Truth[]> {
    return this.#pages(async (after) => {
      const { items } = await this.#call<{ items: Truth[] }>('GET', `/truth?limit=${PAGE}&after=${after}`);
      return { items, next: items.length < PAGE ? null : after + items.length };
    });
  }

  /** Every call that arrived, as long as the simulator keeps them. */
  async calls(): Promise<readonly DouyinCall[]> {
    return this.#pages(async (after) => {
      const page = await this.#call<{ calls: DouyinCall[]; next_after: number | null }>(
        'GET',
        `/calls?limit=${PAGE}&after=${after}`,
      );
      return { items: page.calls, next: page.next_after };
    });
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

  #request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#url}${CONTROL_PREFIX}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}
