import { describePauseStore } from '../contracts/pause-store.ts';
import { type InMemoryPause, InMemoryPauseStore } from './in-memory-pause-store.ts';

describePauseStore('pauses in memory', () => {
  const pauses = new Map<string, InMemoryPause>();
  let elapsedMs = 0;
  const open = () => new InMemoryPauseStore(pauses, () => performance.now() + elapsedMs);
  return Promise.resolve({
    stores: [open(), open()] as const,
    elapse: (durationMs: number) => {
      elapsedMs += durationMs;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
