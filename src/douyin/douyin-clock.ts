// Douyin's time as this process knows it, from what Douyin's answers say and a clock that only runs forward.
import type { DouyinClock } from '../ports/douyin-clock.ts';

/** A machine's clock that nobody corrects gains at most this share of the time that passes. */
const LARGEST_DRIFT = 200e-6;

export interface MonotonicDouyinClockOptions {
  /** A clock that only runs forward, milliseconds; the machine's unless given. */
  readonly monotonicMs?: () => number;
}

/**
 * Never ahead of Douyin: an answer's time is older than its receipt and cut to the second, and from there on only the
 * time that has passed is added, less what this machine's clock may have gained. The wall clock, which may be wrong or jump, is never asked.
 */
export class MonotonicDouyinClock implements DouyinClock {
  /** What `receivedAtMonotonicMs` is read from. */
  readonly monotonicMs: () => number;
  #latest: { readonly douyinMs: number; readonly receivedAtMs: number } | null = null;

  constructor({ monotonicMs = () => performance.now() }: MonotonicDouyinClockOptions = {}) {
    this.monotonicMs = monotonicMs;
  }

  /**
   * Takes what an answer says. The answer received last counts, also if the time goes back by it: an answer that was
   * long under way says less, but a Douyin whose one machine ran ahead must not be believed for ever.
   * @param receivedAtMonotonicMs when the answer was there, by `monotonicMs`; one received before the latest is ignored
   */
  note(douyinTime: Date, receivedAtMonotonicMs: number): void {
    if (this.#latest !== null && receivedAtMonotonicMs < this.#latest.receivedAtMs) return;
    this.#latest = { douyinMs: douyinTime.getTime(), receivedAtMs: receivedAtMonotonicMs };
  }

  now(): Date | null {
    if (this.#latest === null) return null;
    const passedMs = Math.max(0, this.monotonicMs() - this.#latest.receivedAtMs);
    return new Date(this.#latest.douyinMs + Math.floor(passedMs * (1 - LARGEST_DRIFT)));
  }
}
