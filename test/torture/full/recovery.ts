// How long the gateway took to be well again after each kill. Pure. Held to their bounds are kills that nothing disturbed
// while the gateway recovered: of the others the schedule, not the gateway, decides how long they last.
import type { ClientEntry, DouyinCall, GatewayRow, SentRequest } from '../oracle/ledgers.ts';
import { type Slowness, slownessBetween } from './machine.ts';
import type { DoneDisturbance } from './nemesis.ts';
import type { Target } from './plan.ts';

export type Part = 'api' | 'worker' | 'temporal' | 'postgres';

/** Milliseconds on an idle machine; API and worker are counted from the kill, the servers from when they served again. */
export const RECOVERY_BOUNDS_MS: Readonly<Record<Part, number>> = {
  api: 10_000,
  worker: 30_000,
  temporal: 60_000,
  postgres: 60_000,
};

export interface Recovery {
  readonly part: Part;
  readonly killedAtMs: number;
  /** Until a till that began to ask after the kill was told success; null if no till was. */
  readonly nextSuccess: Measured | null;
  /**
   * Until everything in flight at the kill was decided whose till still asks, as far as Douyin answered without a fault;
   * null: there was none. What a till gave up is the sweep's, which has time.
   */
  readonly inFlightSettled: Measured | null;
  readonly inFlight: number;
}

/** A till that asks at all asks again within this. */
const STILL_ASKS_WITHIN_MS = 12_000;

export interface Measured {
  readonly ms: number;
  /** Whether something else was disturbed before it was reached. */
  readonly isDisturbed: boolean;
  /** How slow the machine was meanwhile, beside an idle one: a factor, at least 1. */
  readonly slowness: number;
}

/** The recoveries that took longer than they may. */
export function tooSlow(recoveries: readonly Recovery[]): readonly Recovery[] {
  return recoveries.filter(({ part, nextSuccess, inFlightSettled }) =>
    [nextSuccess, inFlightSettled].some(
      (measured) =>
        measured !== null &&
        !measured.isDisturbed &&
        measured.ms > RECOVERY_BOUNDS_MS[part] * measured.slowness,
    ),
  );
}

export function measureRecoveries(
  done: readonly DoneDisturbance[],
  client: readonly ClientEntry[],
  rows: readonly GatewayRow[],
  calls: readonly DouyinCall[],
  slowness: readonly Slowness[],
): readonly Recovery[] {
  const ordered = [...done].sort((a, b) => a.beganAtMs - b.beganAtMs);
  const successes = successesOf(client);
  const askedAtMs = askedTimes(client);
  const isStillAsked = (row: GatewayRow, killedAtMs: number) =>
    (askedAtMs.get(row.verify_token) ?? []).some(
      (atMs) => atMs > killedAtMs && atMs < killedAtMs + STILL_ASKS_WITHIN_MS,
    );
  const faults = calls.filter((call) => call.fault !== null);
  const wasFaulted = (row: GatewayRow, endedAtMs: number) =>
    faults.some(
      (call) =>
        call.at_ms >= Date.parse(row.round_started_at) && call.at_ms <= endedAtMs && isAbout(call, row),
    );
  return ordered.flatMap((kill) => {
    if (kill.disturbance.kind !== 'kill') return [];
    const part = partOf(kill.disturbance.target);
    const fromMs = part === 'api' || part === 'worker' ? kill.beganAtMs : kill.endedAtMs;
    const nextBeganMs = ordered
      .filter((other) => other !== kill && other.endedAtMs > kill.beganAtMs)
      .reduce((earliest, other) => Math.min(earliest, Math.max(other.beganAtMs, kill.beganAtMs)), Infinity);
    const measured = (atMs: number): Measured => ({
      ms: Math.max(0, atMs - fromMs),
      isDisturbed: atMs > nextBeganMs,
      slowness: slownessBetween(slowness, fromMs, atMs),
    });
    const success = successes
      .filter(({ askedAtMs, toldAtMs }) => askedAtMs >= kill.beganAtMs && toldAtMs >= fromMs)
      .reduce((earliest, { toldAtMs }) => Math.min(earliest, toldAtMs), Infinity);
    const inFlight = rows.filter((row) => {
      const endedAtMs = row.settled_at === null ? Infinity : Date.parse(row.settled_at);
      return (
        Date.parse(row.round_started_at) <= kill.beganAtMs &&
        endedAtMs > kill.beganAtMs &&
        isStillAsked(row, kill.beganAtMs) &&
        !wasFaulted(row, endedAtMs)
      );
    });
    const settledAtMs = inFlight.map((row) =>
      row.settled_at === null ? Infinity : Date.parse(row.settled_at),
    );
    return [
      {
        part,
        killedAtMs: kill.beganAtMs,
        nextSuccess: success === Infinity ? null : measured(success),
        inFlightSettled: inFlight.length === 0 ? null : measured(Math.max(...settledAtMs)),
        inFlight: inFlight.length,
      },
    ];
  });
}

/** Whether a call may have been made for this verification: by its order, its coupon, or its store's verify records. */
function isAbout({ endpoint, facts }: DouyinCall, row: GatewayRow): boolean {
  return (
    (row.order_id !== '' && facts.order_id === row.order_id) ||
    facts.encrypted_codes?.includes(row.encrypted_code) === true ||
    (endpoint === 'verify_record' && facts.poi_id === row.poi_id)
  );
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

/** When each token was asked about. */
function askedTimes(client: readonly ClientEntry[]): ReadonlyMap<string, readonly number[]> {
  const times = new Map<string, number[]>();
  for (const entry of client) {
    if (entry.kind === 'request') times.set(entry.token, [...(times.get(entry.token) ?? []), entry.atMs]);
  }
  return times;
}
