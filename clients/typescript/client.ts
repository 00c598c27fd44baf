// A till's way to the gateway: signs, sends, repeats what is safe to repeat, and asks until a verification is decided.
// Which failures are repeated is repeat-policy.ts, the signature sign.ts. Nothing here logs or stores anything.
import { DyGatewayError, withVerification } from './errors.ts';
import { canParseLosslessly, parseLosslessly } from './lossless-json.ts';
import { isWorthRepeating, mayHaveArrived, parseRetryAfterMs, waitBeforeRepeatMs } from './repeat-policy.ts';
import { createNonce, signRequest } from './sign.ts';
import type {
  AccessToken,
  DouyinAnswer,
  PrepareBody,
  PrepareRequest,
  StoresBody,
  StoresQuery,
  VerificationView,
  VerifyRequest,
} from './types.ts';

/** One attempt. Longer than the gateway's own budget (8 s), so that its `processing` arrives. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** A whole call, all repeats and questions included. */
const DEFAULT_DEADLINE_MS = 30_000;
/** Larger answers are not the gateway's. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const FIRST_POLL_WAIT_MS = 500;
const LONGEST_POLL_WAIT_MS = 3_000;

/** Time, replaceable in tests. */
export interface Clock {
  /** Unix time in milliseconds; goes into the signature. */
  readonly wallMs: () => number;
  /** Never jumps; measures deadlines. */
  readonly monotonicMs: () => number;
  /** Rejects with the signal's reason when it is aborted. */
  readonly sleep: (durationMs: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** One HTTP answer, handed out for logs before it is judged. It may hold coupon data: mind what you keep. */
export interface ReceivedAnswer {
  readonly method: string;
  readonly requestTarget: string;
  readonly status: number;
  readonly requestId: string;
  readonly body: string;
}

export interface DyGatewayClientOptions {
  /** E.g. `https://gateway.example.com`. */
  readonly baseUrl: string;
  readonly clientKey: string;
  readonly secret: string;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Bound of one attempt, milliseconds. */
  readonly timeoutMs?: number;
  /** Bound of one call with all its repeats, milliseconds. */
  readonly deadlineMs?: number;
  /** Language of messages and advice. */
  readonly language?: 'zh' | 'en';
  readonly onAnswer?: (answer: ReceivedAnswer) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Overrides the client's, milliseconds. */
  readonly deadlineMs?: number;
}

export interface VerifyOptions extends CallOptions {
  /**
   * Gets the verify_token before anything is sent, and is awaited: store it beside the bill, so that a till that
   * loses power can ask again with it. If it throws, nothing is sent.
   */
  readonly onToken?: (verifyToken: string) => void | Promise<void>;
}

interface Call {
  readonly method: 'GET' | 'POST';
  /** Relative to the base URL, already percent-encoded. */
  readonly path: string;
  readonly body: string;
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal | undefined;
}

const TEXTS = {
  noAnswer: { zh: '连不上网关，请检查网络', en: 'The gateway could not be reached; check the network' },
  timeout: { zh: '网关没有及时应答', en: 'The gateway did not answer in time' },
  aborted: { zh: '已取消', en: 'Cancelled' },
  badAnswer: {
    zh: '应答不是网关的格式，请检查网关地址',
    en: 'The answer is not in the gateway’s format; check the gateway’s address',
  },
  badToken: {
    zh: 'verify_token 须为 1 至 128 个字符，不含控制字符，且不能是 "." 或 ".."',
    en: 'verify_token must be 1 to 128 characters without control characters, and not "." or ".."',
  },
  preparedTokenMissing: {
    zh: 'encrypted_code 方式须带上 prepare 返回的 verify_token',
    en: 'encrypted_code needs the verify_token that its prepare returned',
  },
} as const;

const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, durationMs);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/**
 * Client of one gateway for one app. Safe to share; it holds no connection of its own.
 * Every method throws `DyGatewayError` and nothing else, except what `onToken` and `onAnswer` throw.
 */
export class DyGatewayClient {
  readonly #baseUrl: string;
  readonly #clientKey: string;
  readonly #secret: string;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #deadlineMs: number;
  readonly #language: 'zh' | 'en';
  readonly #onAnswer: ((answer: ReceivedAnswer) => void) | undefined;
  /** Server's clock minus ours, learned from the gateway when ours is too far off. */
  #clockOffsetMs = 0;

  constructor(options: DyGatewayClientOptions) {
    if (!canParseLosslessly())
      throw new Error('This JavaScript engine rounds large JSON integers; use Node 22 or later');
    this.#baseUrl = new URL(options.baseUrl).href.replace(/\/$/, '');
    this.#clientKey = options.clientKey;
    this.#secret = options.secret;
    this.#fetch = options.fetch ?? fetch;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#language = options.language ?? 'zh';
    this.#onAnswer = options.onAnswer;
  }

  /**
   * Redeems one coupon, exactly once however often it is repeated with the same `verify_token`.
   * @returns the record: `success`, `failed` with `advice`, or `processing` if it was not decided within the deadline
   * @throws DyGatewayError whose `verifyToken` is the one to repeat with, and whose `isOutcomeUnknown` says whether the
   *   coupon may be redeemed all the same
   */
  async verify(request: VerifyRequest, options: VerifyOptions = {}): Promise<VerificationView> {
    // Callers without type checks get here too, and a made-up token would never fit their prepare.
    const { encrypted_code: encryptedCode } = request as { readonly encrypted_code?: string };
    if (encryptedCode !== undefined && request.verify_token === undefined) {
      throw this.#clientError('client.invalid_argument', 'preparedTokenMissing');
    }
    const verifyToken = request.verify_token ?? crypto.randomUUID();
    this.#checkToken(verifyToken);
    await options.onToken?.(verifyToken);

    const deadlineAtMs = this.#deadlineAtMs(options);
    // Written once: a repeat with another body would be another request under the same token, which is refused.
    const body = JSON.stringify({ ...request, verify_token: verifyToken });
    const call: Call = {
      method: 'POST',
      path: '/v1/open/coupons/verify',
      body,
      deadlineAtMs,
      signal: options.signal,
    };
    const view = await this.#send(call, (text) => this.#readVerification(text, verifyToken), verifyToken);
    return view.verify_status === 'processing' ? this.#askUntilDecided(view, call) : view;
  }

  /** @returns what Douyin says about the coupon; consumes nothing. Douyin's own error codes are in the body. */
  async prepare(request: PrepareRequest, options: CallOptions = {}): Promise<DouyinAnswer<PrepareBody>> {
    const call = this.#call('POST', '/v1/open/coupons/prepare', JSON.stringify(request), options);
    return this.#send(call, (text) => ({ raw: text, body: parseLosslessly(text) as PrepareBody }));
  }

  /** @returns the verification this app asked for under that token, or null if there is none */
  async findVerification(verifyToken: string, options: CallOptions = {}): Promise<VerificationView | null> {
    this.#checkToken(verifyToken);
    const call = this.#call('GET', lookUpPath(verifyToken), '', options);
    try {
      return await this.#send(call, (text) => this.#readVerification(text, verifyToken));
    } catch (error) {
      if (error instanceof DyGatewayError && error.code === 'verification.not_found') return null;
      throw error;
    }
  }

  /** Only for apps that are allowed to; every read is audited. */
  async readAccessToken(options: CallOptions = {}): Promise<AccessToken> {
    const call = this.#call('GET', '/v1/open/douyin/access-token', '', options);
    return this.#send(call, (text) => readData(text) as AccessToken);
  }

  async queryStores(query: StoresQuery = {}, options: CallOptions = {}): Promise<DouyinAnswer<StoresBody>> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query) as [string, string | number | undefined][]) {
      if (value !== undefined) parameters.set(name, String(value));
    }
    const search = parameters.size > 0 ? `?${parameters.toString()}` : '';
    const call = this.#call('GET', `/v1/open/douyin/stores${search}`, '', options);
    return this.#send(call, (text) => ({ raw: text, body: parseLosslessly(text) as StoresBody }));
  }

  async #askUntilDecided(first: VerificationView, verify: Call): Promise<VerificationView> {
    const verifyToken = first.verify_token;
    const { deadlineAtMs, signal } = verify;
    const lookUp: Call = { method: 'GET', path: lookUpPath(verifyToken), body: '', deadlineAtMs, signal };
    const read = (text: string): VerificationView => this.#readVerification(text, verifyToken);
    let view = first;
    for (let waitMs = FIRST_POLL_WAIT_MS; view.verify_status === 'processing'; waitMs *= 1.5) {
      const boundedWaitMs = Math.min(waitMs, LONGEST_POLL_WAIT_MS);
      if (this.#clock.monotonicMs() + boundedWaitMs >= deadlineAtMs) return view;
      try {
        await this.#sleep(boundedWaitMs, signal);
        view = await this.#attempt(lookUp, read);
      } catch (error) {
        if (!(error instanceof DyGatewayError)) throw error;
        if (error.code === 'client.aborted') throw withVerification(error, verifyToken, true);
        // It ended before anything was sent to Douyin after all: the same token tries again.
        if (error.details['verification_id'] !== undefined)
          view = await this.#send(verify, read, verifyToken);
        // "Still processing" is the last thing known for certain, and what to do about it is the same: ask again.
        else if (!isWorthRepeating(error)) return view;
      }
    }
    return view;
  }

  /** Sends until there is an answer worth having or the deadline is too near. A verification is named by its token. */
  async #send<T>(call: Call, read: (text: string) => T, verifyToken?: string): Promise<T> {
    let isOutcomeUnknown = false;
    let hasLearnedClock = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(call, read);
      } catch (error) {
        if (!(error instanceof DyGatewayError)) throw error;
        isOutcomeUnknown ||= verifyToken !== undefined && mayHaveArrived(error);
        const failure =
          verifyToken === undefined ? error : withVerification(error, verifyToken, isOutcomeUnknown);

        if (error.code === 'auth.timestamp_out_of_window' && !hasLearnedClock && this.#learnClock(error)) {
          hasLearnedClock = true;
          continue;
        }
        if (!isWorthRepeating(error)) throw failure;
        const waitMs = waitBeforeRepeatMs(attempt, error.retryAfterMs, Math.random());
        if (this.#clock.monotonicMs() + waitMs >= call.deadlineAtMs) throw failure;
        try {
          await this.#sleep(waitMs, call.signal);
        } catch (aborted) {
          if (!(aborted instanceof DyGatewayError) || verifyToken === undefined) throw aborted;
          throw withVerification(aborted, verifyToken, isOutcomeUnknown);
        }
      }
    }
  }

  /** One request, newly signed under a new nonce. */
  async #attempt<T>(call: Call, read: (text: string) => T): Promise<T> {
    if (call.signal?.aborted) throw this.#clientError('client.aborted', 'aborted', call.signal.reason);
    const url = new URL(this.#baseUrl + call.path);
    const requestTarget = url.pathname + url.search;
    const signed = await signRequest({
      clientKey: this.#clientKey,
      secret: this.#secret,
      timestamp: String(Math.floor((this.#clock.wallMs() + this.#clockOffsetMs) / 1000)),
      nonce: createNonce(),
      method: call.method,
      requestTarget,
      body: call.body,
    });
    const requestId = crypto.randomUUID();
    const timeout = AbortSignal.timeout(
      Math.max(1, Math.ceil(Math.min(this.#timeoutMs, call.deadlineAtMs - this.#clock.monotonicMs()))),
    );

    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(url, {
        method: call.method,
        headers: {
          ...signed.headers,
          'X-Request-Id': requestId,
          'Accept-Language': this.#language,
          ...(call.body === '' ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(call.body === '' ? {} : { body: call.body }),
        // A signature is for one address; following a redirect would carry it to another.
        redirect: 'manual',
        signal: call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]),
      });
      text = await readText(response);
    } catch (error) {
      const details = { requestId };
      if (call.signal?.aborted)
        throw this.#clientError('client.aborted', 'aborted', call.signal.reason, details);
      if (timeout.aborted) throw this.#clientError('client.timeout', 'timeout', error, details);
      throw this.#clientError(
        'client.network',
        'noAnswer',
        (error as { cause?: unknown }).cause ?? error,
        details,
      );
    }

    const answeredRequestId = response.headers.get('X-Request-Id') ?? requestId;
    this.#onAnswer?.({
      method: call.method,
      requestTarget,
      status: response.status,
      requestId: answeredRequestId,
      body: text,
    });
    const known = {
      status: response.status,
      requestId: answeredRequestId,
      retryAfterMs: parseRetryAfterMs(response.headers.get('Retry-After'), this.#clock.wallMs()) ?? undefined,
    };
    if (response.status !== 200) throw this.#answeredError(text, known);
    try {
      return read(text);
    } catch (error) {
      throw this.#clientError('client.bad_answer', 'badAnswer', error, known);
    }
  }

  #answeredError(
    text: string,
    known: { status: number; requestId: string; retryAfterMs: number | undefined },
  ): DyGatewayError {
    const envelope = readErrorEnvelope(text);
    if (envelope === null) return this.#clientError('client.bad_answer', 'badAnswer', undefined, known);
    return new DyGatewayError({
      code: envelope.code,
      message: envelope.message,
      status: known.status,
      requestId: known.requestId,
      details: envelope.details,
      ...(known.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs }),
    });
  }

  /** Takes over the server's time. @returns whether the answer told it */
  #learnClock(error: DyGatewayError): boolean {
    const told = error.details['server_time'];
    const serverMs =
      typeof told === 'number'
        ? told < 1e11
          ? told * 1000
          : told
        : typeof told === 'string'
          ? Date.parse(told)
          : NaN;
    if (Number.isNaN(serverMs)) return false;
    this.#clockOffsetMs = serverMs - this.#clock.wallMs();
    return true;
  }

  /** @throws when the answer is not a record of this very verification, in a status this package understands */
  #readVerification(text: string, verifyToken: string): VerificationView {
    const view = readData(text) as Partial<VerificationView>;
    if (
      view.verify_status !== 'success' &&
      view.verify_status !== 'failed' &&
      view.verify_status !== 'processing'
    ) {
      throw new Error('verify_status is not one of success, failed, processing');
    }
    if (view.verify_token !== verifyToken) throw new Error('the record is that of another verify_token');
    return view as VerificationView;
  }

  #checkToken(verifyToken: string): void {
    const length = [...verifyToken].length;
    // "." and ".." cannot stand in a URL's path, however they are encoded, so they could never be looked up.
    const isDotSegment = verifyToken === '.' || verifyToken === '..';
    if (
      length < 1 ||
      length > 128 ||
      isDotSegment ||
      /\p{Cc}/u.test(verifyToken) ||
      !verifyToken.isWellFormed()
    ) {
      throw this.#clientError('client.invalid_argument', 'badToken');
    }
  }

  async #sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#clock.sleep(durationMs, signal);
    } catch (error) {
      throw this.#clientError('client.aborted', 'aborted', error);
    }
  }

  #call(method: 'GET' | 'POST', path: string, body: string, options: CallOptions): Call {
    return { method, path, body, deadlineAtMs: this.#deadlineAtMs(options), signal: options.signal };
  }

  #deadlineAtMs(options: CallOptions): number {
    return this.#clock.monotonicMs() + (options.deadlineMs ?? this.#deadlineMs);
  }

  #clientError(
    code: `client.${string}`,
    text: keyof typeof TEXTS,
    cause?: unknown,
    known: { status?: number; requestId?: string; retryAfterMs?: number | undefined } = {},
  ): DyGatewayError {
    return new DyGatewayError({
      code,
      message: TEXTS[text][this.#language],
      status: known.status ?? 0,
      requestId: known.requestId ?? '',
      ...(known.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs }),
      cause,
    });
  }
}

function lookUpPath(verifyToken: string): string {
  return `/v1/open/coupons/verifications/${encodeURIComponent(verifyToken)}`;
}

/** @throws when it is not the success envelope */
function readData(text: string): object {
  const envelope = parseLosslessly(text) as { readonly data?: unknown } | null;
  if (typeof envelope?.data !== 'object' || envelope.data === null) throw new Error('the answer has no data');
  return envelope.data;
}

function readErrorEnvelope(
  text: string,
): { code: string; message: string; details: Readonly<Record<string, unknown>> } | null {
  let parsed: { readonly error?: { code?: unknown; message?: unknown; details?: unknown } } | null;
  try {
    parsed = parseLosslessly(text) as typeof parsed;
  } catch {
    // Not JSON: a proxy's page. The caller reports it as such.
    return null;
  }
  const error = parsed?.error;
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') return null;
  const details = typeof error.details === 'object' && error.details !== null ? error.details : {};
  return { code: error.code, message: error.message, details: details as Record<string, unknown> };
}

/** The body as text, read no further than the limit. */
async function readText(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  let receivedBytes = 0;
  for await (const chunk of response.body as ReadableStream<Uint8Array<ArrayBuffer>>) {
    receivedBytes += chunk.byteLength;
    if (receivedBytes > MAX_ANSWER_BYTES)
      throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
