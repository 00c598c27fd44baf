// Runs one SQL statement with bound parameters on MikroORM's connection.
// MikroORM's own `execute` writes the values into the text, from where they would reach error messages and logs.
import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';

/**
 * @param sql with `?` for each parameter; it holds no other question mark
 * @returns the rows as the driver reads them: bigint as text, times as text
 */
export async function rowsOf(
  em: EntityManager,
  sql: string,
  parameters: readonly unknown[],
): Promise<Record<string, unknown>[]> {
  let position = 0;
  const numbered = sql.replaceAll('?', () => `$${++position}`);
  if (position !== parameters.length) {
    throw new Error(`A statement with ${position} placeholders got ${parameters.length} parameters`);
  }
  const result = await em.getKysely().executeQuery(CompiledQuery.raw(numbered, [...parameters]));
  return result.rows as Record<string, unknown>[];
}
