// What main.ts gives a command: its configuration, its log, and the signal to end. Also how a command waits.
import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../observability/logger.ts';

export interface ProcessContext {
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by SIGTERM, SIGINT, or the end of a parent process that started this one. */
  readonly stop: AbortSignal;
  /** The process of npm that runs this one; null if it was not started by npm. */
  readonly launcherPid: number | null;
}

/** Resolves when the process is told to end. */
export async function untilStopped(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
}

/** Tells a parent process started by `start` that this one serves. */
export function reportReady(details: Record<string, unknown>): void {
  // Else it is written at an ordered end only, and a start after `kill -9` would have to compile everything.
  flushCompileCache();
  process.send?.({ kind: 'ready', ...details });
}

const CONNECT_PATIENCE_MS = 60_000;
const CONNECT_PAUSE_MS = 1000;

/** Tries to open something the process cannot do without, for a minute: parts of a deployment start together. */
export async function openPatiently<T>(
  what: string,
  open: () => Promise<T>,
  logger: Logger,
  stop: AbortSignal,
): Promise<T> {
  const giveUpAt = performance.now() + CONNECT_PATIENCE_MS;
  for (;;) {
    try {
      return await open();
    } catch (err) {
      if (stop.aborted || performance.now() > giveUpAt) throw err;
      logger.warn({ err }, `${what} cannot be reached yet`);
      await delay(CONNECT_PAUSE_MS);
    }
  }
}
