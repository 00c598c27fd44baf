// Who may call Douyin now: paced per endpoint, bounded in number, and held while Douyin wants to be left alone.
// Nothing waits here. A call that may not be made is refused at once and its caller tries again later, so that what a
// cashier waits for never stands behind what nobody waits for. What a call sends and means is client.ts.
import { AppError } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { PauseStore, StoredPause } from '../ports/pause-store.ts';
import type { DouyinEndpoint } from './api-connection.ts';

/** What a call is for, the most important first. */
const PURPOSES = ['verify', 'cancel', 'prepare', 'look_up', 'enrichment'] as const;
export type CallPurpose = (typeof PURPOSES)[number];

interface Share {
  /** Calls at the same time in this process: a Douyin that hangs must not hold every connection and worker slot. */
  readonly maxUnderWay: number;
  /** How much of an endpoint's second is left to those before it, 0 to 1. */
  readonly leaves: number;
}

/** The till's calls are bounded by the requests in flight, which have their own limit. */
const UNBOUNDED: Share = { maxUnderWay: Infinity, leaves: 0 };
const SHARES: Readonly<Record<CallPurpose, Share>> = {
  verify: UNBOUNDED,
  cancel: UNBOUNDED,
  prepare: UNBOUNDED,
  look_up: { maxUnderWay: 24, leaves: 0 },
  enrichment: { maxUnderWay: 16, leaves: 0.25 },
};

/** Connections that the calls nobody waits for can hold at the same time. */
export const MAX_BACKGROUND_CALLS = Object.values(SHARES)
  .map((share) => share.maxUnderWay)
  .filter(Number.isFinite)
  .reduce((sum, calls) => sum + calls, 0);

/** How old the view of the other processes' pauses may be. */
const VIEW_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;
/** While prepare is held no shop can redeem anything: whether Douyin still refuses it is tried again soon. */
const LONGEST_TILL_PAUSE_MS = 5000;

export type GivenUpWhy = 'paused' | 'pace' | 'under_way';

export interface CallBudgetOptions {
  /** This process's part of Douyin's quota, by endpoint; one that is not named has no pace. */
  readonly callsPerSecond: Readonly<Partial<Record<DouyinEndpoint, number>>>;
  /** The first pause after "too frequent"; while the refusals go on each is twice as long. Milliseconds. */
  readonly firstPauseMs: number;
  readonly store: PauseStore;
  readonly logger: Logger;
  readonly onGivenUp?: (call: {
    readonly endpoint: DouyinEndpoint;
    readonly purpose: CallPurpose;
    readonly why: GivenUpWhy;
  }) => void;
  /** A clock that only runs forward, milliseconds; the machine's unless given. */
  readonly monotonicMs?: () => number;
}

interface Pause {
  readonly endpoint: string;
  readonly priority: number;
  readonly errorCode: number;
  readonly endsAtMs: number;
}

export class CallBudget {
  readonly #options: CallBudgetOptions;
  readonly #nowMs: () => number;
  readonly #buckets: ReadonlyMap<DouyinEndpoint, Bucket>;
  readonly #underWay = new Map<CallPurpose, number>();
  #pauses = new Map<string, Pause>();
  #viewedAtMs = -Infinity;
  #viewing: Promise<void> | null = null;

  constructor(options: CallBudgetOptions) {
    this.#options = options;
    this.#nowMs = options.monotonicMs ?? (() => performance.now());
    this.#buckets = new Map(
      Object.entries(options.callsPerSecond).map(([endpoint, rate]) => [
        endpoint as DouyinEndpoint,
        new Bucket(rate, this.#nowMs()),
      ]),
    );
  }

  /**
   * Makes the call if it may be made now.
   * @throws AppError `douyin.unavailable`, with nothing sent; else what the call throws
   */
  async run<T>(endpoint: DouyinEndpoint, purpose: CallPurpose, call: () => Promise<T>): Promise<T> {
    this.#admit(endpoint, purpose);
    this.#underWay.set(purpose, this.underWay(purpose) + 1);
    try {
      return await call();
    } finally {
      this.#underWay.set(purpose, this.underWay(purpose) - 1);
    }
  }

  /** Douyin answered this call that it is called too often. Holds this process at once, the others within a second. */
  noteTooFrequent(endpoint: DouyinEndpoint, purpose: CallPurpose, errorCode: number): void {
    const { store, logger, firstPauseMs } = this.#options;
    const priority = PURPOSES.indexOf(purpose);
    const known = this.#pauses.get(endpoint);
    if (known && known.endsAtMs > this.#nowMs()) {
      // Many calls are under way when the first is answered so.
      if (known.priority <= priority) return;
    } else {
      this.#hold({ endpoint, priority, errorCode, remainingMs: firstPauseMs });
    }
    store
      .extend({
        endpoint,
        priority,
        errorCode,
        firstMs: firstPauseMs,
        longestMs: priority <= PURPOSES.indexOf('prepare') ? LONGEST_TILL_PAUSE_MS : LONGEST_PAUSE_MS,
      })
      .then((pause) => {
        this.#hold(pause);
        logger.error(
          {
            endpoint,
            purpose,
            errorCode,
            pauseMs: Math.round(pause.remainingMs),
            alert: 'douyin.too_frequent',
          },
          'Douyin asks to be called less often',
        );
      })
      .catch((err: unknown) => {
        logger.error(
          { err, endpoint, purpose, errorCode, alert: 'douyin.too_frequent' },
          'Douyin asks to be called less often; the other processes could not be told',
        );
      });
  }

  /** Reads what the other processes were told. A database that is away pauses nobody. */
  async refresh(): Promise<void> {
    this.#viewing ??= this.#view().finally(() => {
      this.#viewing = null;
    });
    await this.#viewing;
  }

  /** The pauses this process knows, by endpoint, in milliseconds that are left. */
  remainingPausesMs(): ReadonlyMap<string, number> {
    const nowMs = this.#nowMs();
    return new Map(
      [...this.#pauses.values()].map(({ endpoint, endsAtMs }) => [endpoint, Math.max(0, endsAtMs - nowMs)]),
    );
  }

  underWay(purpose: CallPurpose): number {
    return this.#underWay.get(purpose) ?? 0;
  }

  #admit(endpoint: DouyinEndpoint, purpose: CallPurpose): void {
    if (this.#nowMs() - this.#viewedAtMs >= VIEW_MS) void this.refresh();
    // The coupon is prepared and the cashier waits: Douyin refuses this call itself if it must.
    if (purpose === 'verify') return;
    const pause = this.#pauseFor(endpoint, purpose);
    if (pause) {
      const until = new Date(Date.now() + pause.endsAtMs - this.#nowMs());
      throw this.#giveUp(
        { endpoint, purpose, why: 'paused' },
        `Douyin asked us to slow down until ${until.toISOString()} (code ${pause.errorCode} at ${pause.endpoint})`,
      );
    }
    const { maxUnderWay, leaves } = SHARES[purpose];
    if (this.underWay(purpose) >= maxUnderWay) {
      throw this.#giveUp(
        { endpoint, purpose, why: 'under_way' },
        `${maxUnderWay} calls for ${purpose} are under way already`,
      );
    }
    if (this.#buckets.get(endpoint)?.take(leaves, this.#nowMs()) === false) {
      throw this.#giveUp(
        { endpoint, purpose, why: 'pace' },
        `this process's part of Douyin's calls per second to ${endpoint} is used up`,
      );
    }
  }

  #giveUp(
    call: { endpoint: DouyinEndpoint; purpose: CallPurpose; why: GivenUpWhy },
    internal: string,
  ): AppError {
    this.#options.onGivenUp?.(call);
    return new AppError('douyin.unavailable', { internal });
  }

  /**
   * A pause holds its endpoint, and everything that is no more important than the call it was asked of. So enrichment's
   * holds no look-up elsewhere, a look-up's holds no cashier, and while verify is refused nothing more is prepared for it.
   */
  #pauseFor(endpoint: DouyinEndpoint, purpose: CallPurpose): Pause | undefined {
    const priority = PURPOSES.indexOf(purpose);
    const nowMs = this.#nowMs();
    return [...this.#pauses.values()].find(
      (pause) => pause.endsAtMs > nowMs && (pause.endpoint === endpoint || pause.priority <= priority),
    );
  }

  #hold({ endpoint, priority, errorCode, remainingMs }: StoredPause): void {
    this.#pauses.set(endpoint, { endpoint, priority, errorCode, endsAtMs: this.#nowMs() + remainingMs });
  }

  async #view(): Promise<void> {
    this.#viewedAtMs = this.#nowMs();
    try {
      for (const pause of await this.#options.store.list()) this.#hold(pause);
    } catch (err) {
      this.#options.logger.warn({ err }, 'the pauses Douyin asked for could not be read');
    }
  }
}

/** A second's worth of calls that fills up evenly. */
class Bucket {
  readonly #callsPerSecond: number;
  readonly #capacity: number;
  #calls: number;
  #filledAtMs: number;

  constructor(callsPerSecond: number, nowMs: number) {
    this.#callsPerSecond = callsPerSecond;
    this.#capacity = Math.max(1, callsPerSecond);
    this.#calls = this.#capacity;
    this.#filledAtMs = nowMs;
  }

  /** @param leaves the part of the capacity that must be there before the call; @returns whether it may be made */
  take(leaves: number, nowMs: number): boolean {
    const filled = this.#calls + ((nowMs - this.#filledAtMs) / 1000) * this.#callsPerSecond;
    this.#calls = Math.min(this.#capacity, filled);
    this.#filledAtMs = nowMs;
    if (this.#calls < 1 || this.#calls <= leaves * this.#capacity) return false;
    this.#calls -= 1;
    return true;
  }
}
