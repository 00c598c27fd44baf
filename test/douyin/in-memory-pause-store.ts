// A PauseStore in memory, for the tests of who uses one; held to the port by test/contracts/pause-store.ts.
import type { PauseStore } from '../../src/ports/pause-store.ts';

export interface InMemoryPause {
  priority: number;
  errorCode: number;
  lengthMs: number;
  untilMs: number;
}

export class InMemoryPauseStore implements PauseStore {
  readonly #pauses: Map<string, InMemoryPause>;
  readonly #nowMs: () => number;

  /** @param pauses shared by the stores of several processes */
  constructor(pauses: Map<string, InMemoryPause>, nowMs: () => number = () => performance.now()) {
    this.#pauses = pauses;
    this.#nowMs = nowMs;
  }

  list(): ReturnType<PauseStore['list']> {
    const nowMs = this.#nowMs();
    return Promise.resolve(
      [...this.#pauses]
        .filter(([, pause]) => pause.untilMs > nowMs)
        .map(([endpoint, { priority, errorCode, untilMs }]) => ({
          endpoint,
          priority,
          errorCode,
          remainingMs: untilMs - nowMs,
        })),
    );
  }

  extend(input: Parameters<PauseStore['extend']>[0]): ReturnType<PauseStore['extend']> {
    const { endpoint, priority, errorCode, firstMs, longestMs } = input;
    const nowMs = this.#nowMs();
    const held = this.#pauses.get(endpoint);
    if (held && held.untilMs > nowMs) {
      held.priority = Math.min(held.priority, priority);
    } else {
      const isSoon = held !== undefined && held.untilMs + held.lengthMs > nowMs;
      const lengthMs = isSoon ? Math.min(held.lengthMs * 2, longestMs) : firstMs;
      this.#pauses.set(endpoint, { priority, errorCode, lengthMs, untilMs: nowMs + lengthMs });
    }
    const pause = this.#pauses.get(endpoint) as InMemoryPause;
    return Promise.resolve({
      endpoint,
      priority: pause.priority,
      errorCode: pause.errorCode,
      remainingMs: pause.untilMs - nowMs,
    });
  }
}
