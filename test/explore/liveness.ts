// Whether every verification can still end. Walked states are a graph: from each, along steps without a further trouble, a
// state must be reached in which every verification has ended, or in which Douyin's reads leave it to people.

export interface Liveness {
  /** States from which everything can still end by itself. */
  readonly ending: number;
  /** States from which it ends only by an operator's word, because Douyin's reads do not decide. */
  readonly waitingForPeople: number;
  /** Why they do not, as the judgement says it, and how many look-ups came to it. */
  readonly reasons: ReadonlyMap<string, number>;
  /** States from which nothing leads on. */
  readonly stuck: readonly number[];
}

const ENDED = 1;
const IS_WALKED = 2;
const CAN_END = 4;
const CAN_BE_LEFT = 8;
const SHOWN_STUCK = 10;

/** Collects the graph while it is walked. */
export class LivenessGraph {
  #from = new Uint32Array(1 << 16);
  #to = new Uint32Array(1 << 16);
  #edges = 0;
  #flags = new Uint8Array(1 << 16);
  #reasonOf = new Uint8Array(1 << 16);
  readonly #reasons: string[] = [''];

  edge(from: number, to: number): void {
    if (from === to) return;
    if (this.#edges === this.#from.length) {
      this.#from = doubled(this.#from, (size) => new Uint32Array(size));
      this.#to = doubled(this.#to, (size) => new Uint32Array(size));
    }
    this.#from[this.#edges] = from;
    this.#to[this.#edges] = to;
    this.#edges += 1;
  }

  /** A step from this state leads to where the walk does not go on: a violation, or one of its limits. */
  leavesWalk(state: number): void {
    this.#reach(state);
    this.#flags[state] = (this.#flags[state] as number) | ENDED;
  }

  /** @param reason why Douyin's reads, as this state's runner holds them, do not decide; '' if it does not judge now */
  walked(state: number, isEnded: boolean, reason: string): void {
    this.#reach(state);
    this.#flags[state] = (this.#flags[state] as number) | IS_WALKED | (isEnded ? ENDED : 0);
    if (reason === '') return;
    let code = this.#reasons.indexOf(reason);
    if (code < 0) code = this.#reasons.push(reason) - 1;
    this.#reasonOf[state] = code;
  }

  /** @param isLeftToPeople whether a look-up that comes to this reason may wait for an operator */
  judge(states: number, isLeftToPeople: (reason: string) => boolean): Liveness {
    this.#reach(states);
    const flags = this.#flags;
    const { offsets, sources } = this.#backwards(states);
    const spread = (flag: number, isSeed: (state: number) => boolean) => {
      const waiting: number[] = [];
      for (let state = 0; state < states; state += 1) {
        if (!isSeed(state)) continue;
        flags[state] = (flags[state] as number) | flag;
        waiting.push(state);
      }
      for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
        for (let at = offsets[state] as number; at < (offsets[state + 1] as number); at += 1) {
          const source = sources[at] as number;
          if (((flags[source] as number) & flag) !== 0) continue;
          flags[source] = (flags[source] as number) | flag;
          waiting.push(source);
        }
      }
    };
    // What was not walked on from is not known to be stuck.
    spread(CAN_END, (state) => ((flags[state] as number) & (ENDED | IS_WALKED)) !== IS_WALKED);
    const isLeft = this.#reasons.map((reason) => reason !== '' && isLeftToPeople(reason));
    const cannotEnd = (state: number) => ((flags[state] as number) & CAN_END) === 0;
    spread(CAN_BE_LEFT, (state) => cannotEnd(state) && isLeft[this.#reasonOf[state] as number] === true);

    const reasons = new Map<string, number>();
    const stuck: number[] = [];
    let ending = 0;
    let waitingForPeople = 0;
    for (let state = 0; state < states; state += 1) {
      if (!cannotEnd(state)) {
        ending += 1;
        continue;
      }
      if (((flags[state] as number) & CAN_BE_LEFT) === 0) {
        if (stuck.length < SHOWN_STUCK) stuck.push(state);
        continue;
      }
      waitingForPeople += 1;
      const reason = this.#reasons[this.#reasonOf[state] as number] as string;
      if (reason !== '') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    return { ending, waitingForPeople, reasons, stuck };
  }

  /** The edges by where they lead. */
  #backwards(states: number): { offsets: Uint32Array; sources: Uint32Array } {
    const offsets = new Uint32Array(states + 2);
    for (let edge = 0; edge < this.#edges; edge += 1) {
      const place = (this.#to[edge] as number) + 2;
      offsets[place] = (offsets[place] as number) + 1;
    }
    for (let state = 2; state < offsets.length; state += 1) {
      offsets[state] = (offsets[state] as number) + (offsets[state - 1] as number);
    }
    const sources = new Uint32Array(this.#edges);
    for (let edge = 0; edge < this.#edges; edge += 1) {
      const place = (this.#to[edge] as number) + 1;
      sources[offsets[place] as number] = this.#from[edge] as number;
      offsets[place] = (offsets[place] as number) + 1;
    }
    return { offsets, sources };
  }

  #reach(state: number): void {
    while (state >= this.#flags.length) {
      this.#flags = doubled(this.#flags, (size) => new Uint8Array(size));
      this.#reasonOf = doubled(this.#reasonOf, (size) => new Uint8Array(size));
    }
  }
}

function doubled<T extends Uint8Array | Uint32Array>(from: T, build: (size: number) => T): T {
  const to = build(from.length * 2);
  to.set(from);
  return to;
}
