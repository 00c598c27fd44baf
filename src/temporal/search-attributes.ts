// Registers the search attributes that ops filter by. `migrate` does this, once per namespace.
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.ts';
import type { TemporalConnection } from './connection.ts';

/** INDEXED_VALUE_TYPE_KEYWORD of temporal.api.enums.v1.IndexedValueType. */
const KEYWORD = 2;

/** Adds those that are missing; the others stay as they are. */
export async function registerSearchAttributes(temporal: TemporalConnection): Promise<void> {
  const { operatorService } = temporal.connection;
  const present = await operatorService.listSearchAttributes({ namespace: temporal.namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => !(name in present.customAttributes));
  if (missing.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace: temporal.namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
  });
}
