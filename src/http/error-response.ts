// The only renderer of errors: an AppError becomes its status and public message, anything else `internal.unexpected`.
// Details for operators go to the log under the same request id.
import { AppError, type ErrorCode, type ErrorKind, ERRORS } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { HttpContext, HttpMiddleware } from './request-state.ts';

export const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media: 415,
  misdirected: 421,
  rate_limited: 429,
  upstream_unavailable: 502,
  upstream_refused_gateway: 502,
  upstream_broken: 502,
  gateway_unavailable: 503,
  internal: 500,
};

/** How loud; `alert` wakes somebody. */
const LOG_BY_KIND: Readonly<
  Record<ErrorKind, { readonly level: 'debug' | 'warn' | 'error'; readonly alert: boolean }>
> = {
  // The access log's line tells these completely.
  invalid_input: { level: 'debug', alert: false },
  unauthenticated: { level: 'debug', alert: false },
  forbidden: { level: 'debug', alert: false },
  not_found: { level: 'debug', alert: false },
  conflict: { level: 'debug', alert: false },
  too_large: { level: 'debug', alert: false },
  unsupported_media: { level: 'debug', alert: false },
  misdirected: { level: 'debug', alert: false },
  rate_limited: { level: 'debug', alert: false },
  upstream_unavailable: { level: 'warn', alert: false },
  upstream_refused_gateway: { level: 'error', alert: true },
  upstream_broken: { level: 'error', alert: false },
  gateway_unavailable: { level: 'warn', alert: false },
  internal: { level: 'error', alert: true },
};

export const DEFAULT_RETRY_AFTER_SECONDS = 1;
const MAX_CAUSES = 5;

/** Catches whatever the middleware below throws and answers it. */
export function renderErrors(logger: Logger): HttpMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (err) {
      const error = err instanceof AppError ? err : new AppError('internal.unexpected', { cause: err });
      const { level, alert } = LOG_BY_KIND[error.kind];
      logger[level](
        { request_id: ctx.state.requestId, error_code: error.code, alert, error: errorForLog(error) },
        'request failed',
      );
      render(ctx, error);
    }
  };
}

function render(ctx: HttpContext, error: AppError): void {
  const { requestId, language } = ctx.state;
  const status = STATUS_BY_KIND[error.kind];
  ctx.state.errorCode = error.code;
  ctx.status = status;
  const seconds = error.data?.['retry_after_seconds'];
  if (typeof seconds === 'number') ctx.set('Retry-After', String(seconds));
  else if (status === 429 || status === 503) ctx.set('Retry-After', String(DEFAULT_RETRY_AFTER_SECONDS));
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(errorBody(error.code, { language, requestId, details: error.data }));
}

/** The body of every failed request. */
export function errorBody(
  code: ErrorCode,
  about: {
    readonly language: 'zh' | 'en';
    readonly requestId: string;
    readonly details?: Readonly<Record<string, unknown>> | undefined;
  },
): Record<string, unknown> {
  const { language, requestId, details } = about;
  return {
    error: { code, message: ERRORS[code][language], request_id: requestId, ...(details ? { details } : {}) },
  };
}

/** Names, messages and stacks along the causes, and nothing else: a driver's error also carries values of rows. */
function errorForLog(err: unknown, depth = 0): unknown {
  if (typeof err !== 'object' || err === null) return { message: String(err) };
  const { name, message, stack, code, constraint, cause } = err as Record<string, unknown>;
  return {
    name,
    message,
    ...(code === undefined ? {} : { error_code: code }),
    ...(constraint === undefined ? {} : { constraint }),
    stack,
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorForLog(cause, depth + 1) }),
  };
}
