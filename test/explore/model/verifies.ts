// Douyin’s verify: what a request does when it arrives, whenever that is.
import {
  ANSWER,
  AT,
  BY,
  COUPON,
  COUPONS,
  LATE,
  N,
  OWNER,
  ownerOf,
  R,
  REVIEW,
  rowAt,
  runnerAt,
  STEP,
  T,
  tillAt,
  U,
  useAt,
  USES,
} from '../layout.ts';
import { PASSAGES, passageSince } from '../time-line.ts';
import type { Moves } from './moves.ts';
import type { StepKind } from './steps.ts';

/** Uses of a times card. */
const TIMES_OF_CARD = 2;

const MAX_LATE = 2;

const MAX_ROUNDS = 2;

/** A verify reaches Douyin, which does what its rules say. */
export function arrive(m: Moves, v: number, slot: number): void {
  const n = m.fork();
  const at = runnerAt(v, slot);
  const { answer, use, violation } = perform(m, n, v, n[at + N.round] as number);
  n[at + N.at] = AT.answering;
  n[at + N.answer] = answer;
  n[at + N.use] = use;
  m.done('arrive', v * 2 + slot, violation);
}

function perform(
  m: Moves,
  n: Uint8Array,
  v: number,
  round: number,
): { answer: number; use: number; violation: string | null } {
  const owner = ownerOf(v, round);
  const isNamed = !m.has('token_is_shared');
  const coupon = n[rowAt(v) + R.coupon] as number;
  const status = n[COUPONS + coupon - 1] as number;
  for (let use = 0; use < USES; use += 1) {
    const isOfToken = m.has('token_is_shared')
      ? (n[useAt(use) + U.owner] as number) > 0 && (n[useAt(use) + U.owner] as number) < OWNER.other_channel
      : n[useAt(use) + U.owner] === owner;
    if (!isOfToken) continue;
    const isInWindow = passageSince(n, n[useAt(use) + U.at] as number) < PASSAGES.past_repeats;
    if (isInWindow && !m.has('replay_says_used'))
      return { answer: ANSWER.ok, use: isNamed ? use + 1 : 0, violation: null };
    if (isInWindow || status !== COUPON.unused)
      return { answer: ANSWER.already_used, use: 0, violation: null };
    // Past the window a token may well be taken for a new one.
    break;
  }
  if (n[REVIEW + v] !== 0 || (n[REVIEW + 1 - v] !== 0 && n[rowAt(1 - v) + R.coupon] === coupon)) {
    return { answer: ANSWER.in_review, use: 0, violation: null };
  }
  if (status === COUPON.unused) {
    const made = use(m, n, owner, coupon);
    if (made === 0) return { answer: ANSWER.busy, use: 0, violation: null };
    return { answer: ANSWER.ok, use: isNamed ? made : 0, violation: redeemedWrongly(n, v, round) };
  }
  return {
    answer: status === COUPON.used ? ANSWER.already_used : ANSWER.refunded,
    use: 0,
    violation: null,
  };
}

/** Records a use. @returns its number from 1; 0 if the model has no room for another */
export function use(m: Moves, n: Uint8Array, owner: number, coupon: number): number {
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    if (n[at + U.owner] !== OWNER.nobody) continue;
    n[at + U.owner] = owner;
    n[at + U.coupon] = coupon;
    n[at + U.isCancelled] = 0;
    n[at + U.at] = 1;
    n[COUPONS + coupon - 1] = isUsedUp(m, n, coupon) ? COUPON.used : COUPON.unused;
    return use + 1;
  }
  return 0;
}

function isUsedUp(m: Moves, n: Uint8Array, coupon: number): boolean {
  let inForce = 0;
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    if (n[at + U.owner] !== OWNER.nobody && n[at + U.coupon] === coupon && n[at + U.isCancelled] === 0)
      inForce += 1;
  }
  return inForce >= (m.has('times_card') ? TIMES_OF_CARD : 1);
}

export function isSpent(m: Moves, owner: number): boolean {
  for (let use = 0; use < USES; use += 1) if (m.state[useAt(use) + U.owner] === owner) return true;
  return false;
}

/** What a redemption of ours may not follow. `n` has it already. */
function redeemedWrongly(n: Uint8Array, v: number, round: number): string | null {
  const owner = ownerOf(v, round);
  let own = 0;
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    const isOfV = n[at + U.owner] === ownerOf(v, 1) || n[at + U.owner] === ownerOf(v, 2);
    if (isOfV && n[at + U.isCancelled] === 0) own += 1;
  }
  if (own > 1) return `verification ${v + 1} has two redemptions in force`;
  if (round !== n[rowAt(v) + R.round]) return `verification ${v + 1} is redeemed by a round that was closed`;
  const step = n[rowAt(v) + R.step];
  if (step === STEP.failed && n[rowAt(v) + R.by] === BY.operator) {
    return `an operator has said that verification ${v + 1} failed, and our own verify redeems it afterwards`;
  }
  if (step === STEP.failed) return `verification ${v + 1} was settled as failed, and is redeemed afterwards`;
  if (step === STEP.not_attempted)
    return `verification ${v + 1} was closed as not attempted, and is redeemed`;
  if ((n[tillAt(v) + T.promises] as number) & (1 << (round - 1))) {
    return `till ${v + 1} was told that nothing was sent, and the coupon is redeemed (owner ${owner})`;
  }
  return null;
}

export function arriveOddly(m: Moves, v: number, slot: number): void {
  const s = m.state;
  const at = runnerAt(v, slot);
  const argument = v * 2 + slot;
  const round = s[at + N.round] as number;
  const odd = (kind: StepKind, answer: number, isDone: boolean) => {
    const n = m.fork();
    let violation: string | null = null;
    if (isDone) {
      const performed = perform(m, n, v, round);
      // Where nothing is done this is the same as without.
      if (performed.answer !== ANSWER.ok) return;
      violation = performed.violation;
    }
    n[at + N.at] = AT.answering;
    n[at + N.answer] = answer;
    m.done(kind, argument, violation);
  };
  odd('arrive_busy', ANSWER.busy, false);
  odd('arrive_busy_done', ANSWER.busy, true);
  odd('arrive_unlisted', ANSWER.unlisted, false);
  odd('arrive_unlisted_done', ANSWER.unlisted, true);
  odd('arrive_server_error', ANSWER.server_error, false);
  odd('arrive_server_error_done', ANSWER.server_error, true);
  odd('arrive_garbled', ANSWER.garbled, false);
  odd('arrive_garbled_done', ANSWER.garbled, true);
  odd('arrive_of_another', ANSWER.of_another, false);
  odd('arrive_of_another_done', ANSWER.of_another, true);
  odd('arrive_token_refused', ANSWER.token_refused, false);
  const coupon = s[rowAt(v) + R.coupon] as number;
  const isFree = s[COUPONS + coupon - 1] === COUPON.unused && s[REVIEW] === 0 && s[REVIEW + 1] === 0;
  // What was done under a token is not reviewed again.
  if (isFree && !isSpent(m, ownerOf(v, round))) {
    const n = m.fork();
    n[at + N.at] = AT.answering;
    n[at + N.answer] = ANSWER.in_review;
    n[REVIEW + v] = round;
    m.done('arrive_review', argument);
  }
}

export function lateSends(m: Moves, v: number): void {
  if (m.withTroubles) return;
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const place = LATE + ownerOf(v, round) - 1;
    if (m.state[place] === 0) continue;
    const n = m.fork();
    n[place] = (n[place] as number) - 1;
    const { violation } = perform(m, n, v, round);
    m.done('late_arrives', v * 2 + round - 1, violation);
  }
  const review = m.state[REVIEW + v] as number;
  if (review === 0) return;
  const failed = m.fork();
  failed[REVIEW + v] = 0;
  m.done('review_fails', v);
  const n = m.fork();
  n[REVIEW + v] = 0;
  if (n[COUPONS + (n[rowAt(v) + R.coupon] as number) - 1] === COUPON.unused) {
    const { violation } = perform(m, n, v, review);
    m.done('review_passes', v, violation);
  }
}

/** The sender gives up; the request may still arrive. */
export function leave(n: Uint8Array, at: number, v: number): void {
  const place = LATE + ownerOf(v, n[at + N.round] as number) - 1;
  n[place] = Math.min(MAX_LATE, (n[place] as number) + 1);
}
