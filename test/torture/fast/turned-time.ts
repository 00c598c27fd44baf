// Makes the gateway's and the simulator's own waiting follow the turned clock of the stage they run on: the timers they
// call are replaced, not their code. Off stage, and inside a database statement, everything keeps real time.
// To be imported before anything that imports `node:timers/promises`.
import { syncBuiltinESMExports } from 'node:module';
import type { TimerOptions } from 'node:timers';
import timersPromises from 'node:timers/promises';
import { scenes, type Timer } from './stage.ts';

const real = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clearTimeout: globalThis.clearTimeout,
  wait: timersPromises.setTimeout,
  performanceNow: performance.now.bind(performance),
};

class TurnedTimeout {
  readonly timer: Timer;

  constructor(timer: Timer) {
    this.timer = timer;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function turnedSetTimeout(
  callback: (...parameters: unknown[]) => void,
  delayMs = 0,
  ...parameters: unknown[]
) {
  const scene = scenes.getStore();
  if (!scene) return real.setTimeout(callback, delayMs, ...parameters);
  return new TurnedTimeout(scene.stage.setTimer(delayMs, () => callback(...parameters)));
}

function turnedClearTimeout(handle: unknown): void {
  if (handle instanceof TurnedTimeout) handle.timer.isCancelled = true;
  else real.clearTimeout(handle as NodeJS.Timeout);
}

function turnedWait<T = void>(delayMs = 0, value?: T, options: TimerOptions = {}): Promise<T> {
  const scene = scenes.getStore();
  if (!scene) return real.wait<T>(delayMs, value, options);
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal));
      return;
    }
    const onAbort = () => {
      timer.isCancelled = true;
      reject(abortError(signal));
    };
    const timer = scene.stage.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve(value as T);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error('The operation was aborted', { cause: signal?.reason }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });
}

/** An activity's heartbeat is the only interval there is, and nobody listens to it here. */
function turnedSetInterval(
  callback: (...parameters: unknown[]) => void,
  delayMs = 0,
  ...parameters: unknown[]
) {
  return scenes.getStore() ? undefined : real.setInterval(callback, delayMs, ...parameters);
}

globalThis.setTimeout = turnedSetTimeout as unknown as typeof globalThis.setTimeout;
globalThis.setInterval = turnedSetInterval as unknown as typeof globalThis.setInterval;
globalThis.clearTimeout = turnedClearTimeout;
timersPromises.setTimeout = turnedWait;
syncBuiltinESMExports();
performance.now = () => scenes.getStore()?.stage.nowMs ?? real.performanceNow();
