import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../src/db/unit-of-work.ts';
import { queryRows } from '../../src/db/rows.ts';
import { TEST_POLICY } from '../support/policy.ts';
import { openTestOrm } from '../support/test-orm.ts';

let test: Awaited<ReturnType<typeof openTestOrm>>;
let db: Database;
beforeAll(async () => {
  test = await openTestOrm();
  db = createDatabase(test.orm, { policy: TEST_POLICY });
}, 60_000);
afterAll(() => test.close());

/** Nonces whose window ends so many seconds from the database's now. */
async function keep(...ages: readonly number[]): Promise<void> {
  await queryRows(test.orm.em.fork(), sql`delete from request_nonces`);
  for (const age of ages) {
    await queryRows(
      test.orm.em.fork(),
      sql`insert into request_nonces (client_key, nonce, expires_at)
        values ('ck', ${String(age)}, now() + ${age} * interval '1 second')`,
    );
  }
}

async function left(): Promise<readonly number[]> {
  const rows = await queryRows(test.orm.em.fork(), sql`select nonce from request_nonces order by expires_at`);
  return rows.map((row) => Number(row['nonce']));
}

describe('the sweep of nonces', () => {
  it('leaves each that could still be replayed, and a minute more', async () => {
    await keep(-7200, -120, -61, -50, -1, 1, 60, 300, 3000);
    expect(await db.run(({ nonces }) => nonces.deleteExpired(100))).toBe(3);
    expect(await left()).toEqual([-50, -1, 1, 60, 300, 3000]);
  });

  it('deletes so many at a time', async () => {
    await keep(-300, -200, -100, 100);
    expect(await db.run(({ nonces }) => nonces.deleteExpired(2))).toBe(2);
    expect(await db.run(({ nonces }) => nonces.deleteExpired(2))).toBe(1);
    expect(await left()).toEqual([100]);
  });
});

describe('a nonce', () => {
  const claim = (nonce: string, inSeconds: number) =>
    db.run(({ nonces }) =>
      nonces.claim({ clientKey: 'ck', nonce, expiresAt: new Date(Date.now() + inSeconds * 1000) }),
    );

  it('is claimed no more when its own window is over, also after it was swept', async () => {
    await keep(-120);
    expect(await claim('-120', -120)).toBe(false);
    await keep();
    expect(await claim('swept', -1)).toBe(false);
    expect(await left()).toEqual([]);
  });

  it('is spent once inside its window, and is free again after it', async () => {
    await keep(-2, 30);
    expect(await claim('30', 300)).toBe(false);
    expect(await claim('-2', 300)).toBe(true);
    expect(await claim('-2', 300)).toBe(false);
  });
});
