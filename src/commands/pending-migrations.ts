// Keeps a process from working on a schema that is older than its code.
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from '../observability/logger.ts';
import { openPatiently } from './process-context.ts';

/** @throws Error that says what to run, or what kept the database from being asked for a minute */
export async function refusePendingMigrations(
  orm: MikroORM,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  const pending = await openPatiently('the database', () => orm.migrator.getPending(), logger, stop);
  if (pending.length === 0) return;
  throw new Error(
    `The schema lacks ${pending.map((migration) => migration.name).join(', ')}: run the command migrate first`,
  );
}
