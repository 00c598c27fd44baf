// Keeps a process from working on a database that is older than its code, or that may forget what it committed.
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Config } from '../config.ts';
import { findLossySettings } from '../db/durability.ts';
import type { Logger } from '../observability/logger.ts';
import { openPatiently } from './process-context.ts';

/**
 * Only NODE_ENV=test may run on a database that forgets: tests throw theirs away.
 * @throws Error that says what to run or to set, or what kept the database from being asked for a minute
 */
export async function refuseUnfitDatabase(
  orm: MikroORM,
  environment: Config['environment'],
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  const patiently = <T>(ask: () => Promise<T>) => openPatiently('the database', ask, logger, stop);
  const pending = await patiently(() => orm.migrator.getPending());
  if (pending.length > 0) {
    throw new Error(
      `The schema lacks ${pending.map((migration) => migration.name).join(', ')}: run the command migrate first`,
    );
  }
  const lossy = await patiently(() => findLossySettings(orm));
  if (lossy.length === 0) return;
  const message =
    `The database can lose what it has committed (${lossy.join(', ')}), and a coupon could then be redeemed twice: ` +
    'switch that on, for the server, the database and the role of DATABASE_URL';
  if (environment !== 'test') throw new Error(message);
  logger.warn({ lossy }, message);
}
