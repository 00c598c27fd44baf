// How slow the machine is while a run goes on: a small piece of work is done again and again, and its time by the wall compared
// with its time on the processor. What is judged by the clock is given so much more time.
import { createHash } from 'node:crypto';

const EVERY_MS = 500;
const HASHED = Buffer.alloc(64 * 1024, 7);
/** About ten milliseconds on an idle machine: longer than a busy machine lets one process run at a stretch. */
const HASHES = 100;

export interface Slowness {
  readonly atMs: number;
  /** How many times as long as the processor alone would have taken; 1 on an idle machine. */
  readonly factor: number;
}

/** Samples until it is stopped. */
export class MachineProbe {
  readonly samples: Slowness[] = [];
  #timer: NodeJS.Timeout | null = null;

  start(): void {
    const dueAt = performance.now() + EVERY_MS;
    this.#timer = setTimeout(() => {
      this.samples.push({ atMs: Date.now(), factor: sample(dueAt) });
      this.start();
    }, EVERY_MS);
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }
}

function sample(dueAt: number): number {
  const before = process.threadCpuUsage();
  for (let hash = 0; hash < HASHES; hash += 1) createHash('sha256').update(HASHED).digest();
  const { user, system } = process.threadCpuUsage(before);
  const processorMs = (user + system) / 1000;
  return Math.max(1, (performance.now() - dueAt) / Math.max(1, processorMs));
}

/** @returns the mean between two moments, at least 1; 1 where nothing was sampled */
export function slownessBetween(samples: readonly Slowness[], fromMs: number, toMs: number): number {
  const within = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  if (within.length === 0) return 1;
  return within.reduce((sum, { factor }) => sum + factor, 0) / within.length;
}
