// A refused request whose row may have been stored all the same: it must never be sent.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewVerification } from '../../src/db/repositories/verification.repository.ts';
import type { Database } from '../../src/db/unit-of-work.ts';
import { fenceUnsent } from '../../src/services/fence-unsent.ts';
import { type Bench, databaseAway, openBench, standStill } from '../activities/support.ts';
import { TEST_POLICY } from '../support/policy.ts';

/** A round is sent for the first time this long at most after it was stored, which is at most this long after now. */
const NOBODY_CAN_SEND_AFTER_MS = TEST_POLICY.firstSendWithinMs + 15_000;
const TOLERANCE_MS = 5000;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function storedRound() {
  const named: Pick<NewVerification, 'verifyToken' | 'roundKey'> = {
    verifyToken: randomUUID(),
    roundKey: randomUUID(),
  };
  return { key: await bench.accept(named), round: { appId: bench.app.id, ...named } };
}

/** A database that shows the same at every look, after each of which the process stands still. */
async function fenceAt(stored: { readonly roundKey: string } | null, standsStillMs: readonly number[]) {
  const closed: unknown[] = [];
  let looks = 0;
  const verifications = {
    findByToken: () => {
      standStill(standsStillMs[looks] ?? 0);
      looks += 1;
      return Promise.resolve(stored);
    },
    endNotAttempted: (key: unknown) => Promise.resolve(void closed.push(key)),
  };
  const db = { run: (work: (repositories: unknown) => Promise<unknown>) => work({ verifications }) };
  await fenceUnsent(
    { db: db as unknown as Database, policy: TEST_POLICY, logger: bench.runner.deps.logger },
    { appId: 1, verifyToken: 'token', roundKey: 'ours' },
  );
  return { looks, closed };
}

describe('fenceUnsent', () => {
  it('closes the round that was stored, so that nobody sends it', async () => {
    const { key, round } = await storedRound();
    await fenceUnsent(bench.runner.deps, round);
    expect(await bench.row(key)).toMatchObject({
      step: 'not_attempted',
      reason: 'gateway.database_unavailable',
      openSendCount: 0,
    });
  });

  it('closes it once the database is back', async () => {
    const { key, round } = await storedRound();
    bench.runner.interpose('before', 'findByToken', () => databaseAway(false));
    await fenceUnsent(bench.runner.deps, round);
    expect(await bench.row(key)).toMatchObject({ step: 'not_attempted' });
  });

  it('closes nothing of which something was sent', async () => {
    const { key, round } = await storedRound();
    await bench.query(
      `update verifications set step = 'sent', send_count = 1, open_send_count = 1, first_sent_at = now(),
         last_sent_at = now() where id = ${key.verificationId}`,
    );
    await fenceUnsent(bench.runner.deps, round);
    expect(await bench.row(key)).toMatchObject({ step: 'sent', verifyStatus: 'processing' });
  });

  describe('of a repeat that was refused', () => {
    /** A round that began so long before the repeat that no reading of two clocks takes it for a later one. */
    async function earlierRound() {
      const { key, round } = await storedRound();
      bench.clock.advance(TEST_POLICY.firstSendWithinMs - 1000);
      return { key, repeat: round };
    }

    it.each([
      ['that began no round', null],
      ['whose own round is not known to be stored', randomUUID()],
    ])('%s: closes the round that its token was in', async (_what, roundKey) => {
      const { key, repeat } = await earlierRound();
      await fenceUnsent(bench.runner.deps, { ...repeat, roundKey });
      expect(await bench.row(key)).toMatchObject({
        step: 'not_attempted',
        reason: 'gateway.database_unavailable',
      });
    });

    it('leaves alone a round that was begun since', async () => {
      const { key, round } = await storedRound();
      await fenceUnsent(bench.runner.deps, { ...round, roundKey: null });
      expect(await bench.row(key)).toMatchObject({ step: 'accepted', verifyStatus: 'processing' });
    });
  });

  it('leaves alone a round that somebody else began with the token, and goes on looking for its own', async () => {
    const { looks, closed } = await fenceAt({ roundKey: 'another' }, [0, NOBODY_CAN_SEND_AFTER_MS]);
    expect({ looks, closed }).toEqual({ looks: 2, closed: [] });
  });

  it('looks for a round that is not there until nobody could send it any more, and no longer', async () => {
    const { looks } = await fenceAt(null, [NOBODY_CAN_SEND_AFTER_MS - TOLERANCE_MS, TOLERANCE_MS]);
    expect(looks).toBe(2);
  });
});
