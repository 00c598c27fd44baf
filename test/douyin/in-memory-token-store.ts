// A TokenStore for tests of what stands on one. It passes the same suite as the database's.
import type { StoredAccessToken, TokenStore } from '../../src/ports/token-store.ts';

/** The row that several stores share. */
export class InMemoryTokenRow {
  token: StoredAccessToken | null = null;
  lease: { readonly owner: string; readonly untilMs: number } | null = null;
}

// Each method decides without awaiting anything, so none can be interleaved with another.
export class InMemoryTokenStore implements TokenStore {
  readonly #row: InMemoryTokenRow;

  constructor(row: InMemoryTokenRow) {
    this.#row = row;
  }

  read(): Promise<StoredAccessToken | null> {
    return Promise.resolve(this.#row.token);
  }

  acquireLease(input: { generation: number; owner: string; leaseMs: number }): Promise<boolean> {
    const isHeld = this.#row.lease !== null && this.#row.lease.untilMs >= performance.now();
    if (isHeld || (this.#row.token?.generation ?? 0) !== input.generation) return Promise.resolve(false);
    this.#row.lease = { owner: input.owner, untilMs: performance.now() + input.leaseMs };
    return Promise.resolve(true);
  }

  store({ owner, ...token }: StoredAccessToken & { readonly owner: string }): Promise<boolean> {
    if (this.#row.lease?.owner !== owner || (this.#row.token?.generation ?? 0) >= token.generation) {
      return Promise.resolve(false);
    }
    this.#row.token = token;
    this.#row.lease = null;
    return Promise.resolve(true);
  }

  releaseLease(owner: string): Promise<void> {
    if (this.#row.lease?.owner === owner) this.#row.lease = null;
    return Promise.resolve();
  }
}
