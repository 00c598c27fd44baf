// A database that can lose what it has committed is found out on the till's own connection, and refused.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { refuseUnfitDatabase } from '../../src/commands/unfit-database.ts';
import { findLossySettings } from '../../src/db/durability.ts';
import { openOrm } from '../../src/db/mikro-orm.config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { openTestOrm } from '../support/test-orm.ts';

type TestOrm = Awaited<ReturnType<typeof openTestOrm>>;

const SILENT = createLogger({ level: 'silent', format: 'json', process: 'test' });
const UNTIL_DONE = new AbortController().signal;

describe('durability', () => {
  let database: TestOrm;

  beforeAll(async () => {
    database = await openTestOrm();
  });
  afterAll(() => database.close());

  /** Runs on connections made after the database was set so; a session takes its settings when it begins. */
  async function withCommits<T>(
    setting: 'on' | 'local' | 'remote_apply' | 'off',
    use: (orm: TestOrm['orm']) => Promise<T>,
  ): Promise<T> {
    const name = new URL(database.url).pathname.slice(1);
    await database.orm.em.fork().execute(`alter database ${name} set synchronous_commit = ${setting}`);
    const orm = await openOrm({ url: database.url, poolSize: 1, logger: SILENT });
    try {
      return await use(orm);
    } finally {
      await orm.close();
    }
  }

  it('finds commits that are not waited for', async () => {
    expect(await withCommits('off', findLossySettings)).toContain('synchronous_commit = off');
  });

  it.each(['on', 'local', 'remote_apply'] as const)(
    'takes synchronous_commit = %s for durable',
    async (setting) => {
      const lossy = await withCommits(setting, findLossySettings);
      expect(lossy.filter((found) => found.startsWith('synchronous_commit'))).toEqual([]);
    },
  );

  it('finds what the whole server is started with', async () => {
    for (const name of ['fsync', 'full_page_writes']) {
      const [row] = await database.orm.em.fork().execute<Record<string, string>[]>(`show ${name}`);
      const isFound = (await findLossySettings(database.orm)).includes(`${name} = off`);
      expect(isFound).toBe(row?.[name] === 'off');
    }
  });

  it.each(['development', 'production'] as const)(
    'keeps a process of %s from starting',
    async (environment) => {
      const starting = withCommits('off', (orm) => refuseUnfitDatabase(orm, environment, SILENT, UNTIL_DONE));
      await expect(starting).rejects.toThrow(
        /can lose what it has committed \(.*synchronous_commit = off\).*switch that on/,
      );
    },
  );

  it('is left to tests, whose database is thrown away', async () => {
    await withCommits('off', (orm) => refuseUnfitDatabase(orm, 'test', SILENT, UNTIL_DONE));
  });
});
