import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
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
    const { activities, refresh } = startRefresh();
    const environment = new MockActivityEnvironment();
    let heartbeats = 0;
    environment.on('heartbeat', () => (heartbeats += 1));
    jest.useFakeTimers();
    try {
      const running = environment.run(() => activities.refreshAccessToken());
      for (let periods = 1; periods <= 4; periods += 1) {
        const before = heartbeats;
        await jest.advanceTimersByTimeAsync(SILENCE_MS);
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

  it('goes on to its end when it is cancelled, as in a shutdown: what it has sent cannot be called back', async () => {
    const { activities, refresh } = startRefresh();
    const environment = new MockActivityEnvironment();
    const running = environment.run(() => activities.refreshAccessToken());
    environment.cancel('WORKER_SHUTDOWN');
    refresh.resolve({ refreshed: true, expiresAt: new Date(0) });
    await expect(running).resolves.toEqual({ refreshed: true, expiresAt: '1970-01-01T00:00:00.000Z' });
  });
});

/** Activities of a process of its own, whose refresh of the access token lasts until the test ends it. */
function startRefresh() {
  const refresh = Promise.withResolvers<{ refreshed: boolean; expiresAt: Date }>();
  const { deps } = bench.startRunner();
  jest.spyOn(deps.accessTokens, 'keepFresh').mockReturnValue(refresh.promise);
  return { activities: createActivities(deps), refresh };
}
