// The HTTP server around the Koa app: its time-outs, and the answer to what is no whole HTTP request. The parser refuses
// that before there is a request to hand on, so no middleware sees it. It never listens.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type Koa from 'koa';
import { errorBody } from './error-response.ts';
import type { RequestState } from './request-state.ts';

/** Long enough for a slow till's request, short enough that a dead client does not hold a socket. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;

/** What Node's parser could not read. */
type ParseError = Error & { readonly rawPacket?: Buffer };

export function createHttpServer(app: Koa<RequestState>): Server {
  const handle = app.callback();
  const latestResponse = new WeakMap<Duplex, ServerResponse>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    latestResponse.set(request.socket, response);
    if (request.headers.host === undefined && request.httpVersion !== '1.0') {
      request.socket.end(unreadableAnswer({ isHead: request.method === 'HEAD' }));
      return;
    }
    void handle(request, response);
  };
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Checked above: Node's own answer has neither envelope nor request id.
      requireHostHeader: false,
    },
    onRequest,
  );
  // An expectation we do not know changes nothing about the request.
  server.on('checkExpectation', onRequest);
  server.on('clientError', (err: ParseError, socket) => {
    const response = latestResponse.get(socket);
    const isAnswering = response?.headersSent === true && !response.writableFinished;
    // In the middle of an answer an error would read as a part of it.
    if (socket.writable && !isAnswering) {
      const isHead = err.rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
      socket.write(unreadableAnswer({ isHead }));
    }
    socket.destroy(err);
  });
  return server;
}

/** As renderErrors answers; the language the caller wants is not known. */
function unreadableAnswer({ isHead }: { readonly isHead: boolean }): string {
  const requestId = randomUUID();
  const body = JSON.stringify(errorBody('request.unreadable', { language: 'zh', requestId }));
  return [
    'HTTP/1.1 400 Bad Request',
    'Connection: close',
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    isHead ? '' : body,
  ].join('\r\n');
}
