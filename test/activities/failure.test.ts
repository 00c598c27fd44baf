import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { type Bench, databaseAway, openBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** What the activity fails with when `failure` happens in its first read. */
async function failingWith(failure: () => unknown) {
  const runner = bench.startRunner();
  const key = await bench.accept();
  runner.interpose('before', 'findGuarded', failure);
  const thrown: unknown = await runner.activities.lookUpVerification(key).catch((err: unknown) => err);
  if (!(thrown instanceof ApplicationFailure)) throw new Error('The activity did not fail');
  return { thrown, runner };
}

describe('a failure of an activity', () => {
  it('is final, and alerts, if a constraint forbids what is to be stored', async () => {
    const { thrown, runner } = await failingWith(() =>
      bench.query('update verifications set send_count = -1'),
    );
    expect(thrown).toMatchObject({ type: 'internal.constraint_violated', nonRetryable: true });
    // A driver's message quotes the row.
    expect(thrown.message).not.toContain('send_count');
    expect(runner.alertLines).toEqual([
      expect.objectContaining({ alert: 'internal.constraint_violated', activity: 'lookUpVerification' }),
    ]);
  });

  it.each([
    ['the database is away', () => databaseAway(false), 'gateway.database_unavailable'],
    ['nobody knows why', () => Promise.reject(new Error('a bug')), 'internal.unexpected'],
  ])('is retried if %s', async (_why, failure, type) => {
    const { thrown, runner } = await failingWith(failure);
    expect(thrown).toMatchObject({ type, nonRetryable: false });
    expect(runner.alerts).toEqual([]);
  });
});
