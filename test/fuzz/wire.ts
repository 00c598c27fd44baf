// One request written byte by byte to a socket of its own, and whatever comes back within a bound. A real HTTP client
// would refuse to send most of what a fuzzer wants to send.
import net from 'node:net';

/** How long an answer may take; the gateway's own budget is far below. */
const ANSWER_TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface WireRequest {
  readonly method: string;
  readonly target: string;
  /** In this order, repeated names as they are. Latin-1. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /**
   * How the body's end is told: by its length, in chunks, by a length that is never reached (then the sender hangs up
   * its half), or by one that is passed.
   */
  readonly framing: 'length' | 'chunked' | 'cut' | 'surplus';
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type WireEnd =
  | { readonly kind: 'answered'; readonly answer: WireAnswer; readonly ms: number }
  /** The connection ended without a whole answer. */
  | { readonly kind: 'closed'; readonly ms: number }
  /** Neither an answer nor the connection's end within the bound. */
  | { readonly kind: 'hung'; readonly ms: number };

/** Never rejects. */
export function exchangeBytes(url: string, request: WireRequest): Promise<WireEnd> {
  const { hostname, port } = new URL(url);
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isDone = false;
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const timer = setTimeout(() => end('hung'), ANSWER_TIMEOUT_MS);
    const end = (kind: 'answered' | 'closed' | 'hung') => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.destroy();
      const ms = performance.now() - startedAt;
      const answer = readAnswer(Buffer.concat(chunks), request.method);
      resolve(
        answer && kind !== 'hung'
          ? { kind: 'answered', answer, ms }
          : { kind: kind === 'hung' ? 'hung' : 'closed', ms },
      );
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) end('closed');
    });
    socket.once('end', () => end('answered'));
    socket.once('error', () => end('answered'));
    socket.once('close', () => end('answered'));
    socket.write(requestBytes(request, `${hostname}:${port}`));
    if (request.framing === 'cut') socket.end();
  });
}

function requestBytes(request: WireRequest, host: string): Buffer {
  const { method, target, headers, body, framing } = request;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(names.has('host') ? [] : [`Host: ${host}`]),
    'Connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const isEmpty = body.length === 0;
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  else if (framing === 'cut') lines.push(`Content-Length: ${body.length + 100}`);
  else if (framing === 'surplus') lines.push(`Content-Length: ${Math.floor(body.length / 2)}`);
  else if (!isEmpty) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (framing !== 'chunked') return Buffer.concat([head, body]);
  const half = Math.ceil(body.length / 2);
  const pieces = [body.subarray(0, half), body.subarray(half)].filter((piece) => piece.length > 0);
  const chunks = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([head, ...chunks, Buffer.from('0\r\n\r\n')]);
}

/** @returns null unless the bytes begin with one whole answer */
function readAnswer(bytes: Buffer, method: string): WireAnswer | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const rest = bytes.subarray(headEnd + 4);
  if (status === 100) return readAnswer(rest, method);
  if (!Number.isInteger(status)) return null;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
  const body = hasBody ? readBody(rest, headers) : rest;
  return body && { status, headers, body };
}

function readBody(rest: Buffer, headers: Readonly<Record<string, string>>): Buffer | null {
  if (headers['transfer-encoding'] === 'chunked') return joinChunks(rest);
  const length = headers['content-length'];
  if (length === undefined) return rest;
  return rest.length >= Number(length) ? rest.subarray(0, Number(length)) : null;
}

function joinChunks(bytes: Buffer): Buffer | null {
  const pieces: Buffer[] = [];
  for (let position = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', position);
    if (lineEnd < 0) return null;
    const length = Number.parseInt(bytes.subarray(position, lineEnd).toString('latin1'), 16);
    if (length === 0) return Buffer.concat(pieces);
    const start = lineEnd + 2;
    if (Number.isNaN(length) || bytes.length < start + length + 2) return null;
    pieces.push(bytes.subarray(start, start + length));
    position = start + length + 2;
  }
}
