// Waits for a condition of another process, bounded.
import { setTimeout as delay } from 'node:timers/promises';

/** @throws Error naming the condition, if it does not hold in time */
export async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await delay(25)) {
    if (await holds()) return;
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}
