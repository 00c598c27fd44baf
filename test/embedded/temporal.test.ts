import { createServer } from 'node:net';
import { join } from 'node:path';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';

import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';

import { findFreePort } from '../../src/embedded/free-port.ts';
import { findListeningPorts, findRunningProcess } from '../../src/embedded/running-process.ts';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection, namespace: 'gateway' }));
  } finally {
    await connection.close();
  }
}

describe('startEmbeddedTemporal', () => {
  const makeFolder = scratchFolders();
  const running: EmbeddedTemporal[] = [];
  let cliPath: string;

  beforeAll(async () => {
    cliPath = await findTemporalCli({
      explicitPath: process.env['TEMPORAL_CLI'],
      cacheDir: await prepareCacheFolder(),
      report: () => undefined,
    });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((temporal) => temporal.stop()));
  });

  async function start(
    dataDir: string,
    more: Partial<Parameters<typeof startEmbeddedTemporal>[0]> = {},
  ): Promise<EmbeddedTemporal> {
    const temporal = await startEmbeddedTemporal({
      cliPath,
      dataDir,
      namespace: 'gateway',
      preferredPort: 0,
      preferredUiPort: 0,
      report: () => undefined,
      ...more,
    });
    running.push(temporal);
    return temporal;
  }

  it('begins anew where its very first start was cut short, and keeps the file of one that served', async () => {
    const dataDir = await makeFolder();
    const folder = join(dataDir, 'temporal');
    await mkdir(folder);
    await writeFile(join(folder, 'temporal.sqlite'), '');
    await writeFile(join(folder, 'temporal.sqlite.incomplete'), '');
    const { address } = await start(dataDir);
    await withClient(address, (client) =>
      client.workflow.start('Waiting', { taskQueue: 'nobody', workflowId: 'waiting-1' }),
    );
    expect(await readdir(folder)).not.toContain('temporal.sqlite.incomplete');
  });

  it('keeps workflows for the next start, and serves its UI', async () => {
    const dataDir = await makeFolder();
    const first = await start(dataDir);
    expect((await fetch(first.uiUrl)).status).toBe(200);
    await withClient(first.address, (client) =>
      client.workflow.start('Waiting', { taskQueue: 'nobody', workflowId: 'waiting-1' }),
    );
    await first.stop();
    expect(await findRunningProcess(first.pid)).toBeNull();
    const second = await start(dataDir);
    const found = await withClient(second.address, (client) =>
      client.workflow.getHandle('waiting-1').describe(),
    );
    expect(found.status.name).toBe('RUNNING');
  });

  it('lets a workflow start eagerly', async () => {
    const { address } = await start(await makeFolder(), { storage: 'memory' });
    const described = await withClient(address, (client) =>
      client.workflowService.describeNamespace({ namespace: 'gateway' }),
    );
    expect(described.namespaceInfo?.capabilities?.eagerWorkflowStart).toBe(true);
  });

  it('takes other ports when the preferred ones are in use', async () => {
    const occupants = [createServer(), createServer()];
    await Promise.all(
      occupants.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))),
    );
    const [port, uiPort] = occupants.map((server) => (server.address() as { port: number }).port);
    const temporal = await start(await makeFolder(), {
      storage: 'memory',
      preferredPort: port!,
      preferredUiPort: uiPort!,
    });
    await Promise.all(occupants.map((server) => new Promise((resolve) => server.close(resolve))));
    expect(temporal.address).not.toBe(`127.0.0.1:${port}`);
    expect(temporal.uiUrl).not.toBe(`http://127.0.0.1:${uiPort}`);
    expect((await fetch(temporal.uiUrl)).status).toBe(200);
  });

  it('does not take the server of another gateway for its own, which took the port a moment before', async () => {
    const folder = await makeFolder();
    const port = await findFreePort(0);
    // The first time it is slow: another server takes its port, and serves, before it notices and ends.
    const slowProgram = `#!/bin/sh
if [ -e '${folder}/began' ]; then exec '${cliPath}' "$@"; fi
touch '${folder}/began'
'${cliPath}' server start-dev --ip 127.0.0.1 --port ${port} --namespace gateway --headless >'${folder}/log' 2>&1 &
echo $! >'${folder}/other-pid'
until grep -q 'Temporal Server:' '${folder}/log'; do sleep 0.1; done
sleep 1
exit 1
`;
    const slowPath = join(folder, 'temporal-slow');
    await writeFile(slowPath, slowProgram, { mode: 0o755 });
    try {
      const temporal = await start(await makeFolder(), { cliPath: slowPath, preferredPort: port });
      expect(temporal.address).not.toBe(`127.0.0.1:${port}`);
      expect((await findRunningProcess(temporal.pid))?.commandLine).toContain(cliPath);
    } finally {
      process.kill(Number(await readFile(join(folder, 'other-pid'), 'utf8')), 'SIGTERM');
    }
  });

  it('lets several start at the same moment that prefer the same ports', async () => {
    const preferred = { preferredPort: await findFreePort(0), preferredUiPort: await findFreePort(0) };
    const folders = await Promise.all([makeFolder(), makeFolder(), makeFolder()]);
    const started = await Promise.all(
      folders.map((folder) => start(folder, { storage: 'memory', ...preferred })),
    );
    for (const { address, uiUrl, pid } of started) {
      const own = await findListeningPorts(pid);
      for (const text of [address, uiUrl]) expect(own?.has(Number(text.split(':').at(-1)))).toBe(true);
    }
  });

  it('refuses a data folder in use and names the process', async () => {
    const dataDir = await makeFolder();
    await start(dataDir);
    await expect(start(dataDir)).rejects.toThrow(`in use by the running process ${process.pid}`);
  });

  it('shows what the server said when it does not start', async () => {
    const dataDir = await makeFolder();
    const broken = join(dataDir, 'temporal-broken');
    await writeFile(broken, '#!/bin/sh\necho "unknown flag: --ui-ip" >&2\nexit 1\n', { mode: 0o755 });
    await expect(start(dataDir, { cliPath: broken })).rejects.toThrow(
      /Temporal ended with exit code 1 while starting:\n.*unknown flag: --ui-ip/s,
    );
    // The folder is free again.
    await start(dataDir);
  });
});
