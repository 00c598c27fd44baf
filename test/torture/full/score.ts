// The score of a run, as data and as a table. What counts as a violation is the checker's, and the bounds of recovery.
import { FAULT_KINDS } from '../../../src/simulator/fault-kinds.ts';
import { FINDING_KINDS, type Findings, isClean } from '../oracle/checker.ts';
import { UNDECIDABLE } from '../oracle/liveness.ts';
import type { Ledgers } from '../oracle/ledgers.ts';
import { type Slowness, slownessBetween } from './machine.ts';
import { countKills, type DoneDisturbance } from './nemesis.ts';
import type { DecisionCount } from './operators.ts';
import type { Plan } from './plan.ts';
import type { Counters } from './simulator-control.ts';
import {
  type Measured,
  measureRecoveries,
  openTimesMs,
  type Part,
  type Recovery,
  RECOVERY_BOUNDS_MS,
  tooSlow,
} from './recovery.ts';

export interface Score {
  readonly seed: string;
  readonly verifications: number;
  readonly byEnd: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly effects: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly faultKinds: { readonly given: number; readonly missing: readonly string[] };
  readonly kills: Readonly<Record<string, number>>;
  readonly disturbances: Readonly<Record<string, number>>;
  readonly unexpectedExits: readonly string[];
  readonly findings: Findings;
  /** What operators asked for through the API and by Temporal's update, and what of it was taken. */
  readonly decisions: Readonly<Record<'api' | 'temporal', DecisionCount>>;
  /** Calls that arrived at Douyin. */
  readonly prepares: number;
  readonly verifies: number;
  /** Tokens that Douyin gave out, and those of them that came back in a verify. */
  readonly tokensPrepared: number;
  readonly tokensSent: number;
  readonly recoveries: readonly Recovery[];
  /** How slow the machine was beside an idle one. */
  readonly slowness: { readonly mean: number; readonly most: number };
  readonly openMs: { readonly p50: number; readonly p99: number; readonly longest: number };
  readonly durationMs: number;
  readonly folder: string;
}

export function scoreOf(run: {
  plan: Plan;
  ledgers: Ledgers;
  decisions: Score['decisions'];
  counters: Counters;
  slowness: readonly Slowness[];
  findings: Findings;
  disturbances: readonly DoneDisturbance[];
  unexpectedExits: readonly string[];
  durationMs: number;
  folder: string;
}): Score {
  const { ledgers, counters, disturbances } = run;
  const openMs = openTimesMs(ledgers.rows);
  const quantile = (share: number) =>
    openMs[Math.min(openMs.length - 1, Math.floor(openMs.length * share))] ?? 0;
  return {
    seed: run.plan.options.seed,
    verifications: ledgers.rows.length,
    byEnd: tally(ledgers.rows.map((row) => (row.step === 'settled' ? row.verify_status : row.step))),
    requests: ledgers.client.filter((entry) => entry.kind === 'request').length,
    effects: ledgers.effects.filter((effect) => effect.verified_by === 'api').length,
    faults: counters.faults,
    faultKinds: {
      given: FAULT_KINDS.filter((kind) => (counters.faults[kind] ?? 0) > 0).length,
      missing: FAULT_KINDS.filter((kind) => (counters.faults[kind] ?? 0) === 0),
    },
    kills: countKills(disturbances),
    disturbances: tally(disturbances.map(({ disturbance }) => disturbance.kind)),
    unexpectedExits: run.unexpectedExits,
    findings: run.findings,
    decisions: run.decisions,
    prepares: counters.calls['prepare'] ?? 0,
    verifies: counters.calls['verify'] ?? 0,
    tokensPrepared: ledgers.truths.length,
    tokensSent: ledgers.truths.filter((truth) => truth.sends > 0).length,
    recoveries: measureRecoveries(disturbances, ledgers.client, ledgers.rows, ledgers.calls, run.slowness),
    slowness: {
      mean: slownessBetween(run.slowness, -Infinity, Infinity),
      most: run.slowness.reduce((most, { factor }) => Math.max(most, factor), 1),
    },
    openMs: { p50: quantile(0.5), p99: quantile(0.99), longest: openMs.at(-1) ?? 0 },
    durationMs: run.durationMs,
    folder: run.folder,
  };
}

/** Zero double, lost, contradicting, left unknown; and every recovery that was measured within its bound. */
export function isPassed(score: Score): boolean {
  return isClean(score.findings) && tooSlow(score.recoveries).length === 0;
}

/** What `isClean` does not allow, each as a sentence. */
export function violationsOf(findings: Findings): readonly string[] {
  if (isClean(findings)) return [];
  const needless = findings.forOperator.filter((text) => !text.endsWith(UNDECIDABLE));
  const kinds = FINDING_KINDS.flatMap((kind) => findings[kind].map((text) => `${kind}: ${text}`));
  return [...kinds, ...needless.map((text) => `forOperator: ${text}`)];
}

/** The table printed at the end of a run. */
export function showScore(score: Score): string {
  const { findings } = score;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const lines: [string, string][] = [
    ['seed', score.seed],
    ['verifications', `${score.verifications} (${list(score.byEnd)})`],
    ['requests of tills', String(score.requests)],
    ['effects at Douyin', String(score.effects)],
    [
      'faults',
      `${sum(score.faults)} of ${score.faultKinds.given} kinds` +
        (score.faultKinds.missing.length > 12 ? '' : `, without ${score.faultKinds.missing.join(', ')}`),
    ],
    ['kills (SIGKILL)', `${sum(score.kills)} (${list(score.kills)})`],
    ['disturbances', list(score.disturbances)],
    ['ended by themselves', String(score.unexpectedExits.length)],
    [
      'operators',
      (['api', 'temporal'] as const)
        .map((way) => `${way} ${score.decisions[way].asked} asked, ${score.decisions[way].taken} taken`)
        .join('; '),
    ],
    ...FINDING_KINDS.map((kind): [string, string] => [kind, String(findings[kind].length)]),
    ['of them for an operator', String(findings.forOperator.length)],
    ['refused in words, done', String(findings.lies.length)],
    ['taken back in doubt', String(findings.takenBack.length)],
    ['credited to the other', String(findings.creditedToTheOther)],
    [
      'prepare : verify',
      `${score.tokensPrepared} tokens prepared, ${score.tokensSent} sent; ${score.prepares} and ${score.verifies} calls`,
    ],
    ...(Object.keys(RECOVERY_BOUNDS_MS) as Part[]).map((part): [string, string] => [
      `recovery, ${part}`,
      showRecovery(score.recoveries, part),
    ]),
    [
      'open until settled',
      `p50 ${seconds(score.openMs.p50)}, p99 ${seconds(score.openMs.p99)}, longest ${seconds(score.openMs.longest)}`,
    ],
    [
      'machine',
      `${score.slowness.mean.toFixed(1)} times as slow as idle, at most ${score.slowness.most.toFixed(1)} times`,
    ],
    ['took', seconds(score.durationMs)],
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  const violations = [
    ...[...FINDING_KINDS, 'forOperator' as const].flatMap((kind) =>
      findings[kind].map((text) => `${kind}: ${text}`),
    ),
    ...tooSlow(score.recoveries).map(
      ({ part, nextSuccess, inFlightSettled }) =>
        `recovery of ${part}: next success ${shown(nextSuccess)}, in flight settled ${shown(inFlightSettled)}`,
    ),
  ];
  return [
    ...lines.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`),
    ...(violations.length === 0
      ? []
      : ['', ...violations.map((text) => `  ! ${text}`), '', `  ledgers and logs: ${score.folder}`]),
    '',
  ].join('\n');
}

function showRecovery(recoveries: readonly Recovery[], part: Part): string {
  const ofPart = recoveries.filter((recovery) => recovery.part === part);
  const longest = (pick: (recovery: Recovery) => Measured | null) => {
    const measured = ofPart.map(pick).filter((one) => one !== null);
    const timesOf = (isDisturbed: boolean) =>
      measured.filter((one) => one.isDisturbed === isDisturbed).map((one) => one.ms);
    const show = (times: readonly number[]) =>
      times.length === 0 ? '–' : `${seconds(Math.max(...times))} (of ${times.length})`;
    return `${show(timesOf(false))}, disturbed ${show(timesOf(true))}`;
  };
  return (
    `next success ${longest((recovery) => recovery.nextSuccess)}; ` +
    `in flight settled ${longest((recovery) => recovery.inFlightSettled)}; ` +
    `bound ${seconds(RECOVERY_BOUNDS_MS[part])}`
  );
}

function shown(measured: Measured | null): string {
  return measured === null
    ? '–'
    : `${seconds(measured.ms)} on a machine ${measured.slowness.toFixed(1)} times as slow as idle`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
