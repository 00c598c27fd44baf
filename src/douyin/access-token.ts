// The gateway's one access token: cached in memory, shared through the token store, fetched by one process at a time.
// Where it is stored and sealed is the store's affair.
//
// It is fetched from /oauth/client_token/, not from /oauth/stable_client_token/: the stable one answers the same token
// until that ends, so refreshing it early gains nothing and every token's last minutes would be everybody's problem.
// A client token's predecessor lives five minutes longer, which is what lets processes change over without a gap.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'undici';
import { AppError } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Secret } from '../observability/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { AccessToken, AccessTokens } from '../ports/douyin.ts';
import type { StoredAccessToken, TokenStore } from '../ports/token-store.ts';
import type { MonotonicDouyinClock } from './douyin-clock.ts';
import { createDouyinPool, exchange, MAX_ANSWER_BYTES } from './http-exchange.ts';
import { clientTokenSchema, readDateHeader, readJsonObject } from './wire.ts';

const CLIENT_TOKEN_PATH = '/oauth/client_token/';
const DEFAULT_MINIMUM_LIFE_MS = 60_000;
/** With less than this left a token is replaced behind the callers' backs, while they still get the old one. */
const REFRESH_AHEAD_MS = 5 * 60_000;
/** How long memory is believed before the row is read again: well inside the predecessor's five minutes. */
const MEMORY_TRUST_MS = 60_000;
/** The lease outlives the fetch it is for, so that a slow fetch is not done twice. */
const LEASE_BEYOND_FETCH_MS = 2_000;
const ROW_POLL_MS = 50;
/** How long one process waits for another's fetch, in time-outs. */
const FOLLOWER_PATIENCE = 1.5;
/** Douyin allows 500 fetches in five minutes and then answers 10020; a token it keeps refusing must not get us there. */
const MAX_FETCHES_PER_MINUTE = 10;
const TOO_FREQUENT_PAUSE_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** Douyin's tokens live two hours; anything outside these is a misreading. */
const MIN_EXPIRES_IN_S = 60;
const MAX_EXPIRES_IN_S = 31 * 86_400;

const TOO_FREQUENT = 10020;
/** Wrong parameters, unknown key, wrong key or secret: no repeat mends these. */
const REFUSALS: ReadonlySet<number> = new Set([10002, 10003, 10013]);

export interface DouyinAccessTokensOptions {
  readonly baseUrl: string;
  readonly clientKey: string;
  readonly clientSecret: Secret;
  readonly store: TokenStore;
  readonly clock: Clock;
  /** Bound of one fetch, milliseconds. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** Told when Douyin gave a token: its answer has no other time than its `Date` header. */
  readonly douyinClock?: MonotonicDouyinClock;
}

export class DouyinAccessTokens implements AccessTokens {
  readonly #options: DouyinAccessTokensOptions;
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #path: string;
  readonly #owner = randomUUID();
  #remembered: {
    readonly token: StoredAccessToken;
    readonly readAtMs: number;
    readonly look: number;
  } | null = null;
  /** Looks at the row are numbered in the order they begin. */
  #looks = 0;
  #reading: Promise<StoredAccessToken | null> | null = null;
  #fetching: Promise<StoredAccessToken> | null = null;
  #pause: { readonly untilMs: number; readonly error: AppError } | null = null;
  #failuresInARow = 0;
  #alarmedGeneration = 0;
  #fetchTimesMs: number[] = [];

  constructor(options: DouyinAccessTokensOptions) {
    const baseUrl = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = baseUrl.origin;
    this.#path = baseUrl.pathname.replace(/\/+$/, '') + CLIENT_TOKEN_PATH;
    this.#pool = createDouyinPool(baseUrl.origin, options.timeoutMs, 1);
  }

  /** Waits for a fetch under way, then closes the connection. */
  async close(): Promise<void> {
    await this.#fetching?.catch(() => undefined);
    await this.#pool.close();
  }

  /** What this process knows of the token, for metrics; null before it needed one. */
  status(): Pick<StoredAccessToken, 'generation' | 'obtainedAt' | 'expiresAt'> | null {
    return this.#remembered?.token ?? null;
  }

  async current(minimumLifeMs = DEFAULT_MINIMUM_LIFE_MS): Promise<AccessToken> {
    const known = await this.#known();
    if (known === null || this.#lifeMs(known) < minimumLifeMs) {
      return toAccessToken(await this.#successorOf(known));
    }
    if (this.#lifeMs(known) < REFRESH_AHEAD_MS && !this.#isPaused()) {
      this.#successorOf(known).catch((err: unknown) => {
        this.#options.logger.warn({ err }, 'access token could not be replaced ahead of its end');
      });
    }
    return toAccessToken(known);
  }

  async replace(refusedGeneration: number): Promise<AccessToken> {
    if (this.#remembered && this.#remembered.token.generation > refusedGeneration) {
      return toAccessToken(this.#remembered.token);
    }
    const stored = await this.#readRowOnceForAll();
    if (stored && stored.generation > refusedGeneration) return toAccessToken(stored);
    const isFresh = stored !== null && this.#lifeMs(stored) > DEFAULT_MINIMUM_LIFE_MS;
    if (isFresh && this.#alarmedGeneration < stored.generation) {
      this.#alarmedGeneration = stored.generation;
      this.#options.logger.error(
        {
          generation: stored.generation,
          obtainedAt: stored.obtainedAt,
          expiresAt: stored.expiresAt,
          alert: 'access_token.refused_early',
        },
        'Douyin refused an access token before its end: does another environment fetch tokens with the same client key?',
      );
    }
    return toAccessToken(await this.#successorOf(stored));
  }

  async keepFresh(): Promise<{ readonly refreshed: boolean; readonly expiresAt: Date }> {
    const stored = await this.#readRow();
    if (stored && this.#lifeMs(stored) * 3 >= stored.expiresAt.getTime() - stored.obtainedAt.getTime()) {
      return { refreshed: false, expiresAt: stored.expiresAt };
    }
    const { expiresAt } = await this.#successorOf(stored);
    return { refreshed: true, expiresAt };
  }

  /** What memory knows if that is recent enough, else the row. */
  async #known(): Promise<StoredAccessToken | null> {
    const remembered = this.#remembered;
    if (remembered && this.#nowMs() - remembered.readAtMs < MEMORY_TRUST_MS) return remembered.token;
    try {
      return await this.#readRowOnceForAll();
    } catch (err) {
      // A database that is away for a moment does not make a good token bad.
      if (remembered && this.#lifeMs(remembered.token) > 0) return remembered.token;
      throw err;
    }
  }

  /** A thousand calls that need it at the same moment take one connection, not all there are. */
  #readRowOnceForAll(): Promise<StoredAccessToken | null> {
    this.#reading ??= this.#readRow().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #readRow(): Promise<StoredAccessToken | null> {
    const look = (this.#looks += 1);
    const stored = await this.#options.store.read();
    if (stored) this.#remember(stored, look);
    return stored;
  }

  /**
   * Of two looks that overtake each other the one that began later holds. Nothing in the tokens says so: generations start
   * again in a restored database, and times are those of other processes' clocks.
   */
  #remember(token: StoredAccessToken, look: number): void {
    if (this.#remembered && this.#remembered.look > look) return;
    this.#remembered = { token, readAtMs: this.#nowMs(), look };
  }

  /** A token later than the given one: one fetch at a time in this process, and by the lease in all. */
  async #successorOf(predecessor: StoredAccessToken | null): Promise<StoredAccessToken> {
    const generation = predecessor?.generation ?? 0;
    if (this.#fetching) {
      const fetched = await this.#fetching;
      if (fetched.generation > generation) return fetched;
    }
    this.#fetching ??= this.#obtainSuccessor(generation).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #obtainSuccessor(generation: number): Promise<StoredAccessToken> {
    const { store, timeoutMs } = this.#options;
    if (this.#pause && this.#isPaused()) {
      const stored = await this.#readRow();
      if (stored && stored.generation > generation) return stored;
      throw this.#pause.error;
    }
    // Waiting is bounded by the machine's clock: the injected one may stand still.
    const giveUpAt = performance.now() + timeoutMs * FOLLOWER_PATIENCE;
    for (;;) {
      const leased = await store.acquireLease({
        generation,
        owner: this.#owner,
        leaseMs: timeoutMs + LEASE_BEYOND_FETCH_MS,
      });
      if (leased) return this.#fetchAndStore(generation);
      const stored = await this.#readRow();
      if (stored && stored.generation > generation) return stored;
      if (performance.now() > giveUpAt) {
        throw new AppError('douyin.unavailable', {
          internal: 'another process is fetching the access token',
        });
      }
      await wait(ROW_POLL_MS);
    }
  }

  async #fetchAndStore(predecessorGeneration: number): Promise<StoredAccessToken> {
    const { store, logger } = this.#options;
    let fetched: StoredAccessToken;
    try {
      fetched = await this.#fetch(predecessorGeneration + 1);
    } catch (err) {
      await this.#afterFailure(err, predecessorGeneration);
      throw err;
    }
    const isStored = await store.store({ owner: this.#owner, ...fetched });
    this.#failuresInARow = 0;
    this.#pause = null;
    if (isStored) {
      logger.info({ generation: fetched.generation, expiresAt: fetched.expiresAt }, 'access token fetched');
      this.#remember(fetched, (this.#looks += 1));
      return fetched;
    }
    // The lease ran out and somebody else fetched after us: theirs is the newer token, ours has five minutes.
    const stored = await this.#readRow();
    if (stored && stored.generation > predecessorGeneration) return stored;
    throw new AppError('douyin.unavailable', { internal: 'the lease of the access token was lost' });
  }

  /**
   * Pauses this process's fetches, longer each time. After "too frequent" all processes pause: nobody gets the lease,
   * which is kept without fetching until it ends by itself.
   */
  async #afterFailure(err: unknown, generation: number): Promise<void> {
    const { store, logger } = this.#options;
    const isTooFrequent = err instanceof TooFrequentError;
    const error =
      err instanceof AppError
        ? err
        : new AppError('internal.unexpected', { internal: 'fetching the token', cause: err });
    const pauseMs = isTooFrequent
      ? TOO_FREQUENT_PAUSE_MS
      : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failuresInARow);
    this.#failuresInARow += 1;
    this.#pause = { untilMs: this.#nowMs() + pauseMs, error };
    logger.error(
      { code: error.code, reason: error.message, pauseMs, alert: 'access_token.fetch_failed' },
      'access token could not be fetched',
    );
    await store.releaseLease(this.#owner);
    if (isTooFrequent) await store.acquireLease({ generation, owner: this.#owner, leaseMs: pauseMs });
  }

  async #fetch(generation: number): Promise<StoredAccessToken> {
    const { clientKey, clientSecret, timeoutMs, douyinClock } = this.#options;
    const obtainedAt = this.#options.clock.now();
    this.#countFetch(obtainedAt.getTime());
    const answered = await exchange(this.#pool, {
      origin: this.#origin,
      method: 'POST',
      path: this.#path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_key: clientKey,
        client_secret: clientSecret.expose(),
        grant_type: 'client_credential',
      }),
      timeoutMs,
      maxBodyBytes: MAX_ANSWER_BYTES,
    });
    if (answered.kind !== 'answered') throw tokenUnavailable(`${answered.kind}: ${answered.cause}`);
    const receivedAtMs = douyinClock?.monotonicMs() ?? 0;
    const { accessToken, expiresInS } = readToken(answered.status, answered.body);
    const answeredAt = readDateHeader(answered.headers);
    if (answeredAt) douyinClock?.note(answeredAt, receivedAtMs);
    return {
      token: accessToken,
      obtainedAt,
      expiresAt: new Date(obtainedAt.getTime() + expiresInS * 1000),
      generation,
    };
  }

  #countFetch(nowMs: number): void {
    this.#fetchTimesMs = this.#fetchTimesMs.filter((time) => nowMs - time < 60_000);
    if (this.#fetchTimesMs.length >= MAX_FETCHES_PER_MINUTE) {
      throw tokenUnavailable(`${MAX_FETCHES_PER_MINUTE} fetches within a minute, no more until it is over`);
    }
    this.#fetchTimesMs.push(nowMs);
  }

  #isPaused(): boolean {
    return this.#pause !== null && this.#nowMs() < this.#pause.untilMs;
  }

  #lifeMs(token: StoredAccessToken): number {
    return token.expiresAt.getTime() - this.#nowMs();
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

class TooFrequentError extends AppError {}

/** @throws AppError unless it is certainly a token: an error text must never be stored as one */
function readToken(status: number, body: Buffer): { accessToken: string; expiresInS: number } {
  const parsed = clientTokenSchema.safeParse(readJsonObject(body)?.value);
  if (!parsed.success) throw tokenUnavailable(`HTTP ${status}, the answer does not fit`);
  const { error_code: errorCode, access_token: accessToken, expires_in: expiresInS } = parsed.data.data;
  const what = `HTTP ${status}, code ${errorCode ?? 'none'}`;
  if (errorCode === TOO_FREQUENT) {
    throw new TooFrequentError('douyin.unavailable', { internal: `client_token: ${what}, too frequent` });
  }
  if (typeof errorCode === 'number' && REFUSALS.has(errorCode)) {
    throw new AppError('douyin.refused_gateway', {
      internal: `client_token: ${what}: check the client key and secret`,
    });
  }
  if (status !== 200 || (errorCode !== null && errorCode !== 0)) throw tokenUnavailable(what);
  if (!/^[\x21-\x7e]{8,2048}$/.test(accessToken)) throw tokenUnavailable(`${what}, what it gave is no token`);
  if (expiresInS === null || expiresInS < MIN_EXPIRES_IN_S || expiresInS > MAX_EXPIRES_IN_S) {
    throw tokenUnavailable(`${what}, expires_in is not a life in seconds`);
  }
  return { accessToken, expiresInS };
}

function tokenUnavailable(what: string): AppError {
  return new AppError('douyin.unavailable', { internal: `client_token: ${what}` });
}

function toAccessToken({ token, expiresAt, generation }: StoredAccessToken): AccessToken {
  return { token, expiresAt, generation };
}
