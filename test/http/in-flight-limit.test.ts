import { beforeEach, describe, expect, it } from '@jest/globals';
import type Koa from 'koa';
import { InFlightLimit } from '../../src/http/middleware/in-flight-limit.ts';

let nowMs: number;
let refusals: number;
beforeEach(() => {
  nowMs = 0;
  refusals = 0;
});

const limitOf = (max: number) =>
  new InFlightLimit({ max, onRefusal: () => (refusals += 1), monotonicMs: () => nowMs });

/** Sends requests that stay; @returns how many were let in, and what ends them */
function admit(limit: InFlightLimit, count: number): { admitted: number; end: () => Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = refusals;
  const requests = Array.from({ length: count }, () =>
    // The middleware looks at nothing of the request.
    Promise.resolve(
      limit.middleware(
        {} as Parameters<InFlightLimit['middleware']>[0],
        () => promise as ReturnType<Koa.Next>,
      ),
    ).catch((err: unknown) => expect(err).toMatchObject({ code: 'gateway.busy' })),
  );
  return {
    admitted: count - (refusals - before),
    end: async () => {
      resolve();
      await Promise.all(requests);
    },
  };
}

async function slow(limit: InFlightLimit, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const { end } = admit(limit, limit.limit);
    nowMs += 1000;
    limit.observeBeginning(5000);
    await end();
  }
}

describe('the limit of verifications in flight', () => {
  it.each([0, 1, 3, 64])(
    'lets exactly %d in while all goes well, and frees the places again',
    async (max) => {
      const limit = limitOf(max);
      for (let round = 0; round < 3; round += 1) {
        const { admitted, end } = admit(limit, max + 20);
        expect(admitted).toBe(max);
        for (let begun = 0; begun < max; begun += 1) limit.observeBeginning(30);
        await end();
      }
    },
  );

  it('frees the place of a request that failed', async () => {
    const limit = limitOf(1);
    const context = {} as Parameters<InFlightLimit['middleware']>[0];
    const failing = Promise.resolve(limit.middleware(context, () => Promise.reject(new Error('a bug')))).then(
      () => undefined,
    );
    await expect(failing).rejects.toThrow('a bug');
    expect(admit(limit, 2).admitted).toBe(1);
  });

  it('lets fewer in while verifications begin late, but always some', async () => {
    const limit = limitOf(64);
    await slow(limit, 1);
    expect(limit.limit).toBe(48);
    await slow(limit, 30);
    expect(limit.limit).toBe(8);
    expect(admit(limit, 20).admitted).toBe(8);
  });

  it('never lets more in than is configured, nor fewer than a small configured limit', async () => {
    const limit = limitOf(2);
    await slow(limit, 10);
    expect(limit.limit).toBe(2);
    for (let begun = 0; begun < 10; begun += 1) limit.observeBeginning(10);
    expect(limit.limit).toBe(2);
  });

  it('takes the slow ones of one moment as one sign', async () => {
    const limit = limitOf(64);
    const { end } = admit(limit, 64);
    for (let begun = 0; begun < 64; begun += 1) limit.observeBeginning(5000);
    expect(limit.limit).toBe(48);
    nowMs += 200;
    limit.observeBeginning(5000);
    expect(limit.limit).toBe(36);
    await end();
  });

  it('comes back by itself when verifications begin quickly again', async () => {
    const limit = limitOf(64);
    await slow(limit, 30);
    for (let begun = 0; begun < 56; begun += 1) limit.observeBeginning(40);
    expect(limit.limit).toBe(64);
  });

  it('takes no notice of slow ones while few are in flight: the limit is not what brings the load', () => {
    const limit = limitOf(64);
    admit(limit, 31);
    for (let begun = 0; begun < 31; begun += 1) {
      nowMs += 1000;
      limit.observeBeginning(5000);
    }
    expect(limit.limit).toBe(64);
  });

  it('lets a whole burst in again after a pause, though nothing was begun since the overload', async () => {
    const limit = limitOf(64);
    await slow(limit, 30);
    nowMs += 2001;
    expect(admit(limit, 70).admitted).toBe(64);
  });

  it('keeps the limit low while the overload goes on', async () => {
    const limit = limitOf(64);
    await slow(limit, 30);
    nowMs += 1999;
    expect(admit(limit, 20).admitted).toBe(8);
  });
});
