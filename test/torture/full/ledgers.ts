// Reads the gateway's side of the ledgers when everything has come to rest.
import type { GatewayRow } from '../oracle/ledgers.ts';
import type { System } from './system.ts';

export async function readRows(system: System): Promise<readonly GatewayRow[]> {
  const rows = await system.query<{ row: GatewayRow }>(
    'select to_jsonb(verifications) as row from verifications order by id',
  );
  return rows.map(({ row }) => row);
}

/** A line per event of a verification's timeline, for people who look for a cause. */
export async function readEvents(system: System): Promise<readonly unknown[]> {
  const rows = await system.query<{ row: unknown }>(
    'select to_jsonb(verification_events) as row from verification_events order by id',
  );
  return rows.map(({ row }) => row);
}

/** How many verdicts each row's timeline has, by its id. */
export async function countVerdicts(system: System): Promise<ReadonlyMap<number, number>> {
  const rows = await system.query<{ id: number; verdicts: number }>(
    `select verification_id::int as id, count(*)::int as verdicts from verification_events
     where kind in ('verified', 'refused', 'found_redeemed', 'found_not_redeemed', 'resolved') group by verification_id`,
  );
  return new Map(rows.map(({ id, verdicts }) => [id, verdicts]));
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
