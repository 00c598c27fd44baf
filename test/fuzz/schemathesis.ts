// Schemathesis, an independent judge: reads /openapi.json, makes its own requests from it and checks every answer. It
// runs in a Python environment of its own, made once per pinned version in the cache folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import type { Credentials } from '../support/http-gateway.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const REQUIREMENTS = join(FOLDER, 'schemathesis-requirements.txt');
const SETTINGS = join(FOLDER, 'schemathesis.toml');
const INSTALL_TIMEOUT_MS = 180_000;

export interface UsableCoupon {
  readonly poi_id: string;
  readonly short_link: string;
  readonly code: string;
}

export interface SchemathesisOptions {
  /** As `prepareSchemathesis` made it. */
  readonly environment: string;
  readonly url: string;
  /** What it signs as; its requests leave this app alone. */
  readonly app: Credentials & { readonly id: number };
  readonly coupons: readonly UsableCoupon[];
  readonly seed: number;
  readonly examplesPerOperation: number;
  /** What it writes, its report among it. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface SchemathesisResult {
  readonly hasPassed: boolean;
  /** operation → status → how often */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly sent: number;
  /** What it printed, findings and how to repeat them among it. */
  readonly output: string;
}

/** @throws when it ends by a mistake of its own */
export async function runSchemathesis(options: SchemathesisOptions): Promise<SchemathesisResult> {
  const countsFile = join(options.folder, 'schemathesis-counts.txt');
  await writeFile(countsFile, '');
  const { code, output } = await runProgram(
    join(options.environment, 'bin', 'schemathesis'),
    [
      '--config-file', SETTINGS, '--no-color', 'run', `${options.url}/openapi.json`, '--url', options.url, '--seed', String(options.seed),
      '--phases', 'examples,coverage,fuzzing', '--max-examples', String(options.examplesPerOperation), '--continue-on-failure',
      '--request-timeout', '20', '--generation-database', 'none', '--suppress-health-check', 'all', '--warnings', 'off',
      // Its threads and Python 3.11's parser do not go together (gh-106905).
      '--workers', '1', '--report', 'ndjson', '--report-dir', options.folder,
    ],
    {
      cwd: options.folder,
      signal: options.signal,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PYTHONPATH: FOLDER,
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'schemathesis_hooks',
        FUZZ_APP_ID: String(options.app.id),
        FUZZ_CLIENT_KEY: options.app.clientKey,
        FUZZ_SECRET: options.app.secret,
        FUZZ_COUPONS: JSON.stringify(options.coupons),
        FUZZ_COUNTS_FILE: countsFile,
        FUZZ_SEED: String(options.seed),
      },
    },
  ); // prettier-ignore
  const counts = await readCounts(countsFile);
  const sent = [...counts.values()]
    .flatMap((ofOperation) => [...ofOperation.values()])
    .reduce((sum, count) => sum + count, 0);
  // 0: nothing found, 1: something; anything else, or nothing sent, says nothing about the gateway.
  if ((code !== 0 && code !== 1) || sent === 0)
    throw new Error(`Schemathesis ended with ${code}:\n${output.slice(-4000)}`);
  return { hasPassed: code === 0, counts, sent, output };
}

/**
 * @returns the folder of a Python environment that has exactly the pinned packages
 * @throws when Python or the packages cannot be had
 */
export async function prepareSchemathesis(
  report: (message: string) => void,
  given: AbortSignal,
): Promise<string> {
  const signal = AbortSignal.any([given, AbortSignal.timeout(INSTALL_TIMEOUT_MS)]);
  const requirements = await readFile(REQUIREMENTS);
  const version = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const folder = join(await prepareCacheFolder(), `schemathesis-${version}`);
  const finished = join(folder, 'finished');
  if (await access(finished).then(() => true, () => false)) return folder; // prettier-ignore
  report('installing Schemathesis from PyPI, once');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await runOrThrow('python3', ['-m', 'venv', folder], signal);
  await runOrThrow(
    join(folder, 'bin', 'pip'),
    ['install', '--quiet', '--no-deps', '--requirement', REQUIREMENTS],
    signal,
  );
  // Whole or not at all: a killed installation is done again.
  await writeFile(`${finished}.draft`, '');
  await rename(`${finished}.draft`, finished);
  return folder;
}

async function runOrThrow(
  program: string,
  parameters: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  // With the machine's own settings of proxies and registries.
  const { code, output } = await runProgram(program, parameters, { signal, env: process.env });
  if (code !== 0)
    throw new Error(`${program} ${parameters.join(' ')} ended with ${code}:\n${output.slice(-2000)}`);
}

async function runProgram(
  program: string,
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<{ readonly code: number | null; readonly output: string }> {
  const chunks: Buffer[] = [];
  const child: ChildProcess = spawn(program, parameters, {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: options.signal,
  });
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}

async function readCounts(file: string): Promise<Map<string, Map<string, number>>> {
  const counts = new Map<string, Map<string, number>>();
  for (const line of (await readFile(file, 'utf8')).split('\n').filter((text) => text !== '')) {
    const [operation = '', status = ''] = line.split(' ');
    const ofOperation = counts.get(operation) ?? new Map<string, number>();
    counts.set(operation, ofOperation.set(status, (ofOperation.get(status) ?? 0) + 1));
  }
  return counts;
}
