// What every PauseStore guarantees. Each implementation's test calls this with its own factory.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PauseStore } from '../../src/ports/pause-store.ts';

export interface PauseStoreFixture {
  /** Two stores on the same pauses, as two processes have them; there are none yet. */
  readonly stores: readonly [PauseStore, PauseStore];
  /** Lets time pass: the end of every pause moves so much nearer. */
  elapse(durationMs: number): Promise<void>;
  close(): Promise<void>;
}

const FIRST_MS = 60_000;
/** What a statement itself may take of a pause. */
const TOLERANCE_MS = 20_000;

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
        firstMs: FIRST_MS,
        longestMs: 3 * FIRST_MS,
        ...more,
      });
    /** Between one length and the next there is more than the tolerance. */
    const expectLength = (pause: { readonly remainingMs: number }, lengthMs: number) => {
      expect(pause.remainingMs).toBeLessThanOrEqual(lengthMs);
      expect(pause.remainingMs).toBeGreaterThan(lengthMs - TOLERANCE_MS);
    };

    it('has no pauses at first', async () => {
      expect(await here.list()).toEqual([]);
    });

    it('shows a pause to every process until it ends', async () => {
      const pause = await extend(here);
      expect(pause).toMatchObject({ endpoint: 'query_order', priority: 4, errorCode: 2119003 });
      expectLength(pause, FIRST_MS);
      expect(await there.list()).toEqual([{ ...pause, remainingMs: expect.any(Number) }]);
      await fixture.elapse(FIRST_MS);
      expect(await there.list()).toEqual([]);
    });

    it('keeps the end of a pause under way, and takes the more important priority', async () => {
      const first = await extend(here);
      const again = await extend(there, { priority: 3, firstMs: 10 * FIRST_MS, errorCode: 28003018 });
      expect(again.remainingMs).toBeLessThanOrEqual(first.remainingMs);
      expect(again).toMatchObject({ priority: 3, errorCode: 2119003 });
      expect(await extend(here, { priority: 5 })).toMatchObject({ priority: 3 });
    });

    it('makes a pause that is asked for again soon twice as long, up to the longest', async () => {
      await extend(here);
      let lastMs = FIRST_MS;
      for (const lengthMs of [2 * FIRST_MS, 3 * FIRST_MS, 3 * FIRST_MS]) {
        await fixture.elapse(lastMs);
        const pause = await extend(there, { priority: 5 });
        expect(pause.priority).toBe(5);
        expectLength(pause, lengthMs);
        lastMs = lengthMs;
      }
    });

    it('does not grow by refusals of its own moment', async () => {
      await extend(here);
      for (let time = 0; time < 3; time += 1) expectLength(await extend(there), FIRST_MS);
      await fixture.elapse(FIRST_MS);
      expectLength(await extend(here), 2 * FIRST_MS);
    });

    it('begins again with the first length if the last one was long enough', async () => {
      await extend(here);
      await fixture.elapse(2 * FIRST_MS + 1);
      expectLength(await extend(here), FIRST_MS);
    });

    it('starts one pause for many who ask at once', async () => {
      const pauses = await Promise.all(
        Array.from({ length: 10 }, (_, index) => extend(index % 2 ? here : there, { firstMs: FIRST_MS })),
      );
      expect(Math.max(...pauses.map((pause) => pause.remainingMs))).toBeLessThanOrEqual(FIRST_MS);
      expect(await here.list()).toHaveLength(1);
    });
  });
}
