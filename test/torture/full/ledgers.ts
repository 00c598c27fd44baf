// Reads the gateway's side of the ledgers when everything has come to rest.
import type { GatewayRow, RowEvent } from '../oracle/ledgers.ts';
import type { System } from './system.ts';

export async function readRows(system: System): Promise<readonly GatewayRow[]> {
  const rows = await system.query<{ row: GatewayRow }>(
    'select to_jsonb(verifications) as row from verifications order by id',
  );
  return rows.map(({ row }) => row);
}

/** The timelines, with whatever else an event tells for people who look for a cause. The database's clock is not turned. */
export async function readEvents(system: System): Promise<readonly RowEvent[]> {
  const rows = await system.query<{ row: Omit<RowEvent, 'at_ms'> & { readonly happened_at: string } }>(
    'select to_jsonb(verification_events) as row from verification_events order by id',
  );
  return rows.map(({ row }) => ({ ...row, at_ms: Date.parse(row.happened_at) }));
}

/** Rows that nobody but an operator can end are `unsettled`; all other open ones are `running`. */
export async function countOpen(
  system: System,
): Promise<{ running: number; unsettled: number; unenriched: number }> {
  const [counts] = await system.query<{ running: number; unsettled: number; unenriched: number }>(
    `select
       count(*) filter (where verify_status = 'processing' and step <> 'unsettled')::int as running,
       count(*) filter (where step = 'unsettled')::int as unsettled,
       count(*) filter (where verify_status = 'success' and enrichment_status = 'pending')::int as unenriched
     from verifications`,
  );
  return counts ?? { running: 0, unsettled: 0, unenriched: 0 };
}
