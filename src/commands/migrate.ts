// `migrate`: brings the database's schema and Temporal's search attributes up to this version. Safe to run again.
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig, type Config } from '../config.ts';
import { isLockTimeout } from '../db/constraint-errors.ts';
import { openMigrationSession, withMigrationLock } from '../db/migration-lock.ts';
import { MIGRATION_TIMEOUTS, openOrm } from '../db/mikro-orm.config.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { registerSearchAttributes } from '../temporal/search-attributes.ts';
import { openPatiently, type ProcessContext } from './process-context.ts';

/** A report or a backup may hold a table this long. */
const LOCK_PATIENCE_MS = 300_000;
/** Longer than a try waits: the tills that queued behind it have passed by then. */
const LOCK_PAUSE_MS = 2000;

export async function run(context: ProcessContext): Promise<void> {
  const config = loadConfig(context.env);
  const logger = createLogger({ ...config.log, process: 'migrate' });
  await migrate(config, logger, context.stop);
}

interface MigrateSchemaOptions {
  readonly url: string;
  readonly migrationsFolder?: string;
}

/**
 * Applies what is pending, one process at a time. A migration that does not get its lock at once gives up before tills have to wait for it, and
 * is tried again for some minutes.
 * @throws when the database cannot be reached within a minute, another process migrates it for too long, or a migration fails: nothing of it was applied then (of
 *   one without a transaction perhaps a part), and those before it were
 */
export async function migrateSchema(
  options: MigrateSchemaOptions,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  const session = await openPatiently('the database', () => openMigrationSession(options.url), logger, stop);
  const onWait = () => logger.warn('another process migrates this database; this one waits for it');
  await withMigrationLock(session, { patienceMs: LOCK_PATIENCE_MS, stop, onWait }, () =>
    applyPending(options, logger, stop),
  );
}

async function applyPending(options: MigrateSchemaOptions, logger: Logger, stop: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const orm = await openPatiently(
      'the database',
      // One connection: what a migration without a transaction sets holds for all its statements, and ends with them.
      () => openOrm({ ...options, poolSize: 1, logger, timeouts: MIGRATION_TIMEOUTS }),
      logger,
      stop,
    );
    try {
      const applied = await orm.migrator.up();
      logger.info({ migrations: applied.map((migration) => migration.name) }, 'the schema is up to date');
      return;
    } catch (err) {
      if (!isLockTimeout(err) || stop.aborted || performance.now() > giveUpAt) throw err;
      logger.warn({ err }, 'a migration waits for a lock that somebody holds; it is tried again');
    } finally {
      await orm.close();
    }
    await delay(LOCK_PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** @throws as `migrateSchema` does, and when Temporal cannot be reached within a minute */
export async function migrate(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  await migrateSchema({ url: config.database.url.expose() }, logger, stop);
  const temporal = await openPatiently('Temporal', () => connectTemporal(config.temporal), logger, stop);
  try {
    await registerSearchAttributes(temporal);
    logger.info('the search attributes are registered');
  } finally {
    await temporal.close();
  }
}
