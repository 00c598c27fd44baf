// How migrations run: without the till's time-outs, each by itself, and outside of a transaction if one says so.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { migrateSchema } from '../../src/commands/migrate.ts';
import { MIGRATION_TIMEOUTS, OFFICE_TIMEOUTS, openOrm } from '../../src/db/mikro-orm.config.ts';
import { queryRows } from '../../src/db/rows.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { eventually } from '../support/eventually.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const logger = createLogger({ level: 'silent', format: 'json', process: 'test' });

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  // Beside the sources, so that the migrations find the ORM.
  folder = await mkdtemp(join(import.meta.dirname, 'migrations-'));
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

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
    expect(await query('select * from seen')).toEqual([{ statement_timeout: '0', lock_timeout: '1s' }]);
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

describe('migrateSchema', () => {
  const never = new AbortController().signal;

  it('lets tills pass while somebody holds the table, and succeeds when it is free', async () => {
    await writeMigration('migration-1', ['create table coupons (id int)']);
    await migrateSchema({ url: database.url, migrationsFolder: folder }, logger, never);
    await writeMigration('migration-2', ['alter table coupons add column note text']);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    let migrating: Promise<void> | undefined;
    try {
      await holder.query('begin');
      await holder.query('select * from coupons');
      migrating = migrateSchema({ url: database.url, migrationsFolder: folder }, logger, never);
      const waiting = `select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like 'alter table coupons%'`;
      await eventually(async () => (await query(waiting)).length > 0);
      // Comes behind the one that waits, and must not have to wait for the holder.
      await query('insert into coupons values (1)');
      await eventually(async () => (await query(waiting)).length > 0);
    } finally {
      await holder.query('rollback');
      await holder.end();
      await migrating;
    }
    expect(await query('select id, note from coupons')).toEqual([{ id: 1, note: null }]);
  });

  it('by two processes at once: both end well, one after the other', async () => {
    const migrateOnce = () => migrateSchema({ url: database.url, migrationsFolder: folder }, logger, never);
    await writeMigration('migration-1', [
      'create table coupons (id int)',
      // Two of these at a time would be told that they clash.
      'create table runs as select pg_sleep(0.2)::text as slept, count(*) as others from coupons',
    ]);
    await writeMigration(
      'migration-2',
      [
        'set lock_timeout = 0',
        'drop index concurrently if exists coupons__id',
        'create index concurrently coupons__id on coupons (id)',
      ],
      false,
    );
    await Promise.all([migrateOnce(), migrateOnce(), migrateOnce()]);
    expect(await query(`select indisvalid from pg_index where indexrelid = 'coupons__id'::regclass`)).toEqual(
      [{ indisvalid: true }],
    );
    expect(await query('select count(*)::int as applied from schema_migrations')).toEqual([{ applied: 2 }]);
  });

  it('builds the indexes of claims beside the tills, on records of the schema before, over what was cut short', async () => {
    const BEFORE = '20261122150000-douyin-pauses';
    const orm = await openOrm({ url: database.url, poolSize: 1, logger });
    try {
      await orm.migrator.up({ to: BEFORE });
    } finally {
      await orm.close();
    }
    await query(`insert into apps (name, code, client_key) values ('a', 'a', 'a')`);
    await query(`insert into verifications
      (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, round_started_at)
      select id, '', '', '1', 'code', 'x', 'token-1', now() from apps`);
    // As a build that was cut short leaves it.
    await query('create index verifications__order_in_doubt on verifications (id)');
    await query(
      `update pg_index set indisvalid = false where indexrelid = 'verifications__order_in_doubt'::regclass`,
    );
    await migrateSchema({ url: database.url }, logger, never);
    expect(
      await query(`select indexrelid::regclass::text as name, indisvalid, indisunique from pg_index
        where indexrelid::regclass::text like '%in_doubt' order by 1`),
    ).toEqual([
      { name: 'verifications__certificate_in_doubt', indisvalid: true, indisunique: true },
      { name: 'verifications__order_in_doubt', indisvalid: true, indisunique: true },
    ]);
    expect(await query('select item_no, order_claim from verifications')).toEqual([
      { item_no: 1, order_claim: null },
    ]);
  });

  it('keeps an index of claims that is there and valid: running processes rely on it', async () => {
    const orm = await openOrm({ url: database.url, poolSize: 1, logger });
    try {
      await orm.migrator.up({ to: '20261124180000-settlement-core' });
    } finally {
      await orm.close();
    }
    await query(`create unique index verifications__order_in_doubt on verifications (order_claim)
      where verify_status = 'processing' and open_send_count > 0 and order_claim is not null`);
    const identity = `select 'verifications__order_in_doubt'::regclass::oid::text as oid`;
    const [before] = await query(identity);
    await migrateSchema({ url: database.url }, logger, never);
    expect(await query(identity)).toEqual([before]);
    expect(
      await query(`select indisvalid from pg_index
        where indexrelid = 'verifications__certificate_in_doubt'::regclass`),
    ).toEqual([{ indisvalid: true }]);
  });

  it('builds them in no transaction, so that no till waits for them', async () => {
    const migrations = import.meta.dirname + '/../../migrations';
    for (const name of await readdir(migrations)) {
      const text = await readFile(join(migrations, name), 'utf8');
      const altersTables = /alter table/.test(text);
      expect({
        name,
        buildsAfterAltering: altersTables && /create (unique )?index (?!concurrently)/.test(text),
      }).toEqual({ name, buildsAfterAltering: false });
    }
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
