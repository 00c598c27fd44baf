// `npm run mutants`: plants one bug at a time in a copy of the project and runs the tests closest to it, several copies
// side by side on the same servers. Exits 1 if a bug survives, if none could be planted in the time that was given, or if the
// tests do not pass without one.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { mutantsOfChange } from './changed.ts';
import { closestTests, decisionOf, isInCore, type Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { plantAllAtOnce } from './at-once.ts';
import { copyTree, type Tree } from './tree.ts';

/** Long enough for a busy machine: what is cut off proves nothing of the bug. */
const TIMEOUT_MS = 600_000;

/** What can catch a bug beside its closest tests. */
const PROGRAMS = {
  'fast tier': [
    'test/torture/fast/main.ts',
    ...['--seeds', '24', '--verifications-per-seed', '60', '--seed', 'mutants', '--max-minutes', '2'],
  ],
  explore: ['test/explore/main.ts', '--quick', '--until-found', '--max-stories', '1'],
} as const;
type Program = keyof typeof PROGRAMS;

const { values } = parseArgs({
  options: {
    /** Only the bugs whose description contains this. */
    only: { type: 'string', default: '' },
    /** Only those in files whose path begins so. */
    file: { type: 'string', default: '' },
    /** Only those in pure decisions about a coupon. */
    pure: { type: 'boolean', default: false },
    /** Only those that the change since `--base` may have set free. */
    changed: { type: 'boolean', default: false },
    base: { type: 'string', default: 'HEAD~1' },
    /**
     * `tests`: the closest tests, then in the core the fast tier; `closest`: those tests alone; `fast` or `explore`: that
     * program alone.
     */
    by: { type: 'string', default: 'tests' },
    /** Plants all of them together: nearly everything has to fail. */
    'at-once': { type: 'boolean', default: false },
    /** The tests are known to pass as the project stands: they are not run without a bug first. */
    'skip-baseline': { type: 'boolean', default: false },
    /** Copies side by side. */
    workers: { type: 'string', default: '2' },
    /** No other bug is planted after this. Those that are left are counted. */
    'max-minutes': { type: 'string', default: '60' },
    /** One JSON document on standard output instead of lines. */
    json: { type: 'boolean', default: false },
  },
});

type Verdict = 'caught' | 'timed_out' | 'unreadable' | 'beyond_walk' | 'survived';

interface Result {
  readonly bug: string;
  readonly files: readonly string[];
  readonly decision: 'pure' | 'other';
  /** `unreadable`: the planted text is no program; `timed_out`: it was cut off. Neither proves anything. `beyond_walk`: declared to be so, and not caught. */
  readonly verdict: Verdict;
  /** The test or program that caught it, `''` if none did. */
  readonly caughtBy: string;
  readonly seconds: number;
}

const isCaught = ({ verdict }: Result): boolean => verdict === 'caught';

function positive(name: 'workers' | 'max-minutes'): number {
  const number = Number(values[name]);
  if (!(number > 0)) throw new Error(`--${name} is not a positive number`);
  return number;
}

function programOf(by: string): Program | null {
  if (by === 'tests' || by === 'closest') return null;
  if (by === 'fast') return 'fast tier';
  if (by === 'explore') return 'explore';
  throw new Error('--by is tests, closest, fast or explore');
}
const program = programOf(values.by);

async function chooseMutants(): Promise<readonly Mutant[]> {
  const ofChange = values.changed ? await mutantsOfChange(MUTANTS, values.base) : MUTANTS;
  if (ofChange === null) tell(`There is no commit ${values.base} to compare with: no bug is planted.`);
  return (ofChange ?? [])
    .filter(
      ({ bug, edits }) => bug.includes(values.only) && edits.some(({ file }) => file.startsWith(values.file)),
    )
    .filter((mutant) => !values.pure || decisionOf(mutant) === 'pure');
}

/** For people; with `--json` standard output holds the document alone. */
function tell(line: string): void {
  (values.json ? process.stderr : process.stdout).write(`${line}\n`);
}

const uniqueTests = (mutants: readonly Mutant[]): string[] => [...new Set(mutants.flatMap(closestTests))];

/** @throws Error if something fails although nothing is planted */
async function checkUnchanged(trees: readonly Tree[], chosen: readonly Mutant[]): Promise<void> {
  if (program !== null) {
    const end = await (trees[0] as Tree).runProgram(PROGRAMS[program], TIMEOUT_MS);
    if (end !== 'passed') throw new Error(`${program} does not pass without a planted bug: ${end}`);
    return;
  }
  const tests = uniqueTests(chosen);
  const runs = await Promise.all(
    trees.map((tree, index) =>
      tree.runTests(
        tests.filter((_, position) => position % trees.length === index),
        TIMEOUT_MS,
      ),
    ),
  );
  const failed = runs.filter(({ end }) => end !== 'passed');
  const names = failed.flatMap(({ failedTests, unreadableFiles }) => [...failedTests, ...unreadableFiles]);
  if (failed.length > 0) throw new Error(`These fail without a planted bug:\n${names.join('\n')}`);
}

async function judge(tree: Tree, mutant: Mutant): Promise<{ verdict: Verdict; caughtBy: string }> {
  if (program === null) {
    const { end, failedTests, unreadableFiles } = await tree.runTests(closestTests(mutant), TIMEOUT_MS, [
      '--bail',
    ]);
    const [caughtBy] = failedTests;
    if (caughtBy !== undefined) return { verdict: 'caught', caughtBy };
    if (unreadableFiles.length > 0) return { verdict: 'unreadable', caughtBy: '' };
    if (end === 'timed_out') return { verdict: 'timed_out', caughtBy: 'the closest tests, without an end' };
    // For instance by a rejection that nobody handles.
    if (end === 'failed') return { verdict: 'caught', caughtBy: 'the closest tests, whose process ended' };
  }
  const second = program ?? (values.by === 'tests' && isInCore(mutant) ? 'fast tier' : null);
  if (second === null) return { verdict: 'survived', caughtBy: '' };
  const end = await tree.runProgram(PROGRAMS[second], TIMEOUT_MS);
  if (end !== 'passed') return { verdict: end === 'failed' ? 'caught' : 'timed_out', caughtBy: second };
  return program === 'explore' && mutant.beyondWalk !== undefined
    ? { verdict: 'beyond_walk', caughtBy: `not the walk: ${mutant.beyondWalk}` }
    : { verdict: 'survived', caughtBy: '' };
}

/** Plants and judges what is in the queue, one after the other, until it is empty or the time is over. */
async function work(tree: Tree, queue: Mutant[], endsAtMs: number, results: Result[]): Promise<void> {
  while (queue.length > 0 && performance.now() < endsAtMs) {
    const mutant = queue.shift() as Mutant;
    const startedAtMs = performance.now();
    await tree.plant(mutant.edits);
    const judged = await judge(tree, mutant).finally(() => tree.putBack());
    const result: Result = {
      bug: mutant.bug,
      files: [...new Set(mutant.edits.map(({ file }) => file))],
      decision: decisionOf(mutant),
      ...judged,
      seconds: Math.round((performance.now() - startedAtMs) / 100) / 10,
    };
    results.push(result);
    const verdict = isCaught(result) ? 'caught' : result.verdict.toUpperCase();
    tell(
      `${String(results.length).padStart(3)}  ${verdict.padEnd(10)}  ${result.bug}` +
        (result.caughtBy === '' ? '' : `\n                   ${result.caughtBy}`),
    );
  }
}

/** @returns whether bugs were planted and every one of them was caught */
async function plantOneByOne(trees: readonly Tree[], chosen: readonly Mutant[]): Promise<boolean> {
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + positive('max-minutes') * 60_000;
  if (!values['skip-baseline']) await checkUnchanged(trees, chosen);
  const queue = [...chosen];
  const results: Result[] = [];
  await Promise.all(trees.map((tree) => work(tree, queue, endsAtMs, results)));
  const caught = results.filter(isCaught).length;
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const beyondWalk = results.filter(({ verdict }) => verdict === 'beyond_walk').length;
  const survived = results.length - caught - beyondWalk;
  const summary = { planted: results.length, caught, beyondWalk, survived, left: queue.length };
  tell(
    `\n${summary.planted} planted bugs, ${caught} caught, ${survived} survived, in ${seconds} s` +
      (beyondWalk === 0 ? '' : `; ${beyondWalk} are beyond the walk`) +
      (queue.length === 0 ? '' : `; ${queue.length} were left when the time was over`),
  );
  if (values.json) {
    const document = { by: values.by, ...summary, seconds, mutants: results };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
  if (summary.planted === 0) {
    tell('No bug could be planted in the time that was given: this proves nothing.');
    return false;
  }
  return summary.survived === 0;
}

interface Servers {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The servers of all runs, unless the environment names some that run already. */
async function startServers(folder: string): Promise<Servers> {
  const { TEST_DATABASE_URL: databaseUrl, TEST_TEMPORAL_ADDRESS: temporalAddress } = process.env;
  const report = () => undefined;
  const [postgres, temporal] = await Promise.all([
    databaseUrl
      ? null
      : startEmbeddedPostgres({
          dataDir: join(folder, 'postgres'),
          preferredPort: 0,
          databaseName: 'dy_gateway_mutants',
          durability: 'none',
          report,
        }),
    temporalAddress
      ? null
      : startEmbeddedTemporal({
          cliPath: await findTemporalCli({
            explicitPath: process.env['TEMPORAL_CLI'],
            cacheDir: await prepareCacheFolder(),
            report,
          }),
          dataDir: folder,
          storage: 'memory',
          preferredPort: 0,
          preferredUiPort: 0,
          report,
        }),
  ]);
  return {
    env: {
      ...(postgres ? { TEST_DATABASE_URL: postgres.url } : {}),
      ...(temporal ? { TEST_TEMPORAL_ADDRESS: temporal.address } : {}),
    },
    async stop() {
      await Promise.all([postgres?.stop(), temporal?.stop()]);
    },
  };
}

async function run(chosen: readonly Mutant[]): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-mutants-'));
  try {
    // PostgreSQL runs as another user when this runs as root.
    await chmod(folder, 0o755);
    const servers = await startServers(folder);
    try {
      const count = Math.min(positive('workers'), chosen.length);
      const trees = await Promise.all(
        Array.from({ length: count }, (_, index) => copyTree(join(folder, `tree-${index}`), servers.env)),
      );
      if (!values['at-once']) return await plantOneByOne(trees, chosen);
      return await plantAllAtOnce(trees[0] as Tree, chosen, tell);
    } finally {
      await servers.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const chosen = await chooseMutants();
if (chosen.length === 0) tell('No bug to plant.');
else process.exitCode = (await run(chosen)) ? 0 : 1;
