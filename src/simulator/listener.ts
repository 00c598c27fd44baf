// The HTTP server's sockets: reading a request within limits, refusing connections for a while, closing for good.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LIMITS } from './defaults.ts';

const KEEP_ALIVE_MS = 60_000;
const RELISTEN_MS = 50;
const RELISTEN_TRIES = 100;

export interface Listener {
  port: number;
  /** Refuses new connections and closes idle ones; calls under way go on. */
  refuseConnections(durationMs: number): void;
  isListening(): boolean;
  close(): Promise<void>;
}

export async function listen(options: {
  host: string;
  port: number;
  handle: (message: IncomingMessage, response: ServerResponse) => void;
  onError: (error: Error) => void;
}): Promise<Listener> {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: LIMITS.headerBytes, noDelay: true },
    options.handle,
  );
  await listenOn(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  let isClosing = false;
  let timer: NodeJS.Timeout | undefined;
  const relisten = (triesLeft: number): void => {
    if (isClosing) return;
    listenOn(server, options.host, port).catch((error: unknown) => {
      if (triesLeft === 0) options.onError(error as Error);
      else timer = setTimeout(relisten, RELISTEN_MS, triesLeft - 1);
    });
  };
  return {
    port,
    isListening: () => server.listening,
    refuseConnections: (durationMs) => {
      if (!server.listening || isClosing) return;
      server.close();
      timer = setTimeout(relisten, durationMs, RELISTEN_TRIES);
    },
    close: async () => {
      isClosing = true;
      clearTimeout(timer);
      server.closeAllConnections();
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
  };
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The whole body as text, or undefined when it is larger than allowed. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  // The stream stays open when the loop ends early, so that the refusal can still be sent.
  for await (const piece of message.iterator({ destroyOnReturn: false })) {
    length += (piece as Buffer).length;
    if (length > LIMITS.bodyBytes) return undefined;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}
