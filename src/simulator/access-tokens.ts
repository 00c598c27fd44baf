// Douyin's rules for access tokens: how long one lives, what a new fetch does to the one before, and how often one may ask.
import type { IdSource } from './ids.ts';

const GRACE_MS = 300_000;
const RATE_WINDOW_MS = 300_000;
const KNOWN_TOKENS = 2;

export interface AccessToken {
  value: string;
  endsAtMs: number;
}

/** Everything about tokens that outlives a restart; newest token first. */
export interface AccessTokenState {
  issued: number;
  known: AccessToken[];
}

/** What a token in a request is worth: `expired` is 2190008, `invalid` 2190002. */
export type TokenVerdict = 'valid' | 'expired' | 'invalid';

export class AccessTokenBook {
  #state: AccessTokenState = { issued: 0, known: [] };
  #fetchTimesMs: number[] = [];
  readonly #ids: () => IdSource;
  readonly #save: (state: AccessTokenState) => void;

  /** @param save keeps a new state; it is called before the state is taken over and may throw */
  constructor(ids: () => IdSource, save: (state: AccessTokenState) => void) {
    this.#ids = ids;
    this.#save = save;
  }

  get state(): AccessTokenState {
    return this.#state;
  }

  restore(state: AccessTokenState): void {
    this.#state = state;
  }

  /** Counts a call for a token; false when there were more than `limit` in five minutes. */
  admitFetch(nowMs: number, limit: number): boolean {
    this.#fetchTimesMs = this.#fetchTimesMs.filter((atMs) => atMs > nowMs - RATE_WINDOW_MS);
    if (this.#fetchTimesMs.length >= limit) return false;
    this.#fetchTimesMs.push(nowMs);
    return true;
  }

  /**
   * A new token. The previous one ends five minutes later at the latest, the one before it is forgotten.
   * @param graceMs how long the previous token still works
   */
  issue(nowMs: number, lifetimeSeconds: number, graceMs = GRACE_MS): AccessToken {
    const token = {
      value: this.#ids().accessToken(this.#state.issued),
      endsAtMs: nowMs + lifetimeSeconds * 1000,
    };
    const previous = this.#state.known
      .slice(0, KNOWN_TOKENS - 1)
      .map((known) => ({ ...known, endsAtMs: Math.min(known.endsAtMs, nowMs + graceMs) }));
    this.#change({ issued: this.#state.issued + 1, known: [token, ...previous] });
    return token;
  }

  /** The newest token while it is valid, else a new one. */
  issueStable(nowMs: number, lifetimeSeconds: number): AccessToken {
    const newest = this.#state.known[0];
    return newest !== undefined && newest.endsAtMs > nowMs ? newest : this.issue(nowMs, lifetimeSeconds);
  }

  check(value: string | undefined, nowMs: number): TokenVerdict {
    const token = this.#state.known.find((known) => known.value === value);
    if (token === undefined) return 'invalid';
    return token.endsAtMs > nowMs ? 'valid' : 'expired';
  }

  /** Ends every token now; clients are told 2190008. */
  expireAll(nowMs: number): void {
    this.#change({
      ...this.#state,
      known: this.#state.known.map((token) => ({ ...token, endsAtMs: Math.min(token.endsAtMs, nowMs) })),
    });
  }

  /** Forgets every token; clients are told 2190002. */
  revokeAll(): void {
    this.#change({ ...this.#state, known: [] });
  }

  #change(state: AccessTokenState): void {
    this.#save(state);
    this.#state = state;
  }
}
