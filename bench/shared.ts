// What the benches have in common: their arguments, offering load at a rate, and how figures are shown. No measuring.
import { setTimeout as delay } from 'node:timers/promises';

/** @returns reads a number between two bounds; whatever else is told the usage */
export function numbersOf(usage: string): (text: string, min: number, max: number) => number {
  return (text, min, max) => {
    const number = Number(text);
    if (!(number >= min && number <= max)) throw new Error(usage);
    return number;
  };
}

/** Begins with one item every 1/rate seconds, whether the last one is done or not. */
export async function atRate<Item, Result>(
  items: readonly Item[],
  ratePerSecond: number,
  run: (item: Item, position: number) => Promise<Result>,
): Promise<Result[]> {
  const startedAt = performance.now();
  return Promise.all(
    items.map(async (item, position) => {
      await delay(Math.max(0, startedAt + (position * 1000) / ratePerSecond - performance.now()));
      return run(item, position);
    }),
  );
}

/** @param values ascending, at least one */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
}

export function verdict(isReached: boolean): string {
  return isReached ? '✓' : '✗';
}

export function report(message: string): void {
  process.stderr.write(`… ${message}\n`);
}
