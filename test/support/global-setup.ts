// Starts what the tests need, once per jest run: a PostgreSQL and a Temporal dev server, both forgetful, unless
// TEST_DATABASE_URL and TEST_TEMPORAL_ADDRESS name ones that run already. TEST_PARTS=none starts neither.
// Their addresses reach the tests by these same variables. If jest is killed, the servers end by themselves.
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FolderInUseError, lockFolder } from '../../src/embedded/folder-lock.ts';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { stopTestServers, type TestServers, testServers } from './test-servers.ts';

const FOLDER_PREFIX = 'dy-gateway-test-';
const MIN_STALE_AGE_MS = 60_000;

function report(message: string): void {
  process.stderr.write(`test servers: ${message}\n`);
}

const lockRun = (folder: string) => lockFolder(join(folder, 'lock'), `the folder ${folder} of a test run`);

/** Removes the folders of runs that were killed before they could. */
async function removeStaleFolders(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(FOLDER_PREFIX));
  for (const folder of names.map((name) => join(tmpdir(), name))) {
    const stats = await stat(folder).catch(() => null);
    // A run beside this one may have made its folder and not yet its lock; another user's folder is not ours to remove.
    if (stats === null || stats.uid !== process.getuid?.() || Date.now() - stats.mtimeMs < MIN_STALE_AGE_MS)
      continue;
    try {
      await (
        await lockRun(folder)
      )();
    } catch (err) {
      if (err instanceof FolderInUseError) continue;
      throw err;
    }
    await rm(folder, { recursive: true, force: true });
  }
}

async function startPostgres(servers: TestServers, dataDir: string): Promise<void> {
  const postgres = await startEmbeddedPostgres({
    dataDir,
    preferredPort: 0,
    databaseName: 'dy_gateway_test',
    durability: 'none',
    report,
  });
  servers.stops.push(() => postgres.stop());
  process.env['TEST_DATABASE_URL'] = postgres.url;
}

async function startTemporal(servers: TestServers, dataDir: string): Promise<void> {
  const cliPath = await findTemporalCli({
    explicitPath: process.env['TEMPORAL_CLI'],
    cacheDir: await prepareCacheFolder(),
    report,
  });
  const temporal = await startEmbeddedTemporal({
    cliPath,
    dataDir,
    storage: 'memory',
    preferredPort: 0,
    preferredUiPort: 0,
    report,
  });
  servers.stops.push(() => temporal.stop());
  process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
}

export default async function startTestServers(): Promise<void> {
  if (process.env['TEST_PARTS'] === 'none') return;
  const needsPostgres = !process.env['TEST_DATABASE_URL'];
  const needsTemporal = !process.env['TEST_TEMPORAL_ADDRESS'];
  if (!needsPostgres && !needsTemporal) return;
  await removeStaleFolders();
  const servers = testServers();
  const dataDir = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  servers.folders.push(dataDir);
  // mkdtemp makes it for us alone; PostgreSQL runs as another user when the tests run as root.
  await chmod(dataDir, 0o755);
  servers.stops.push(await lockRun(dataDir));
  const starts = await Promise.allSettled([
    needsPostgres ? startPostgres(servers, dataDir) : undefined,
    needsTemporal ? startTemporal(servers, dataDir) : undefined,
  ]);
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    // jest does not call the teardown after a failed setup.
    await stopTestServers();
    throw failed.reason;
  }
}
