// A set of states by their 64-bit hashes, in typed arrays: ten million states take about 300 MB with their way back.

const FIRST_CAPACITY = 1 << 16;
/** Filled further, looking a state up takes too many steps. */
const MAX_LOAD = 0.6;

/**
 * Hashes of states, each with a number that counts from 0, and from where it was reached.
 *
 * Only hashes are kept. Two different states with one hash would be taken for one, and what follows from the second would
 * not be walked. With n states the chance of a single such pair is below n² / 2⁶⁵: for ten million about 3 in a million.
 */
export class StateSet {
  #capacity = FIRST_CAPACITY;
  #low = new Uint32Array(FIRST_CAPACITY);
  #high = new Uint32Array(FIRST_CAPACITY);
  /** The state's number and one more; 0 marks a free place. */
  #number = new Uint32Array(FIRST_CAPACITY);
  /** By number: the state it was first reached from, and by which of that one's steps. */
  #parent = new Uint32Array(FIRST_CAPACITY);
  #step = new Uint16Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns the state's number; as its complement (`~number`, negative) if it was not in the set before */
  add(low: number, high: number, parent: number, step: number): number {
    const mask = this.#capacity - 1;
    let place = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    for (;;) {
      const known = this.#number[place] as number;
      if (known === 0) break;
      if (this.#low[place] === low && this.#high[place] === high) return known - 1;
      place = (place + 1) & mask;
    }
    const number = this.#size;
    this.#size += 1;
    this.#low[place] = low;
    this.#high[place] = high;
    this.#number[place] = number + 1;
    this.#keepWayBack(number, parent, step);
    if (this.#size > this.#capacity * MAX_LOAD) this.#grow();
    return ~number;
  }

  parentOf(number: number): number {
    return this.#parent[number] as number;
  }

  stepOf(number: number): number {
    return this.#step[number] as number;
  }

  #keepWayBack(number: number, parent: number, step: number): void {
    if (number >= this.#parent.length) {
      this.#parent = grown(this.#parent, new Uint32Array(this.#parent.length * 2));
      this.#step = grown(this.#step, new Uint16Array(this.#step.length * 2));
    }
    this.#parent[number] = parent;
    this.#step[number] = step;
  }

  #grow(): void {
    const [low, high, number] = [this.#low, this.#high, this.#number];
    this.#capacity *= 2;
    this.#low = new Uint32Array(this.#capacity);
    this.#high = new Uint32Array(this.#capacity);
    this.#number = new Uint32Array(this.#capacity);
    const mask = this.#capacity - 1;
    for (let old = 0; old < number.length; old += 1) {
      const known = number[old] as number;
      if (known === 0) continue;
      let place = ((low[old] as number) ^ Math.imul(high[old] as number, 0x9e3779b1)) & mask;
      while (this.#number[place] !== 0) place = (place + 1) & mask;
      this.#low[place] = low[old] as number;
      this.#high[place] = high[old] as number;
      this.#number[place] = known;
    }
  }
}

function grown<T extends Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Two independent 32-bit hashes of a state's words, by the mixing steps of MurmurHash3. */
export function hashWords(words: Int32Array, into: Uint32Array): void {
  let low = 0x2545f491;
  let high = 0x6c078965 | 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as number;
    let mixed = Math.imul(word, 0xcc9e2d51 | 0);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    low ^= mixed;
    low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
    let other = Math.imul(word ^ (at * 0x27d4eb2f), 0x85ebca6b | 0);
    other = Math.imul((other << 16) | (other >>> 16), 0xc2b2ae35 | 0);
    high ^= other;
    high = (Math.imul((high << 11) | (high >>> 21), 9) + 0x165667b1) | 0;
  }
  into[0] = finish(low);
  into[1] = finish(high ^ Math.imul(low, 0x9e3779b1 | 0));
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b | 0);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35 | 0);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
