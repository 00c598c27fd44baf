// Puts an answer on the socket: whole, in drips, half, or not at all. It knows nothing of what the answer says.
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Answer } from './answers.ts';
import { writeJson } from './json.ts';

const DRIPS = 10;

export function sendWhole(response: ServerResponse, answer: Answer): void {
  const body = bodyBytes(answer);
  response.writeHead(answer.httpStatus, { ...answer.headers, 'content-length': body.length });
  response.end(body);
}

/** Sends the body in ten pieces with a pause between them. */
export async function sendInDrips(
  response: ServerResponse,
  answer: Answer,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  const body = bodyBytes(answer);
  response.writeHead(answer.httpStatus, { ...answer.headers, 'content-length': body.length });
  const pieceLength = Math.max(1, Math.ceil(body.length / DRIPS));
  for (let start = 0; start < body.length; start += pieceLength) {
    response.write(body.subarray(start, start + pieceLength));
    await pause(pauseMs, undefined, { signal });
  }
  response.end();
}

/** Promises the whole body, sends half of it and closes the connection. */
export async function sendHalf(response: ServerResponse, answer: Answer): Promise<void> {
  const body = bodyBytes(answer);
  response.writeHead(answer.httpStatus, { ...answer.headers, 'content-length': body.length });
  await new Promise((resolve) => response.write(body.subarray(0, Math.floor(body.length / 2)), resolve));
  cut(response);
}

/** Closes the connection without another byte. */
export function cut(response: ServerResponse): void {
  response.socket?.destroy();
}

function bodyBytes(answer: Answer): Buffer {
  return Buffer.from(typeof answer.body === 'string' ? answer.body : writeJson(answer.body));
}
