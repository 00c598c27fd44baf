// The ordered end of a process, or of what could not be opened whole.
import type { Logger } from '../observability/logger.ts';
import { withinTime } from './within-time.ts';

export interface ShutdownStep {
  readonly name: string;
  readonly timeoutMs: number;
  readonly run: () => Promise<unknown>;
}

class StepTimeoutError extends Error {
  override readonly name = 'StepTimeoutError';
}

/** Runs the steps one after the other; each is bounded, and a failing one does not keep the others from running. */
export async function shutDown(logger: Logger, steps: readonly ShutdownStep[]): Promise<void> {
  for (const { name, timeoutMs, run } of steps) {
    try {
      await withinTime(timeoutMs, run(), () => new StepTimeoutError(`not done in ${timeoutMs} ms`));
    } catch (err) {
      if (err instanceof StepTimeoutError) {
        logger.warn({ step: name, timeoutMs }, 'a shutdown step took too long');
      } else {
        logger.error({ err, step: name }, 'a shutdown step failed');
      }
    }
  }
}
