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
const STATEMENT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 12_000;
const IDLE_TIMEOUT_MS = 60_000;

/**
 * @param options.url `postgres://…`
 * @param options.poolSize connections of this process at most
 * @throws when the database cannot be reached
 */
export async function openOrm(options: { url: string; poolSize: number; logger: Logger }): Promise<MikroORM> {
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
        statement_timeout: STATEMENT_TIMEOUT_MS,
        query_timeout: QUERY_TIMEOUT_MS,
        keepAlive: true,
        onPoolCreated: endHungConnections,
      },
      migrations: {
        path: fileURLToPath(new URL('../../migrations', import.meta.url)),
        glob: '*.ts',
        tableName: 'schema_migrations',
        transactional: true,
        allOrNothing: true,
        snapshot: false,
      },
      discovery: { checkDuplicateFieldNames: true },
    }),
  );
}
