// How often an app may call, and who tries codes out. Counted in this process alone: several processes allow several
// times as much, and no request waits for a count.
import { LRUCache } from 'lru-cache';
import type { VerifyMode } from '../domain/coupon.ts';
import { AppError } from '../domain/errors.ts';
import type { MonotonicMs } from '../timing/monotonic.ts';
import { withinTime } from '../timing/within-time.ts';

const MAX_COUNTED = 10_000;

/** So many events per window, counted from the first of them. */
interface Window {
  readonly limit: number;
  readonly windowMs: number;
}

interface Count {
  readonly startedAtMs: number;
  events: number;
}

/** What of a window is left. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

class WindowCounter {
  readonly #window: Window;
  readonly #counts = new LRUCache<string, Count>({ max: MAX_COUNTED });

  constructor(window: Window) {
    this.#window = window;
  }

  /** @returns takes the event back; of no effect once its window is over */
  add(key: string, nowMs: number): () => void {
    const count = this.#current(key, nowMs);
    count.events += 1;
    this.#counts.set(key, count);
    return () => {
      count.events -= 1;
    };
  }

  isFull(key: string, nowMs: number): boolean {
    return this.#current(key, nowMs).events >= this.#window.limit;
  }

  state(key: string, nowMs: number): RateState {
    const { events, startedAtMs } = this.#current(key, nowMs);
    const { limit, windowMs } = this.#window;
    return {
      limit,
      remaining: Math.max(0, limit - events),
      resetSeconds: Math.max(1, Math.ceil((startedAtMs + windowMs - nowMs) / 1000)),
    };
  }

  #current(key: string, nowMs: number): Count {
    const count = this.#counts.get(key);
    const isOver = !count || nowMs - count.startedAtMs >= this.#window.windowMs;
    return isOver ? { startedAtMs: nowMs, events: 0 } : count;
  }
}

/** More than one process can serve: only a client that runs wild reaches it. */
export const APP_RATE: Window = { limit: 3000, windowMs: 10_000 };

/** Limits each app's requests. */
export class AppRateLimiter {
  readonly #monotonicMs: MonotonicMs;
  readonly #counter: WindowCounter;

  constructor(monotonicMs: MonotonicMs, window: Window = APP_RATE) {
    this.#monotonicMs = monotonicMs;
    this.#counter = new WindowCounter(window);
  }

  /**
   * Counts one request.
   * @returns whether it may pass, what is left, and how to take the count back (once) for a request that was none of
   *   the app's
   */
  take(appId: number): RateState & { readonly isAllowed: boolean; readonly giveBack: () => void } {
    const nowMs = this.#monotonicMs();
    const key = String(appId);
    const isAllowed = !this.#counter.isFull(key, nowMs);
    const giveBack = isAllowed ? this.#counter.add(key, nowMs) : () => undefined;
    return { ...this.#counter.state(key, nowMs), isAllowed, giveBack };
  }
}

/** A cashier mistypes now and then; somebody who tries codes out does so all the time. */
const UNKNOWN_CODES: Window = { limit: 20, windowMs: 600_000 };

interface UnknownCodes {
  readonly startedAtMs: number;
  readonly codes: Set<string>;
}

/** What is tried: an app's plain code at a store. */
export interface CodeTrial {
  readonly appId: number;
  readonly poiId: string;
  readonly mode: VerifyMode;
  readonly code: string;
}

/** A code under trial is waited for no longer than this; Douyin usually answers in a fraction of it. */
const PLACE_WAIT_MS = 2000;

/** What is under way for one app and store. */
interface Trials {
  /** How many requests try each code. */
  readonly requests: Map<string, number>;
  readonly onEnd: Set<() => void>;
}

/**
 * Stops whoever tries plain codes out: an app that brings, at one store, many different codes that Douyin does not know.
 * The app's other stores go on. What a request says of its device does not matter, for it can say anything. Short links
 * and encrypted codes cannot be guessed and always pass.
 *
 * Many at the same moment bring no more than one after the other: as many codes are under trial as could still be
 * unknown, the others wait for one of them to end.
 */
export class CodeGuessingGuard {
  readonly #monotonicMs: MonotonicMs;
  readonly #placeWaitMs: number;
  readonly #unknown = new LRUCache<string, UnknownCodes>({ max: MAX_COUNTED });
  readonly #trials = new Map<string, Trials>();

  constructor(monotonicMs: MonotonicMs, placeWaitMs = PLACE_WAIT_MS) {
    this.#monotonicMs = monotonicMs;
    this.#placeWaitMs = placeWaitMs;
  }

  /**
   * Does `work` unless its caller is stopped. Its result counts if `isFreshlyUnknown` says that Douyin was asked now and
   * did not know the code: a stored verdict told again is no new guess.
   * @param isStored asked of a caller alone who is stopped, or would have to wait: whether `work` would only tell what is
   *   stored, which it always may
   * @throws AppError `rate.too_many_unknown_codes`, `gateway.busy` if as many other codes as may be are under trial, and
   *   what `work` throws
   */
  async watch<T>(
    trial: CodeTrial,
    work: () => Promise<T>,
    isFreshlyUnknown: (result: T) => boolean,
    isStored: () => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<T> {
    if (trial.mode !== 'code') return work();
    const key = `${trial.appId}/${trial.poiId}`;
    if (!this.#begin(key, trial.code)) {
      if (await isStored()) return work();
      const giveUpAt = performance.now() + this.#placeWaitMs;
      while (!this.#begin(key, trial.code)) await this.#untilOneEnds(key, giveUpAt - performance.now());
    }
    try {
      const result = await work();
      if (isFreshlyUnknown(result)) this.#count(key, trial.code);
      return result;
    } finally {
      this.#end(key, trial.code);
    }
  }

  /**
   * Takes a place among the trials; requests with the same code share one.
   * @returns false if the caller is stopped, or all places are taken
   */
  #begin(key: string, code: string): boolean {
    const { codes } = this.#current(key, this.#monotonicMs());
    const trials = this.#trials.get(key);
    const undecided = [...(trials?.requests.keys() ?? [])].filter(
      (each) => each !== code && !codes.has(each),
    );
    if (codes.size >= UNKNOWN_CODES.limit) return false;
    if (!codes.has(code) && codes.size + undecided.length >= UNKNOWN_CODES.limit) return false;
    const { requests } = trials ?? this.#open(key);
    requests.set(code, (requests.get(code) ?? 0) + 1);
    return true;
  }

  #open(key: string): Trials {
    const trials: Trials = { requests: new Map(), onEnd: new Set() };
    this.#trials.set(key, trials);
    return trials;
  }

  #end(key: string, code: string): void {
    const trials = this.#trials.get(key);
    if (!trials) return;
    const left = (trials.requests.get(code) ?? 1) - 1;
    if (left > 0) trials.requests.set(code, left);
    else trials.requests.delete(code);
    if (trials.requests.size === 0) this.#trials.delete(key);
    for (const wake of trials.onEnd) wake();
  }

  /** @throws AppError `rate.too_many_unknown_codes` for a stopped caller, `gateway.busy` if none ends in time */
  async #untilOneEnds(key: string, waitMs: number): Promise<void> {
    const retryAfterSeconds = this.#stoppedForSeconds(key);
    if (retryAfterSeconds !== null) {
      throw new AppError('rate.too_many_unknown_codes', {
        data: { retry_after_seconds: retryAfterSeconds },
      });
    }
    const trials = this.#trials.get(key);
    // All have ended in between: there is room.
    if (!trials) return;
    const ended = Promise.withResolvers<void>();
    trials.onEnd.add(ended.resolve);
    try {
      await withinTime(Math.max(0, waitMs), ended.promise, () => new AppError('gateway.busy'));
    } finally {
      trials.onEnd.delete(ended.resolve);
    }
  }

  /** @returns null unless the key is stopped */
  #stoppedForSeconds(key: string): number | null {
    const nowMs = this.#monotonicMs();
    const { codes, startedAtMs } = this.#current(key, nowMs);
    if (codes.size < UNKNOWN_CODES.limit) return null;
    return Math.max(1, Math.ceil((startedAtMs + UNKNOWN_CODES.windowMs - nowMs) / 1000));
  }

  #count(key: string, code: string): void {
    const current = this.#current(key, this.#monotonicMs());
    current.codes.add(code);
    this.#unknown.set(key, current);
  }

  #current(key: string, nowMs: number): UnknownCodes {
    const known = this.#unknown.get(key);
    const isOver = !known || nowMs - known.startedAtMs >= UNKNOWN_CODES.windowMs;
    return isOver ? { startedAtMs: nowMs, codes: new Set() } : known;
  }
}
