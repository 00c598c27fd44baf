// The signature of the open endpoints, as pure functions: what is signed, how, and how two signatures are compared.
// Whose secret it is and whether the nonce is fresh: authenticate-app.ts.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const ALGORITHM = 'DYGW-HMAC-SHA256';

/** How far a request's timestamp may be from the server's time, either way. Milliseconds. */
export const SIGNATURE_WINDOW_MS = 300_000;

const SECONDS = /^\d{1,12}$/;
const MILLISECONDS = /^\d{13}$/;
const NONCE = /^[A-Za-z0-9_-]{8,64}$/;

export interface SignedParts {
  /** The three headers' texts, exactly as sent. */
  readonly clientKey: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly method: string;
  /** Path and query exactly as on the request line. */
  readonly requestTarget: string;
  /** The raw bytes; empty when there is no body. */
  readonly body: Uint8Array;
}

/** The text a caller signs: seven lines, the last one the body's hash. */
export function stringToSign(parts: SignedParts): string {
  return [
    ALGORITHM,
    parts.clientKey,
    parts.timestamp,
    parts.nonce,
    parts.method.toUpperCase(),
    parts.requestTarget,
    createHash('sha256').update(parts.body).digest('hex'),
  ].join('\n');
}

/** @returns the signature in lower-case hex */
export function signatureOf(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

/** Compares two signatures in time that does not depend on where they differ. */
export function isSameSignature(expected: string, given: string): boolean {
  const expectedBytes = Buffer.from(expected);
  const givenBytes = Buffer.from(given);
  return expectedBytes.length === givenBytes.length && timingSafeEqual(expectedBytes, givenBytes);
}

/** @returns the moment X-Timestamp names (Unix seconds, or milliseconds with 13 digits), or null if it names none */
export function readTimestamp(text: string): Date | null {
  if (MILLISECONDS.test(text)) return new Date(Number(text));
  return SECONDS.test(text) ? new Date(Number(text) * 1000) : null;
}

export function isNonce(text: string): boolean {
  return NONCE.test(text);
}
