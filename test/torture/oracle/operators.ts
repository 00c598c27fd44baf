// What an operator's word means: the record ends by it and stays so. Where it was wrong when it was given, what follows from it is
// the person's mistake; where it was right, everything else must agree with it.
import type { Departure, Effect, GatewayRow, Ledgers, Resolution } from './ledgers.ts';
import { type LedgerIndex, name } from './ledger-index.ts';

/** What operators said in one run. */
export interface OperatorsCount {
  readonly words: number;
  readonly taken: number;
  /** Of those taken: against what Douyin had done by then. */
  readonly mistaken: number;
  /** Of those mistaken: right when the operator had looked, and overtaken since. */
  readonly overtaken: number;
  readonly toldToWait: number;
}

export function countOperators({ resolutions }: Ledgers, index: LedgerIndex): OperatorsCount {
  const taken = resolutions.filter(({ isAccepted }) => isAccepted);
  const mistaken = taken.filter((resolution) => {
    const row = index.rowById.get(resolution.verificationId);
    return row !== undefined && isMistaken(row, index);
  });
  return {
    words: resolutions.length,
    taken: taken.length,
    mistaken: mistaken.length,
    overtaken: mistaken.filter(
      ({ seen, verifyStatus }) => seen && seen.isRedeemed === (verifyStatus === 'success'),
    ).length,
    toldToWait: resolutions.filter(({ told }) => told === 'send_in_flight').length,
  };
}

/** Whether an operator ended this record against what Douyin had done with its token by then. */
export function isMistaken(row: GatewayRow, index: LedgerIndex): boolean {
  const resolution = index.resolvedById.get(row.id);
  if (!resolution) return false;
  const wasRedeemed = (index.effectsByToken.get(row.douyin_verify_token) ?? []).some(
    ({ at_ms }) => at_ms <= resolution.answeredAtMs,
  );
  return wasRedeemed !== (resolution.verifyStatus === 'success');
}

/** Whether every record of ours that this redemption could belong to was ended as failed by an operator's mistake. */
export function isDeniedByOperator(effect: Effect, index: LedgerIndex): boolean {
  const owners = index.rowsByDouyinToken.get(effect.verify_token ?? '') ?? [];
  return (
    owners.length > 0 &&
    owners.every((row) => row.verify_status === 'failed') &&
    owners.some((row) => isMistaken(row, index))
  );
}

/** Words that were taken and not kept, or kept and not taken. */
export function* turnedWords({ resolutions }: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { verificationId, verifyStatus, isAccepted, told } of resolutions) {
    const row = index.rowById.get(verificationId);
    if (!row) continue;
    if (told === 'taken' && !isAccepted)
      yield `an operator was told that ${name(row)} is ${verifyStatus}, and it did not end by that`;
    if (isAccepted && (told === 'refused' || told === 'send_in_flight'))
      yield `an operator's word on ${name(row)} was refused, and it ended by it`;
    if (isAccepted && row.verify_status !== verifyStatus)
      yield `an operator decided that ${name(row)} is ${verifyStatus}, and it is ${row.verify_status}`;
  }
}

/** Sends after an operator was told to wait until those under way have arrived: nothing may leave any more. */
export function* sentBehindOperators(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { verificationId, told, answeredAtMs } of ledgers.resolutions) {
    const row = index.rowById.get(verificationId);
    if (!row || told !== 'send_in_flight') continue;
    if ((index.rowsByDouyinToken.get(row.douyin_verify_token) ?? []).length > 1) continue;
    const late = ledgers.departures.find(
      (departure) =>
        isBehind(departure, row, answeredAtMs, ledgers) &&
        !isOfLaterRound(departure, row, answeredAtMs, index),
    );
    if (late)
      yield `${name(row)} was sent ${Math.round(late.atMs - answeredAtMs)} ms after an operator was told that nothing is sent any more`;
  }
}

function isBehind(
  { verifyToken, atMs, heldMs }: Departure,
  row: GatewayRow,
  toldAtMs: Resolution['answeredAtMs'],
  { bounds }: Ledgers,
): boolean {
  return verifyToken === row.douyin_verify_token && atMs > toldAtMs + bounds.sendSlackMs + heldMs;
}

/** Whether the round of which it was said had ended unsent, and the till had asked for another one. */
function isOfLaterRound(
  { atMs }: Departure,
  row: GatewayRow,
  toldAtMs: Resolution['answeredAtMs'],
  index: LedgerIndex,
): boolean {
  const events = index.eventsByRowId.get(row.id) ?? [];
  const stop = events.findLast(({ kind, at_ms }) => kind === 'sends_stopped' && at_ms <= toldAtMs);
  const stoppedAtMs = stop?.at_ms ?? toldAtMs;
  return events.some(({ kind, at_ms }) => kind === 'tried_again' && at_ms >= stoppedAtMs && at_ms <= atMs);
}
