// A short fast tier; its seed follows from the commit. `npm run torture:fast` is the long one.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { seedOfCommit } from '../seed-of-commit.ts';
import type { SabotageName } from './sabotage.ts';
import type { FindingKind } from '../oracle/checker.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const SEEDS = 12;
const VERIFICATIONS_PER_SEED = 50;
const SABOTAGED_SEEDS = 2;
const SABOTAGED_VERIFICATIONS = 25;
const TIMEOUT_MS = 120_000;

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** In a process of its own: it turns the clocks of the one it runs in. */
function torture(seed: string, seeds: number, ...more: readonly string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        MAIN,
        ...[
          '--seed',
          seed,
          '--seeds',
          String(seeds),
          '--verifications-per-seed',
          String(VERIFICATIONS_PER_SEED),
        ],
        ...['--workers', '1', '--lanes', '2', '--max-minutes', '2'],
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS },
    );
    let output = '';
    const collect = (piece: Buffer) => (output += piece.toString('utf8'));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe('the fast tier', () => {
  it(
    'redeems nothing twice and loses nothing under faults, crashes and second runners',
    async () => {
      const seed = seedOfCommit();
      process.stderr.write(`fast tier: seed ${seed}\n`);
      const { code, output } = await torture(seed, SEEDS);
      // The whole report is the message: it names the seeds and how to replay them.
      expect(code === 0 ? '' : output).toBe('');
      const [, verifications] = /verifications: (\d+) over/.exec(output) ?? [];
      expect(Number(verifications)).toBeGreaterThan((SEEDS * VERIFICATIONS_PER_SEED) / 2);
    },
    TIMEOUT_MS + 5000,
  );

  it(
    'runs a seed the same way each time',
    async () => {
      const seed = seedOfCommit();
      const reportOf = ({ output }: Run) =>
        output.replace(/ in \d+ s \(\d+\/s; /, ' (').replace(/^(\d+ s: |\| seconds ).*\n/gm, '');
      const first = reportOf(await torture(seed, 1));
      expect(first).toContain('Douyin faults');
      expect(reportOf(await torture(seed, 1))).toBe(first);
    },
    TIMEOUT_MS + 5000,
  );

  // A fixed seed: in it the bug's moment comes.
  it.each<[SabotageName, FindingKind]>([
    ['answers_processing', 'liveness'],
    ['answers_503', 'liveness'],
    ['says_503_and_redeems', 'contradictions'],
    ['success_then_processing', 'monotony'],
    ['tells_another_verify_id', 'data'],
    ['never_sends', 'unjustified'],
    ['attempts_nothing', 'unjustified'],
    ['refuses_good_coupons', 'unjustified'],
    ['redeems_in_another_store', 'data'],
    ['no_fence', 'promises'],
    ['no_enrichment', 'liveness'],
    ['gives_up_enriching', 'liveness'],
  ])(
    'finds a gateway with %s',
    async (sabotage, kind) => {
      const verifications = ['--verifications-per-seed', String(SABOTAGED_VERIFICATIONS)];
      const { code, output } = await torture(
        'controls',
        SABOTAGED_SEEDS,
        '--sabotage',
        sabotage,
        ...verifications,
      );
      expect(code).toBe(1);
      const [, found] = new RegExp(`^\\| ${kind} +\\| +(\\d+) \\|$`, 'm').exec(output) ?? [];
      expect(Number(found)).toBeGreaterThan(0);
    },
    TIMEOUT_MS + 5000,
  );
});
