// What every PauseStore guarantees. Each implementation's test calls this with its own factory.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import type { PauseStore } from '../../src/ports/pause-store.ts';

export interface PauseStoreFixture {
  /** Two stores on the same pauses, as two processes have them; there are none yet. */
  readonly stores: readonly [PauseStore, PauseStore];
  close(): Promise<void>;
}

const LONG_MS = 60_000;
const SHORT_MS = 30;

export function describePauseStore(name: string, open: () => Promise<PauseStoreFixture>): void {
  describe(`${name} as a PauseStore`, () => {
    let fixture: PauseStoreFixture;
    let here: PauseStore;
    let there: PauseStore;

    beforeEach(async () => {
      fixture = await open();
      [here, there] = fixture.stores;
    });
    afterEach(() => fixture.close());

    const extend = (store: PauseStore, more: Partial<Parameters<PauseStore['extend']>[0]> = {}) =>
      store.extend({
        endpoint: 'query_order',
        priority: 4,
        errorCode: 2119003,
        firstMs: LONG_MS,
        longestMs: 3 * LONG_MS,
        ...more,
      });
    /** A pause ends by the store's own clock, which a test cannot turn. */
    const untilEnded = async (store: PauseStore) => {
      while ((await store.list()).length > 0) await wait(5);
    };

    it('has no pauses at first', async () => {
      expect(await here.list()).toEqual([]);
    });

    it('shows a pause to every process until it ends', async () => {
      const pause = await extend(here, { firstMs: SHORT_MS });
      expect(pause).toMatchObject({ endpoint: 'query_order', priority: 4, errorCode: 2119003 });
      expect(pause.remainingMs).toBeGreaterThan(0);
      expect(pause.remainingMs).toBeLessThanOrEqual(SHORT_MS);
      await untilEnded(there);
      const long = await extend(here, { endpoint: 'prepare', priority: 2 });
      expect(await there.list()).toEqual([{ ...long, remainingMs: expect.any(Number) }]);
    });

    it('keeps the end of a pause under way, and takes the more important priority', async () => {
      const first = await extend(here);
      const again = await extend(there, { priority: 3, firstMs: 10 * LONG_MS, errorCode: 28003018 });
      expect(again.remainingMs).toBeLessThanOrEqual(first.remainingMs);
      expect(again).toMatchObject({ priority: 3, errorCode: 2119003 });
      expect(await extend(here, { priority: 5 })).toMatchObject({ priority: 3 });
    });

    it('makes a pause that is asked for again soon twice as long, up to the longest', async () => {
      await extend(here, { firstMs: SHORT_MS });
      const lengths: number[] = [];
      for (let time = 0; time < 3; time += 1) {
        await untilEnded(here);
        const pause = await extend(there, { firstMs: SHORT_MS, longestMs: 3 * SHORT_MS, priority: 5 });
        expect(pause.priority).toBe(5);
        lengths.push(pause.remainingMs);
      }
      expect(lengths[0]).toBeGreaterThan(1.5 * SHORT_MS);
      expect(lengths[0]).toBeLessThanOrEqual(2 * SHORT_MS);
      expect(lengths[1]).toBeGreaterThan(2.5 * SHORT_MS);
      expect(lengths[2]).toBeLessThanOrEqual(3 * SHORT_MS);
    });

    it('begins again with the first length if the last one was long enough', async () => {
      await extend(here, { firstMs: SHORT_MS });
      await untilEnded(here);
      // A pause has no trace once it is over that a test could wait for.
      await wait(SHORT_MS + 5);
      const pause = await extend(here, { firstMs: SHORT_MS });
      expect(pause.remainingMs).toBeLessThanOrEqual(SHORT_MS);
    });

    it('starts one pause for many who ask at once', async () => {
      const pauses = await Promise.all(
        Array.from({ length: 10 }, (_, index) => extend(index % 2 ? here : there, { firstMs: LONG_MS })),
      );
      expect(Math.max(...pauses.map((pause) => pause.remainingMs))).toBeLessThanOrEqual(LONG_MS);
      expect(await here.list()).toHaveLength(1);
    });
  });
}
