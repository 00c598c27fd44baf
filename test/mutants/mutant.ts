// What a planted bug is. Its edits are exact replacements of source text: one whose text is not found exactly once fails
// loudly, so that the list follows the code.

export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  /** What the planted bug does. */
  readonly bug: string;
  readonly edits: readonly Edit[];
  /** The tests that must catch it, as paths or folders; without them those closest to its first file. */
  readonly tests?: readonly string[] | undefined;
  /** Why the exhaustive walk cannot see it, where that is so: it is told apart from what the walk misses. */
  readonly beyondWalk?: string | undefined;
}

/** A mutant of one edit. @param more further edits that belong to the same bug */
export const mutant = (bug: string, file: string, from: string, to: string, ...more: Edit[]): Mutant => ({
  bug,
  edits: [{ file, from, to }, ...more],
});

/** The same, with the tests that must catch it. @param more further edits that belong to the same bug */
export const mutantOf = (
  tests: readonly string[],
  bug: string,
  file: string,
  from: string,
  to: string,
  ...more: Edit[]
): Mutant => ({
  bug,
  edits: [{ file, from, to }, ...more],
  tests,
});

/** The same bug, which lies outside the world or the bound of the exhaustive walk. @param why in words */
export const beyondWalk = (why: string, bug: Mutant): Mutant => ({ ...bug, beyondWalk: why });

/** Where pure functions decide about a coupon: what is planted there must also be found by the exhaustive walk alone. */
const PURE_DECISIONS = [
  'src/domain/settlement.ts',
  'src/domain/verification.ts',
  'src/douyin/verify-outcome.ts',
];

/** `pure`: every edit is in a pure decision about a coupon. */
export function decisionOf(mutant: Mutant): 'pure' | 'other' {
  return mutant.edits.every(({ file }) => PURE_DECISIONS.includes(file)) ? 'pure' : 'other';
}

/** Where the fast tier of the torture is a second chance to catch what is planted. */
export function isInCore(mutant: Mutant): boolean {
  return mutant.edits.some(
    ({ file }) =>
      PURE_DECISIONS.includes(file) ||
      file.startsWith('activities/') ||
      file.startsWith('src/db/repositories/verification'),
  );
}

/**
 * The tests closest to a source file. A file that is named here is tested by these; other files by the entry of the
 * longest folder they are in.
 */
const CLOSEST_TESTS: Readonly<Record<string, readonly string[]>> = {
  'src/domain/': ['test/domain/', 'test/activities/'],
  'src/douyin/verify-outcome.ts': ['test/douyin/verify-outcome.test.ts', 'test/activities/'],
  'src/db/repositories/verification.repository.ts': ['test/activities/'],
  'src/db/repositories/verification-columns.ts': ['test/activities/'],
  'src/db/repositories/verification-conditions.ts': [
    'test/db/verification-conditions.test.ts',
    'test/activities/',
  ],
  'src/db/': ['test/db/', 'test/activities/'],
  'src/douyin/': ['test/douyin/', 'test/activities/'],
  'src/http/': ['test/http/'],
  'src/services/': ['test/services/', 'test/http/'],
  'src/temporal/': ['test/workflows/'],
  'activities/': ['test/activities/'],
  'workflows/': ['test/workflows/'],
};

/** @throws Error if nothing says which tests are the closest */
export function closestTests(mutant: Mutant): readonly string[] {
  if (mutant.tests) return mutant.tests;
  const file = mutant.edits[0]?.file ?? '';
  const [closest] = Object.keys(CLOSEST_TESTS)
    .filter((path) => file === path || (path.endsWith('/') && file.startsWith(path)))
    .toSorted((a, b) => b.length - a.length);
  const tests = closest === undefined ? undefined : CLOSEST_TESTS[closest];
  if (!tests) throw new Error(`“${mutant.bug}”: nothing says which tests are closest to ${file}`);
  return tests;
}
