// The walk: breadth first over all orders of steps, in layers of one more trouble each. A state is first found with the
// fewest troubles that lead to it, and is walked on from once.
import type { Gateway } from './gateway.ts';
import { AT, BY, N, R, rowAt, runnerAt, RUNNERS_EACH, STATE_BYTES, STEP, VERIFICATIONS } from './layout.ts';
import { LivenessGraph, type Liveness } from './liveness.ts';
import { initialState, Model } from './model.ts';
import { type Emit, LIMIT } from './model/moves.ts';
import { troublesOf } from './model/steps.ts';
import { hashWords, StateSet } from './state-set.ts';

export interface WalkOptions {
  /** At most this many troubles in one story. */
  readonly bound: number;
  /** Stops once there are this many states: the layer that was begun then is not complete. */
  readonly maxStates: number;
  /** Stops after this many violations. */
  readonly maxViolations: number;
  /** The options of the order and the Douyin to walk. */
  readonly world: number;
}

export interface Violation {
  readonly what: string;
  readonly world: number;
  /** The codes of the steps that lead to it. */
  readonly steps: readonly number[];
}

export interface Walk {
  readonly states: number;
  readonly steps: number;
  /** Layers of troubles that were walked to their end. */
  readonly completeBound: number;
  readonly statesByTroubles: readonly number[];
  readonly violations: readonly Violation[];
  /** How often the walk came to one of the limits, by what it is. */
  readonly limits: ReadonlyMap<string, number>;
  readonly liveness: Liveness;
}

const CHUNK_STATES = 1 << 14;
const NO_PARENT = 0xffffffff;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly numbers: Uint32Array;
}

/** States waiting to be walked on from, in their order, as bytes. */
class Queue {
  readonly #chunks: Chunk[] = [];
  #count = 0;

  get length(): number {
    return this.#count;
  }

  push(state: Uint8Array, number: number): void {
    const place = this.#count % CHUNK_STATES;
    if (place === 0) {
      this.#chunks.push({
        bytes: new Uint8Array(CHUNK_STATES * STATE_BYTES),
        numbers: new Uint32Array(CHUNK_STATES),
      });
    }
    const chunk = this.#chunks.at(-1) as Chunk;
    chunk.bytes.set(state, place * STATE_BYTES);
    chunk.numbers[place] = number;
    this.#count += 1;
  }

  /** Copies the nth state into `into`. @returns its number */
  read(n: number, into: Uint8Array): number {
    const chunk = this.#chunks[Math.floor(n / CHUNK_STATES)] as Chunk;
    const place = (n % CHUNK_STATES) * STATE_BYTES;
    into.set(chunk.bytes.subarray(place, place + STATE_BYTES));
    return chunk.numbers[n % CHUNK_STATES] as number;
  }
}

export function walk(gateway: Gateway, options: WalkOptions): Walk {
  const model = new Model(gateway);
  const set = new StateSet();
  const violations: Violation[] = [];
  const limits = new Map<string, number>();
  const seenViolations = new Map<string, number>();
  const state = new Uint8Array(STATE_BYTES);
  const hashed = new Uint8Array(STATE_BYTES);
  const words = new Int32Array(hashed.buffer);
  const hash = new Uint32Array(2);
  const graph = new LivenessGraph();
  let steps = 0;
  let isCalm = true;
  let isEverRedeemed = false;
  let parent = NO_PARENT;
  let target = new Queue();

  const add = (next: Uint8Array, step: number): number => {
    hashed.set(next);
    hashWords(words, hash);
    const number = set.add(hash[0] as number, hash[1] as number, parent, step);
    if (number < 0) target.push(next, ~number);
    return number;
  };
  const wayTo = (number: number): readonly number[] => {
    const codes: number[] = [];
    let at = number;
    while (set.parentOf(at) !== NO_PARENT) {
      codes.push(set.stepOf(at));
      at = set.parentOf(at);
    }
    return codes.reverse();
  };
  const emit: Emit = (next, step, violation) => {
    steps += 1;
    if (violation !== null) {
      if (isCalm) graph.leavesWalk(parent);
      if (violation.startsWith(LIMIT)) {
        limits.set(violation, (limits.get(violation) ?? 0) + 1);
        return;
      }
      const story = { what: violation, world: options.world, steps: [...wayTo(parent), step] };
      // The first story of each cause has the fewest troubles; the others are counted only.
      const cause = `${violation}: ${troublesOf(story.steps)}`;
      const known = seenViolations.get(cause) ?? 0;
      seenViolations.set(cause, known + 1);
      if (known === 0) violations.push(story);
      // What follows from a violation is not of interest.
      return;
    }
    const number = add(next, step);
    if (isCalm) graph.edge(parent, number < 0 ? ~number : number);
  };

  add(initialState(options.world), 0);
  const statesByTroubles: number[] = [];
  let completeBound = -1;
  let before = 0;
  for (let troubles = 0; troubles <= options.bound; troubles += 1) {
    const layer = target;
    let isComplete = true;
    for (let n = 0; n < layer.length; n += 1) {
      parent = layer.read(n, state);
      isCalm = true;
      model.calmSteps(state, emit);
      isEverRedeemed ||= isRedeemed(state);
      graph.walked(parent, hasEnded(state), whyUndecided(gateway, state));
      if (set.size >= options.maxStates || violations.length >= options.maxViolations) {
        isComplete = false;
        break;
      }
    }
    statesByTroubles.push(set.size - before);
    before = set.size;
    if (!isComplete) break;
    completeBound = troubles;
    if (troubles === options.bound) break;
    target = new Queue();
    for (let n = 0; n < layer.length; n += 1) {
      parent = layer.read(n, state);
      isCalm = false;
      model.troubles(state, emit);
      if (set.size >= options.maxStates || violations.length >= options.maxViolations) break;
    }
  }
  // A gateway that never sends breaks no other promise.
  if (!isEverRedeemed) violations.push({ what: 'nothing is ever redeemed', world: options.world, steps: [] });
  const liveness = graph.judge(set.size, (reason) => LEFT_TO_PEOPLE.has(reason));
  for (const state of liveness.stuck) {
    violations.push({ what: 'a verification can no longer end', world: options.world, steps: wayTo(state) });
  }
  return { states: set.size, steps, completeBound, statesByTroubles, violations, limits, liveness };
}

/**
 * Reasons for which a look-up may wait for an operator: Douyin's reads contradict themselves, or do not tell what only
 * people know.
 */
const LEFT_TO_PEOPLE: ReadonlySet<string> = new Set([
  'look_up_whose_use',
  'look_up_own_use_cancelled',
  'look_up_said_used',
  'look_up_times_card',
  'look_up_rival',
]);

function isRedeemed(state: Uint8Array): boolean {
  return state[rowAt(0) + R.step] === STEP.success && state[rowAt(0) + R.by] === BY.verify;
}

function hasEnded(state: Uint8Array): boolean {
  for (let v = 0; v < VERIFICATIONS; v += 1) {
    const step = state[rowAt(v) + R.step] as number;
    if (step >= STEP.accepted && step <= STEP.unsettled) return false;
  }
  return true;
}

/** Why a runner that judges now does not decide; '' if none judges. */
function whyUndecided(gateway: Gateway, state: Uint8Array): string {
  for (let v = 0; v < VERIFICATIONS; v += 1) {
    for (let slot = 0; slot < RUNNERS_EACH; slot += 1) {
      if (state[runnerAt(v, slot) + N.at] === AT.read) return gateway.whyUndecided(state, v, slot);
    }
  }
  return '';
}
