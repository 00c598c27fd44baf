// Whether a commit survives a crash of the database. "Exactly once" stands on it: a send is counted and committed before
// the request goes out, and a verdict before the till hears it.
import type { MikroORM } from '@mikro-orm/postgresql';

/** Each of them, switched off, lets PostgreSQL lose or tear what it said was committed. */
const SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit'] as const;

/**
 * Asks the till's own connection, because role and database can change a setting too.
 * @returns the settings that are off, as `name = off`; none where commits are durable
 */
export async function findLossySettings(orm: MikroORM): Promise<readonly string[]> {
  const columns = SETTINGS.map((name) => `current_setting('${name}') as ${name}`).join(', ');
  const [row] = await orm.em.fork().execute<Record<string, string>[]>(`select ${columns}`);
  return SETTINGS.filter((name) => row?.[name] === 'off').map((name) => `${name} = off`);
}
