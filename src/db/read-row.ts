// Turns rows into plain objects without making entities of them: reports read many rows and change none.
import type { EntityManager, EntityName } from '@mikro-orm/postgresql';

interface ColumnReader {
  readonly property: string;
  readonly column: string;
  readonly read: (value: unknown) => unknown;
}

/**
 * @param rows of the entity's table, every column given
 * @param entity its properties say what the driver's texts mean
 */
export function readRows<T>(
  em: EntityManager,
  entity: EntityName<T>,
  rows: readonly Record<string, unknown>[],
): readonly T[] {
  const columns = em
    .getMetadata()
    .get(entity)
    .props.map(({ name, fieldNames, runtimeType }): ColumnReader => ({
      property: name,
      column: fieldNames[0] ?? name,
      read: READ_BY_TYPE[runtimeType] ?? ((value) => value),
    }));
  return rows.map((row) => {
    const object: Record<string, unknown> = {};
    for (const { property, column, read } of columns) {
      const value = row[column];
      object[property] = value === null ? null : read(value);
    }
    return object as T;
  });
}

/** The driver gives bigint and times as text. */
const READ_BY_TYPE: Readonly<Record<string, (value: unknown) => unknown>> = {
  number: Number,
  Date: (value) => new Date(value as string),
};
