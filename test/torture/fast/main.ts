// `npm run torture:fast`: breadth. Many seeds of many verifications each, with crashes at every gate and every fault the
// simulator knows, on a turned clock; then three ledgers are compared. Exits 1 with the seeds that failed.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../../src/embedded/postgres.ts';
import { SABOTAGE_NAMES, type SabotageName } from './sabotage.ts';
import { type Tally, addReport, emptyTally, isClean, renderTally, scoreOf } from './tally.ts';
import type { WorkerMessage, WorkerTask } from './worker.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const PROGRESS_MS = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    'verifications-per-seed': { type: 'string', default: '100' },
    /** Runs this one seed only, or names the first of several. */
    seed: { type: 'string' },
    workers: { type: 'string', default: '2' },
    lanes: { type: 'string', default: '3' },
    /** Breaks the gateway on purpose: what is then not found, the checker does not see. */
    sabotage: { type: 'string' },
    /** Where the ledgers of each seed are written, for whoever looks for a cause. */
    keep: { type: 'string' },
    /** Where the score is written as JSON. */
    json: { type: 'string' },
    /** After this long it ends with what it has, and says that it is not all. */
    'max-minutes': { type: 'string', default: '30' },
  },
});

const seedCount = positive('seeds');
const verificationsPerSeed = positive('verifications-per-seed');
const firstSeed = values.seed ?? randomBytes(4).toString('hex');
const seeds =
  seedCount === 1 ? [firstSeed] : Array.from({ length: seedCount }, (_, index) => `${firstSeed}.${index}`);

function positive(name: 'seeds' | 'verifications-per-seed' | 'workers' | 'lanes' | 'max-minutes'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is not a positive whole number`);
  return number;
}

function sabotageName(): SabotageName | null {
  const name = values.sabotage;
  if (name === undefined) return null;
  const known = SABOTAGE_NAMES.find((sabotage) => sabotage === name);
  if (!known) throw new Error(`--sabotage is one of ${SABOTAGE_NAMES.join(', ')}`);
  return known;
}

async function withDatabase<T>(use: () => Promise<T>): Promise<T> {
  if (process.env['TEST_DATABASE_URL']) return use();
  const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-torture-'));
  // PostgreSQL runs as another user when this runs as root.
  await chmod(folder, 0o755);
  const postgres = await startEmbeddedPostgres({
    dataDir: folder,
    preferredPort: 0,
    databaseName: 'dy_gateway_torture',
    durability: 'none',
    report: () => undefined,
  });
  process.env['TEST_DATABASE_URL'] = postgres.url;
  try {
    return await use();
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs one worker to its end. */
function runWorker(task: WorkerTask, tally: Tally, children: Set<ChildProcess>): Promise<void> {
  return new Promise((resolve) => {
    const child = fork(WORKER, {
      execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64'],
    });
    children.add(child);
    let isDone = false;
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'seed') addReport(tally, message.report);
      if (message.kind === 'failed') tally.crashedSeeds.push({ seed: message.seed, error: message.error });
      if (message.kind === 'done') isDone = true;
      for (const line of tally.news.splice(0)) process.stdout.write(`${line}\n`);
    });
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (!isDone && tally.stoppedAfterMinutes === null)
        tally.crashedSeeds.push({ seed: '', error: `a worker ended with ${code ?? signal}` });
      resolve();
    });
    child.send(task);
  });
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  process.stdout.write(`seed ${firstSeed}: ${seedCount} × ${verificationsPerSeed} verifications\n`);
  const tally = emptyTally();
  const children = new Set<ChildProcess>();
  await withDatabase(async () => {
    const workers = Math.min(positive('workers'), seedCount);
    const progress = setInterval(() => {
      process.stdout.write(
        `${seconds().toFixed(0)} s: ${tally.seeds}/${seedCount} seeds, ${tally.verifications} verifications ` +
          `(${Math.round(tally.verifications / seconds())}/s), ${tally.failedSeeds.size} seeds failed\n`,
      );
    }, PROGRESS_MS);
    const deadline = setTimeout(
      () => {
        tally.stoppedAfterMinutes = positive('max-minutes');
        for (const child of children) child.kill('SIGKILL');
      },
      positive('max-minutes') * 60_000,
    );
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        tally.crashedSeeds.push({ seed: '', error: `stopped by ${signal}` });
        for (const child of children) child.kill('SIGKILL');
      });
    }
    await Promise.all(
      Array.from({ length: workers }, (_, worker) =>
        runWorker(
          {
            seeds: seeds.filter((_seed, index) => index % workers === worker),
            verificationsPerSeed,
            lanes: positive('lanes'),
            sabotage: sabotageName(),
            keepFolder: values.keep ?? null,
          },
          tally,
          children,
        ),
      ),
    );
    clearInterval(progress);
    clearTimeout(deadline);
  });
  process.stdout.write(renderTally(tally, { seconds: seconds(), verificationsPerSeed }));
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify(scoreOf(tally, seconds()), null, 2)}\n`);
  }
  process.exitCode = isClean(tally) && tally.seeds === seedCount ? 0 : 1;
}

await main();
