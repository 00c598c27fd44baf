// The scripts docker-compose.yml runs, run here against real servers as far as their tools are at hand.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
const SYSTEM_PATH = process.env['PATH'] ?? '';
const makeFolder = scratchFolders();

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('temporal/create-namespace.sh', () => {
  let temporal: EmbeddedTemporal;
  let toolFolder: string;

  beforeAll(async () => {
    const report = () => undefined;
    const cacheDir = await prepareCacheFolder();
    const cliPath = await findTemporalCli({ explicitPath: process.env['TEMPORAL_CLI'], cacheDir, report });
    const dataDir = await makeFolder();
    temporal = await startEmbeddedTemporal({
      cliPath,
      dataDir,
      storage: 'memory',
      preferredPort: 0,
      preferredUiPort: 0,
      report,
    });
    toolFolder = join(dataDir, 'bin');
    await mkdir(toolFolder);
    await symlink(cliPath, join(toolFolder, 'temporal'));
  });
  afterAll(() => temporal?.stop());

  const run = () =>
    execFileSync('/bin/sh', [join(DEPLOY, 'temporal', 'create-namespace.sh')], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: {
        PATH: `${toolFolder}:${SYSTEM_PATH}`,
        HOME: toolFolder,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: 'gateway',
        NAMESPACE_RETENTION: '168h',
      },
    });

  it('makes the namespace, and leaves an existing one as it is', () => {
    expect(run()).toContain('Namespace gateway successfully registered');
    expect(run()).toContain('namespace gateway exists');
  });
});

describe('temporal/setup-schema.sh', () => {
  it('asks for both databases, each to the newest schema', async () => {
    // The tool itself comes only in Temporal's image; this one in its place tells how it was called.
    const folder = await makeFolder();
    const calls = join(folder, 'calls');
    await writeFile(join(folder, 'temporal-sql-tool'), `#!/bin/sh\necho "$@" >> ${calls}\n`, { mode: 0o755 });
    execFileSync('/bin/sh', [join(DEPLOY, 'temporal', 'setup-schema.sh')], {
      env: { PATH: `${folder}:${SYSTEM_PATH}` },
    });
    const schemaFolder = '/etc/temporal/schema/postgresql/v12';
    expect((await readFile(calls, 'utf8')).trim().split('\n')).toEqual([
      '--db temporal setup-schema -v 0.0',
      `--db temporal update-schema -d ${schemaFolder}/temporal/versioned`,
      '--db temporal_visibility setup-schema -v 0.0',
      `--db temporal_visibility update-schema -d ${schemaFolder}/visibility/versioned`,
    ]);
  });
});

(isInstalled('psql') ? describe : describe.skip)('postgres/create-databases.sh', () => {
  let postgres: EmbeddedPostgres | undefined;
  afterAll(() => postgres?.stop());

  it('gives the gateway and Temporal a role and databases each, out of reach of one another', async () => {
    postgres = await startEmbeddedPostgres({
      dataDir: await makeFolder(),
      preferredPort: 0,
      databaseName: 'postgres',
      durability: 'none',
      report: () => undefined,
    });
    const { password, port } = new URL(postgres.url);
    execFileSync('bash', [join(DEPLOY, 'postgres', 'create-databases.sh')], {
      env: {
        PATH: SYSTEM_PATH,
        PGHOST: '127.0.0.1',
        PGPORT: port,
        PGPASSWORD: password,
        POSTGRES_USER: 'postgres',
        GATEWAY_DATABASE_PASSWORD: "gate'way",
        TEMPORAL_DATABASE_PASSWORD: 'tem$poral',
      },
    });
    const connect = async (user: string, userPassword: string, database: string) => {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: Number(port),
        user,
        password: userPassword,
        database,
      });
      await client.connect();
      try {
        await client.query('create table proof_of_ownership ()');
      } finally {
        await client.end();
      }
    };
    await connect('dy_gateway', "gate'way", 'dy_gateway');
    await connect('temporal', 'tem$poral', 'temporal');
    await connect('temporal', 'tem$poral', 'temporal_visibility');
    await expect(connect('temporal', 'tem$poral', 'dy_gateway')).rejects.toMatchObject({ code: '42501' });
    await expect(connect('dy_gateway', "gate'way", 'temporal')).rejects.toMatchObject({ code: '42501' });
  });
});
