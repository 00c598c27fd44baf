// What the tests of the Douyin client share: a client on a simulator, servers for transport oddities, a log that keeps.
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pino, type Logger } from 'pino';
import type { Clock } from '../../src/ports/clock.ts';
import type { AccessToken, AccessTokens } from '../../src/ports/douyin.ts';

export const systemClock: Clock = { now: () => new Date() };

/** A logger whose lines can be read. */
export function keepingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }), lines };
}

/** A token that never changes, where a test is not about tokens. */
export function fixedTokens(token = 'clt.fixed'): AccessTokens & { replacements: number } {
  const given: AccessToken = { token, expiresAt: new Date(Date.now() + 7_200_000), generation: 1 };
  return {
    replacements: 0,
    current: () => Promise.resolve(given),
    replace() {
      this.replacements += 1;
      return Promise.resolve({ ...given, generation: given.generation + this.replacements });
    },
    keepFresh: () => Promise.resolve({ refreshed: false, expiresAt: given.expiresAt }),
  };
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export async function httpServer(handle: RequestListener): Promise<TestServer> {
  return listening(createServer(handle));
}

/** A server below HTTP: what it does with each connection is up to the test. */
export async function tcpServer(
  onConnection: (socket: Socket, index: number) => void,
): Promise<TestServer & { connectionCount: () => number }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    connections += 1;
    onConnection(socket, connections);
  });
  const started = await listening(server);
  return {
    ...started,
    connectionCount: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await started.close();
    },
  };
}

/** A port nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await tcpServer(() => undefined);
  await server.close();
  return server.port;
}

async function listening(server: Server | HttpServer): Promise<TestServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        if ('closeAllConnections' in server) server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** An HTTP/1.1 answer as bytes. */
export function rawAnswer(body: string, headers = '', status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}
