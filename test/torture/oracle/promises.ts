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
  for (const row of ledgers.rows) {
    const ofRow = departures.get(row.douyin_verify_token) ?? [];
    const holders = index.rowsByDouyinToken.get(row.douyin_verify_token) ?? [];
    // A token that two apps were handed: whose send it was cannot be told, so each of them may own it.
    const exchanges = holders.flatMap(
      (holder) => index.exchangesByCallerToken.get(callerKey(holder.app_id, holder.verify_token)) ?? [],
    );
    if (holders[0] !== row) continue;
    yield* orphans(row, ofRow, exchanges, ledgers);
  }
  for (const [verificationId, resolution] of index.resolvedById) {
    const row = index.rowById.get(verificationId);
    if (row) yield* redeemedAfterDecision(row, resolution, index);
  }
}

/** First sends that nobody waited for. */
function* orphans(
  row: GatewayRow,
  departures: readonly Departure[],
  exchanges: readonly Exchange[],
  { bounds, disturbed }: Ledgers,
): Generator<string> {
  const verifies = exchanges.filter(({ request }) => request.operation === 'verify');
  let before: Departure | null = null;
  for (const departure of departures) {
    const isFirst = before === null || wasClosedBetween(verifies, before, departure);
    before = departure;
    if (!isFirst) continue;
    const asked = verifies.filter(({ request }) => request.atMs <= departure.atMs);
    const unanswered = asked.filter(
      ({ heard }) => !isPromise(heard) || heard.atMs + bounds.answerSlackMs >= departure.atMs,
    );
    if (unanswered.length === 0) {
      const last = asked.at(-1);
      yield last
        ? `${name(row)} was sent to Douyin ${lateness(departure, last)} ms after its last request, ` +
          `which had been answered ${said(last)}`
        : `${name(row)} was sent to Douyin before anybody asked`;
      continue;
    }
    const isInTime = unanswered.some(({ request }) => {
      const latestMs = request.atMs + bounds.budgetMs + LATE_MS + bounds.sendSlackMs + departure.heldMs;
      return departure.atMs <= latestMs + standstillMs(disturbed, request.atMs, departure.atMs);
    });
    const last = unanswered.at(-1);
    // Counted in time by a process that died before it sent: nobody can tell that from a send, so it is repeated.
    const wasCountedBefore = row.send_count > departures.length;
    if (!isInTime && !wasCountedBefore && last) {
      yield `${name(row)} was sent to Douyin for the first time ${lateness(departure, last)} ms after it was asked for`;
    }
  }
}

function wasClosedBetween(verifies: readonly Exchange[], before: Departure, departure: Departure): boolean {
  return verifies.some(
    ({ heard }) =>
      isPromise(heard) &&
      CLOSING_CODES.has(heard.code ?? '') &&
      heard.atMs > before.atMs &&
      heard.atMs < departure.atMs,
  );
}

function lateness(departure: Departure, { request }: Exchange): number {
  return Math.round(departure.atMs - request.atMs);
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
