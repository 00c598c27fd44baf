// What becomes of the servers when the gateway is killed with -9, on both sides: they end by themselves, and if they do
// not, the next start ends them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findRunningProcess } from '../../src/embedded/running-process.ts';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { eventually } from './eventually.ts';

const SCRIPT = fileURLToPath(new URL('./start-parts.ts', import.meta.url));

interface Parts {
  readonly postgresUrl: string;
  readonly postgresPid: number;
  readonly temporalPid: number;
}

describe('a gateway killed with -9', () => {
  const makeFolder = scratchFolders();
  let cliPath: string;
  let gateway: ChildProcess | undefined;
  let parts: Parts | undefined;

  beforeAll(async () => {
    cliPath = await findTemporalCli({
      explicitPath: process.env['TEMPORAL_CLI'],
      cacheDir: await prepareCacheFolder(),
      report: () => undefined,
    });
  });

  afterEach(async () => {
    gateway?.kill('SIGKILL');
    for (const pid of [parts?.postgresPid, parts?.temporalPid]) {
      const running = pid === undefined ? null : await findRunningProcess(pid);
      if (running?.commandLine.includes('dy-gateway-scratch-')) process.kill(running.pid, 'SIGKILL');
    }
    gateway = undefined;
    parts = undefined;
  });

  async function startGateway(dataDir: string): Promise<{ process: ChildProcess; parts: Parts }> {
    const child = spawn(process.execPath, [SCRIPT, dataDir, cliPath], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    gateway = child;
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    parts = JSON.parse(line.toString('utf8')) as Parts;
    return { process: child, parts };
  }

  const hasEnded = (pid: number) => async () => (await findRunningProcess(pid)) === null;

  it('takes PostgreSQL and Temporal with it', async () => {
    const { process: child, parts: started } = await startGateway(await makeFolder());
    child.kill('SIGKILL');
    await eventually('PostgreSQL ends', hasEnded(started.postgresPid));
    await eventually('Temporal ends', hasEnded(started.temporalPid));
  });

  it('leaves servers that the next start stops, with the data kept', async () => {
    const dataDir = await makeFolder();
    const { process: child, parts: started } = await startGateway(dataDir);
    const client = new pg.Client({ connectionString: started.postgresUrl });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('create table redeemed (code text)');
    await client.query("insert into redeemed values ('4711')");

    // The watches that end the servers die too: the case of a machine out of memory.
    const childPids = execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
    const watchPids = childPids.filter((pid) => pid !== started.postgresPid && pid !== started.temporalPid);
    expect(watchPids).toHaveLength(2);
    for (const pid of watchPids) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await findRunningProcess(started.postgresPid)).not.toBeNull();
    expect(await findRunningProcess(started.temporalPid)).not.toBeNull();

    const reports: string[] = [];
    const report = (message: string) => void reports.push(message);
    const [postgres, temporal] = await Promise.all([
      startEmbeddedPostgres({ dataDir, databaseName: 'gateway', preferredPort: 0, report }),
      startEmbeddedTemporal({ dataDir, cliPath, preferredPort: 0, preferredUiPort: 0, report }),
    ]);
    try {
      expect(reports).toEqual(
        expect.arrayContaining([
          `stopped the PostgreSQL an earlier run left behind (process ${started.postgresPid})`,
          `stopped the Temporal server an earlier run left behind (process ${started.temporalPid})`,
        ]),
      );
      const again = new pg.Client({ connectionString: postgres.url });
      await again.connect();
      expect((await again.query('select code from redeemed')).rows).toEqual([{ code: '4711' }]);
      await again.end();
    } finally {
      await Promise.all([postgres.stop(), temporal.stop()]);
      await client.end();
    }
  });
});
