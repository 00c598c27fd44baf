// Time in the model. There is no clock: a state keeps the order of the moments that still matter and, between two
// neighbours, how long it was at least in terms of the limits that decide. So every age falls on one side of each limit,
// and the number of states stays finite.
import { GAP, GAPS, MOMENTS } from './layout.ts';

/** The limits of the model's gateway. All but the last three are settings of the real one. Milliseconds. */
export const LIMITS = {
  firstSendWithinMs: 10_000,
  sendArrivesWithinMs: 100_000,
  unusedIsFinalAfterMs: 4 * 3_600_000,
  sendStartsWithinMs: 4000,
  repeatDelaysMs: [5000, 100_000],
} as const;

/** How long passes: past the first send's time, past the last arrival, past repeating, past "unused is final", past a review. */
export const PASSAGES = {
  past_first_send: 1,
  past_arrival: 2,
  past_repeats: 3,
  past_unused: 4,
  past_review: 5,
} as const;
export const LONGEST_PASSAGE = 5;

/** Each is past its limit, and eight of it are not past the next one's. Milliseconds. */
const GAP_MS = [0, 11_000, 101_000, 901_000, 4 * 3_600_000 + 1000, 53 * 3_600_000] as const;

/** The milliseconds between now and a moment of this state. */
export function ageMs(state: Uint8Array, moment: number): number {
  let age = 0;
  for (let gap = 0; gap < moment - 1; gap += 1) age += GAP_MS[state[GAP + gap] as number] as number;
  return age;
}

/** How long ago a moment is that the longest passage since it was this one. Milliseconds. */
export const passageMs = (passage: number): number => GAP_MS[passage] as number;

/** The longest passage between an earlier moment and a later one, which is now if nothing is said. */
export function passageSince(state: Uint8Array, moment: number, until = 1): number {
  let longest = 0;
  for (let gap = until - 1; gap < moment - 1; gap += 1)
    longest = Math.max(longest, state[GAP + gap] as number);
  return longest;
}

/** Lets time pass: every moment moves one gap away. @returns false if the time line has no place for another moment */
export function pass(state: Uint8Array, passage: number): boolean {
  if (state[GAP + GAPS - 1] !== 0) return false;
  for (let gap = GAPS - 1; gap > 0; gap -= 1) state[GAP + gap] = state[GAP + gap - 1] as number;
  state[GAP] = passage;
  for (const at of MOMENTS) {
    const moment = state[at] as number;
    if (moment !== 0) state[at] = moment + 1;
  }
  return true;
}

const isKept = new Uint8Array(GAPS + 2);
const renamed = new Uint8Array(GAPS + 2);

/** Forgets the moments that nothing names any more: two gaps become one as long as the longer of them. */
export function tidyTimeLine(state: Uint8Array): void {
  isKept.fill(0);
  let last = 1;
  for (const at of MOMENTS) {
    const moment = state[at] as number;
    isKept[moment] = 1;
    if (moment > last) last = moment;
  }
  isKept[1] = 1;
  let kept = 1;
  let longest = 0;
  renamed[0] = 0;
  renamed[1] = 1;
  let isChanged = false;
  for (let moment = 2; moment <= last; moment += 1) {
    longest = Math.max(longest, state[GAP + moment - 2] as number);
    if (isKept[moment] === 0) {
      isChanged = true;
      continue;
    }
    state[GAP + kept - 1] = longest;
    kept += 1;
    renamed[moment] = kept;
    longest = 0;
  }
  for (let gap = kept - 1; gap < GAPS; gap += 1) state[GAP + gap] = 0;
  if (!isChanged) return;
  for (const at of MOMENTS) state[at] = renamed[state[at] as number] as number;
}
