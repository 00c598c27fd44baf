// A runner of a verification: prepares, counts, sends, waits.
import {
  ANSWER,
  APP_LOST_RIGHT,
  AT,
  BY,
  COUPON,
  COUPONS,
  isEncrypted,
  N,
  OUTCOME,
  PREPARED,
  R,
  REVIEW,
  rowAt,
  runnerAt,
  STEP,
  STOP,
} from '../layout.ts';
import { PASSAGES, passageSince } from '../time-line.ts';
import type { Moves } from './moves.ts';
import { clear, end, goOn, holdRow, isInRound, isOpenIn, keepsPrepared } from './rows.ts';
import { promiseBroken } from './tills.ts';
import { fail, store, read, judge, storeVerdict } from './verdicts.ts';
import { arrive, arriveOddly, leave } from './verifies.ts';

export function runner(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const place = s[at + N.at] as number;
  if (place === AT.none) return;
  const argument = v * 2 + slot;
  if (m.withTroubles) {
    troublesOfRunner(m, v, slot);
    return;
  }
  switch (place) {
    case AT.start:
      beginRun(m, v, slot);
      break;
    case AT.preparing:
      prepare(m, v, slot);
      break;
    case AT.prepared:
      storePrepared(m, v, slot);
      break;
    case AT.count:
      count(m, v, slot);
      break;
    case AT.counted: {
      const n = m.fork();
      if (s[at + N.isSlept] === 1) {
        n[at + N.at] = AT.unanswered;
        n[at + N.answer] = ANSWER.not_sent;
        n[at + N.isSlept] = 0;
        m.done('send_fails', argument);
        break;
      }
      n[at + N.at] = AT.asking;
      m.done('send', argument, promiseBroken(m, v, s[at + N.round] as number));
      break;
    }
    case AT.asking:
      arrive(m, v, slot);
      break;
    case AT.answering:
    case AT.unanswered:
      store(m, v, slot);
      break;
    case AT.uncounted: {
      const n = m.fork();
      if (isInRound(m.state, v, slot) && m.may('end_not_attempted', v)) {
        end(n, v, STEP.not_attempted, BY.nobody);
        clear(n, at);
      } else goOn(m, n, v, slot);
      m.done('close_uncounted', argument);
      break;
    }
    case AT.look:
      read(m, v, slot, 'read');
      break;
    case AT.read:
      judge(m, v, slot);
      break;
    case AT.judged:
      storeVerdict(m, v, slot);
      break;
    case AT.wait_repeat:
      beginRun(m, v, slot);
      break;
    case AT.wait_look:
      lookAgain(m, v, slot);
      break;
    default:
      throw new Error(`a runner is nowhere: ${place}`);
  }
}

function troublesOfRunner(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const place = s[at + N.at] as number;
  const argument = v * 2 + slot;
  const isWaiting = place === AT.wait_repeat || place === AT.wait_look;
  if (!isWaiting) {
    if (place === AT.asking) {
      const n = m.fork();
      leave(n, at, v);
      clear(n, at);
      m.done('die', argument);
    } else {
      const n = m.fork();
      clear(n, at);
      m.done('die', argument);
    }
  }
  switch (place) {
    case AT.prepared:
      if (s[at + N.answer] !== PREPARED.unavailable) {
        const n = m.fork();
        n[at + N.answer] = PREPARED.unavailable;
        m.done('prepare_fails', argument);
      }
      break;
    case AT.counted: {
      const n = m.fork();
      n[at + N.at] = AT.unanswered;
      n[at + N.answer] = ANSWER.not_sent;
      m.done('send_fails', argument);
      if (isInRound(s, v, slot) && m.may('uncount_send', v, s[at + N.sends], s[at + N.openSends])) {
        const taken = m.fork();
        const row = rowAt(v);
        taken[row + R.openSends] = (s[row + R.openSends] as number) - 1;
        taken[at + N.at] = AT.unanswered;
        taken[at + N.answer] = ANSWER.not_sent;
        m.done('send_fails_unacknowledged', argument);
      }
      break;
    }
    case AT.asking: {
      const n = m.fork();
      leave(n, at, v);
      n[at + N.at] = AT.unanswered;
      n[at + N.answer] = ANSWER.lost;
      m.done('time_out', argument);
      arriveOddly(m, v, slot);
      break;
    }
    case AT.answering: {
      const n = m.fork();
      n[at + N.at] = AT.unanswered;
      n[at + N.answer] = ANSWER.lost;
      n[at + N.use] = 0;
      m.done('answer_lost', argument);
      break;
    }
    case AT.look:
      read(m, v, slot, 'read_stale');
      read(m, v, slot, 'read_without_records');
      read(m, v, slot, 'read_other_store');
      read(m, v, slot, 'read_other_store_recorded');
      read(m, v, slot, 'read_records_cut');
      if (m.has('times_card')) read(m, v, slot, 'read_card_without_uses');
      break;
  }
}

function beginRun(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const n = m.fork();
  const at = runnerAt(v, slot);
  const argument = v * 2 + slot;
  const row = rowAt(v);
  const step = s[row + R.step] as number;
  n[at + N.isSlept] = 0;
  if (!isOpenIn(m.state, v, slot)) {
    clear(n, at);
  } else if (endUnlessWanted(m, n, v)) {
    clear(n, at);
  } else if (step === STEP.accepted) {
    n[at + N.at] = AT.preparing;
  } else if ((s[row + R.openSends] as number) > 0 && !m.repeats(n, v)) {
    n[at + N.at] = AT.wait_look;
  } else {
    n[at + N.at] = AT.count;
  }
  m.done('begin', argument);
}

/** Ends the round that is too late, or whose app has lost its right. @returns whether it did */
function endUnlessWanted(m: Moves, n: Uint8Array, v: number): boolean {
  const isWanted = m.state[APP_LOST_RIGHT] === 0 || (m.state[rowAt(v) + R.openSends] as number) > 0;
  const isEnded = m.may('end_too_late', v) || (!isWanted && m.may('end_not_attempted', v));
  if (isEnded) end(n, v, STEP.not_attempted, BY.nobody);
  return isEnded;
}

function prepare(m: Moves, v: number, slot: number): void {
  const n = m.fork();
  const at = runnerAt(v, slot);
  const picked = m.gateway.pick(listed(m, 0), m.has('two_coupons') ? listed(m, 1) : -1);
  n[at + N.at] = AT.prepared;
  n[at + N.answer] = picked === 0 ? PREPARED.none_usable : picked;
  n[at + N.moment] = keepsPrepared(m) ? 1 : 0;
  m.done('prepare', v * 2 + slot);
}

/** A coupon as prepare lists it: -1 if it does not. */
function listed(m: Moves, coupon: number): number {
  const s = m.state;
  const status = s[COUPONS + coupon] as number;
  for (let v = 0; v < 2; v += 1) {
    if (s[REVIEW + v] !== 0 && s[rowAt(v) + R.coupon] === coupon + 1) return -1;
  }
  return status === COUPON.unused ? status : -1;
}

function storePrepared(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const n = m.fork();
  const at = runnerAt(v, slot);
  const row = rowAt(v);
  const answer = s[at + N.answer] as number;
  const moment = s[at + N.moment] as number;
  const isRunning = isInRound(m.state, v, slot);
  n[at + N.answer] = 0;
  n[at + N.moment] = 0;
  n[at + N.isSlept] = 0;
  n[at + N.at] = AT.start;
  let violation: string | null = null;
  if (answer === PREPARED.unavailable) {
    if (isRunning && m.may('end_not_attempted', v)) {
      end(n, v, STEP.not_attempted, BY.nobody);
      clear(n, at);
    }
  } else if (answer === PREPARED.none_usable) {
    if (isRunning && m.may('prepare_refused', v)) {
      violation = fail(m, n, v, BY.prepare);
      clear(n, at);
    }
  } else if (isRunning && m.gateway.isHeldForSibling(s, v)) {
    // Waits for the sibling; gives up before the till does.
    n[at + N.at] = AT.start;
    m.done('store_prepared', v * 2 + slot);
    const given = m.fork();
    if (m.may('end_not_attempted', v)) {
      end(given, v, STEP.not_attempted, BY.nobody);
      clear(given, at);
      m.done('give_up_waiting', v * 2 + slot);
    }
    return;
  } else if (isRunning && m.may('prepare', v)) {
    n[row + R.step] = STEP.prepared;
    n[row + R.coupon] = answer;
    n[row + R.preparedAt] = moment;
  }
  m.done('store_prepared', v * 2 + slot, violation);
}

function count(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const row = rowAt(v);
  const argument = v * 2 + slot;
  const isFirst = s[row + R.openSends] === 0;
  const n = m.fork();
  n[at + N.isSlept] = 0;
  if (!isInRound(s, v, slot) || !m.may('count_send', v)) {
    afterNotCounted(m, n, v, slot);
    m.done('count', argument);
    return;
  }
  n[row + R.step] = STEP.sent;
  n[row + R.sends] = (s[row + R.sends] as number) + 1;
  n[row + R.openSends] = (s[row + R.openSends] as number) + 1;
  n[row + R.outcome] = OUTCOME.unanswered;
  n[row + R.lastSent] = 1;
  if (isFirst) n[row + R.firstSent] = 1;
  n[at + N.at] = AT.counted;
  n[at + N.sends] = n[row + R.sends] as number;
  n[at + N.openSends] = n[row + R.openSends] as number;
  let violation: string | null = null;
  if (isFirst && passageSince(s, s[row + R.roundStarted] as number) >= PASSAGES.past_first_send) {
    violation = `a first verify of till ${v + 1} goes out after its time`;
  }
  if (isFirst && isSiblingInDoubt(m, v)) {
    violation = `a first verify of till ${v + 1} goes out while another verification of the order is in doubt`;
  }
  if (isFirst && s[APP_LOST_RIGHT] === 1) violation = 'a first verify goes out for an app that may not send';
  if (s[row + R.step] === STEP.accepted) violation = 'a verify is counted that was never prepared';
  if (s[row + R.outcome] === OUTCOME.in_review) violation = 'a verify that Douyin reviews is sent again';
  if (s[row + R.sendsStoppedBy] !== STOP.none)
    violation = 'a verify goes out although nothing is to be sent any more';
  if (!isFirst && passageSince(s, s[row + R.firstSent] as number) >= PASSAGES.past_repeats) {
    violation = 'a verify is repeated when Douyin may have forgotten its token';
  }
  m.done('count', argument, violation);
}

/** What a runner does whose send was not counted. */
function afterNotCounted(m: Moves, n: Uint8Array, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const row = rowAt(v);
  if (!isOpenIn(s, v, slot) || (s[row + R.openSends] as number) > 0) {
    goOn(m, n, v, slot);
    return;
  }
  if (endUnlessWanted(m, n, v)) {
    clear(n, at);
    return;
  }
  if (s[row + R.sendsStoppedBy] !== STOP.none && m.may('end_not_attempted', v)) {
    end(n, v, STEP.not_attempted, BY.nobody);
    clear(n, at);
    return;
  }
  // Held for another verification of the order: prepared anew.
  if (m.may('discard_prepared', v)) {
    n[row + R.step] = STEP.accepted;
    n[row + R.coupon] = 0;
    n[row + R.preparedAt] = 0;
  }
  n[at + N.at] = AT.start;
}

/** The rule itself, apart from how the gateway keeps it. */
function isSiblingInDoubt(m: Moves, v: number): boolean {
  const s = m.state;
  if (!m.has('second_scan') || isEncrypted(s, v)) return false;
  const other = rowAt(1 - v);
  // A caller that prepared by itself names no order: only its coupon is known.
  if (m.has('second_is_encrypted') && s[other + R.coupon] !== s[rowAt(v) + R.coupon]) return false;
  const step = s[other + R.step] as number;
  return (step === STEP.sent || step === STEP.unsettled) && (s[other + R.openSends] as number) > 0;
}

function lookAgain(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const n = m.fork();
  n[at + N.isSlept] = 0;
  if (!isOpenIn(m.state, v, slot)) clear(n, at);
  else if (s[rowAt(v) + R.openSends] === 0) {
    if (m.may('end_not_attempted', v)) end(n, v, STEP.not_attempted, BY.nobody);
    clear(n, at);
  } else holdRow(n, v, slot);
  m.done('look_again', v * 2 + slot);
}
