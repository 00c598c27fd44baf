// Rows as plain objects, without making entities of them: the hot path and reports read many rows, and change
// them by statements of their own. Names and types come from the entity's metadata.
import type { EntityManager, EntityName } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';

/**
 * Runs one statement on MikroORM's connection and transaction, every value bound. MikroORM's own `execute` writes values
 * into the text, from where they would reach error messages and logs.
 * @returns the rows as the driver reads them: bigint and times as text
 */
export async function queryRows(
  em: EntityManager,
  statement: RawBuilder<unknown>,
): Promise<Record<string, unknown>[]> {
  return (await statement.execute(em.getKysely())).rows as Record<string, unknown>[];
}

interface Column {
  readonly property: string;
  readonly column: string;
  readonly isJson: boolean;
  readonly read: (value: unknown) => unknown;
}

const columnsByMetadata = new WeakMap<object, ReadonlyMap<string, Column>>();

function columnsOf<T>(em: EntityManager, entity: EntityName<T>): ReadonlyMap<string, Column> {
  const metadata = em.getMetadata().get(entity);
  const known = columnsByMetadata.get(metadata);
  if (known) return known;
  const columns = new Map(
    metadata.props.map(({ name, fieldNames, runtimeType, columnTypes }): [string, Column] => [
      name,
      {
        property: name,
        column: fieldNames[0] ?? name,
        isJson: columnTypes[0] === 'jsonb',
        read: READ_BY_TYPE[runtimeType] ?? ((value) => value),
      },
    ]),
  );
  columnsByMetadata.set(metadata, columns);
  return columns;
}

/** The driver gives bigint and times as text. */
const READ_BY_TYPE: Readonly<Record<string, (value: unknown) => unknown>> = {
  number: Number,
  Date: (value) => new Date(value as string),
};

/**
 * @param rows of the entity's table, every column given
 * @param entity its properties say what the driver's texts mean
 */
export function readRows<T>(
  em: EntityManager,
  entity: EntityName<T>,
  rows: readonly Record<string, unknown>[],
): readonly T[] {
  const columns = [...columnsOf(em, entity).values()];
  return rows.map((row) => {
    const object: Record<string, unknown> = {};
    for (const { property, column, read } of columns) {
      const value = row[column];
      object[property] = value === null || value === undefined ? null : read(value);
    }
    return object as T;
  });
}

/**
 * @param changes new values by property; a fragment is computed from the row
 * @returns `column = value, …` for an update
 */
export function assignments<T>(
  em: EntityManager,
  entity: EntityName<T>,
  changes: Readonly<Record<string, unknown>>,
): RawBuilder<unknown> {
  const columns = columnsOf(em, entity);
  return sql.join(
    Object.entries(changes).map(([property, value]) => {
      const column = columns.get(property);
      if (!column) throw new Error(`The table has no property ${property}`);
      const isJson = column.isJson && value !== null;
      return sql`${sql.ref(column.column)} = ${isJson ? sql`${JSON.stringify(value)}::jsonb` : value}`;
    }),
  );
}
