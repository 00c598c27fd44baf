import { describePauseStore } from '../contracts/pause-store.ts';
import { type InMemoryPause, InMemoryPauseStore } from './in-memory-pause-store.ts';

describePauseStore('pauses in memory', () => {
  const pauses = new Map<string, InMemoryPause>();
  return Promise.resolve({
    stores: [new InMemoryPauseStore(pauses), new InMemoryPauseStore(pauses)] as const,
    close: () => Promise.resolve(),
  });
});
