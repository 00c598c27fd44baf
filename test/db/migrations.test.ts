// How migrations run: without the till's time-outs, each by itself, and outside of a transaction if one says so.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { MIGRATION_TIMEOUTS, OFFICE_TIMEOUTS, openOrm } from '../../src/db/mikro-orm.config.ts';
import { queryRows } from '../../src/db/rows.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const logger = createLogger({ level: 'silent', format: 'json', process: 'test' });

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  // Beside the sources, so that the migrations find the ORM.
  folder = await mkdtemp(join(import.meta.dirname, 'migrations-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function writeMigration(
  name: string,
  statements: readonly string[],
  isTransactional = true,
): Promise<void> {
  await writeFile(
    join(folder, `${name}.ts`),
    `import { Migration } from '@mikro-orm/migrations';
export default class M extends Migration {
  override isTransactional(): boolean { return ${isTransactional}; }
  override up(): void {
    ${statements.map((sql) => `this.addSql(${JSON.stringify(sql)});`).join('\n    ')}
  }
}
`,
  );
}

async function migrate(): Promise<readonly string[]> {
  const orm = await openOrm({
    url: database.url,
    poolSize: 2,
    logger,
    timeouts: MIGRATION_TIMEOUTS,
    migrationsFolder: folder,
  });
  try {
    return (await orm.migrator.up()).map(({ name }) => name);
  } finally {
    await orm.close();
  }
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  it('run without the till’s time-outs, wait for no lock for long, build indexes concurrently, and each stands by itself', async () => {
    await writeMigration('migration-1', [
      'create table seen (statement_timeout text, lock_timeout text)',
      `insert into seen select current_setting('statement_timeout'), current_setting('lock_timeout')`,
    ]);
    await writeMigration(
      'migration-2',
      ['create index concurrently seen__all on seen (statement_timeout)'],
      false,
    );
    expect(await migrate()).toEqual(['migration-1', 'migration-2']);
    expect(await query('select * from seen')).toEqual([{ statement_timeout: '0', lock_timeout: '5s' }]);
    expect(await query(`select indisvalid from pg_index where indexrelid = 'seen__all'::regclass`)).toEqual([
      { indisvalid: true },
    ]);

    await writeMigration('migration-3', ['create table third (id int)']);
    await writeMigration('migration-4', ['create table fourth (id int)', 'select nonsense from nowhere']);
    await expect(migrate()).rejects.toThrow();
    expect(await query(`select to_regclass('third') as third, to_regclass('fourth') as fourth`)).toEqual([
      { third: 'third', fourth: null },
    ]);
    await writeMigration('migration-4', ['create table fourth (id int)']);
  });
});

describe('the patience of a pool', () => {
  it.each([
    ['a till’s', undefined, '10s'],
    ['the office’s', OFFICE_TIMEOUTS, '30s'],
    ['migrations’', MIGRATION_TIMEOUTS, '0'],
  ])('of %s is its own', async (_whose, timeouts, expected) => {
    const orm = await openOrm({ url: database.url, poolSize: 1, logger, ...(timeouts ? { timeouts } : {}) });
    try {
      expect(await queryRows(orm.em.fork(), sql`show statement_timeout`)).toEqual([
        { statement_timeout: expected },
      ]);
    } finally {
      await orm.close();
    }
  });
});
