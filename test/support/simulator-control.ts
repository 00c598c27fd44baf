// The Douyin simulator's control side over HTTP: coupons to redeem, faults, and what really happened.
import { CONTROL_PREFIX } from '../../src/simulator/control.ts';
import type { FaultInput } from '../../src/simulator/faults.ts';
import { snakeKeys } from '../../src/simulator/naming.ts';
import type { OrderInput } from '../../src/simulator/order-spec.ts';
import type { EndpointName, SettingsChange } from '../../src/simulator/settings.ts';

const MAX_PER_PAGE = 1000;

export interface SimulatedCoupon {
  readonly certificate_id: string;
  readonly encrypted_code: string;
  readonly code: string;
}

export interface SimulatedOrder {
  readonly order_id: string;
  readonly short_link: string;
  readonly short_link_id: string;
  readonly encrypted_data: string;
  readonly coupons: readonly SimulatedCoupon[];
}

export interface LedgerLine {
  readonly sequence: number;
  readonly kind: 'verified' | 'cancelled';
  readonly verify_id: string;
  readonly certificate_id: string;
  readonly order_id: string;
  readonly poi_id: string;
  readonly verify_token: string | null;
}

export interface Truth {
  readonly effect: 'verified' | 'cancelled' | 'none';
  /** Verify calls that arrived with this token. */
  readonly sends: number;
  /** Different parameters it was sent with. */
  readonly parameter_sets: number;
}

export interface LoggedCall {
  readonly sequence: number;
  readonly endpoint: EndpointName;
  readonly facts: { readonly order_id?: string };
  /** Null while it goes on. */
  readonly duration_ms: number | null;
}

export type Calls = Readonly<Record<EndpointName, number>>;

export class SimulatorControl {
  readonly #url: string;

  constructor(simulatorUrl: string) {
    this.#url = simulatorUrl;
  }

  async createOrders(count: number, order: OrderInput = {}): Promise<readonly SimulatedOrder[]> {
    return (await this.#call<{ orders: SimulatedOrder[] }>('POST', '/orders', { ...order, count })).orders;
  }

  async createOrder(order: OrderInput = {}): Promise<SimulatedOrder> {
    const [created] = await this.createOrders(1, order);
    if (!created) throw new Error('The simulator created no order');
    return created;
  }

  /** Every effect, oldest first. */
  async ledger(): Promise<readonly LedgerLine[]> {
    const lines: LedgerLine[] = [];
    for (;;) {
      const after = lines.at(-1)?.sequence ?? 0;
      const { ledger } = await this.#call<{ ledger: LedgerLine[] }>(
        'GET',
        `/ledger?limit=${MAX_PER_PAGE}&after=${after}`,
      );
      lines.push(...ledger);
      if (ledger.length < MAX_PER_PAGE) return lines;
    }
  }

  /** The uses of these orders' coupons. */
  async ledgerOf(orders: readonly SimulatedOrder[]): Promise<readonly LedgerLine[]> {
    const ids = new Set(orders.map((order) => order.order_id));
    return (await this.ledger()).filter((line) => ids.has(line.order_id));
  }

  async truth(douyinVerifyToken: string): Promise<Truth> {
    return this.#call('GET', `/truth?verify_token=${encodeURIComponent(douyinVerifyToken)}`);
  }

  /** How many calls have arrived, by endpoint. */
  async calls(): Promise<Calls> {
    return (await this.#call<{ calls: Calls }>('GET', '/counters')).calls;
  }

  /** Every call that is still kept, oldest first. */
  async *allCalls(): AsyncGenerator<LoggedCall> {
    for (let after: number | null = 0; after !== null;) {
      const page: { calls: LoggedCall[]; next_after: number | null } = await this.#call(
        'GET',
        `/calls?limit=${MAX_PER_PAGE}&after=${after}`,
      );
      yield* page.calls;
      after = page.next_after;
    }
  }

  async callsInFlight(): Promise<number> {
    return (await this.#call<{ in_flight: number }>('GET', '/counters')).in_flight;
  }

  /** @returns removes it */
  async addFault(fault: FaultInput): Promise<() => Promise<void>> {
    const { fault_id: id } = await this.#call<{ fault_id: string }>('POST', '/faults', fault);
    return async () => {
      await this.#call('DELETE', `/faults/${id}`, {});
    };
  }

  async clearFaults(): Promise<void> {
    await this.#call('DELETE', '/faults', {});
  }

  async changeSettings(settings: SettingsChange): Promise<void> {
    await this.#call('PATCH', '/settings', settings);
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#url}${CONTROL_PREFIX}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(snakeKeys(body)) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The simulator refused ${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }
}
