// Changes of a row and of what its runners hold that several steps make.
import {
  AT,
  BY,
  HANDLER,
  N,
  operatorAt,
  OUTCOME,
  P,
  R,
  STOP,
  rowAt,
  runnerAt,
  RUNNER_SIZE,
  STEP,
  T,
  tillAt,
  TOLD,
} from '../layout.ts';
import type { Moves } from './moves.ts';

export function startRunner(n: Uint8Array, v: number): boolean {
  for (let slot = 0; slot < 2; slot += 1) {
    const runner = runnerAt(v, slot);
    if (n[runner + N.at] !== AT.none) continue;
    n[runner + N.at] = AT.start;
    n[runner + N.round] = n[rowAt(v) + R.round] as number;
    return true;
  }
  return false;
}

/** Whether a verification is neither decided nor closed. */
export function isRowOpen(state: Uint8Array, v: number): boolean {
  const step = state[rowAt(v) + R.step] as number;
  return step >= STEP.accepted && step <= STEP.unsettled;
}

/** Whether the row is in the round that this runner runs, as every statement asks. */
export function isInRound(state: Uint8Array, v: number, slot: number): boolean {
  return state[runnerAt(v, slot) + N.round] === state[rowAt(v) + R.round];
}

/** Whether the row is open, and in the round that this runner runs. */
export function isOpenIn(state: Uint8Array, v: number, slot: number): boolean {
  return isInRound(state, v, slot) && isRowOpen(state, v);
}

/** What an unknown verify's runner waits for; nothing once the row is closed. */
export function goOn(m: Moves, n: Uint8Array, v: number, slot: number): void {
  const at = runnerAt(v, slot);
  if (!isOpenIn(n, v, slot)) {
    clear(n, at);
    return;
  }
  const round = n[at + N.round] as number;
  clear(n, at);
  n[at + N.round] = round;
  n[at + N.at] = m.repeats(n, v) ? AT.wait_repeat : AT.wait_look;
}

/** Ends a round. What only matters while it runs is forgotten. */
export function end(n: Uint8Array, v: number, step: number, by: number): void {
  const row = rowAt(v);
  n[row + R.step] = step;
  n[row + R.by] = by;
  n[row + R.roundStarted] = 0;
  n[row + R.lastSent] = 0;
  n[row + R.outcome] = 0;
  n[row + R.workflow] = 0;
  n[row + R.preparedAt] = 0;
  if (by !== BY.operator) n[row + R.firstSent] = 0;
  if (step === STEP.not_attempted) n[row + R.coupon] = 0;
  forget(n, operatorAt(v));
  if (step !== STEP.not_attempted) {
    // Whoever asks is told the same from here on.
    const till = tillAt(v);
    n[operatorAt(v) + P.looks] = 0;
    n[till + T.returns] = 0;
    n[till + T.handler] = HANDLER.none;
    n[till + T.told] = step === STEP.success ? TOLD.success : TOLD.failed;
  }
}

export function forget(n: Uint8Array, at: number): void {
  n[at + P.isLooking] = 0;
  n[at + P.sends] = 0;
  n[at + P.openSends] = 0;
}

/** The runner has the row as it is now, and asks Douyin's reads next. */
export function holdRow(n: Uint8Array, v: number, slot: number): void {
  const at = runnerAt(v, slot);
  const row = rowAt(v);
  const round = n[at + N.round] as number;
  clear(n, at);
  n[at + N.round] = round;
  n[at + N.at] = AT.look;
  n[at + N.sends] = n[row + R.sends] as number;
  n[at + N.openSends] = n[row + R.openSends] as number;
  n[at + N.outcome] = n[row + R.outcome] as number;
  n[at + N.moment] = 1;
}

/** What an answer or a look-up without a verdict leaves on the row. */
interface Told {
  readonly outcome?: number;
  readonly stop?: number;
}

export function note(
  m: Moves,
  n: Uint8Array,
  v: number,
  slot: number,
  { outcome, stop = STOP.none }: Told,
): boolean {
  const row = rowAt(v);
  if (!isInRound(m.state, v, slot) || !m.may('note_unknown', v)) return false;
  // A review stays one, whatever an answer that was under way says.
  if (outcome !== undefined && n[row + R.outcome] !== OUTCOME.in_review) n[row + R.outcome] = outcome;
  // That a verify was answered "used" outlives whatever else stops the sends.
  if (stop !== STOP.none && n[row + R.sendsStoppedBy] !== STOP.said_used) n[row + R.sendsStoppedBy] = stop;
  return true;
}

export function noteAndLook(m: Moves, n: Uint8Array, v: number, slot: number, told: Told): void {
  if (!note(m, n, v, slot, told)) {
    goOn(m, n, v, slot);
    return;
  }
  holdRow(n, v, slot);
  n[runnerAt(v, slot) + N.isAtOnce] = 1;
}

/** When the coupon was prepared matters only where the send has no time of its own. */
export function keepsPrepared(m: Moves): boolean {
  return m.has('no_time_at_send') && !m.has('no_time_at_prepare');
}

export function clear(n: Uint8Array, runner: number): void {
  n.fill(0, runner, runner + RUNNER_SIZE);
}
