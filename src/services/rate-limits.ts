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
const UNKNOWN_CODES_OF_DEVICE: Window = { limit: 20, windowMs: 600_000 };
/** Many tills share an app. */
const UNKNOWN_CODES_OF_APP: Window = { limit: 300, windowMs: 600_000 };

/**
 * Stops whoever tries plain codes out: a device, or an app, that brings many codes Douyin does not know. Short links and
 * encrypted codes cannot be guessed and always pass.
 */
export class CodeGuessingGuard {
  readonly #clock: Clock;
  readonly #ofDevice = new WindowCounter(UNKNOWN_CODES_OF_DEVICE);
  readonly #ofApp = new WindowCounter(UNKNOWN_CODES_OF_APP);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does `work` unless its caller is stopped, and counts it if `isUnknown` says so of its result.
   * @param caller.deviceId `''` if the request names none: then only the app counts
   * @throws AppError `rate.too_many_unknown_codes`, and what `work` throws
   */
  async watch<T>(
    caller: { readonly appId: number; readonly deviceId: string; readonly mode: VerifyMode },
    work: () => Promise<T>,
    isUnknown: (result: T) => boolean,
  ): Promise<T> {
    if (caller.mode !== 'code') return work();
    const app = String(caller.appId);
    const device = caller.deviceId === '' ? null : `${app}/${caller.deviceId}`;
    this.#requireNotStopped(this.#ofApp, app);
    if (device !== null) this.#requireNotStopped(this.#ofDevice, device);
    const result = await work();
    if (isUnknown(result)) {
      const nowMs = this.#clock.now().getTime();
      this.#ofApp.add(app, nowMs);
      if (device !== null) this.#ofDevice.add(device, nowMs);
    }
    return result;
  }

  #requireNotStopped(counter: WindowCounter, key: string): void {
    const nowMs = this.#clock.now().getTime();
    if (!counter.isFull(key, nowMs)) return;
    throw new AppError('rate.too_many_unknown_codes', {
      data: { retry_after_seconds: counter.state(key, nowMs).resetSeconds },
    });
  }
}
