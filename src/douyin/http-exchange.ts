// One HTTP request and its answer on an undici dispatcher, with exact knowledge of whether a byte of it may have left.
// No retries, no redirects, no meaning: those belong to the callers.
//
// undici's `request` cannot be used for this: its errors do not tell a connection that never came about from one that
// broke, and it does not let go of a request that still waits for a connection when its signal fires.
import { Pool, type Dispatcher } from 'undici';

/** More than any answer of Douyin's; a longer one is not Douyin's. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/**
 * An idle connection is given up before a server or something between gives it up: a verify written to a connection
 * that is closing at that moment has an unknown outcome.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * HTTP/1.1 only and one request per connection at a time: with HTTP/2 undici sends a request again by itself when the
 * server goes away, and whether a verify was sent once or twice must be known here.
 */
export function createDouyinPool(origin: string, timeoutMs: number, connections: number): Pool {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
}

/** What undici and Node call a connection that the other side ended. */
const CONNECTION_LOSSES: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export interface ExchangeRequest {
  readonly origin: string;
  readonly method: 'GET' | 'POST';
  /** Path and query, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bound for the whole exchange, waiting for a connection included, milliseconds. */
  readonly timeoutMs: number;
  /** A longer answer ends the exchange as `lost`. */
  readonly maxBodyBytes: number;
  /** Answers with the headers only; the body is thrown away unread. */
  readonly ignoresBody?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Asked before a connection is waited for and right before the first byte: if not, nothing is sent. */
  readonly mayStart?: (() => boolean) | undefined;
}

/** `cause` is a short word for operators and never holds anything of the request. */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: Buffer;
    }
  /** No byte of the request left. */
  | { readonly kind: 'not_sent'; readonly cause: string }
  /** The request may have arrived; its answer did not, or not whole. `isConnectionLoss`: the other side hung up. */
  | { readonly kind: 'lost'; readonly cause: string; readonly isConnectionLoss: boolean };

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Never rejects: whatever happens is one of the three kinds. */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Promise<Exchange> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(request, resolve);
    if (request.signal?.aborted) return handler.end('cancelled');
    if (request.mayStart?.() === false) return handler.end('too late');
    try {
      dispatcher.dispatch(
        {
          origin: request.origin,
          method: request.method,
          path: request.path,
          headers: request.headers,
          body: request.body ?? null,
        },
        handler,
      );
    } catch (err) {
      handler.fail(err);
    }
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #resolve: (exchange: Exchange) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | null = null;
  #receivedBytes = 0;
  #status = 0;
  #headers: AnswerHeaders = {};
  #isSettled = false;

  constructor(request: ExchangeRequest, resolve: (exchange: Exchange) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.end('timeout'), request.timeoutMs);
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Gives the exchange up: at once if it still waits for a connection, else by breaking the connection. */
  end(cause: string): void {
    this.#settle(this.#failure(cause, false));
    this.#release();
    this.#controller?.abort(new Error(cause));
  }

  /** Ends it by an error of undici's or the socket's. */
  fail(err: unknown): void {
    const cause = nameOfFailure(err);
    this.#settle(this.#failure(cause, CONNECTION_LOSSES.has(cause)));
    this.#release();
  }

  /** undici calls this with a connection in hand, right before it writes the first byte. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Before the controller is kept: without one nothing counts as sent.
    if (this.#request.mayStart?.() === false) this.#settle(this.#failure('too late', false));
    this.#controller = controller;
    // Given up while it waited: abort now, and nothing is written.
    if (this.#isSettled) controller.abort(new Error('given up'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (this.#request.ignoresBody) this.#settle(this.#answer());
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#request.maxBodyBytes) return this.end('answer too large');
    if (!this.#request.ignoresBody) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle(this.#answer());
    this.#release();
  }

  onResponseError(_controller: Dispatcher.DispatchController, err: Error): void {
    this.fail(err);
  }

  readonly #onAbort = (): void => this.end('cancelled');

  #answer(): Exchange {
    return {
      kind: 'answered',
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#chunks),
    };
  }

  #failure(cause: string, isConnectionLoss: boolean): Exchange {
    return this.#controller === null
      ? { kind: 'not_sent', cause }
      : { kind: 'lost', cause, isConnectionLoss };
  }

  #settle(result: Exchange): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#resolve(result);
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** An error's code or name: its message could hold an address the caller named. */
function nameOfFailure(err: unknown): string {
  const { code, name } = err as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'error';
}
