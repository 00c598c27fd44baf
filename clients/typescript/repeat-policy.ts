// When a request is sent again, and after how long: pure functions of the failure, the attempt and the time left.
// Repeating is safe because every repeat carries the same verify_token; it is never done to get another answer.
import type { DyGatewayError } from './errors.ts';

/** The first wait is up to this, then it doubles. Milliseconds. */
export const FIRST_WAIT_MS = 300;
export const LONGEST_WAIT_MS = 4_000;

/** Failures to connect at all: not one byte of the request has left. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Whether a request that failed like this may have been carried out.
 * The gateway's own 4xx, 429, 502 and 503 are promises that nothing was; silence, 500 and strangers' answers are not.
 */
export function mayHaveArrived(error: DyGatewayError): boolean {
  if (error.code === 'client.network') return !NEVER_SENT.has(systemCode(error.cause));
  if (error.code === 'client.timeout') return true;
  // A request that was never begun has no id.
  if (error.code === 'client.aborted') return error.requestId !== '';
  if (error.code === 'client.bad_answer') return error.status < 300 || error.status >= 500;
  // A nonce of 128 random bits is only ever "used before" when something on the way sent our request twice.
  if (error.code === 'auth.nonce_reused') return true;
  return error.status >= 500 && error.status !== 502 && error.status !== 503;
}

/** Whether the same request, newly signed, may get a better answer within seconds. */
export function isWorthRepeating(error: DyGatewayError): boolean {
  if (error.code === 'client.network' || error.code === 'client.timeout') return true;
  if (error.code === 'client.bad_answer')
    return error.status === 200 || error.status === 429 || error.status >= 500;
  if (error.code === 'auth.nonce_reused') return true;
  // Douyin refuses the gateway itself: its operators must act, no wait at the till helps.
  if (error.code === 'douyin.refused_gateway') return false;
  return error.status === 429 || error.status >= 500;
}

/**
 * How long to wait before the next attempt, milliseconds: exponential with jitter, so that tills which failed together
 * do not return together, and never less than the gateway asked for.
 * @param attempt number of the attempt that failed, from 1
 * @param random 0 to 1
 */
export function waitBeforeRepeatMs(attempt: number, retryAfterMs: number | null, random: number): number {
  const ceilingMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(ceilingMs * (0.5 + random / 2)) + (retryAfterMs ?? 0);
}

/** `Retry-After` is seconds or an HTTP date. @returns milliseconds, or null if it is neither */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}

function systemCode(cause: unknown): string {
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
