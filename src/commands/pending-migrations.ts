// Keeps a process from working on a schema that is older than its code.
import type { MikroORM } from '@mikro-orm/postgresql';

/** @throws Error that says what to run */
export async function refusePendingMigrations(orm: MikroORM): Promise<void> {
  const pending = await orm.migrator.getPending();
  if (pending.length === 0) return;
  throw new Error(
    `The schema lacks ${pending.map((migration) => migration.name).join(', ')}: run the command migrate first`,
  );
}
