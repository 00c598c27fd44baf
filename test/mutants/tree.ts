// A copy of the project in which bugs are planted and tests are run, so that the project itself is never touched.
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edit } from './mutant.ts';
import { type FileResult, RESULT_FILE_VARIABLE } from './result-reporter.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['node_modules', '.git', '.data', 'coverage']);
const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  '--runInBand',
  '--reporters=./test/mutants/result-reporter.ts',
  '--testSequencer=./test/mutants/given-order.ts',
];
const JEST_RESULT = 'jest-result.jsonl';

/** How one run of a program ended. */
export type ProgramEnd = 'passed' | 'failed' | 'timed_out';

export interface TestRun {
  readonly end: ProgramEnd;
  /** Every test file that was run. */
  readonly files: readonly string[];
  /** Full names of the tests that failed. */
  readonly failedTests: readonly string[];
  /** Test files in which a test failed. */
  readonly failedFiles: readonly string[];
  /** Test files that could not even be loaded: the planted text is no program. */
  readonly unreadableFiles: readonly string[];
}

export interface Tree {
  /** Writes the edits in their order, or none. @throws Error if a text is not there exactly once */
  plant(edits: readonly Edit[]): Promise<void>;
  /** Takes out whatever is planted. */
  putBack(): Promise<void>;
  /** Runs test files or folders. @param more further arguments for jest */
  runTests(tests: readonly string[], timeoutMs: number, more?: readonly string[]): Promise<TestRun>;
  /** Runs one of the project's programs by Node. */
  runProgram(parameters: readonly string[], timeoutMs: number): Promise<ProgramEnd>;
}

/** The children that run now: they must not outlive this program. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Copies the project into `folder`, with everything that a test may read; packages are linked. */
export async function copyTree(folder: string, env: Readonly<Record<string, string>>): Promise<Tree> {
  await cp(ROOT, folder, {
    recursive: true,
    filter: (source) => !NOT_COPIED.has(relative(ROOT, source)),
  });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const originals = new Map<string, string>();

  const runProgram = (
    parameters: readonly string[],
    timeoutMs: number,
    moreEnv: Readonly<Record<string, string>> = {},
  ): Promise<ProgramEnd> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, parameters, {
        cwd: folder,
        env: { ...process.env, ...env, ...moreEnv },
        stdio: process.env['MUTANTS_OUTPUT'] ? 'inherit' : 'ignore',
        // A mutant may wait for ever.
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      running.add(child);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        running.delete(child);
        resolve(code === 0 ? 'passed' : signal === 'SIGKILL' ? 'timed_out' : 'failed');
      });
    });

  return {
    async plant(edits) {
      const changed = new Map<string, string>();
      for (const edit of edits) {
        const path = join(folder, edit.file);
        const source = changed.get(path) ?? (await readFile(path, 'utf8'));
        changed.set(path, replaceOnce(source, edit));
      }
      for (const [path, source] of changed) {
        if (!originals.has(path)) originals.set(path, await readFile(path, 'utf8'));
        await writeFile(path, source);
      }
    },
    async putBack() {
      for (const [path, source] of originals) await writeFile(path, source);
      originals.clear();
    },
    runProgram,
    async runTests(tests, timeoutMs, more = []) {
      // Without a path jest would run everything.
      if (tests.length === 0)
        return { end: 'passed', files: [], failedTests: [], failedFiles: [], unreadableFiles: [] };
      const resultFile = join(folder, JEST_RESULT);
      await rm(resultFile, { force: true });
      const end = await runProgram([...JEST, ...more, '--', ...tests], timeoutMs, {
        [RESULT_FILE_VARIABLE]: resultFile,
      });
      return { end, ...(await readResults(folder, resultFile)) };
    },
  };
}

/** @throws Error if the text is not there exactly once */
export function replaceOnce(source: string, { file, from, to }: Edit): string {
  const [before, after, ...more] = source.split(from);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`This text is not in ${file} exactly once:\n${from}`);
  return `${before}${to}${after}`;
}

/** What the reporter wrote about a run, as far as it came. */
async function readResults(folder: string, resultFile: string): Promise<Omit<TestRun, 'end'>> {
  const text = await readFile(resultFile, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const results = lines.map((line) => JSON.parse(line) as FileResult);
  const namesOf = (some: readonly FileResult[]) => some.map(({ path }) => relative(folder, path));
  return {
    files: namesOf(results),
    failedTests: results.flatMap(({ failedTests }) => failedTests),
    failedFiles: namesOf(results.filter(({ failedTests }) => failedTests.length > 0)),
    unreadableFiles: namesOf(results.filter(({ isUnreadable }) => isUnreadable)),
  };
}
