// What a route's handler answers: data for its response schema, or bytes as they are.
import type { Readable } from 'node:stream';

export interface DataAnswer {
  readonly kind: 'data';
  readonly status: number;
  readonly body: unknown;
}

export interface BytesAnswer {
  readonly kind: 'bytes';
  readonly status: 200;
  readonly contentType: string;
  readonly body: Buffer | string | Readable;
  readonly headers: Readonly<Record<string, string>>;
}

export type Answer = DataAnswer | BytesAnswer;

/** Data, checked and stripped by the response schema of its status. */
export function data(body: unknown, status = 200): DataAnswer {
  return { kind: 'data', status, body };
}

/** Bytes that no schema touches. */
export function bytes(
  contentType: string,
  body: BytesAnswer['body'],
  headers: Readonly<Record<string, string>> = {},
): BytesAnswer {
  return { kind: 'bytes', status: 200, contentType, body, headers };
}
