import { TEST_POLICY } from '../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { queryRows } from '../../src/db/rows.ts';
import { createDatabase, type Database } from '../../src/db/unit-of-work.ts';
import { eventually } from '../support/eventually.ts';
import { openTestOrm } from '../support/test-orm.ts';

let opened: Awaited<ReturnType<typeof openTestOrm>>;
let db: Database;

beforeAll(async () => {
  opened = await openTestOrm();
  db = createDatabase(opened.orm, { policy: TEST_POLICY });
}, 60_000);
afterAll(() => opened.close());

let created = 0;
async function createApp(): Promise<number> {
  created += 1;
  const app = await db.run(({ apps }) =>
    apps.insertApp({
      name: '收银台',
      code: `till-${created}`,
      description: '',
      clientKey: `client-key-${created}`,
      status: 'active',
      allowTokenRead: false,
      poiIds: [],
    }),
  );
  return app.id;
}
const lastUsedOf = async (id: number) => (await db.run(({ apps }) => apps.findAppById(id)))?.lastUsedAt;
const touch = (id: number, now: Date) => db.run(({ apps }) => apps.touchLastUsed(id, now));

describe('AppRepository.touchLastUsed', () => {
  const NOON = new Date('2026-03-11T12:00:00Z');
  const seconds = (count: number) => new Date(NOON.getTime() + count * 1000);

  it('writes the time of one app and no other’s', async () => {
    const ids = [await createApp(), await createApp(), await createApp()] as const;
    await touch(ids[1], NOON);
    expect(await Promise.all(ids.map(lastUsedOf))).toEqual([null, NOON, null]);
  });

  it('writes at most once a minute, and never an earlier time', async () => {
    const id = await createApp();
    await touch(id, NOON);
    for (const now of [seconds(59), seconds(60), seconds(-61)]) await touch(id, now);
    expect(await lastUsedOf(id)).toEqual(NOON);
    await touch(id, seconds(61));
    expect(await lastUsedOf(id)).toEqual(seconds(61));
  });
});

describe('AppRepository.updateApp', () => {
  it('changes the given fields of one app and no other', async () => {
    const [id, other] = [await createApp(), await createApp()];
    const before = await db.run(({ apps }) => apps.findAppById(other));
    const changed = await db.run(({ apps }) => apps.updateApp(id, { name: '改名', poiIds: ['1', '2'] }));
    expect(changed).toMatchObject({ id, name: '改名', poiIds: ['1', '2'], status: 'active' });
    expect(await db.run(({ apps }) => apps.findAppById(other))).toEqual(before);
  });
});

describe('AppRepository.endSecret', () => {
  it('ends one secret of one app', async () => {
    const [id, other] = [await createApp(), await createApp()];
    const [first, second] = await db.run(async ({ apps }) => [
      await apps.insertSecret(id, 'sealed-1'),
      await apps.insertSecret(id, 'sealed-2'),
    ]);
    const now = new Date('2026-03-11T12:00:00Z');
    expect(await db.run(({ apps }) => apps.endSecret(other, first, now))).toBeNull();
    expect(await db.run(({ apps }) => apps.endSecret(id, first, now))).toMatchObject({
      id: first,
      appId: id,
      endedAt: now,
    });
    const left = await db.run(({ apps }) => apps.listSecrets(id, 10));
    expect(left.map((secret) => [secret.id, secret.endedAt])).toEqual([
      [second, null],
      [first, now],
    ]);
    expect(await db.run(({ apps }) => apps.countLiveSecrets(id))).toBe(1);
  });
});

describe('AppRepository.findAppForUpdate', () => {
  it('keeps others from changing the app, and lets verifications refer to it', async () => {
    const appId = await createApp();
    const found = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const changing = db.transaction(async ({ apps }) => {
      await apps.findAppForUpdate(appId);
      found.resolve();
      await goOn.promise;
    });
    try {
      await found.promise;
      await db.run(({ apps }) => apps.insertSecret(appId, 'sealed'), 5000);
      const change = db.transaction(({ apps }) => apps.findAppForUpdate(appId));
      await eventually(
        async () =>
          (
            await queryRows(
              opened.orm.em.fork(),
              sql`select 1 from pg_stat_activity where wait_event_type = 'Lock'
                and datname = current_database() and query like '%for no key update%'`,
            )
          ).length > 0,
      );
      goOn.resolve();
      expect((await change)?.id).toBe(appId);
    } finally {
      goOn.resolve();
      await changing;
    }
  });
});
