// The one error this package throws, and what its failures say about a coupon.

/** Codes of failures that did not come from the gateway; the gateway's own are `area.reason` too (docs: error table). */
export type ClientErrorCode =
  /** The request as given can never work; nothing was sent. */
  | 'client.invalid_argument'
  /** No answer: refused, cut, or no route. */
  | 'client.network'
  /** No answer in time. */
  | 'client.timeout'
  /** The caller's AbortSignal ended it. */
  | 'client.aborted'
  /** Something answered that is not the gateway, or not in its words. */
  | 'client.bad_answer';

export interface DyGatewayErrorOptions {
  /** The gateway's code (`coupon.short_link_invalid` …) or one of `ClientErrorCode`. */
  readonly code: string;
  readonly message: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterMs?: number;
  readonly verifyToken?: string;
  readonly isOutcomeUnknown?: boolean;
  readonly cause?: unknown;
}

export class DyGatewayError extends Error {
  override readonly name = 'DyGatewayError';
  readonly code: string;
  /** HTTP status, 0 when nothing answered. */
  readonly status: number;
  /** Tell it to the operators: it is in every log line of the gateway about this request. Empty if nothing was sent. */
  readonly requestId: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** How long the gateway asked to wait, milliseconds, or null. */
  readonly retryAfterMs: number | null;
  /** Of `verify`: the token to repeat with. Empty for other calls. */
  readonly verifyToken: string;
  /**
   * Of `verify`: a request may have reached the gateway and no record came back, so the coupon may be redeemed.
   * It speaks of this call alone: of a token that an earlier call left unknown, only a record tells.
   * Never show it as failed and never try with another token: repeat with `verifyToken`, or look it up.
   */
  readonly isOutcomeUnknown: boolean;

  constructor(options: DyGatewayErrorOptions) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = options.code;
    this.status = options.status ?? 0;
    this.requestId = options.requestId ?? '';
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.verifyToken = options.verifyToken ?? '';
    this.isOutcomeUnknown = options.isOutcomeUnknown ?? false;
  }
}

/** The same failure, with what the whole call knows about its verification. */
export function withVerification(
  error: DyGatewayError,
  verifyToken: string,
  isOutcomeUnknown: boolean,
): DyGatewayError {
  return new DyGatewayError({
    code: error.code,
    message: error.message,
    status: error.status,
    requestId: error.requestId,
    details: error.details,
    ...(error.retryAfterMs === null ? {} : { retryAfterMs: error.retryAfterMs }),
    verifyToken,
    isOutcomeUnknown,
    cause: error.cause,
  });
}
