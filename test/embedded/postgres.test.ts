import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { findProcessesWorkingIn, findRunningProcess, isRunning } from '../../src/embedded/running-process.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { eventually } from './eventually.ts';

const ignoreReports = () => undefined;
const onLinux = process.platform === 'linux' ? it : it.skip;
const asRoot = process.getuid?.() === 0 ? it : it.skip;

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('startEmbeddedPostgres', () => {
  const makeFolder = scratchFolders();
  const running: EmbeddedPostgres[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((postgres) => postgres.stop()));
  });

  async function start(
    dataDir: string,
    more: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {},
  ): Promise<EmbeddedPostgres> {
    const postgres = await startEmbeddedPostgres({
      dataDir,
      databaseName: 'gateway',
      preferredPort: 0,
      durability: 'none',
      report: ignoreReports,
      ...more,
    });
    running.push(postgres);
    return postgres;
  }

  it('keeps the data for the next start', async () => {
    const dataDir = join(await makeFolder(), 'made', 'by', 'the', 'start');
    const first = await start(dataDir, { durability: 'full' });
    await query(first.url, "create table redeemed as select '团购券'::text as code");
    await first.stop();
    expect(await findRunningProcess(first.pid)).toBeNull();
    const second = await start(dataDir, { durability: 'full' });
    expect(await query(second.url, 'select code from redeemed')).toEqual([{ code: '团购券' }]);
  });

  it('runs durable, in UTC and UTF-8, and keeps row values out of its log', async () => {
    const dataDir = await makeFolder();
    const { url } = await start(dataDir, { durability: 'full' });
    const names = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'timezone',
      'server_encoding',
      'data_checksums',
    ];
    const values = await Promise.all(names.map((name) => query(url, `show ${name}`)));
    expect(values.flat().map((row) => Object.values(row as object)[0] as unknown)).toEqual([
      ...['on', 'on', 'on', 'UTC', 'UTF8', 'on'],
    ]);
    await query(url, 'create table coupons (code text primary key)');
    await query(url, "insert into coupons values ('secret-code')");
    await expect(query(url, "insert into coupons values ('secret-code')")).rejects.toMatchObject({
      code: '23505',
    });
    const log = await readFile(join(dataDir, 'logs', 'postgres.log'), 'utf8');
    expect(log).toContain('duplicate key');
    expect(log).not.toContain('secret-code');
  });

  it('asks for a password that only its owner can read', async () => {
    const dataDir = await makeFolder();
    const { url } = await start(dataDir);
    expect((await stat(join(dataDir, 'postgres', 'password'))).mode & 0o777).toBe(0o600);
    const wrong = new URL(url);
    wrong.password = 'guessed';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('takes another port when the preferred one is in use', async () => {
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(0, '127.0.0.1', resolve));
    const { port: taken } = occupant.address() as { port: number };
    const { port, url } = await start(await makeFolder(), { preferredPort: taken });
    await new Promise((resolve) => occupant.close(resolve));
    expect(port).not.toBe(taken);
    expect(await query(url, 'select current_database() as name')).toEqual([{ name: 'gateway' }]);
  });

  it('lets several start at the same moment that prefer the same port', async () => {
    const preferredPort = await findFreePort(0);
    const folders = await Promise.all([makeFolder(), makeFolder(), makeFolder()]);
    const started = await Promise.all(folders.map((folder) => start(folder, { preferredPort })));
    expect(new Set(started.map(({ port }) => port)).size).toBe(3);
    for (const { url } of started) expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a data folder in use, names the process, and leaves that server alone', async () => {
    const dataDir = await makeFolder();
    const first = await start(dataDir);
    await expect(start(dataDir)).rejects.toThrow(`in use by the running process ${process.pid}`);
    expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('starts over a pid file whose pid now belongs to another program, and leaves that one alone', async () => {
    const dataDir = await makeFolder();
    await (await start(dataDir)).stop();
    running.splice(0);
    const bystander = spawn('sleep', ['60'], process.getuid?.() === 0 ? await clusterOwner(dataDir) : {});
    const pidFile = join(dataDir, 'postgres', 'home', 'cluster', 'postmaster.pid');
    await writeFile(pidFile, `${bystander.pid}\n/elsewhere\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n`);
    try {
      const { url } = await start(dataDir);
      expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
      expect(await findRunningProcess(bystander.pid!)).not.toBeNull();
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  it('starts over a pid file whose pid is that of a dead process nobody has asked about', async () => {
    const dataDir = await makeFolder();
    await (await start(dataDir)).stop();
    running.splice(0);
    // The shell's child is killed after another program took the shell's place, which never asks what became of it.
    const negligent = spawn('/bin/sh', ['-c', 'sleep 61 & echo $!; exec sleep 60']);
    const [line] = (await once(negligent.stdout, 'data')) as [Buffer];
    const zombiePid = Number(line.toString());
    await eventually(
      'the shell is replaced',
      async () => (await findRunningProcess(negligent.pid!))?.commandLine === 'sleep 60',
    );
    process.kill(zombiePid, 'SIGKILL');
    await eventually('it is dead', async () => (await findRunningProcess(zombiePid)) === null);
    const pidFile = join(dataDir, 'postgres', 'home', 'cluster', 'postmaster.pid');
    await writeFile(pidFile, `${zombiePid}\n/elsewhere\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n`);
    try {
      expect(() => process.kill(zombiePid, 0)).not.toThrow();
      const { url } = await start(dataDir);
      expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    } finally {
      negligent.kill('SIGKILL');
    }
  });

  onLinux('ends what outlives a killed server and still holds its memory', async () => {
    const dataDir = await makeFolder();
    const killed = await start(dataDir, { durability: 'full' });
    running.splice(0);
    await query(killed.url, "create table redeemed as select '4711'::text as code");
    const cluster = join(dataDir, 'postgres', 'home', 'cluster');
    const worker = (await findProcessesWorkingIn(cluster, 'postgres')).find(({ commandLine }) =>
      commandLine.includes('walwriter'),
    )!;
    // Held, so that it cannot notice the end of its server, as one deep in a long computation does not.
    process.kill(worker.pid, 'SIGSTOP');
    process.kill(killed.pid, 'SIGKILL');
    await killed.stop();
    expect(await isRunning(worker)).toBe(true);
    const { url } = await start(dataDir, { durability: 'full' });
    expect(await query(url, 'select code from redeemed')).toEqual([{ code: '4711' }]);
    expect(await isRunning(worker)).toBe(false);
  });

  it('begins anew where an earlier creation was cut short', async () => {
    const dataDir = await makeFolder();
    const draft = join(dataDir, 'postgres', 'home', 'cluster.incomplete');
    await mkdir(draft, { recursive: true });
    await writeFile(join(draft, 'PG_VERSION'), '18\n');
    const { url } = await start(dataDir);
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('says what to do when the data folder cannot be written', async () => {
    const file = join(await makeFolder(), 'a-file');
    await writeFile(file, '');
    await expect(start(file)).rejects.toThrow(
      /cannot be written \(ENOTDIR\): make it writable .* or set DATA_DIR/,
    );
  });

  it('can be given up, and started again', async () => {
    const dataDir = await makeFolder();
    const giveUp = new AbortController();
    const starting = start(dataDir, {
      signal: giveUp.signal,
      report: () => giveUp.abort(new Error('given up')),
    });
    await expect(starting).rejects.toThrow('aborted');
    const { url } = await start(dataDir);
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('tells when the server ends by itself', async () => {
    const reports: string[] = [];
    let told: () => void = () => undefined;
    const isTold = new Promise<void>((resolve) => (told = resolve));
    const { pid } = await start(await makeFolder(), {
      report: (message) => {
        reports.push(message);
        if (message.includes('unexpectedly')) told();
      },
    });
    process.kill(pid, 'SIGQUIT');
    await isTold;
    expect(reports.at(-1)).toMatch(/^PostgreSQL ended unexpectedly .*postgres\.log$/);
  });

  asRoot(
    'keeps the files elsewhere, and finds them again, when its user cannot reach the data folder',
    async () => {
      const parent = await makeFolder();
      const systemFolder = join(parent, 'system');
      const dataDir = join(parent, 'private', 'data');
      await mkdir(join(parent, 'private'), { mode: 0o700 });
      const first = await start(dataDir, { systemFolder });
      await query(first.url, 'create table redeemed as select 4711 as code');
      await first.stop();
      expect(await readdir(systemFolder)).toHaveLength(1);
      const second = await start(dataDir, { systemFolder });
      expect(await query(second.url, 'select code from redeemed')).toEqual([{ code: 4711 }]);
    },
  );
});

async function clusterOwner(dataDir: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(join(dataDir, 'postgres', 'home', 'cluster'));
  return { uid, gid };
}
