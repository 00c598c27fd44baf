// `npm run torture`: the whole gateway on real servers, under kills, cut connections and Douyin's faults, and its score.
// Exit 0: nothing was violated. Exit 1: something was, or the run could not be carried out.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runTorture } from './full/run.ts';
import { isPassed, showScore } from './full/score.ts';

const USAGE = `usage: npm run torture -- [options]

  --seed S             the same seed gives the same plan (default: a fresh one, printed)
  --verifications N    default 300
  --kills K            processes killed with -9, default one per 25 verifications
  --rate R             verifications per second, default 4
  --duration SECONDS   bound of the whole run, default 900
  --keep DIR           keep ledgers and logs there, also when nothing was violated
  --json FILE          write the score there as JSON
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      verifications: { type: 'string', default: '300' },
      kills: { type: 'string' },
      rate: { type: 'string', default: '4' },
      duration: { type: 'string', default: '900' },
      keep: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const verifications = positive('verifications', values.verifications);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  process.stderr.write(`seed ${values.seed}\n`);
  const score = await runTorture({
    seed: values.seed,
    verifications,
    kills: values.kills === undefined ? Math.ceil(verifications / 25) : positive('kills', values.kills),
    ratePerSecond: positive('rate', values.rate),
    durationMs: positive('duration', values.duration) * 1000,
    keepFolder: values.keep ?? null,
    report: (message) => process.stderr.write(`… ${message}\n`),
    signal: stop.signal,
  });
  process.stdout.write(`\n${showScore(score)}`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(score, null, 2)}\n`);
  return isPassed(score) ? 0 : 1;
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number >= 0) || text.trim() === '') throw new Error(`--${name} must be a number, not ${text}`);
  return number;
}

try {
  process.exitCode = await main();
} catch (err) {
  process.stderr.write(`${err instanceof Error ? (err.stack ?? err.message) : String(err)}\n${USAGE}`);
  process.exitCode = 1;
}
// The native connections of servers that were killed may hold the event loop.
setTimeout(() => process.exit(), 2000).unref();
