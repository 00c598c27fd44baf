// How MikroORM reaches PostgreSQL. Pools and time-outs are here; queries are in repositories.
import { defineConfig, MikroORM } from '@mikro-orm/postgresql';
import { Migrator } from '@mikro-orm/migrations';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Logger } from '../observability/logger.ts';
import { AccessTokenEntity } from './entities/access-token.entity.ts';
import { AppEntity, AppSecretEntity } from './entities/app.entity.ts';
import { AuditEntryEntity } from './entities/audit-entry.entity.ts';
import { DouyinPauseEntity } from './entities/douyin-pause.entity.ts';
import { RequestNonceEntity } from './entities/request-nonce.entity.ts';
import { VerificationEntity } from './entities/verification.entity.ts';
import { VerificationEventEntity } from './entities/verification-event.entity.ts';

/**
 * A connection that comes back to the pool while its query is still unanswered (it ran into the query time-out) may be
 * dead without a word, as after a failover: in the pool it would let every later query run into the time-out as well.
 */
function endHungConnections(pool: pg.Pool): void {
  pool.on('release', (_err, client) => {
    const { readyForQuery } = client as pg.PoolClient & { readonly readyForQuery: boolean };
    if (!readyForQuery) void (client as unknown as pg.Client).end();
  });
}

const CONNECT_TIMEOUT_MS = 1500;
const IDLE_TIMEOUT_MS = 60_000;

/** Bounds of one statement, milliseconds; 0 is none. */
export interface StatementTimeouts {
  /** PostgreSQL ends it. */
  readonly statementMs: number;
  /** The client gives it up: PostgreSQL did not answer at all. */
  readonly queryMs: number;
  /** It waits for a lock no longer. */
  readonly lockMs: number;
}

/** Somebody with a customer in front waits. */
const TILL_TIMEOUTS: StatementTimeouts = { statementMs: 10_000, queryMs: 12_000, lockMs: 0 };

/** Somebody at a desk waits. */
export const OFFICE_TIMEOUTS: StatementTimeouts = { statementMs: 30_000, queryMs: 32_000, lockMs: 0 };

/**
 * Migrations take as long as they need, an index over years of records too. But one that waits for a lock makes every
 * till wait that comes after it: it soon gives up, lets them pass, and is tried again (commands/migrate.ts).
 */
export const MIGRATION_TIMEOUTS: StatementTimeouts = { statementMs: 0, queryMs: 0, lockMs: 1000 };

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * @param options.url `postgres://…`
 * @param options.poolSize connections of this process at most
 * @throws when the database cannot be reached
 */
export async function openOrm(options: {
  readonly url: string;
  readonly poolSize: number;
  readonly logger: Logger;
  readonly timeouts?: StatementTimeouts;
  readonly migrationsFolder?: string;
}): Promise<MikroORM> {
  const { timeouts = TILL_TIMEOUTS, migrationsFolder = MIGRATIONS_FOLDER } = options;
  return MikroORM.init(
    defineConfig({
      clientUrl: options.url,
      entities: [
        AccessTokenEntity,
        AppEntity,
        AppSecretEntity,
        AuditEntryEntity,
        DouyinPauseEntity,
        RequestNonceEntity,
        VerificationEntity,
        VerificationEventEntity,
      ],
      extensions: [Migrator],
      implicitTransactions: false,
      timezone: 'UTC',
      colors: false,
      logger: (message) => options.logger.debug({ orm: true }, message),
      pool: { min: 0, max: options.poolSize, idleTimeoutMillis: IDLE_TIMEOUT_MS },
      driverOptions: {
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        statement_timeout: timeouts.statementMs,
        query_timeout: timeouts.queryMs,
        lock_timeout: timeouts.lockMs,
        keepAlive: true,
        onPoolCreated: endHungConnections,
      },
      migrations: {
        path: migrationsFolder,
        glob: '*.ts',
        tableName: 'schema_migrations',
        // Each in a transaction of its own, unless it says otherwise: an index is built concurrently outside of one.
        transactional: true,
        allOrNothing: false,
        snapshot: false,
      },
      discovery: { checkDuplicateFieldNames: true },
    }),
  );
}
