// The short form of `npm run torture` for every check of the code: its seed follows from the commit, and is printed, so that
// what it finds can be run again. It judges what is true of a coupon, not how fast a busy machine recovers.
import { describe, expect, it } from '@jest/globals';
import { seedOfCommit } from '../seed-of-commit.ts';
import { runTorture } from './run.ts';
import { showScore, violationsOf } from './score.ts';

// A bound for what hangs: on a busy machine each start of a process takes many times as long.
const LIMIT_MS = 360_000;
const VERIFICATIONS = 45;
const KILLS = 4;
const RATE_PER_SECOND = 2.5;

describe('the gateway under torture', () => {
  it(
    'redeems nothing twice, loses nothing, and contradicts nobody, whatever is killed',
    async () => {
      const seed = seedOfCommit();
      process.stderr.write(`torture: seed ${seed}\n`);
      const score = await runTorture({
        seed,
        verifications: VERIFICATIONS,
        kills: KILLS,
        ratePerSecond: RATE_PER_SECOND,
        durationMs: LIMIT_MS,
        keepFolder: null,
        report: () => undefined,
        signal: new AbortController().signal,
      });
      process.stderr.write(showScore(score));
      expect(score.verifications).toBeGreaterThan(VERIFICATIONS / 2);
      expect(Object.values(score.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(KILLS);
      // The sentences stand in the message: the end of a log shows what was found, where, and with which seed.
      expect({ seed, folder: score.folder, violations: violationsOf(score.findings) }).toEqual({
        seed,
        folder: score.folder,
        violations: [],
      });
    },
    LIMIT_MS + 30_000,
  );
});
