// How long the gateway took to be well again after each kill. Pure. Measured are kills whose recovery nothing else disturbed:
// of the others the schedule, not the gateway, decides how long they last.
import type { ClientEntry, SentRequest } from './client-ledger.ts';
import type { GatewayRow } from './ledgers.ts';
import type { DoneDisturbance } from './nemesis.ts';
import type { Target } from './plan.ts';
import type { DouyinCall } from './simulator-control.ts';

export type Part = 'api' | 'worker' | 'temporal' | 'postgres';

/** Milliseconds; API and worker are counted from the kill, the servers from when they served again. */
export const RECOVERY_BOUNDS_MS: Readonly<Record<Part, number>> = {
  api: 10_000,
  worker: 30_000,
  temporal: 60_000,
  postgres: 60_000,
};

export interface Recovery {
  readonly part: Part;
  readonly killedAtMs: number;
  /** Until a till that began to ask after the kill was told success; null if none was before the next disturbance. */
  readonly nextSuccessMs: number | null;
  /** Until everything in flight at the kill was decided, as far as Douyin answered without a fault; null likewise. */
  readonly inFlightSettledMs: number | null;
  readonly inFlight: number;
}

export function measureRecoveries(
  done: readonly DoneDisturbance[],
  client: readonly ClientEntry[],
  rows: readonly GatewayRow[],
  calls: readonly DouyinCall[],
): readonly Recovery[] {
  const ordered = [...done].sort((a, b) => a.beganAtMs - b.beganAtMs);
  const successes = successesOf(client);
  const faultedOrders = (fromMs: number, untilMs: number) =>
    new Set(
      calls
        .filter((call) => call.fault !== null && call.at_ms >= fromMs && call.at_ms <= untilMs)
        .map((call) => call.facts.order_id),
    );
  return ordered.flatMap((kill) => {
    if (kill.disturbance.kind !== 'kill') return [];
    const part = partOf(kill.disturbance.target);
    const fromMs = part === 'api' || part === 'worker' ? kill.beganAtMs : kill.endedAtMs;
    const nextBeganMs = ordered
      .filter((other) => other !== kill && other.endedAtMs > kill.beganAtMs)
      .reduce((earliest, other) => Math.min(earliest, Math.max(other.beganAtMs, kill.beganAtMs)), Infinity);
    const success = successes
      .filter(({ askedAtMs, toldAtMs }) => askedAtMs >= kill.beganAtMs && toldAtMs >= fromMs)
      .reduce((earliest, { toldAtMs }) => Math.min(earliest, toldAtMs), Infinity);
    const faulted = faultedOrders(kill.beganAtMs - 10_000, nextBeganMs);
    const inFlight = rows.filter((row) => {
      const isBegun = Date.parse(row.round_started_at) <= kill.beganAtMs;
      const isEnded = row.settled_at !== null && Date.parse(row.settled_at) <= kill.beganAtMs;
      return isBegun && !isEnded && !faulted.has(row.order_id);
    });
    const settledAtMs = inFlight.reduce(
      (latest, row) => Math.max(latest, row.settled_at === null ? Infinity : Date.parse(row.settled_at)),
      -Infinity,
    );
    return [
      {
        part,
        killedAtMs: kill.beganAtMs,
        nextSuccessMs: success < nextBeganMs ? Math.max(0, success - fromMs) : null,
        inFlightSettledMs:
          inFlight.length === 0 ? 0 : settledAtMs < nextBeganMs ? Math.max(0, settledAtMs - fromMs) : null,
        inFlight: inFlight.length,
      },
    ];
  });
}

/** How long verifications were open, from their first request to their end, ascending. Milliseconds. */
export function openTimesMs(rows: readonly GatewayRow[]): readonly number[] {
  return rows
    .flatMap((row) =>
      row.settled_at === null ? [] : [Date.parse(row.settled_at) - Date.parse(row.round_started_at)],
    )
    .sort((a, b) => a - b);
}

function partOf(target: Target): Part {
  switch (target) {
    case 'api-1':
    case 'api-2':
      return 'api';
    case 'worker-1':
    case 'worker-2':
      return 'worker';
    case 'temporal':
    case 'postgres':
      return target;
  }
}

function successesOf(client: readonly ClientEntry[]): { askedAtMs: number; toldAtMs: number }[] {
  const requests = new Map<number, SentRequest>();
  const successes: { askedAtMs: number; toldAtMs: number }[] = [];
  for (const entry of client) {
    if (entry.kind === 'request') requests.set(entry.request, entry);
    if (entry.kind !== 'answer' || entry.record?.verify_status !== 'success') continue;
    const request = requests.get(entry.request);
    if (request?.operation === 'verify') successes.push({ askedAtMs: request.atMs, toldAtMs: entry.atMs });
  }
  return successes;
}
