// Gives a test file a database of its own on the server of this run, migrated by copying one that was migrated once.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import pg from 'pg';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));
/** Any number, as long as all test processes use the same: they queue for making the template. */
const TEMPLATE_LOCK = 728_113;

export interface TestDatabase {
  readonly url: string;
  /** Removes the database, connections or not. */
  drop(): Promise<void>;
}

function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) throw new Error('TEST_DATABASE_URL is not set: run the test by jest, without TEST_PARTS=none');
  return url;
}

function urlOf(databaseName: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${databaseName}`;
  return url.href;
}

async function withServer<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Another state of the migrations is another template: a given server outlives many of them. */
async function nameTemplate(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(MIGRATIONS_FOLDER)).toSorted()) {
    hash.update(name).update(await readFile(join(MIGRATIONS_FOLDER, name)));
  }
  return `template_${hash.digest('hex').slice(0, 16)}`;
}

async function ensureTemplate(client: pg.Client, migrate: (url: string) => Promise<void>): Promise<string> {
  const template = await nameTemplate();
  await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [template]);
    if (found.rowCount === 0) {
      // Renamed when it is whole, so that a failed migration leaves nothing that looks like a template.
      const draft = `${template}_draft`;
      await client.query(`drop database if exists ${draft} with (force)`);
      await client.query(`create database ${draft}`);
      await migrate(urlOf(draft));
      await client.query(`alter database ${draft} rename to ${template}`);
    }
  } finally {
    await client.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
  return template;
}

/**
 * Creates a fresh database. Call it in `beforeAll`, and `drop()` in `afterAll`.
 * @param options.migrate brings an empty database to the present schema and closes its connections; run once per state
 *   of the migrations folder, its result is copied. Without it the database is empty.
 */
export async function createTestDatabase(
  options: { readonly migrate?: (url: string) => Promise<void> } = {},
): Promise<TestDatabase> {
  const { migrate } = options;
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await withServer(async (client) => {
    const template = migrate ? await ensureTemplate(client, migrate) : 'template0';
    await client.query(`create database ${name} template ${template}`);
  });
  return {
    url: urlOf(name),
    drop: () =>
      withServer(async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}
