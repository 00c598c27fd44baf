import { describePauseStore } from '../contracts/pause-store.ts';
import { type InMemoryPause, InMemoryPauseStore } from './in-memory-pause-store.ts';

describePauseStore('pauses in memory', () => {
  const pauses = new Map<string, InMemoryPause>();
  let nowMs = 0;
  const open = () => new InMemoryPauseStore(pauses, () => nowMs);
  return Promise.resolve({
    stores: [open(), open()] as const,
    elapse: (durationMs: number) => {
      nowMs += durationMs;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
