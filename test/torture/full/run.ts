// One torture run from its seed to its score: starts the system, lets customers and nemesis loose, heals, waits until nothing
// moves, compares the ledgers. Everything is bounded in time, and what was started is ended.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { check } from '../oracle/checker.ts';
import type { Bounds, Disturbed, Ledgers, UsedToken } from '../oracle/ledgers.ts';
import { ClientLedger } from './client-ledger.ts';
import { MachineProbe } from './machine.ts';
import { makeOrders, type Progress, receiveControls, receiveCustomers } from './customers.ts';
import { countOpen, readEvents, readRows } from './ledgers.ts';
import { disturb, type DoneDisturbance, heal } from './nemesis.ts';
import { type DecisionCount, operate, readResolutions } from './operators.ts';
import { makePlan, type Plan, type PlanOptions } from './plan.ts';
import { Random } from './random.ts';
import { isPassed, type Score, scoreOf } from './score.ts';
import type { Counters } from './simulator-control.ts';
import { SETTINGS, startSystem, type System } from './system.ts';
import { lookUp, type TillDeps } from './till.ts';

export interface RunOptions extends PlanOptions {
  /** The whole run ends within this, or fails. Milliseconds. */
  readonly durationMs: number;
  /** Where ledgers and logs are kept in any case; without it they are kept only after a violation. */
  readonly keepFolder: string | null;
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

const PROGRESS_INTERVAL_MS = 2000;
const QUIET_POLL_MS = 500;
/** After healing: how long open verifications get to settle. */
const QUIESCENCE_MS = 120_000;
/** Unsettled rows are looked up again every two seconds; this long without a change they are an operator's. */
const UNSETTLED_STABLE_MS = 15_000;
const CLOSING_LOOK_UPS_AT_ONCE = 8;
const BOUNDS: Omit<Bounds, 'isFirstAnswerLost'> = {
  budgetMs: Number(SETTINGS.VERIFY_BUDGET_MS),
  // From the count of a send to its request, with a fresh access token in between; and its way through a busy machine.
  sendSlackMs: 6000,
  answerSlackMs: 500,
};

/**
 * @returns the score; `isPassed(score)` says whether anything was violated
 * @throws when the system cannot be started, or the bound of the run is passed
 */
export async function runTorture(options: RunOptions): Promise<Score> {
  const plan = makePlan(options);
  const folder = await makeFolder(options.keepFolder);
  await writeFile(join(folder, 'plan.json'), JSON.stringify(plan, null, 1));
  const bound = AbortSignal.any([options.signal, AbortSignal.timeout(options.durationMs)]);
  const unexpectedExits: string[] = [];
  const system = await startSystem({
    folder,
    seed: options.seed,
    clocks: plan.clocks,
    report: options.report,
    onUnexpectedExit: (name, how) => {
      unexpectedExits.push(`${name} ended by itself (${how})`);
      options.report(`${name} ended by itself (${how}) and is started again`);
    },
    signal: bound,
  });
  const done: DoneDisturbance[] = [];
  const startedAt = performance.now();
  const machine = new MachineProbe();
  machine.start();
  let run: RunLedgers;
  try {
    run = await runPlan(plan, system, folder, done, options, bound);
    await keepLedgers(folder, run.ledgers, done);
  } finally {
    machine.stop();
    options.report('ending the processes');
    await system.stop();
  }
  const score = scoreOf({
    plan,
    ...run,
    slowness: machine.samples,
    findings: check(run.ledgers),
    disturbances: done,
    unexpectedExits,
    durationMs: performance.now() - startedAt,
    folder,
  });
  await writeFile(join(folder, 'score.json'), JSON.stringify(score, null, 2));
  if (isPassed(score) && options.keepFolder === null) await rm(folder, { recursive: true, force: true });
  return score;
}

async function makeFolder(keepFolder: string | null): Promise<string> {
  if (keepFolder !== null) {
    await mkdir(keepFolder, { recursive: true });
    return keepFolder;
  }
  const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-torture-'));
  // mkdtemp makes it for us alone; PostgreSQL runs as another user when this runs as root.
  await chmod(folder, 0o755);
  return folder;
}

async function runPlan(
  plan: Plan,
  system: System,
  folder: string,
  done: DoneDisturbance[],
  options: RunOptions,
  bound: AbortSignal,
): Promise<RunLedgers> {
  await system.simulator.changeSettings({ ...plan.readings, clockOffsetMs: plan.clocks.douyin });
  options.report(`making ${plan.visits.length} orders`);
  const orders = await makeOrders(plan, system);
  await system.simulator.setFaultPlan(plan.faults.calls);
  for (const fault of plan.faults.named) await system.simulator.addFault(fault);
  const ledger = new ClientLedger(join(folder, 'client.jsonl'));
  const deps: TillDeps = {
    apps: system.apps,
    apiAddresses: [system.proxies['tills:api-1'].address, system.proxies['tills:api-2'].address],
    ledger,
    closing: bound,
  };
  const progress: Progress = { begun: 0, done: 0 };
  const stopReporting = reportProgress(plan, progress, done, options);
  try {
    const customers = receiveCustomers(plan, system, orders, deps, progress);
    const evening = new AbortController();
    const operators = operate(
      system,
      new Random(`${options.seed} operators`),
      AbortSignal.any([bound, evening.signal]),
    );
    // Either's failure ends the run; the other one is waited for all the same.
    const nemesis = disturb(plan, system, done, bound).then(() => heal(system));
    const [usedTokens] = await Promise.all([customers, nemesis]);
    evening.abort();
    const decisions = await operators;
    bound.throwIfAborted();
    options.report('everything is healed; waiting until nothing moves');
    await untilQuiet(system, bound);
    const controls = await receiveControls(plan, system, deps);
    await untilQuiet(system, bound);
    const allTokens = [...usedTokens, ...controls.used];
    await lookEverythingUp(deps, allTokens);
    const calls = await system.simulator.calls();
    const { resolutions, byWay } = await readResolutions(system, decisions);
    const ledgers: Ledgers = {
      appIds: system.apps.map(({ id }) => id),
      bounds: { ...BOUNDS, isFirstAnswerLost: plan.readings.replayAnswer === 'error_then_1208' },
      usedTokens: allTokens,
      orders: [...orders, ...controls.orders].map(({ sold }) => sold),
      client: ledger.entries,
      rows: await readRows(system),
      events: await readEvents(system),
      effects: await system.simulator.effects(),
      truths: await system.simulator.truths(),
      calls,
      // When it arrived: what held it up on its way is among the disturbances.
      departures: calls.flatMap(({ endpoint, facts, at_ms: atMs }) =>
        endpoint === 'verify' && facts.verify_token !== undefined
          ? [{ verifyToken: facts.verify_token, atMs, heldMs: 0 }]
          : [],
      ),
      disturbed: done.map(disturbedBy),
      resolutions,
    };
    return { ledgers, decisions: byWay, counters: await system.simulator.counters() };
  } finally {
    stopReporting();
    await ledger.close();
  }
}

interface RunLedgers {
  readonly ledgers: Ledgers;
  readonly decisions: Readonly<Record<'api' | 'temporal', DecisionCount>>;
  readonly counters: Counters;
}

function disturbedBy({ disturbance, beganAtMs, endedAtMs }: DoneDisturbance): Disturbed {
  const holdsSends = ['pause', 'stall', 'stall_answers'].includes(disturbance.kind);
  return { what: disturbance.kind, holdsSends, fromMs: beganAtMs, toMs: endedAtMs };
}

function reportProgress(
  plan: Plan,
  progress: Progress,
  done: readonly DoneDisturbance[],
  { report }: RunOptions,
): () => void {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const latest = done.at(-1)?.disturbance;
    const kills = done.filter(({ disturbance }) => disturbance.kind === 'kill').length;
    report(
      `${Math.round((performance.now() - startedAt) / 1000)} s of ${Math.round(plan.lengthMs / 1000)}: ` +
        `${progress.done} tills through, ${progress.begun - progress.done} waiting, ${kills} kills, ` +
        `${done.length} disturbances${latest ? `, last ${describe(latest)}` : ''}, load ${loadavg()[0]?.toFixed(1)}`,
    );
  }, PROGRESS_INTERVAL_MS);
  return () => clearInterval(timer);
}

function describe(disturbance: DoneDisturbance['disturbance']): string {
  if ('target' in disturbance) return `${disturbance.kind} ${disturbance.target}`;
  if ('link' in disturbance) return `${disturbance.kind} ${disturbance.link}`;
  return disturbance.kind;
}

/** Waits until no verification is open, apart from those that stay an operator's, and no call is under way. */
async function untilQuiet(system: System, bound: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + QUIESCENCE_MS;
  let before = '';
  let unchangedSince = performance.now();
  while (performance.now() < giveUpAt && !bound.aborted) {
    const open = await countOpen(system);
    const { in_flight: inFlight, unjudged } = await system.simulator.counters();
    const state = JSON.stringify(open);
    if (state !== before) unchangedSince = performance.now();
    before = state;
    const isStable = performance.now() - unchangedSince > UNSETTLED_STABLE_MS;
    if (
      open.running === 0 &&
      inFlight + unjudged === 0 &&
      open.unenriched === 0 &&
      (open.unsettled === 0 || isStable)
    )
      return;
    await delay(QUIET_POLL_MS);
  }
}

/** What every till would be told now. */
async function lookEverythingUp(deps: TillDeps, usedTokens: readonly UsedToken[]): Promise<void> {
  const waiting = [...usedTokens];
  await Promise.all(
    Array.from({ length: CLOSING_LOOK_UPS_AT_ONCE }, async () => {
      for (let used = waiting.pop(); used; used = waiting.pop())
        await lookUp(deps, used, (used.till % 2) as 0 | 1, 'closing_look_up');
    }),
  );
}

/** One JSON line per entry, so that they can be searched by id. */
async function keepLedgers(
  folder: string,
  ledgers: Ledgers,
  done: readonly DoneDisturbance[],
): Promise<void> {
  const lists = {
    rows: ledgers.rows,
    events: ledgers.events,
    effects: ledgers.effects,
    truths: ledgers.truths,
    calls: ledgers.calls,
    disturbances: done,
    tokens: ledgers.usedTokens,
    orders: ledgers.orders,
    resolutions: ledgers.resolutions,
  };
  for (const [listName, items] of Object.entries(lists)) {
    await writeFile(
      join(folder, `${listName}.jsonl`),
      items.map((item) => `${JSON.stringify(item)}\n`).join(''),
    );
  }
}
