// The stage of one seed: a clock that is turned, and a director that lets one effect happen at a time.
//
// Everything in a seed that waits, waits here: for its turn at a gate (before and after each database statement, each
// HTTP exchange …) or for a moment of the turned clock. When nobody can go on, the director picks by the seed who is
// next, and turns the clock only when nobody is ready. So a seed has one order of events, and it replays.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { GatewayProcess } from './gateway-process.ts';
import { Random } from './random.ts';

/** Where code is running: on which stage, and in which of its processes (none: Douyin, the network, a till). */
export interface Scene {
  readonly stage: Stage;
  readonly process: GatewayProcess | null;
}

export const scenes = new AsyncLocalStorage<Scene>();

export interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
  isCancelled: boolean;
}

const turn = globalThis.setImmediate;

export class Stage {
  readonly random: Random;
  nowMs: number;
  #order = 0;
  readonly #timers: Timer[] = [];
  #ready: (() => void)[] = [];
  #external: Promise<unknown> | null = null;
  /** Effects that took place, for the report. */
  steps = 0;

  /** @param startMs where the turned clock begins, milliseconds since 1970 */
  constructor(seed: string, startMs: number) {
    this.random = new Random(seed, 'stage');
    this.nowMs = startMs;
  }

  /** Waits for its turn. */
  gate(): Promise<void> {
    return new Promise((resolve) => this.#ready.push(resolve));
  }

  /** Waits for a moment of the turned clock. */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(durationMs, resolve));
  }

  setTimer(durationMs: number, fire: () => void): Timer {
    const inScene = AsyncLocalStorage.snapshot();
    this.#order += 1;
    const timer: Timer = {
      atMs: this.nowMs + Math.max(0, durationMs),
      order: this.#order,
      fire: () => inScene(fire),
      isCancelled: false,
    };
    push(this.#timers, timer);
    return timer;
  }

  /** Does something real (PostgreSQL) with real timers, while everybody else on the stage stands still. */
  async external<T>(work: () => Promise<T>): Promise<T> {
    if (this.#external) throw new Error('Two effects at once: one of them has no gate');
    const running = scenes.exit(work);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    this.#external = ended;
    try {
      return await running;
    } finally {
      if (this.#external === ended) this.#external = null;
      this.steps += 1;
    }
  }

  /** Directs until `work` has ended, and hands on how. @throws Error when everybody waits for somebody else */
  async directUntil<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    work.then(end, end);
    for (;;) {
      await new Promise((resolve) => turn(resolve));
      if (this.#external) await this.#external;
      else if (isOver) return work;
      else if (!this.#letSomebodyGoOn()) throw new Error('Everybody waits, and nobody can go on');
    }
  }

  #letSomebodyGoOn(): boolean {
    if (this.#ready.length > 0) {
      const [next] = this.#ready.splice(this.random.between(0, this.#ready.length - 1), 1);
      next?.();
      return true;
    }
    const timer = pop(this.#timers);
    if (!timer) return false;
    if (!timer.isCancelled) {
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.fire();
    }
    return true;
  }
}

// A binary heap by moment, then by order.
function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let position = heap.push(timer) - 1;
  while (position > 0) {
    const parent = (position - 1) >> 1;
    if (!isBefore(heap[position]!, heap[parent]!)) return;
    [heap[position], heap[parent]] = [heap[parent]!, heap[position]!];
    position = parent;
  }
}

function pop(heap: Timer[]): Timer | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  heap[0] = last;
  let position = 0;
  for (;;) {
    const left = 2 * position + 1;
    let smallest = position;
    if (left < heap.length && isBefore(heap[left]!, heap[smallest]!)) smallest = left;
    if (left + 1 < heap.length && isBefore(heap[left + 1]!, heap[smallest]!)) smallest = left + 1;
    if (smallest === position) return first;
    [heap[position], heap[smallest]] = [heap[smallest]!, heap[position]!];
    position = smallest;
  }
}
