import { afterAll, beforeAll } from '@jest/globals';
import { createDatabasePauseStore } from '../../src/db/database-pause-store.ts';
import { describePauseStore } from '../contracts/pause-store.ts';
import { openTestOrm } from '../support/test-orm.ts';

let database: Awaited<ReturnType<typeof openTestOrm>>;
beforeAll(async () => {
  database = await openTestOrm();
}, 60_000);
afterAll(() => database.close());

describePauseStore('the table douyin_pauses', () => {
  const open = () => createDatabasePauseStore(database.orm);
  return Promise.resolve({
    stores: [open(), open()] as const,
    elapse: async (durationMs: number) => {
      await database.orm.em
        .fork()
        .execute(`update douyin_pauses set paused_until = paused_until - ? * interval '1 millisecond'`, [
          durationMs,
        ]);
    },
    close: async () => {
      await database.orm.em.fork().execute('delete from douyin_pauses');
    },
  });
});
