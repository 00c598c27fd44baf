// `migrate`: brings the database's schema and Temporal's search attributes up to this version. Safe to run again.
import { loadConfig, type Config } from '../config.ts';
import { MIGRATION_TIMEOUTS, openOrm } from '../db/mikro-orm.config.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { registerSearchAttributes } from '../temporal/search-attributes.ts';
import { openPatiently, type ProcessContext } from './process-context.ts';

export async function run(context: ProcessContext): Promise<void> {
  const config = loadConfig(context.env);
  const logger = createLogger({ ...config.log, process: 'migrate' });
  await migrate(config, logger, context.stop);
}

/**
 * @throws when a part cannot be reached within a minute, or a migration fails: nothing of it was applied then (of one
 *   without a transaction perhaps a part), and those before it were
 */
export async function migrate(config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const orm = await openPatiently(
    'the database',
    () => openOrm({ url: config.database.url.expose(), poolSize: 2, logger, timeouts: MIGRATION_TIMEOUTS }),
    logger,
    stop,
  );
  try {
    const applied = await orm.migrator.up();
    logger.info({ migrations: applied.map((migration) => migration.name) }, 'the schema is up to date');
  } finally {
    await orm.close();
  }
  const temporal = await openPatiently('Temporal', () => connectTemporal(config.temporal), logger, stop);
  try {
    await registerSearchAttributes(temporal);
    logger.info('the search attributes are registered');
  } finally {
    await temporal.close();
  }
}
