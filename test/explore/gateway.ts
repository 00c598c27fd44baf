// What the model asks of the gateway's rules. The only one who answers is an adapter to src/domain.
import type { RepeatAnswer, TransitionName } from '../../src/domain/verification.ts';

/** What an answer of Douyin's, or its absence, came to. */
export const CAME_TO = {
  verified: 1,
  replayed: 2,
  refused_as_used: 3,
  refused: 4,
  unanswered: 5,
  in_review: 6,
  refused_repeat: 7,
  not_sent: 8,
  gateway_refused: 9,
  /** It may have been done, and Douyin's reads may tell at once. */
  unclear: 10,
  /** Two wordings of one answer come to different things. */
  inconsistent: 11,
} as const;

/** 1 to 4: a success that names that use. */
export const VERDICT = {
  used_elsewhere: 5,
  refunded: 6,
  unused: 7,
  undecided: 8,
  undecided_used: 9,
} as const;

/** What a request may bring anew under a token that is known. */
export const REQUEST_DIFFERENCES = ['value', 'mode', 'store'] as const;
export type RequestDifference = (typeof REQUEST_DIFFERENCES)[number];

export interface Gateway {
  /** Whether a change is legal for verification `v` of this state, judged with the sends that its judge has seen. */
  may(name: TransitionName, state: Uint8Array, v: number, sends: number, openSends: number): boolean;
  /** Whether the next thing to do with an unknown verify is to repeat it; else it is looked up. */
  repeats(state: Uint8Array, v: number): boolean;
  /** Whether an undecided look-up is to be shown to an operator, or only waits for its sends to arrive. */
  showsOperator(state: Uint8Array, v: number): boolean;
  /** @returns one of `CAME_TO` */
  judgeAnswer(answer: number, use: number, isFirst: boolean, isCallerSupplied: boolean): number;
  /** Judges what the runner has read. @returns one of `VERDICT`, or a use from 1 */
  judgeLookUp(state: Uint8Array, v: number, slot: number): number;
  /** What a second request with a known token gets, where it is the same or differs in one thing. */
  answerRepeat(step: number, difference: RequestDifference | null): RepeatAnswer;
  /** Which coupon of the order prepare's list offers for use: 1, 2, or 0 for none. */
  pick(firstStatus: number, secondStatus: number): number;
  /** Whether another verification of the order may have redeemed a coupon, so that this one may not be sent first. */
  isHeldForSibling(state: Uint8Array, v: number): boolean;
  /** Whether the sweep starts what was never sent. */
  readonly sweepStartsUnsent: boolean;
  /** Whether one that is only looked up is looked up again while its outcome is still awaited. */
  looksAgainSoon(state: Uint8Array, v: number): boolean;
  /** Why judging does not end this verification by itself, for people. */
  whyUndecided(state: Uint8Array, v: number, slot: number): string;
}
