// Which mutants a change may have set free: those of the files it touched, those whose tests it touched, and new ones.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { closestTests, type Mutant } from './mutant.ts';
import { ROOT } from './tree.ts';

const run = promisify(execFile);
const LISTS = 'test/mutants';

async function git(...parameters: string[]): Promise<string> {
  return (await run('git', parameters, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/**
 * The mutants that a change may have set free, those whose source changed first.
 * @param base the commit to compare the working tree with
 * @returns null if there is no such commit, for instance in a shallow clone
 */
export async function mutantsOfChange(
  mutants: readonly Mutant[],
  base: string,
): Promise<readonly Mutant[] | null> {
  const isThere = await git('rev-parse', '--verify', '--quiet', `${base}^{commit}`).then(
    () => true,
    () => false,
  );
  if (!isThere) return null;
  const changed = (await git('diff', '--name-only', base)).split('\n').filter((path) => path !== '');
  const added = changed.some((path) => path.startsWith(LISTS)) ? await git('diff', base, '--', LISTS) : '';
  const ofSources = mutants.filter(({ edits }) => edits.some(({ file }) => changed.includes(file)));
  const ofTests = mutants.filter((mutant) => {
    const isNew = added.split('\n').some((line) => line.startsWith('+') && line.includes(mutant.bug));
    return isNew || closestTests(mutant).some((test) => changed.some((path) => path.startsWith(test)));
  });
  return [...new Set([...ofSources, ...ofTests])];
}
