// The secrets that an app's tills sign with: mostly one, two while they change over.
import { randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

export class TillSecrets {
  #live: readonly string[];
  readonly #inUse = new Map<string, number>();
  #uses = 0;

  constructor(first: string) {
    this.#live = [first];
  }

  get live(): readonly string[] {
    return this.#live;
  }

  make(): string {
    return randomBytes(SECRET_BYTES).toString('base64url');
  }

  /** From now on every second request is signed with it. */
  add(secret: string): void {
    this.#live = [...this.#live, secret];
  }

  /** No request that begins from now on is signed with it. */
  retire(secret: string): void {
    this.#live = this.#live.filter((one) => one !== secret);
  }

  /** Whether a request that was signed with it still waits for its answer. */
  isInUse(secret: string): boolean {
    return (this.#inUse.get(secret) ?? 0) > 0;
  }

  /** Has one request signed and waits for its answer. */
  async use<T>(request: (secret: string) => Promise<T>): Promise<T> {
    const secret = this.#live[this.#uses % this.#live.length];
    if (secret === undefined) throw new Error('The app has no secret');
    this.#uses += 1;
    this.#inUse.set(secret, (this.#inUse.get(secret) ?? 0) + 1);
    try {
      return await request(secret);
    } finally {
      this.#inUse.set(secret, (this.#inUse.get(secret) ?? 0) - 1);
    }
  }
}
