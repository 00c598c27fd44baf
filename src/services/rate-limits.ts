// How often an app may call, and who tries codes out. Counted in this process alone: several processes allow several
// times as much, and no request waits for a count.
import { LRUCache } from 'lru-cache';
import type { VerifyMode } from '../domain/coupon.ts';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';

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

  add(key: string, nowMs: number): void {
    const count = this.#current(key, nowMs);
    count.events += 1;
    this.#counts.set(key, count);
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
  readonly #clock: Clock;
  readonly #counter: WindowCounter;

  constructor(clock: Clock, window: Window = APP_RATE) {
    this.#clock = clock;
    this.#counter = new WindowCounter(window);
  }

  /**
   * Counts one request.
   * @returns whether it may pass, and what is left
   */
  take(appId: number): RateState & { readonly isAllowed: boolean } {
    const nowMs = this.#clock.now().getTime();
    const key = String(appId);
    const isAllowed = !this.#counter.isFull(key, nowMs);
    if (isAllowed) this.#counter.add(key, nowMs);
    return { ...this.#counter.state(key, nowMs), isAllowed };
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

/**
 * Stops whoever tries plain codes out: an app that brings, at one store, many different codes that Douyin does not know.
 * The app's other stores go on. What a request says of its device does not matter, for it can say anything. Short links
 * and encrypted codes cannot be guessed and always pass.
 */
export class CodeGuessingGuard {
  readonly #clock: Clock;
  readonly #unknown = new LRUCache<string, UnknownCodes>({ max: MAX_COUNTED });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does `work` unless its caller is stopped. Its result counts if `isFreshlyUnknown` says that Douyin was asked now and
   * did not know the code: a stored verdict told again is no new guess.
   * @param isStored asked of a stopped caller alone: whether `work` would only tell what is stored, which it always may
   * @throws AppError `rate.too_many_unknown_codes`, and what `work` throws
   */
  async watch<T>(
    trial: CodeTrial,
    work: () => Promise<T>,
    isFreshlyUnknown: (result: T) => boolean,
    isStored: () => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<T> {
    if (trial.mode !== 'code') return work();
    const key = `${trial.appId}/${trial.poiId}`;
    const retryAfterSeconds = this.#stoppedForSeconds(key);
    if (retryAfterSeconds !== null && !(await isStored())) {
      throw new AppError('rate.too_many_unknown_codes', {
        data: { retry_after_seconds: retryAfterSeconds },
      });
    }
    const result = await work();
    if (isFreshlyUnknown(result)) this.#count(key, trial.code);
    return result;
  }

  /** @returns null unless the key is stopped */
  #stoppedForSeconds(key: string): number | null {
    const nowMs = this.#clock.now().getTime();
    const { codes, startedAtMs } = this.#current(key, nowMs);
    if (codes.size < UNKNOWN_CODES.limit) return null;
    return Math.max(1, Math.ceil((startedAtMs + UNKNOWN_CODES.windowMs - nowMs) / 1000));
  }

  #count(key: string, code: string): void {
    const current = this.#current(key, this.#clock.now().getTime());
    // Enough is enough: requests under way when the last place was taken do not make it grow.
    if (current.codes.size < UNKNOWN_CODES.limit) current.codes.add(code);
    this.#unknown.set(key, current);
  }

  #current(key: string, nowMs: number): UnknownCodes {
    const known = this.#unknown.get(key);
    const isOver = !known || nowMs - known.startedAtMs >= UNKNOWN_CODES.windowMs;
    return isOver ? { startedAtMs: nowMs, codes: new Set() } : known;
  }
}
