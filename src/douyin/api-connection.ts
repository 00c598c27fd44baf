// The connection to Douyin's API: paths, headers, time-out, access token and time of one call. What an answer means, and
// which call may be made twice, belongs to the callers.
import type { Pool } from 'undici';
import { AppError } from '../domain/errors.ts';
import type { AccessToken, AccessTokens } from '../ports/douyin.ts';
import type { MonotonicDouyinClock } from './douyin-clock.ts';
import { createDouyinPool, exchange, MAX_ANSWER_BYTES } from './http-exchange.ts';
import { readExchange, type Received } from './wire.ts';

const DEFAULT_CONNECTIONS = 100;
/** A token must outlive the call that carries it, and a little clock difference. */
const TOKEN_LIFE_BEYOND_CALL_MS = 5_000;

const PATHS = {
  prepare: '/goodlife/v1/fulfilment/certificate/prepare/',
  verify: '/goodlife/v1/fulfilment/certificate/verify/',
  get_certificate: '/goodlife/v1/fulfilment/certificate/get/',
  query_verify_records: '/goodlife/v1/fulfilment/certificate/verify_record/query/',
  query_order: '/goodlife/v1/trade/order/query/',
  query_stores: '/goodlife/v1/shop/poi/query/',
} as const;

/** Names a call in logs and metrics. */
export type DouyinEndpoint = keyof typeof PATHS;

export interface ApiConnectionOptions {
  readonly baseUrl: string;
  /** The merchant's root account. */
  readonly accountId: string;
  /** Bound of one HTTP exchange, milliseconds. */
  readonly timeoutMs: number;
  readonly tokens: AccessTokens;
  /** Connections to Douyin at the same time; further calls wait for one within their time-out. */
  readonly connections?: number;
  /** Told the time of each of Douyin's answers. */
  readonly douyinClock?: MonotonicDouyinClock;
}

export interface ApiCall {
  readonly query?: Readonly<Record<string, string>>;
  /** JSON; with it the call is a POST. */
  readonly body?: string;
  readonly signal: AbortSignal | undefined;
  /** Asked right before the first byte leaves: if not, the call is not sent. */
  readonly mayStart?: () => boolean;
}

export class ApiConnection {
  readonly #options: ApiConnectionOptions;
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #basePath: string;

  constructor(options: ApiConnectionOptions) {
    const { origin, pathname } = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = origin;
    this.#basePath = pathname.replace(/\/+$/, '');
    this.#pool = createDouyinPool(origin, options.timeoutMs, options.connections ?? DEFAULT_CONNECTIONS);
  }

  /** Waits for the calls under way, then closes the connections. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Sends one call once, and reads its answer. */
  async send(
    endpoint: DouyinEndpoint,
    token: AccessToken,
    { query = {}, body, signal, mayStart }: ApiCall,
  ): Promise<Received> {
    const exchanged = await exchange(this.#pool, {
      origin: this.#origin,
      method: body === undefined ? 'GET' : 'POST',
      path: this.#basePath + PATHS[endpoint] + encodeQuery(query),
      headers: {
        'access-token': token.token,
        'content-type': 'application/json',
        'rpc-transit-life-account': this.#options.accountId,
      },
      ...(body === undefined ? {} : { body }),
      timeoutMs: this.#options.timeoutMs,
      maxBodyBytes: MAX_ANSWER_BYTES,
      signal,
      mayStart,
    });
    const { douyinClock } = this.#options;
    const receivedAtMs = douyinClock?.monotonicMs() ?? 0;
    const received = readExchange(exchanged);
    if (received.kind === 'answered' && received.answeredAt) {
      douyinClock?.note(received.answeredAt, receivedAtMs);
    }
    return received;
  }

  /** @throws AppError */
  currentToken(signal: AbortSignal | undefined): Promise<AccessToken> {
    const { tokens, timeoutMs } = this.#options;
    return withSignal(tokens.current(timeoutMs + TOKEN_LIFE_BEYOND_CALL_MS), signal);
  }

  /** @throws AppError */
  replacedToken(refused: AccessToken, signal: AbortSignal | undefined): Promise<AccessToken> {
    return withSignal(this.#options.tokens.replace(refused.generation), signal);
  }
}

/** Each value is encoded exactly once; a blank becomes %20, never "+". */
function encodeQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`,
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Stops waiting when the signal fires; what is waited for goes on, since others may wait for it too. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const given = Promise.withResolvers<never>();
  const onAbort = (): void =>
    given.reject(new AppError('douyin.unavailable', { internal: 'cancelled by the caller' }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
