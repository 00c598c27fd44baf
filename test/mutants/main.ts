// `npm run mutants`: plants one bug at a time in a copy of the tree and shows which tests catch it. Exits 1 if one
// survives, or if the unchanged copy does not pass.
import { spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { type Mutant, MUTANTS } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = [
  'activities',
  'src',
  'workflows',
  'migrations',
  'test',
  'package.json',
  'jest.config.js',
  'tsconfig.json',
];
const TIMEOUT_MS = 180_000;

/** The tests that stand for the suite here: those of the decision logic, and a short fast tier. */
const LAYERS = {
  tables: [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    '--bail',
    'test/domain/',
    'test/activities/',
    'test/douyin/verify-outcome.test.ts',
  ],
  'fast tier': [
    'test/torture/fast/main.ts',
    ...['--seeds', '24', '--verifications-per-seed', '60', '--seed', 'mutants', '--max-minutes', '2'],
  ],
} as const;
type Layer = keyof typeof LAYERS;
const ALL_LAYERS = Object.keys(LAYERS) as Layer[];

const { values } = parseArgs({
  options: {
    /** Runs the later layers also for what an earlier one has caught. */
    all: { type: 'boolean', default: false },
    /** Only the bugs whose description contains this. */
    only: { type: 'string', default: '' },
    layer: { type: 'string' },
  },
});
const layers = ALL_LAYERS.filter((layer) => values.layer === undefined || layer === values.layer);

/** @returns whether everything passed */
function passes(folder: string, layer: Layer, env: Readonly<Record<string, string>>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, LAYERS[layer], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: process.env['MUTANTS_OUTPUT'] ? 'inherit' : 'ignore',
      // A mutant may wait for ever.
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** Writes the mutant's edits. @returns puts the files back @throws Error if a text is not there exactly once */
async function plant(folder: string, mutant: Mutant): Promise<() => Promise<void>> {
  const originals = new Map<string, string>();
  for (const { file, from, to } of mutant.edits) {
    const path = join(folder, file);
    const source = await readFile(path, 'utf8');
    if (!originals.has(path)) originals.set(path, source);
    const [before, after, ...more] = source.split(from);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`“${mutant.bug}”: its text is not in ${file} exactly once:\n${from}`);
    }
    await writeFile(path, `${before}${to}${after}`);
  }
  return async () => {
    for (const [path, source] of originals) await writeFile(path, source);
  };
}

async function checkTexts(folder: string): Promise<void> {
  for (const mutant of MUTANTS) await (await plant(folder, mutant))();
}

async function run(folder: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  for (const layer of layers) {
    if (!(await passes(folder, layer, env)))
      throw new Error(`the ${layer} do not pass without a planted bug`);
  }
  const chosen = MUTANTS.filter((mutant) => mutant.bug.includes(values.only));
  let survived = 0;
  for (const [index, mutant] of chosen.entries()) {
    const putBack = await plant(folder, mutant);
    const caughtBy: Layer[] = [];
    for (const layer of layers) {
      if (!(await passes(folder, layer, env))) caughtBy.push(layer);
      if (caughtBy.length > 0 && !values.all) break;
    }
    await putBack();
    if (caughtBy.length === 0) survived += 1;
    const verdict = caughtBy.length === 0 ? 'SURVIVED' : `caught by ${caughtBy.join(', ')}`;
    process.stdout.write(`${String(index + 1).padStart(2)}  ${verdict.padEnd(28)}  ${mutant.bug}\n`);
  }
  process.stdout.write(
    `\n${chosen.length} planted bugs, ${chosen.length - survived} caught, ${survived} survived\n`,
  );
  return survived === 0;
}

const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-mutants-'));
try {
  // PostgreSQL runs as another user when this runs as root.
  await chmod(folder, 0o755);
  const tree = join(folder, 'tree');
  for (const name of COPIED) await cp(join(ROOT, name), join(tree, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  await checkTexts(tree);
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    preferredPort: 0,
    databaseName: 'dy_gateway_mutants',
    durability: 'none',
    report: () => undefined,
  });
  try {
    // No test here needs Temporal; naming one keeps it from being started.
    const isCaught = await run(tree, { TEST_DATABASE_URL: postgres.url, TEST_TEMPORAL_ADDRESS: 'none' });
    process.exitCode = isCaught ? 0 : 1;
  } finally {
    await postgres.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
