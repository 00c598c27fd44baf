// Refuses verifications past the limit at once, before any work is done for them: under overload, tasks that pass their
// time-outs would be done twice. The limit is what is configured, or less while this machine cannot carry that much.
// A place is taken after authentication: who is nobody holds none. Who comes when all are taken is refused before that.
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';

/**
 * A verification whose first step begins later than this after its request (usually it takes 15 to 40 ms) says that
 * database, engine or processor are overloaded. Douyin's own time is no part of it: a slow Douyin is not cured by
 * serving fewer tills.
 */
const SLOW_BEGINNING_MS = 200;
/** Slow ones of the same moment lower the limit once. */
const SHRINK_PAUSE_MS = 200;
const SHRINK_FACTOR = 0.75;
/** So many are always let in: fewer could not tell whether the overload is over. */
const LEAST_LIMIT = 8;
/** Of the limit, in flight: with fewer the limit is not what brings the load, and lowering it would only refuse tills. */
const FULL_ENOUGH = 0.5;
/** An overload that goes on lowers the limit several times a second; one that did not for so long is over. */
const CALM_MS = 2000;

export interface InFlightLimitOptions {
  readonly max: number;
  readonly onChange?: (state: { readonly inFlight: number; readonly limit: number }) => void;
  readonly onRefusal?: () => void;
  /** A clock that only runs forward, milliseconds. */
  readonly monotonicMs?: () => number;
}

/** Counts all requests going through its middleware, whichever route uses it. */
export class InFlightLimit {
  readonly #options: InFlightLimitOptions;
  readonly #nowMs: () => number;
  readonly #least: number;
  #limit: number;
  #inFlight = 0;
  #shrunkAtMs = -Infinity;

  constructor(options: InFlightLimitOptions) {
    this.#options = options;
    this.#nowMs = options.monotonicMs ?? (() => performance.now());
    this.#least = Math.min(LEAST_LIMIT, options.max);
    this.#limit = options.max;
    this.#tell();
  }

  /** Refuses before anything was done for the request; takes no place. */
  readonly refuseWhenFull: HttpMiddleware = async (_ctx, next) => {
    this.#requirePlace();
    await next();
  };

  /** Takes a place until the request is answered. */
  readonly middleware: HttpMiddleware = async (_ctx, next) => {
    this.#requirePlace();
    this.#inFlight += 1;
    this.#tell();
    try {
      await next();
    } finally {
      this.#inFlight -= 1;
      this.#tell();
    }
  };

  /**
   * Additive increase, multiplicative decrease, as congestion control does it: each verification that was begun quickly
   * raises the limit by one, slow ones lower it by a quarter. A slow one among few says nothing: it may be the first of
   * a process, or a processor that was elsewhere for a moment.
   * @param afterMs how long after its request the first step of a verification began
   */
  observeBeginning(afterMs: number): void {
    if (afterMs <= SLOW_BEGINNING_MS) {
      this.#limit = Math.min(this.#options.max, this.#limit + 1);
    } else if (
      this.#inFlight >= this.#limit * FULL_ENOUGH &&
      this.#nowMs() - this.#shrunkAtMs >= SHRINK_PAUSE_MS
    ) {
      this.#shrunkAtMs = this.#nowMs();
      this.#limit = Math.max(this.#least, this.#limit * SHRINK_FACTOR);
    }
    this.#tell();
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  #requirePlace(): void {
    // A burst after a pause finds the whole limit again.
    if (this.#nowMs() - this.#shrunkAtMs > CALM_MS) this.#limit = this.#options.max;
    if (this.#inFlight < this.limit) return;
    this.#options.onRefusal?.();
    throw new AppError('gateway.busy');
  }

  #tell(): void {
    this.#options.onChange?.({ inFlight: this.#inFlight, limit: this.limit });
  }
}
