import { describeTokenStore } from '../contracts/token-store.ts';
import { InMemoryTokenRow, InMemoryTokenStore } from './in-memory-token-store.ts';

describeTokenStore('InMemoryTokenStore', () => {
  const row = new InMemoryTokenRow();
  return Promise.resolve({
    stores: [new InMemoryTokenStore(row), new InMemoryTokenStore(row)],
    elapse: (durationMs: number) => {
      if (row.lease) row.lease = { ...row.lease, untilMs: row.lease.untilMs - durationMs };
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
