// What a runner makes of Douyin’s answers and reads.
import { CAME_TO, VERDICT } from '../gateway.ts';
import {
  ANSWER,
  AT,
  BY,
  COUPON,
  COUPONS,
  isEncrypted,
  N,
  OUTCOME,
  OWNER,
  ownerOf,
  R,
  rowAt,
  runnerAt,
  STEP,
  STOP,
  U,
  useAt,
  USES,
} from '../layout.ts';
import { UNKNOWN_REVIEW, isReviewUnknown, type Moves } from './moves.ts';
import { PASSAGES, passageSince } from '../time-line.ts';
import { clear, end, goOn, isInRound, isOpenIn, note, noteAndLook } from './rows.ts';
import type { StepKind } from './steps.ts';

const SAID_USED = { outcome: OUTCOME.unanswered, stop: STOP.said_used };

export function store(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const row = rowAt(v);
  const argument = v * 2 + slot;
  const sends = s[at + N.sends] as number;
  const openSends = s[at + N.openSends] as number;
  const use = s[at + N.use] as number;
  const cameTo = m.gateway.judgeAnswer(s[at + N.answer] as number, use, openSends === 1, isEncrypted(s, v));
  const isRunning = isInRound(m.state, v, slot);
  const n = m.fork();
  n[at + N.answer] = 0;
  n[at + N.use] = 0;
  n[at + N.isSlept] = 0;
  let violation = misheard(s[at + N.answer] as number, cameTo, openSends === 1);
  if (violation !== null) {
    m.done('store', argument, violation);
    return;
  }
  switch (cameTo) {
    case CAME_TO.verified:
      if (use > 0 && isCreditedToAnother(m, v, use)) {
        noteAndLook(m, n, v, slot, { outcome: OUTCOME.refused, stop: STOP.shown_used });
        break;
      }
      if (isRunning && m.may('verify_succeeded', v)) {
        violation = succeed(m, n, v, use, BY.verify);
        clear(n, at);
      } else if (isOpenIn(s, v, slot)) {
        // Another verification holds the token too: whose redemption it is only the reads can tell.
        noteAndLook(m, n, v, slot, SAID_USED);
      } else goOn(m, n, v, slot);
      break;
    case CAME_TO.replayed:
      noteAndLook(m, n, v, slot, SAID_USED);
      break;
    case CAME_TO.unclear:
      noteAndLook(m, n, v, slot, { outcome: OUTCOME.unanswered });
      break;
    case CAME_TO.refused_as_used:
    case CAME_TO.refused:
      if (isRunning && m.may('verify_refused', v, sends, openSends)) {
        violation = fail(m, n, v, BY.verify);
        clear(n, at);
      } else {
        const isUsed = cameTo === CAME_TO.refused_as_used;
        noteAndLook(m, n, v, slot, isUsed ? SAID_USED : { outcome: OUTCOME.refused });
      }
      break;
    case CAME_TO.refused_repeat:
      noteAndLook(m, n, v, slot, { outcome: OUTCOME.refused });
      break;
    case CAME_TO.not_sent:
    case CAME_TO.gateway_refused:
      if (isRunning && m.may('uncount_send', v, sends, openSends)) {
        n[row + R.openSends] = (s[row + R.openSends] as number) - 1;
      }
      n[at + N.at] = AT.uncounted;
      break;
    case CAME_TO.unanswered:
    case CAME_TO.in_review:
      note(m, n, v, slot, {
        outcome: cameTo === CAME_TO.in_review ? OUTCOME.in_review : OUTCOME.unanswered,
      });
      goOn(m, n, v, slot);
      break;
    default:
      throw new Error(`an answer came to nothing known: ${cameTo}`);
  }
  m.done('store', argument, violation);
}

function isCreditedToAnother(m: Moves, v: number, use: number): boolean {
  const other = rowAt(1 - v);
  return m.state[other + R.step] === STEP.success && m.state[other + R.use] === use;
}

/** Whether a success is by this use: it names it, or by an answer that names none. */
function isUseNamed(state: Uint8Array, row: number, use: number): boolean {
  return state[row + R.use] === use || (state[row + R.use] === 0 && state[row + R.by] === BY.verify);
}

function succeed(m: Moves, n: Uint8Array, v: number, use: number, by: number): string | null {
  const row = rowAt(v);
  const replaced = replacesVerdict(m, v);
  if (replaced !== null) return replaced;
  end(n, v, STEP.success, by);
  n[row + R.use] = use;
  if (use === 0) {
    // Under a shared token Douyin names no redemption: there must be one for each.
    const isShared = n[rowAt(1 - v) + R.step] === STEP.success && usesOfOurs(n) < 2;
    return isShared ? 'two verifications succeed by one redemption' : null;
  }
  const owner = n[useAt(use - 1) + U.owner] as number;
  if (owner === ownerOf(v, 1) || owner === ownerOf(v, 2)) return null;
  const isOfTheOther = owner === ownerOf(1 - v, 1) || owner === ownerOf(1 - v, 2);
  // Two verifications of one coupon, in one store, at one time: Douyin's reads do not tell them apart. Each must have one.
  if (isOfTheOther && m.has('second_is_encrypted')) {
    const isShared = n[rowAt(1 - v) + R.step] === STEP.success && usesOfOurs(n) < 2;
    return isShared ? 'two verifications succeed by one redemption' : null;
  }
  return `verification ${v + 1} is settled as success by a use that is not its own`;
}

function usesOfOurs(n: Uint8Array): number {
  let ours = 0;
  for (let use = 0; use < USES; use += 1) {
    const owner = n[useAt(use) + U.owner] as number;
    if (owner !== OWNER.nobody && owner < OWNER.other_channel) ours += 1;
  }
  return ours;
}

export function fail(m: Moves, n: Uint8Array, v: number, by: number): string | null {
  const replaced = replacesVerdict(m, v);
  if (replaced !== null) return replaced;
  end(n, v, STEP.failed, by);
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    const isOwn = n[at + U.owner] === ownerOf(v, 1) || n[at + U.owner] === ownerOf(v, 2);
    if (!isOwn || n[at + U.isCancelled] === 1) continue;
    const other = rowAt(1 - v);
    if (n[other + R.step] === STEP.success && isUseNamed(n, other, use + 1)) continue;
    return `verification ${v + 1} is settled as failed although our own redemption is in force`;
  }
  return null;
}

function replacesVerdict(m: Moves, v: number): string | null {
  const step = m.state[rowAt(v) + R.step] as number;
  return step === STEP.success || step === STEP.failed
    ? `a verdict replaces that of verification ${v + 1}`
    : null;
}

export function read(m: Moves, v: number, slot: number, how: Extract<StepKind, `read${string}`>): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const n = m.fork();
  const coupon = s[rowAt(v) + R.coupon] as number;
  let status = s[COUPONS + coupon - 1] as number;
  let shown = 0;
  let recorded = 0;
  let isAnyFresh = false;
  for (let use = 0; use < USES; use += 1) {
    const place = useAt(use);
    if (s[place + U.owner] === OWNER.nobody || s[place + U.coupon] !== coupon) continue;
    const isCancelled = s[place + U.isCancelled] === 1;
    if (isCancelled && m.has('cancelled_uses_dropped')) continue;
    const isFresh = s[place + U.at] === 1;
    if (isFresh) isAnyFresh = true;
    if (how === 'read_stale' && isFresh) continue;
    shown |= (1 << use) | (isCancelled ? 16 << use : 0);
    if (how !== 'read_without_records') recorded |= (1 << use) | (isCancelled ? 16 << use : 0);
  }
  if (how === 'read_stale') {
    if (!isAnyFresh) return;
    if (status === COUPON.used) status = COUPON.unused;
  }
  if (how !== 'read' && shown === 0 && how !== 'read_stale') return;
  if (how === 'read_other_store') n[at + N.contradiction] = 1;
  if (how === 'read_other_store_recorded') n[at + N.contradiction] = 2;
  if (how === 'read_card_without_uses') n[at + N.contradiction] = 3;
  if (how === 'read_records_cut') {
    n[at + N.contradiction] = 4;
    // Nothing is left of the uses, and the certificate is as it was before them.
    status = COUPON.unused;
    shown = 0;
    recorded = 0;
  }
  n[at + N.seenStatus] = status;
  n[at + N.seenUses] = shown;
  n[at + N.seenRecords] = recorded;
  n[at + N.at] = AT.read;
  n[at + N.isSlept] = 0;
  m.done(how, v * 2 + slot);
}

export function judge(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const n = m.fork();
  const argument = v * 2 + slot;
  const verdict = m.gateway.judgeLookUp(s, v, slot);
  const isAtOnce = s[at + N.isAtOnce] === 1;
  n[at + N.seenStatus] = 0;
  n[at + N.seenUses] = 0;
  n[at + N.seenRecords] = 0;
  n[at + N.contradiction] = 0;
  n[at + N.outcome] = 0;
  n[at + N.moment] = 0;
  n[at + N.isSlept] = 0;
  n[at + N.isAtOnce] = 0;
  if (verdict === VERDICT.undecided || verdict === VERDICT.undecided_used) {
    if (verdict === VERDICT.undecided_used) note(m, n, v, slot, { stop: STOP.shown_used });
    if (!isAtOnce && isOpenIn(m.state, v, slot) && m.gateway.showsOperator(n, v)) {
      if (m.may('mark_unsettled', v)) n[rowAt(v) + R.step] = STEP.unsettled;
    }
    if (isAtOnce) goOn(m, n, v, slot);
    else if (isOpenIn(n, v, slot)) {
      const round = n[at + N.round] as number;
      clear(n, at);
      n[at + N.round] = round;
      n[at + N.at] = AT.wait_look;
    } else clear(n, at);
    m.done('judge', argument, leavesAlone(m, v, slot));
    return;
  }
  n[at + N.verdict] = verdict;
  n[at + N.at] = AT.judged;
  const isHidden = verdict > USES && isReviewUnknown(s, v);
  m.done('judge', argument, isHidden ? UNKNOWN_REVIEW : refusesTooEarly(m, v, slot, verdict));
}

/** A look-up without a verdict that leaves to people, or to a long pause, what is not theirs. */
function leavesAlone(m: Moves, v: number, slot: number): string | null {
  const s = m.state;
  const row = rowAt(v);
  if (!isOpenIn(s, v, slot)) return null;
  const stop = s[row + R.sendsStoppedBy];
  if (m.gateway.whyUndecided(s, v, slot) === 'look_up_said_used' && stop !== STOP.said_used) {
    return `verification ${v + 1} is taken as answered "used", which Douyin did not say`;
  }
  const isOnlyLookedUp = stop !== STOP.none || s[row + R.outcome] === OUTCOME.refused;
  const isYoung = passageSince(s, s[row + R.firstSent] as number) < PASSAGES.past_repeats;
  return isOnlyLookedUp && isYoung && !m.gateway.looksAgainSoon(s, v)
    ? `verification ${v + 1} is only looked up, and not soon again`
    : null;
}

/** A refusal by Douyin's reads that its own rules do not bear, whether or not it can be stored. */
function refusesTooEarly(m: Moves, v: number, slot: number, verdict: number): string | null {
  if (verdict <= USES) return null;
  const s = m.state;
  const row = rowAt(v);
  const at = runnerAt(v, slot);
  const lastSent = s[row + R.lastSent] as number;
  if (lastSent !== 0 && s[row + R.sends] === s[at + N.sends]) {
    // As old as it was when the row was read.
    const passage = passageSince(s, lastSent, s[at + N.moment]);
    const outcome = s[at + N.outcome] as number;
    if (passage < PASSAGES.past_arrival)
      return `reads refuse verification ${v + 1} while its verify may arrive`;
    if (outcome === OUTCOME.in_review && passage < PASSAGES.past_review) {
      return `reads refuse verification ${v + 1} while its review may redeem it`;
    }
    if (verdict === VERDICT.unused && outcome === OUTCOME.unanswered && passage < PASSAGES.past_unused) {
      return `an unused coupon refuses verification ${v + 1} before its time`;
    }
  }
  // Without any time of Douyin's nobody can tell whose use it was.
  if (m.has('no_time_at_send') && m.has('no_time_at_prepare') && m.has('no_time_at_look_up')) return null;
  for (let use = 0; use < USES; use += 1) {
    const isShownCancelled = ((s[at + N.seenUses] as number) & (16 << use)) !== 0;
    const owner = s[useAt(use) + U.owner] as number;
    const isOwn = owner === ownerOf(v, 1) || owner === ownerOf(v, 2);
    if (isShownCancelled && isOwn && s[at + N.contradiction] === 0 && !isCreditedToAnother(m, v, use + 1)) {
      return `reads show verification ${v + 1} its own cancelled use, and refuse it`;
    }
  }
  return null;
}

export function storeVerdict(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const n = m.fork();
  const verdict = s[at + N.verdict] as number;
  const isRunning = isInRound(m.state, v, slot);
  let violation: string | null = null;
  n[at + N.verdict] = 0;
  n[at + N.isSlept] = 0;
  if (verdict <= USES) {
    if (isRunning && !isCreditedToAnother(m, v, verdict) && m.may('look_up_succeeded', v)) {
      violation = succeed(m, n, v, verdict, BY.look_up);
      clear(n, at);
    } else goOn(m, n, v, slot);
  } else if (isRunning && m.may('look_up_refused', v, s[at + N.sends], s[at + N.openSends])) {
    violation = fail(m, n, v, BY.look_up);
    clear(n, at);
  } else goOn(m, n, v, slot);
  m.done('store_verdict', v * 2 + slot, violation);
}

/** Answers that leave no doubt about a first send. What only keeps a doubt is safe, but leaves a till waiting. */
const PLAIN: Readonly<Partial<Record<number, readonly number[]>>> = {
  [ANSWER.ok]: [CAME_TO.verified],
  [ANSWER.already_used]: [CAME_TO.refused_as_used],
  [ANSWER.refunded]: [CAME_TO.refused],
  [ANSWER.in_review]: [CAME_TO.in_review],
  [ANSWER.token_refused]: [CAME_TO.gateway_refused],
  [ANSWER.not_sent]: [CAME_TO.not_sent],
};

/** An answer that was taken for less, or for more, than it says. */
function misheard(answer: number, cameTo: number, isFirst: boolean): string | null {
  if (answer === ANSWER.of_another && cameTo === CAME_TO.verified) {
    return 'an answer about another coupon is taken for ours';
  }
  if (cameTo === CAME_TO.inconsistent) return 'two wordings of one answer come to different things';
  if (isFirst) {
    const plain = PLAIN[answer];
    return plain && !plain.includes(cameTo)
      ? 'a plain answer to a first verify is not taken as what it says'
      : null;
  }
  const forgets =
    cameTo === CAME_TO.not_sent ||
    cameTo === CAME_TO.gateway_refused ||
    cameTo === CAME_TO.refused ||
    cameTo === CAME_TO.refused_as_used;
  return forgets ? 'the answer to a repeat forgets that an earlier verify may have redeemed' : null;
}
