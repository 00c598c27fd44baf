// The order in which jest begins test files: those with servers and processes of their own first, so that no worker is left
// with a long file at the end. JavaScript, for jest loads it before anything is compiled.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { default: Sequencer } = createRequire(require.resolve('jest'))('@jest/test-sequencer');

/** Projects by how long their files take, the longest first. */
const PROJECTS = ['e2e', 'workflow', 'http', 'unit'];

export default class SlowFirst extends Sequencer {
  /** Within a project jest's own order holds: by the times of the last run, else by size. */
  sort(tests) {
    const rankOf = (test) => PROJECTS.indexOf(test.context.config.displayName?.name ?? '');
    return [...super.sort(tests)].sort((one, other) => rankOf(one) - rankOf(other));
  }
}
