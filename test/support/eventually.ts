// Waits for a condition instead of for time.
import { setTimeout as delay } from 'node:timers/promises';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/**
 * Runs `check` until it neither throws nor answers `undefined`, `null` or `false`.
 * @param timeoutMs after which its last failure is thrown
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  timeoutMs = 15_000,
): Promise<Exclude<T, undefined | null | false>> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const isLast = performance.now() + pauseMs > giveUpAt;
    try {
      const value = await check();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>;
      if (isLast) throw new Error(`Still ${String(value)} after ${timeoutMs} ms`);
    } catch (err) {
      if (isLast) throw err;
    }
    await delay(pauseMs);
  }
}
