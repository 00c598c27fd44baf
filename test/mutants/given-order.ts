// A jest sequencer: test files in the order in which they were asked for, so that the closest test is the first to fail.
// Without it jest begins with the slowest.
import { relative } from 'node:path';

export default class GivenOrder {
  sort<T extends { readonly path: string }>(tests: readonly T[]): T[] {
    const asked = process.argv.slice(process.argv.indexOf('--') + 1);
    const placeOf = ({ path }: T) =>
      asked.findIndex((test) => relative(process.cwd(), path).startsWith(test));
    return tests.toSorted((a, b) => placeOf(a) - placeOf(b) || a.path.localeCompare(b.path));
  }

  /** jest tells how long each file took; the order does not depend on it. */
  cacheResults(): void {}
}
