// Those who are not the gateway: operators, Douyin’s other users, and time.
import {
  APP_LOST_RIGHT,
  AT,
  BY,
  COUPON,
  COUPONS,
  HANDLER,
  LATE,
  N,
  operatorAt,
  OWNER,
  ownerOf,
  P,
  R,
  STOP,
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
import { LONGEST_PASSAGE, pass, PASSAGES, passageSince } from '../time-line.ts';
import { UNKNOWN_REVIEW, WRONG_WORD, isReviewUnknown, type Moves } from './moves.ts';
import { end, forget, isRowOpen } from './rows.ts';
import { use, isSpent } from './verifies.ts';

const MAX_LOOKS = 2;

export function operator(m: Moves, v: number): void {
  const s = m.state;
  const at = operatorAt(v);
  const row = rowAt(v);
  const isOpen = isRowOpen(s, v);
  if (m.withTroubles) {
    if (isOpen && s[at + P.isLooking] === 0 && (s[at + P.looks] as number) < MAX_LOOKS) {
      const n = m.fork();
      n[at + P.isLooking] = 1;
      n[at + P.looks] = (s[at + P.looks] as number) + 1;
      n[at + P.sends] = s[row + R.sends] as number;
      n[at + P.openSends] = s[row + R.openSends] as number;
      m.done('operator_looks', v);
    }
    return;
  }
  if (s[at + P.isLooking] === 0 || !isOpen) return;
  const sends = s[at + P.sends] as number;
  const openSends = s[at + P.openSends] as number;
  const success = m.fork();
  forget(success, at);
  if (m.may('operator_resolved_success', v, sends, openSends)) {
    end(success, v, STEP.success, BY.operator);
    success[row + R.lastSent] = 1;
  }
  // That word takes a use from whoever else has the coupon.
  const isWrong =
    m.has('second_scan') && (m.has('token_is_shared') || !isSpent(m, ownerOf(v, s[row + R.round] as number)));
  m.done('operator_says_success', v, isWrong ? WRONG_WORD : null);
  const failed = m.fork();
  forget(failed, at);
  let limit: string | null = null;
  if (m.may('operator_resolved_failed', v, sends, openSends)) {
    if (isReviewUnknown(s, v)) {
      limit = UNKNOWN_REVIEW;
    }
    end(failed, v, STEP.failed, BY.operator);
  } else if (m.may('stop_sends', v)) failed[row + R.sendsStoppedBy] = STOP.operator;
  m.done('operator_says_failed', v, limit);
}

/** Somebody of ours disables the app, or takes the store from it. */
export function administrator(m: Moves): void {
  if (!m.withTroubles || !m.has('app_may_lose_right') || m.state[APP_LOST_RIGHT] === 1) return;
  const n = m.fork();
  n[APP_LOST_RIGHT] = 1;
  m.done('app_loses_right');
}

/** Douyin's other users, and its refunds. They touch the first coupon only. */
export function douyin(m: Moves): void {
  const s = m.state;
  const status = s[COUPONS] as number;
  if (!m.withTroubles) {
    if (status === COUPON.refunding) {
      const granted = m.fork();
      granted[COUPONS] = COUPON.refunded;
      m.done('refund_granted');
      const rejected = m.fork();
      rejected[COUPONS] = COUPON.unused;
      m.done('refund_rejected');
    }
    return;
  }
  if (s[rowAt(0) + R.step] === STEP.none) {
    // Long enough before we are asked that Douyin's times tell it apart.
    const n = m.fork();
    if (status === COUPON.unused && use(m, n, OWNER.same_store, 1) > 0 && pass(n, PASSAGES.past_first_send)) {
      m.done('used_same_store');
    }
    return;
  }
  if (status === COUPON.unused) {
    for (const [kind, owner] of [
      ['used_other_channel', OWNER.other_channel],
      ['used_other_store', OWNER.other_store],
    ] as const) {
      const n = m.fork();
      if (use(m, n, owner, 1) > 0) m.done(kind);
    }
    const n = m.fork();
    n[COUPONS] = COUPON.refunding;
    m.done('refund_applied');
  }
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    if (s[at + U.owner] === OWNER.nobody || s[at + U.isCancelled] === 1) continue;
    if (passageSince(s, s[at + U.at] as number) >= PASSAGES.past_unused) continue;
    const n = m.fork();
    n[at + U.isCancelled] = 1;
    n[COUPONS + (s[at + U.coupon] as number) - 1] = COUPON.unused;
    m.done('use_cancelled', use);
  }
}

export function time(m: Moves): void {
  const s = m.state;
  let isAnyBusy = false;
  for (let v = 0; v < 2; v += 1) {
    const handler = s[tillAt(v) + T.handler] as number;
    if (handler === HANDLER.waiting) return;
    if (handler === HANDLER.stored || handler === HANDLER.closing) isAnyBusy = true;
    for (let slot = 0; slot < 2; slot += 1) {
      const place = s[runnerAt(v, slot) + N.at] as number;
      if (place !== AT.none && place !== AT.wait_look && place !== AT.wait_repeat) isAnyBusy = true;
    }
  }
  // That a process stands still in the middle of a step is a trouble of its own.
  if (isAnyBusy !== m.withTroubles) return;
  const isReviewOpen = s[REVIEW] !== 0 || s[REVIEW + 1] !== 0;
  for (let passage = 1; passage <= LONGEST_PASSAGE; passage += 1) {
    if (passage === PASSAGES.past_review && isReviewOpen) continue;
    const n = m.fork();
    if (!pass(n, passage)) continue;
    if (passage >= PASSAGES.past_arrival) {
      // Whoever waits for an answer has given up long before, and what was under way has arrived, or never will.
      if (isAnyAsking(s)) continue;
      n.fill(0, LATE, LATE + 4);
    }
    for (let v = 0; v < 2; v += 1) {
      for (let slot = 0; slot < 2; slot += 1) {
        const at = runnerAt(v, slot);
        if (n[at + N.at] === AT.counted) n[at + N.isSlept] = 1;
      }
    }
    // Past this an unused coupon counts as not redeemed, by the contract's rule, and that review lasts longer.
    const isHidden = [0, 1].some((v) => isReviewUnknown(s, v) && isRowOpen(s, v));
    m.done('time_passes', passage, isHidden && passage >= PASSAGES.past_unused ? UNKNOWN_REVIEW : null);
  }
}

function isAnyAsking(s: Uint8Array): boolean {
  for (let v = 0; v < 2; v += 1) {
    for (let slot = 0; slot < 2; slot += 1) if (s[runnerAt(v, slot) + N.at] === AT.asking) return true;
  }
  return false;
}
