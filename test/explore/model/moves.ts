// What every step needs: the state it is taken from, a copy to change, and the gateway's rules.
import type { Gateway } from '../gateway.ts';
import {
  type OptionName,
  hasOption,
  OUTCOME,
  R,
  REVIEW,
  rowAt,
  runnerAt,
  RUNNER_SIZE,
  STATE_BYTES,
  STOP,
} from '../layout.ts';
import { tidyTimeLine } from '../time-line.ts';
import { ARGUMENTS, CODE, type StepKind } from './steps.ts';

export type Emit = (next: Uint8Array, step: number, violation: string | null) => void;

/** What begins so is not held against the gateway: docs/exploration.md says why. */
export const LIMIT = 'limit: ';
export const WRONG_WORD = `${LIMIT}an operator has said success of what was not redeemed`;
export const UNKNOWN_REVIEW = `${LIMIT}a review that nobody was told of is still open`;

export class Moves {
  readonly gateway: Gateway;
  readonly #next = new Uint8Array(STATE_BYTES);
  #emit: Emit = () => undefined;
  /** What was found wrong in the step that `fork` began. */
  #flaw: string | null = null;
  state: Uint8Array = new Uint8Array(STATE_BYTES);
  /** Whether the steps that are a trouble are asked for, or the others. */
  withTroubles = false;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  begin(state: Uint8Array, emit: Emit, withTroubles: boolean): void {
    this.state = state;
    this.#emit = emit;
    this.withTroubles = withTroubles;
  }

  has(option: OptionName): boolean {
    return hasOption(this.state, option);
  }

  /** Begins a step: a copy of the state to change. The one before it must be done. */
  fork(): Uint8Array {
    this.#next.set(this.state);
    this.#flaw = null;
    return this.#next;
  }

  /** Ends the step that `fork` began. */
  done(kind: StepKind, argument = 0, violation: string | null = null): void {
    tidy(this.#next);
    this.#emit(this.#next, CODE[kind] * ARGUMENTS + argument, violation ?? this.#flaw);
  }

  /** Whether an unknown verify is repeated next. What Douyin has refused, or calls used, must not be. */
  repeats(n: Uint8Array, v: number): boolean {
    const doesRepeat = this.gateway.repeats(n, v);
    const row = rowAt(v);
    if (doesRepeat && (n[row + R.outcome] === OUTCOME.refused || n[row + R.sendsStoppedBy] !== STOP.none)) {
      this.#flaw = `verification ${v + 1} is to be repeated although only look-ups decide it`;
    }
    return doesRepeat;
  }

  may(name: Parameters<Gateway['may']>[0], v: number, sends = 0, openSends = 0): boolean {
    return this.gateway.may(name, this.state, v, sends, openSends);
  }
}

/** Whether Douyin reviews a verify although no answer that was stored says so. */
export function isReviewUnknown(state: Uint8Array, v: number): boolean {
  return state[REVIEW + v] !== 0 && state[rowAt(v) + R.outcome] !== OUTCOME.in_review;
}

/** Gives equal states equal bytes: forgotten moments, runners of one verification that only differ in their place. */
function tidy(n: Uint8Array): void {
  {
    for (let v = 0; v < 2; v += 1) {
      const first = runnerAt(v, 0);
      const second = runnerAt(v, 1);
      for (let byte = 0; byte < RUNNER_SIZE; byte += 1) {
        const difference = (n[first + byte] as number) - (n[second + byte] as number);
        if (difference > 0) break;
        if (difference < 0) {
          for (let at = 0; at < RUNNER_SIZE; at += 1) {
            const kept = n[first + at] as number;
            n[first + at] = n[second + at] as number;
            n[second + at] = kept;
          }
          break;
        }
      }
    }
  }
  tidyTimeLine(n);
}
