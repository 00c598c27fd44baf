// The seed of the short tortures that every check of the code runs: it follows from the commit, so that the same commit always
// gives the same run. Fresh seeds are for `npm run torture` and `npm run torture:fast`.
import { execFileSync } from 'node:child_process';

const WITHOUT_HISTORY = 'no-commit';

/** @returns TORTURE_SEED if it is set, else the commit's short id; a fixed text where there is no history */
export function seedOfCommit(): string {
  const given = process.env['TORTURE_SEED'];
  if (given) return given;
  try {
    return execFileSync('git', ['rev-parse', '--short=8', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return WITHOUT_HISTORY;
  }
}
