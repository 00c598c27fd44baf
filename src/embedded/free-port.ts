// Picks the port an embedded server listens on: its usual one, or any free one.
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (err: NodeJS.ErrnoException) => {
      // EACCES: the port belongs to the system, which is as much "not for us" as one in use.
      if (err.code === 'EADDRINUSE' || err.code === 'EACCES') resolve(null);
      else reject(err);
    });
    probe.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      const address = probe.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      probe.close(() => resolve(bound));
    });
  });
}

/**
 * Finds a port that is free on the loopback address at this moment. Another process can take it before the caller binds
 * it, so a caller must be ready to ask again.
 * @param preferredPort taken if it is free; 0 for any
 * @returns the preferred port, or one the system chose
 */
export async function findFreePort(preferredPort: number): Promise<number> {
  const port = (await tryPort(preferredPort)) ?? (await tryPort(0));
  if (port === null) throw new Error(`no free port on ${LOOPBACK}`);
  return port;
}
