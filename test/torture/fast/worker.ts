// One process of the fast tier: a few lanes side by side, each taking the next seed when it has finished one. Started by
// main.ts; says what each seed came to.
import './turned-time.ts';
import './prepared-statements.ts';
import { openLane } from './lane.ts';
import type { SabotageName } from './sabotage.ts';
import { runSeed, type SeedReport } from './run-seed.ts';

export interface WorkerTask {
  readonly seeds: readonly string[];
  readonly verificationsPerSeed: number;
  readonly lanes: number;
  readonly sabotage: SabotageName | null;
  /** Where the ledgers of each seed are written. */
  readonly keepFolder: string | null;
}

export type WorkerMessage =
  | { readonly kind: 'seed'; readonly report: SeedReport; readonly durationMs: number }
  | { readonly kind: 'failed'; readonly seed: string; readonly error: string }
  | { readonly kind: 'done' };

const say = (message: WorkerMessage) => process.send?.(message);
const startedAtMs = () => performance.now();

process.once('message', (task: WorkerTask) => {
  work(task).then(
    () => {
      say({ kind: 'done' });
      process.disconnect();
    },
    (err: unknown) => {
      say({ kind: 'failed', seed: '', error: describe(err) });
      process.exitCode = 1;
      process.disconnect();
    },
  );
});

async function work(task: WorkerTask): Promise<void> {
  const seeds = [...task.seeds];
  await Promise.all(
    Array.from({ length: task.lanes }, async () => {
      const lane = await openLane();
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const began = startedAtMs();
        try {
          const report = await runSeed({
            seed,
            verifications: task.verificationsPerSeed,
            database: lane.database,
            sabotage: task.sabotage,
            keepFolder: task.keepFolder,
          });
          say({ kind: 'seed', report, durationMs: startedAtMs() - began });
        } catch (err) {
          say({ kind: 'failed', seed, error: describe(err) });
        }
      }
      await lane.close();
    }),
  );
}

function describe(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err);
}
