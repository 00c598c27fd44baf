// Holds the gateway to what it told tills: after 502, 503 or 4xx nothing leaves for Douyin until the till asks again, whether
// it ever does or not; and a first verify leaves within the budget and two seconds of its request, or never.
import type { Departure, Disturbed, GatewayRow, Ledgers, Resolution } from './ledgers.ts';
import { callerKey, type Exchange, isPromise, type LedgerIndex, name } from './ledger-index.ts';

/** What a first verify has beyond the budget, by the contract. */
const LATE_MS = 2000;
/** With these the gateway says that what it sent for this very verification did nothing: the next send is a first one. */
const CLOSING_CODES: ReadonlySet<string> = new Set(['douyin.unavailable', 'douyin.refused_gateway']);

export function* brokenPromises(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  const departures = departuresByToken(ledgers.departures);
  for (const [token, holders] of index.rowsByDouyinToken) {
    const ofToken = departures.get(token) ?? [];
    const found = holders.map((row) => orphans(row, ofToken, ledgers, index));
    // A token that two apps were handed: whose send it was cannot be told, so it must be nobody's to be wrong.
    for (const departure of ofToken) {
      const [first, ...others] = found.map((ofRow) => ofRow.get(departure));
      if (first !== undefined && others.every((other) => other !== undefined)) yield first;
    }
  }
  for (const [verificationId, resolution] of index.resolvedById) {
    const row = index.rowById.get(verificationId);
    if (row) yield* redeemedAfterDecision(row, resolution, index);
  }
}

/** Sends of one row that nobody waited for: each with what is wrong about it. */
function orphans(
  row: GatewayRow,
  departures: readonly Departure[],
  { bounds, disturbed }: Ledgers,
  index: LedgerIndex,
): ReadonlyMap<Departure, string> {
  const orphaned = new Map<Departure, string>();
  const exchanges = index.exchangesByCallerToken.get(callerKey(row.app_id, row.verify_token)) ?? [];
  const verifies = exchanges.filter(({ request }) => request.operation === 'verify');
  const doubts = doubtsOf(row, verifies, index);
  let before: Departure | null = null;
  for (const departure of departures) {
    const doubt = doubts.findLast(
      ({ fromMs, toMs }) => fromMs <= departure.atMs && departure.atMs <= toMs + bounds.answerSlackMs,
    );
    const isRepeat = doubt !== undefined && before !== null && before.atMs >= doubt.fromMs;
    before = departure;
    if (isRepeat) continue;
    // Counted by a process that died before it sent: nobody can tell that from a send, so it is repeated, and it is the
    // first count that must have been in time.
    const wasCountedBefore = doubt !== undefined && isBefore(doubt.countsMs[1], departure);
    const atMs = wasCountedBefore ? doubt.fromMs : departure.atMs;
    const asked = verifies.filter(({ request }) => request.atMs <= atMs);
    const unanswered = asked.filter(
      ({ heard }) => !isPromise(heard) || heard.atMs + bounds.answerSlackMs >= atMs,
    );
    const isInTime = ({ request }: Exchange) =>
      atMs <=
      request.atMs +
        bounds.budgetMs +
        LATE_MS +
        bounds.sendSlackMs +
        departure.heldMs +
        standstillMs(disturbed, request.atMs, atMs);
    const last = (unanswered.length === 0 ? asked : unanswered).at(-1);
    if (!last) {
      orphaned.set(departure, `${name(row)} was sent to Douyin before anybody asked`);
    } else if (unanswered.length === 0) {
      orphaned.set(
        departure,
        `${name(row)} was sent to Douyin ${lateness(atMs, last)} ms after its last request, which had been answered ${said(last)}`,
      );
    } else if (!unanswered.some(isInTime)) {
      orphaned.set(
        departure,
        `${name(row)} was sent to Douyin for the first time ${lateness(atMs, last)} ms after it was asked for`,
      );
    }
  }
  return orphaned;
}

/** From the first count of a send that may have arrived until all that were counted are known to have done nothing. */
interface Doubt {
  readonly fromMs: number;
  /** When each was counted, those that were taken back included. */
  readonly countsMs: readonly number[];
  /** Infinity where it lasted until the verdict, or lasts. */
  readonly toMs: number;
}

/** By the row's timeline; and by what its till was told, where that says more than the row. */
function doubtsOf(row: GatewayRow, verifies: readonly Exchange[], index: LedgerIndex): readonly Doubt[] {
  const doubts: Doubt[] = [];
  let countsMs: number[] = [];
  let open = 0;
  const close = (toMs: number) => {
    const [fromMs] = countsMs;
    if (fromMs !== undefined) doubts.push({ fromMs, countsMs, toMs });
    countsMs = [];
    open = 0;
  };
  for (const { kind, atMs } of steps(row, verifies, index)) {
    if (kind === 'verify_sent') {
      countsMs.push(atMs);
      open += 1;
    } else if (kind === 'not_sent') {
      open -= 1;
      if (open === 0) close(atMs);
    } else {
      close(atMs);
    }
  }
  close(Infinity);
  return doubts;
}

type DoubtStep = { readonly kind: 'verify_sent' | 'not_sent' | 'closed'; readonly atMs: number };

function steps(row: GatewayRow, verifies: readonly Exchange[], index: LedgerIndex): readonly DoubtStep[] {
  const stored = (index.eventsByRowId.get(row.id) ?? []).flatMap(({ kind, at_ms: atMs }): DoubtStep[] => {
    if (kind === 'not_attempted') return [{ kind: 'closed', atMs }];
    return kind === 'verify_sent' || kind === 'not_sent' ? [{ kind, atMs }] : [];
  });
  const told = verifies.flatMap(({ request, heard }): DoubtStep[] => {
    if (!isPromise(heard) || !CLOSING_CODES.has(heard.code ?? '')) return [];
    const isStored = stored.some(
      ({ kind, atMs }) => kind === 'closed' && atMs >= request.atMs && atMs <= heard.atMs,
    );
    return isStored ? [] : [{ kind: 'closed', atMs: heard.atMs }];
  });
  return [...stored, ...told].sort((a, b) => a.atMs - b.atMs);
}

function isBefore(countedAtMs: number | undefined, departure: Departure): boolean {
  return countedAtMs !== undefined && countedAtMs <= departure.atMs;
}

function lateness(atMs: number, { request }: Exchange): number {
  return Math.round(atMs - request.atMs);
}

function said({ heard }: Exchange): string {
  return heard?.kind === 'answer' ? `${heard.status} ${heard.code}` : 'nothing';
}

/** For how long, between a request and its send, a process or a line of the gateway stood still. */
function standstillMs(disturbed: readonly Disturbed[], fromMs: number, toMs: number): number {
  let totalMs = 0;
  for (const one of disturbed) {
    if (!one.holdsSends) continue;
    totalMs += Math.max(0, Math.min(one.toMs, toMs) - Math.max(one.fromMs, fromMs));
  }
  return totalMs;
}

/** An operator is refused while a send can be under way, so what was decided as failed stays so. */
function* redeemedAfterDecision(
  row: GatewayRow,
  resolution: Resolution,
  index: LedgerIndex,
): Generator<string> {
  if (resolution.verifyStatus !== 'failed') return;
  for (const effect of index.effectsByToken.get(row.douyin_verify_token) ?? []) {
    const isShared = (index.rowsByDouyinToken.get(row.douyin_verify_token) ?? []).length > 1;
    if (effect.at_ms > resolution.answeredAtMs && !isShared) {
      yield `${name(row)} was redeemed ${Math.round(effect.at_ms - resolution.answeredAtMs)} ms after an operator had decided that it failed`;
    }
  }
}

function departuresByToken(departures: readonly Departure[]): ReadonlyMap<string, readonly Departure[]> {
  const byToken = new Map<string, Departure[]>();
  for (const departure of departures) {
    const known = byToken.get(departure.verifyToken);
    if (known) known.push(departure);
    else byToken.set(departure.verifyToken, [departure]);
  }
  for (const known of byToken.values()) known.sort((a, b) => a.atMs - b.atMs);
  return byToken;
}
