// A lane runs seeds one after the other on a database of its own.
import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { openOrm } from '../../../src/db/mikro-orm.config.ts';
import { createDatabase, type Database } from '../../../src/db/unit-of-work.ts';
import type { VerifierApp } from '../../../src/domain/verifier-app.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { createSecretBox } from '../../../src/secret-box.ts';
import { createVerifierApp } from '../../../src/services/create-verifier-app.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { GatewayRow, RowEvent } from '../oracle/ledgers.ts';
import { TORTURE_POLICY } from './policy.ts';
import type { SeedDatabase } from './run-seed.ts';

export interface Lane {
  readonly database: SeedDatabase;
  close(): Promise<void>;
}

const silent = createLogger({ level: 'silent', format: 'json', process: 'torture' });

/** Needs TEST_DATABASE_URL, as the tests do. */
export async function openLane(): Promise<Lane> {
  const testDatabase = await createTestDatabase({ migrate });
  const orm = await openOrm({ url: testDatabase.url, poolSize: 2, logger: silent });
  const apps = await createApps(createDatabase(orm, { policy: TORTURE_POLICY }));
  return {
    database: seedDatabase(orm, apps),
    async close() {
      await orm.close();
      await testDatabase.drop();
    },
  };
}

async function migrate(url: string): Promise<void> {
  const orm = await openOrm({ url, poolSize: 1, logger: silent });
  await orm.migrator.up();
  await orm.close();
}

async function createApps(db: Database): Promise<readonly VerifierApp[]> {
  const secretBox = createSecretBox(['a'.repeat(43) + '=']);
  const apps: VerifierApp[] = [];
  for (const code of ['till-a', 'till-b']) {
    const created = await createVerifierApp(
      { db, secretBox },
      { name: code, code },
      { uid: 'torture', requestId: 'torture' },
    );
    apps.push(created.app);
  }
  return apps;
}

function seedDatabase(orm: MikroORM, apps: readonly VerifierApp[]): SeedDatabase {
  const query = async (sql: string) => {
    const rows: unknown = await orm.em.fork().execute(sql);
    return rows as Record<string, unknown>[];
  };
  return {
    apps,
    open: (policy, nowMs) =>
      createDatabase(orm, { policy, now: () => sql<Date>`${new Date(nowMs())}::timestamptz` }),
    async clear() {
      await query('truncate verifications, verification_events, request_nonces, audit_log restart identity');
    },
    async countProcessing() {
      const [row] = await query(
        `select count(*)::int as open from verifications where verify_status = 'processing'`,
      );
      return Number(row?.['open']);
    },
    async listOpen() {
      const rows = await query(
        `select id, round, round_key, douyin_verify_token from verifications
         where verify_status = 'processing' order by id`,
      );
      return rows.map((row) => ({
        id: Number(row['id']),
        round: Number(row['round']),
        roundKey: row['round_key'] as string | null,
        douyinVerifyToken: String(row['douyin_verify_token']),
      }));
    },
    async listResolvedBy() {
      const rows = await query(
        `select concat_ws(' ', verification_id, details ->> 'actor', details ->> 'verify_status') as word
         from verification_events where kind = 'resolved'`,
      );
      return new Set(rows.map(({ word }) => String(word)));
    },
    async listRows() {
      const rows = await query('select to_jsonb(verifications) as row from verifications order by id');
      return rows.map(({ row }) => row as GatewayRow);
    },
    async readTimeline(verificationId) {
      const rows = await query(
        `select to_char(happened_at, 'HH24:MI:SS.MS') as at, kind, details::text as details
         from verification_events where verification_id = ${verificationId} order by id`,
      );
      const [shown] = await query(
        `select concat_ws(' ', mode, verify_status, step, reason, error_code, 'token=' || douyin_verify_token,
           'certificate=' || certificate_id, 'order=' || order_id, 'use=' || verify_id, last_outcome, last_note) as row
         from verifications where id = ${verificationId}`,
      );
      return [
        String(shown?.['row']),
        ...rows.map((row) => `${String(row['at'])} ${String(row['kind'])} ${String(row['details'])}`),
      ];
    },
    async listEvents() {
      const rows = await query(
        `select verification_id, kind, extract(epoch from happened_at) * 1000 as at_ms
         from verification_events order by id`,
      );
      return rows.map((row) => ({
        verification_id: Number(row['verification_id']),
        kind: row['kind'] as RowEvent['kind'],
        at_ms: Number(row['at_ms']),
      }));
    },
  };
}
