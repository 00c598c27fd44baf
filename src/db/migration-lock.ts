// One migration at a time, whoever starts it: two that build the same index at the same moment would fail each other, and
// leave an invalid one behind.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** Names the lock among the advisory locks of the database. */
const LOCK_NAME = 'dy-gateway migrations';
const PAUSE_MS = 500;
const CONNECT_TIMEOUT_MS = 5000;

/** @throws when the database cannot be reached */
export async function openMigrationSession(url: string): Promise<pg.Client> {
  const session = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  // The lock goes with its session, but a migration under way still ends as it would alone.
  session.on('error', () => undefined);
  await session.connect();
  return session;
}

/**
 * Runs it while the session holds the lock of its database, then ends the session. Asks for the lock again and again and
 * never waits in the database: a waiting statement has a snapshot, and `create index concurrently` waits for that to end.
 * @param options.patienceMs how long another one may have it
 * @throws when another one has the lock for too long, or it is told to stop; and as `run`
 */
export async function withMigrationLock(
  session: pg.Client,
  options: { readonly patienceMs: number; readonly stop: AbortSignal; readonly onWait: () => void },
  run: () => Promise<void>,
): Promise<void> {
  try {
    const giveUpAt = performance.now() + options.patienceMs;
    for (let hasWaited = false; !(await tryLock(session)); hasWaited = true) {
      if (performance.now() > giveUpAt) throw new Error('Another migration of this database does not end');
      if (!hasWaited) options.onWait();
      await delay(PAUSE_MS, undefined, { signal: options.stop });
    }
    await run();
  } finally {
    await session.end();
  }
}

async function tryLock(session: pg.Client): Promise<boolean> {
  const { rows } = await session.query<{ is_ours: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as is_ours',
    [LOCK_NAME],
  );
  return rows[0]?.is_ours === true;
}
