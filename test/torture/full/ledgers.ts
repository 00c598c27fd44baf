// The ledgers a checker compares, read when everything has come to rest: what tills saw, the gateway's rows, Douyin's effects.
import type { ClientEntry } from './client-ledger.ts';
import type { UsedToken } from './customers.ts';
import type { Counters, DouyinCall, Effect, Truth } from './simulator-control.ts';
import type { System } from './system.ts';

/** A row of `verifications`, as far as the checker looks. Times are RFC 3339. */
export interface GatewayRow {
  readonly id: number;
  readonly app_id: number;
  readonly verify_token: string;
  readonly verify_status: 'processing' | 'success' | 'failed';
  readonly step: string;
  readonly round: number;
  readonly reason: string;
  readonly error_code: number;
  readonly error_description: string;
  readonly douyin_verify_token: string;
  readonly poi_id: string;
  readonly encrypted_code: string;
  readonly certificate_id: string;
  readonly verify_id: string;
  readonly order_id: string;
  readonly enrichment_status: string;
  readonly send_count: number;
  readonly open_send_count: number;
  readonly last_outcome: string;
  readonly created_at: string;
  readonly round_started_at: string;
  readonly settled_at: string | null;
}

export interface Ledgers {
  readonly appIds: readonly [number, number];
  readonly usedTokens: readonly UsedToken[];
  readonly client: readonly ClientEntry[];
  readonly rows: readonly GatewayRow[];
  readonly effects: readonly Effect[];
  readonly truths: readonly Truth[];
  readonly calls: readonly DouyinCall[];
  readonly counters: Counters;
}

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
