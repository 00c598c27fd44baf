// Many bugs together: a gateway that is wrong nearly everywhere has to fail nearly everywhere. Tests that pass it look
// at too little, whatever they catch of a single bug.
import { closestTests, type Mutant } from './mutant.ts';
import type { Tree } from './tree.ts';

const TIMEOUT_MS = 900_000;
/** The share of the tests' files that has to fail. */
const MIN_FAILED_SHARE = 0.8;

/**
 * Plants every bug whose text is still there after those before it, and runs all their tests.
 * @returns whether the tests of each file that holds a bug found some, and nearly all files of tests failed
 */
export async function plantAllAtOnce(
  tree: Tree,
  mutants: readonly Mutant[],
  tell: (line: string) => void,
): Promise<boolean> {
  const planted: Mutant[] = [];
  for (const mutant of mutants) {
    const isPlanted = await tree.plant(mutant.edits).then(
      () => true,
      // Another bug took its text.
      () => false,
    );
    if (isPlanted) planted.push(mutant);
  }
  const tests = [...new Set(planted.flatMap(closestTests))];
  const { failedTests, failedFiles, unreadableFiles, files } = await tree.runTests(tests, TIMEOUT_MS);
  const isSeen = (mutant: Mutant) =>
    closestTests(mutant).some((test) => failedFiles.some((file) => file.startsWith(test)));
  const unseen = [
    ...new Set(planted.filter((mutant) => !isSeen(mutant)).flatMap(({ edits }) => edits[0]?.file ?? [])),
  ];
  const share = files.length === 0 ? 0 : failedFiles.length / files.length;
  tell(
    `${planted.length} bugs planted at once: ${failedTests.length} tests failed, ` +
      `in ${failedFiles.length} of ${files.length} files`,
  );
  for (const file of files.filter((name) => !failedFiles.includes(name)))
    tell(`  passed all the same: ${file}`);
  for (const file of unreadableFiles) tell(`  could not be loaded: ${file}`);
  for (const file of unseen) tell(`  holds a bug that no test saw: ${file}`);
  return unseen.length === 0 && unreadableFiles.length === 0 && share >= MIN_FAILED_SHARE;
}
