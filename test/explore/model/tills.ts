// A till, and the process that answers it.
import {
  AT,
  BY,
  HANDLER,
  isEncrypted,
  LATE,
  N,
  ownerOf,
  R,
  REVIEW,
  rowAt,
  runnerAt,
  STEP,
  T,
  tillAt,
  TOLD,
  U,
  useAt,
  USES,
} from '../layout.ts';
import { REQUEST_DIFFERENCES } from '../gateway.ts';
import type { Moves } from './moves.ts';
import { end, startRunner } from './rows.ts';

const MAX_RETURNS = 1;

const MAX_ROUNDS = 2;

export function till(m: Moves, v: number): void {
  const s = m.state;
  const row = rowAt(v);
  const till = tillAt(v);
  const told = s[till + T.told] as number;
  const handler = s[till + T.handler] as number;
  const step = s[row + R.step] as number;

  if (told === TOLD.not_asked && (v === 0 || s[rowAt(0) + R.step] !== STEP.none)) {
    if (!m.withTroubles) {
      accept(m, v);
      m.done('ask', v);
    } else {
      const n = accept(m, v);
      n[till + T.told] = TOLD.nothing;
      n[till + T.promises] = 1;
      n[till + T.handler] = HANDLER.fencing;
      m.done('ask_unacknowledged', v);
    }
  }

  if (handler === HANDLER.stored) {
    if (!m.withTroubles) {
      const n = m.fork();
      n[till + T.handler] = HANDLER.waiting;
      n[row + R.workflow] = 1;
      if (startRunner(n, v)) m.done('start', v);
    } else {
      for (const mayArrive of [false, true]) {
        const n = m.fork();
        n[till + T.handler] = HANDLER.closing;
        n[row + R.workflow] = mayArrive ? 2 : 0;
        m.done(mayArrive ? 'start_late_lost' : 'start_lost', v);
      }
    }
  }
  if (handler === HANDLER.closing && !m.withTroubles) {
    const n = m.fork();
    if (m.may('end_not_attempted', v)) {
      end(n, v, STEP.not_attempted, BY.nobody);
      tell(n, v);
      m.done('close_unsent', v, liesAbout(n, v));
    } else {
      n[till + T.handler] = HANDLER.waiting;
      m.done('close_unsent', v);
    }
  }
  if (handler === HANDLER.fencing) {
    const n = m.fork();
    n[till + T.handler] = HANDLER.none;
    if (m.withTroubles) m.done('fence_dies', v);
    else {
      if (m.may('end_not_attempted', v)) end(n, v, STEP.not_attempted, BY.nobody);
      m.done('fence', v);
    }
  }
  if (handler === HANDLER.waiting) {
    if (!m.withTroubles) {
      if (step === STEP.not_attempted) {
        const n = m.fork();
        tell(n, v);
        m.done('tell', v, liesAbout(n, v));
      } else {
        const n = m.fork();
        n[till + T.told] = TOLD.processing;
        n[till + T.handler] = HANDLER.none;
        m.done('tell_processing', v);
      }
    }
  }
  // One that goes while it waits is as one that was told "processing".
  if (m.withTroubles && handler === HANDLER.stored) {
    const n = m.fork();
    n[till + T.told] = TOLD.gone;
    n[till + T.handler] = HANDLER.none;
    m.done('till_goes', v);
  }

  // The same token again.
  const returns = s[till + T.returns] as number;
  const mayReturn =
    handler === HANDLER.none &&
    returns < MAX_RETURNS &&
    (told === TOLD.nothing || told === TOLD.processing || told === TOLD.gone);
  if (mayReturn && !m.withTroubles && step !== STEP.none) {
    const n = m.fork();
    n[till + T.returns] = returns + 1;
    n[till + T.told] = TOLD.waits;
    n[till + T.handler] = HANDLER.waiting;
    const isOtherTaken = REQUEST_DIFFERENCES.some(
      (difference) => m.gateway.answerRepeat(step, difference) !== 'other_request',
    );
    if (isOtherTaken) {
      m.done('come_back', v, 'another request under the same token is taken for the same');
      return;
    }
    if (m.gateway.answerRepeat(step, null) === 'try_again') {
      if ((s[row + R.round] as number) >= MAX_ROUNDS) return;
      if (!m.may(isEncrypted(s, v) ? 'reopen_prepared' : 'reopen', v)) return;
      begin(n, v, (s[row + R.round] as number) + 1);
      n[till + T.handler] = HANDLER.stored;
    } else if (step === STEP.accepted || step === STEP.prepared) {
      // Asked again: what the earlier request was promised no longer binds.
      n[till + T.promises] = 0;
      if (s[row + R.workflow] !== 1) n[till + T.handler] = HANDLER.stored;
    }
    m.done('come_back', v);
  }
}

function accept(m: Moves, v: number): Uint8Array {
  const n = m.fork();
  n[tillAt(v) + T.told] = TOLD.waits;
  n[tillAt(v) + T.handler] = HANDLER.stored;
  begin(n, v, 1);
  return n;
}

function begin(n: Uint8Array, v: number, round: number): void {
  const row = rowAt(v);
  n.fill(0, row, row + R.workflow + 1);
  n[row + R.step] = isEncrypted(n, v) ? STEP.prepared : STEP.accepted;
  n[row + R.round] = round;
  n[row + R.roundStarted] = 1;
  if (isEncrypted(n, v)) n[row + R.coupon] = 1;
}

function tell(n: Uint8Array, v: number): void {
  const till = tillAt(v);
  const step = n[rowAt(v) + R.step] as number;
  n[till + T.handler] = HANDLER.none;
  if (step === STEP.not_attempted) {
    n[till + T.told] = TOLD.nothing;
    n[till + T.promises] = (n[till + T.promises] as number) | (1 << ((n[rowAt(v) + R.round] as number) - 1));
  }
}

/** A till that is told "nothing was sent" while a send of that round may still arrive, or did. */
function liesAbout(n: Uint8Array, v: number): string | null {
  if (n[tillAt(v) + T.told] !== TOLD.nothing) return null;
  const round = n[rowAt(v) + R.round] as number;
  const owner = ownerOf(v, round);
  let isSent = (n[LATE + owner - 1] as number) > 0 || n[REVIEW + v] === round;
  for (let use = 0; use < USES; use += 1) if (n[useAt(use) + U.owner] === owner) isSent = true;
  for (let slot = 0; slot < 2; slot += 1) {
    const runner = runnerAt(v, slot);
    if (n[runner + N.at] === AT.asking && n[runner + N.round] === round) isSent = true;
  }
  return isSent ? `till ${v + 1} is told that nothing was sent, and a verify of that round is out` : null;
}

export function promiseBroken(m: Moves, v: number, round: number): string | null {
  const promises = m.state[tillAt(v) + T.promises] as number;
  return (promises & (1 << (round - 1))) !== 0
    ? `till ${v + 1} was told that nothing would be sent, and a verify of that round goes out`
    : null;
}
