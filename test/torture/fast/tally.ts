// Adds up what the seeds came to, and says it.
import { FINDING_KINDS, type FindingKind, isClean as isProved, isUndecidable } from '../oracle/checker.ts';
import type { SeedReport } from './run-seed.ts';

type Counts = Record<string, number>;
const MAX_SHOWN_PER_KIND = 5;

export interface Tally {
  seeds: number;
  verifications: number;
  steps: number;
  turnedMs: number;
  prepares: number;
  verifiedTokens: number;
  creditedToTheOther: number;
  /** Redemptions that people took back while their verification was in doubt. */
  takenBack: number;
  readonly operators: Counts;
  /** Of the unknown. */
  forOperator: number;
  /** Of these: what Douyin's reads cannot decide, which is no failure. */
  undecidable: number;
  /** Null if it ran to its end. */
  stoppedAfterMinutes: number | null;
  readonly found: Record<FindingKind, number>;
  readonly byStatus: Counts;
  readonly douyinFaults: Counts;
  readonly troubles: Counts;
  readonly alerts: Counts;
  readonly failedSeeds: Set<string>;
  readonly crashedSeeds: { readonly seed: string; readonly error: string }[];
  /** Lines to print at once. */
  readonly news: string[];
}

export function emptyTally(): Tally {
  return {
    seeds: 0,
    verifications: 0,
    steps: 0,
    turnedMs: 0,
    prepares: 0,
    verifiedTokens: 0,
    creditedToTheOther: 0,
    takenBack: 0,
    operators: {},
    found: Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as Record<FindingKind, number>,
    byStatus: {},
    douyinFaults: {},
    troubles: {},
    alerts: {},
    forOperator: 0,
    undecidable: 0,
    stoppedAfterMinutes: null,
    failedSeeds: new Set(),
    crashedSeeds: [],
    news: [],
  };
}

export function addReport(tally: Tally, report: SeedReport): void {
  tally.seeds += 1;
  for (const name of ['verifications', 'steps', 'turnedMs', 'prepares', 'verifiedTokens'] as const) {
    tally[name] += report[name];
  }
  tally.creditedToTheOther += report.findings.creditedToTheOther;
  tally.takenBack += report.findings.takenBack.length;
  for (const [key, count] of Object.entries(report.findings.operators)) {
    tally.operators[key] = (tally.operators[key] ?? 0) + Number(count);
  }
  for (const name of ['byStatus', 'douyinFaults', 'troubles', 'alerts'] as const) {
    for (const [key, count] of Object.entries(report[name]))
      tally[name][key] = (tally[name][key] ?? 0) + count;
  }
  for (const kind of FINDING_KINDS) {
    const found = report.findings[kind];
    tally.found[kind] += found.length;
    for (const what of found.slice(0, MAX_SHOWN_PER_KIND)) {
      tally.news.push(`FOUND ${kind} in seed ${report.seed}: ${what}`);
    }
  }
  if (!isProved(report.findings)) tally.failedSeeds.add(report.seed);
  tally.forOperator += report.findings.forOperator.length;
  tally.undecidable += report.findings.forOperator.filter(isUndecidable).length;
  for (const [id, events] of Object.entries(report.timelines)) {
    tally.news.push(`  #${id}`, ...events.map((event) => `    ${event}`));
  }
}

export function isClean(tally: Tally): boolean {
  return tally.failedSeeds.size === 0 && tally.crashedSeeds.length === 0;
}

export function renderTally(tally: Tally, run: { seconds: number; verificationsPerSeed: number }): string {
  const counts = (title: string, values: Counts) =>
    `${title}: ${total(values)} (${Object.entries(values)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')})`;
  const replay = (seed: string) =>
    `  replay: npm run torture:fast -- --seeds 1 --seed ${seed} --verifications-per-seed ${run.verificationsPerSeed}`;
  return [
    '',
    `verifications: ${tally.verifications} over ${tally.seeds} seeds in ${run.seconds.toFixed(0)} s ` +
      `(${Math.round(tally.verifications / run.seconds)}/s; ${tally.steps} database statements; ` +
      `${(tally.turnedMs / 86_400_000).toFixed(0)} days on the turned clock)`,
    counts('ended as', tally.byStatus),
    counts(`Douyin faults of ${Object.keys(tally.douyinFaults).length} kinds`, tally.douyinFaults),
    counts('crashes and other troubles', tally.troubles),
    counts('alerts', tally.alerts),
    `prepare : verify: ${tally.prepares} calls of prepare for ${tally.verifiedTokens} tokens sent to verify`,
    `credited to the other verification of the same coupon: ${tally.creditedToTheOther}`,
    `taken back by people while in doubt: ${tally.takenBack}`,
    counts('operators', tally.operators).replace(/: \d+ /, ': '),
    `of the unknown for an operator: ${tally.forOperator}, of them undecidable by Douyin's own fault: ${tally.undecidable}`,
    ...(tally.stoppedAfterMinutes === null
      ? []
      : [`stopped after ${tally.stoppedAfterMinutes} minutes, before all seeds were run`]),
    ...scoreTable(tally, run.seconds),
    ...[...tally.failedSeeds].slice(0, 20).map(replay),
    ...tally.crashedSeeds.map(
      ({ seed, error }) =>
        `  did not finish: ${seed || 'a worker'}: ${error}${seed ? `\n${replay(seed)}` : ''}`,
    ),
    '',
  ].join('\n');
}

function scoreTable(tally: Tally, seconds: number): readonly string[] {
  return Object.entries(scoreOf(tally, seconds)).flatMap(([name, value]) =>
    typeof value === 'number' ? [`| ${name.padEnd(24)} | ${String(value).padStart(10)} |`] : [],
  );
}

/** What the run came to, for a file: counts, and the seeds to look at. */
export function scoreOf(tally: Tally, seconds: number) {
  const { double, lost, contradictions, promises, ...others } = tally.found;
  return {
    verifications: tally.verifications,
    seeds: tally.seeds,
    douyin_fault_kinds: Object.keys(tally.douyinFaults).length,
    double,
    lost,
    contradictions,
    promises,
    ...others,
    unknown_by_our_fault: tally.found.unknown - tally.undecidable,
    failed_seeds: tally.failedSeeds.size,
    unfinished_seeds: tally.crashedSeeds.length,
    seconds: Math.round(seconds),
    stopped_after_minutes: tally.stoppedAfterMinutes,
    ended_as: tally.byStatus,
    operators: tally.operators,
    douyin_faults: tally.douyinFaults,
    troubles: tally.troubles,
    alerts: tally.alerts,
    to_replay: [...tally.failedSeeds],
    unfinished: tally.crashedSeeds,
  };
}

function total(values: Counts): number {
  return Object.values(values).reduce((sum, count) => sum + count, 0);
}
