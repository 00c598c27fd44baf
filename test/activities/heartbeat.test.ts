import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { createActivities } from '../../activities/index.ts';
import { type Bench, openBench } from './support.ts';

/** The engine takes a worker for dead that has said nothing for so long: workflows/activity-options.ts. */
const SILENCE_MS = 8000;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

describe('an activity that takes long', () => {
  it('says again and again that it runs, and no more once it has ended', async () => {
    const refresh = Promise.withResolvers<{ refreshed: boolean; expiresAt: Date }>();
    const { deps } = bench.startRunner();
    jest.spyOn(deps.accessTokens, 'keepFresh').mockReturnValue(refresh.promise);
    const activities = createActivities(deps);
    let heartbeats = 0;
    const context = { heartbeat: () => (heartbeats += 1) } as unknown as Context;
    jest.useFakeTimers();
    try {
      const running = asyncLocalStorage.run(context, () => activities.refreshAccessToken());
      for (let periods = 1; periods <= 4; periods += 1) {
        const before = heartbeats;
        jest.advanceTimersByTime(SILENCE_MS);
        // More than one in each: a late one is not taken for the death of the worker.
        expect(heartbeats - before).toBeGreaterThan(1);
      }
      refresh.resolve({ refreshed: false, expiresAt: new Date(0) });
      await running;
      const atItsEnd = heartbeats;
      jest.advanceTimersByTime(SILENCE_MS);
      expect(heartbeats).toBe(atItsEnd);
    } finally {
      jest.useRealTimers();
    }
  });
});
