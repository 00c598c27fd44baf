// The HTTP server around the Koa app: its bounds, and the answer to what is no whole HTTP request. The parser refuses
// that before there is a request to hand on, so no middleware sees it. It never listens.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type Koa from 'koa';
import { errorBody } from './error-response.ts';
import type { RequestState } from './request-state.ts';

/** What one connection may take, and how many there may be. */
export interface HttpLimits {
  /** From a connection's first moment, or its last answer's end if more has come by then, to the end of the headers. */
  readonly headersMs: number;
  /** The same to the end of the body. */
  readonly requestMs: number;
  /** How often the two above are looked at. */
  readonly checkMs: number;
  /** Between an answer and the next request. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction: a reader that has stopped in the middle of an answer. */
  readonly silenceMs: number;
  /** Of this server at a time. One more is closed at once, and those that rest between two requests are too. */
  readonly connections: number;
}

/** Long enough for a slow till's request, short enough that whoever sends nothing does not hold a socket. */
export const HTTP_LIMITS: HttpLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  checkMs: 2000,
  keepAliveMs: 65_000,
  silenceMs: 120_000,
  connections: 2000,
};

/** What Node's parser could not read. */
type ParseError = Error & { readonly rawPacket?: Buffer };

export function createHttpServer(app: Koa<RequestState>, limits = HTTP_LIMITS): Server {
  const handle = app.callback();
  const latestResponse = new WeakMap<Duplex, ServerResponse>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    latestResponse.set(request.socket, response);
    if (request.headers.host === undefined && request.httpVersion !== '1.0') {
      const { headers, body } = unreadableAnswer();
      response.writeHead(400, headers).end(body);
      return;
    }
    void handle(request, response);
  };
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkMs,
      keepAliveTimeout: limits.keepAliveMs,
      // Checked above: Node's own answer has neither envelope nor request id.
      requireHostHeader: false,
    },
    onRequest,
  );
  server.setTimeout(limits.silenceMs);
  server.maxConnections = limits.connections;
  // Who rests between two requests makes room for the next one that comes: a client opens a new connection by itself.
  server.on('drop', () => server.closeIdleConnections());
  // An expectation we do not know changes nothing about the request.
  server.on('checkExpectation', onRequest);
  server.on('clientError', (err: ParseError, socket) => {
    const response = latestResponse.get(socket);
    // Before the answer to a whole request an error would read as that answer, and in its middle as a part of it: the line
    // is cut without a word, so that the client asks again.
    const isUnderWay =
      response !== undefined && !response.writableFinished && (response.headersSent || response.req.complete);
    if (socket.writable && !isUnderWay) {
      const { headers, body } = unreadableAnswer();
      const isHead = err.rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(['HTTP/1.1 400 Bad Request', ...lines, '', isHead ? '' : body].join('\r\n'));
    }
    socket.destroy(err);
  });
  return server;
}

/** As renderErrors answers; the language the caller wants is not known. */
function unreadableAnswer(): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const requestId = randomUUID();
  const body = JSON.stringify(errorBody('request.unreadable', { language: 'zh', requestId }));
  return {
    headers: {
      Connection: 'close',
      'X-Request-Id': requestId,
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
    },
    body,
  };
}
