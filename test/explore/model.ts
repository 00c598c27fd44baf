// The world around the gateway's rules: every step that anybody can take next. Tills and the processes that answer them,
// runners, a sweep, an operator, Douyin, its other users, the network, and time. What is legal, and what an answer or a
// look-up means, is asked of the gateway's own rules; everything else here is Douyin's behaviour and the order of steps
// of workflows/ and activities/.
import type { Gateway } from './gateway.ts';
import { RUNNERS_EACH, STATE_BYTES } from './layout.ts';
import { engine } from './model/engine.ts';
import { type Emit, Moves } from './model/moves.ts';
import { administrator, douyin, operator, time } from './model/outsiders.ts';
import { runner } from './model/runners.ts';
import { till } from './model/tills.ts';
import { lateSends } from './model/verifies.ts';

/** Finds all steps that can be taken from a state. One model serves one walk; it is not reentrant. */
export class Model {
  readonly #moves: Moves;

  constructor(gateway: Gateway) {
    this.#moves = new Moves(gateway);
  }

  /** The steps that need nobody's mistake and no fault. */
  calmSteps(state: Uint8Array, emit: Emit): void {
    this.#expand(state, emit, false);
  }

  /** The steps that are a trouble: a fault, a death, a stranger's use, a second runner, an operator. */
  troubles(state: Uint8Array, emit: Emit): void {
    this.#expand(state, emit, true);
  }

  #expand(state: Uint8Array, emit: Emit, withTroubles: boolean): void {
    const moves = this.#moves;
    moves.begin(state, emit, withTroubles);
    for (let v = 0; v < (moves.has('second_scan') ? 2 : 1); v += 1) {
      till(moves, v);
      for (let slot = 0; slot < RUNNERS_EACH; slot += 1) runner(moves, v, slot);
      engine(moves, v);
      lateSends(moves, v);
      operator(moves, v);
    }
    administrator(moves);
    douyin(moves);
    time(moves);
  }
}

/** The beginning of a walk: an unused order, and nobody has asked. */
export function initialState(options: number): Uint8Array {
  const state = new Uint8Array(STATE_BYTES);
  state[0] = options & 255;
  state[1] = options >> 8;
  return state;
}
