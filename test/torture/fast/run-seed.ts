// One seed from its first sale to the check: the stage, the simulator, three processes and their restarts, the sweep,
// and the healing after which everything must come to rest.
import type { Database } from '../../../src/db/unit-of-work.ts';
import type { Verification } from '../../../src/domain/verification.ts';
import type { VerifierApp } from '../../../src/domain/verifier-app.ts';
import { CallLog } from '../../../src/simulator/call-log.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { CallRates, type DouyinSide } from '../../../src/simulator/douyin-side.ts';
import { FaultBook } from '../../../src/simulator/faults.ts';
import { DEFAULT_SETTINGS } from '../../../src/simulator/settings.ts';
import { SimulatorState } from '../../../src/simulator/state.ts';
import { World } from '../../../src/simulator/world.ts';
import type { InMemoryPause } from '../../douyin/in-memory-pause-store.ts';
import { InMemoryTokenRow } from '../../douyin/in-memory-token-store.ts';
import { check, type Findings } from './check.ts';
import { Engine } from './engine.ts';
import { DOUYIN_URL, GatewayProcess } from './gateway-process.ts';
import { Random } from './random.ts';
import { Shop } from './sales.ts';
import { scenes, Stage } from './stage.ts';
import { Trouble, type TroublePlan } from './trouble.ts';
import { connectStage } from './wire.ts';

const START_MS = Date.UTC(2026, 2, 15, 10);
const PROCESSES = 3;
/** Douyin's schedule and the gateway's own patience, as in production: only the clock is turned. */
const LOOK_AGAIN_MS = 3_600_000;
const ENRICH_RETRY_DELAYS_MS = [2000, 5000, 15_000];
const SWEEP_MS = 60_000;
const LONGEST_SWEEP_PAUSE_MS = 3_600_000;
/** A risk review lasts two days, and is given up an hour later. */
const REST_WITHIN_MS = 60 * 3_600_000;
const MAX_TIMELINES = 5;
/** After rest, time for anything that is still on its way. */
const AFTERMATH_MS = 600_000;

export interface SeedInput {
  readonly seed: string;
  readonly verifications: number;
  readonly database: SeedDatabase;
}

/** The real database of a lane, emptied between seeds. */
export interface SeedDatabase {
  readonly db: Database;
  readonly apps: readonly VerifierApp[];
  /** What its clock shows from now on, milliseconds since 1970. */
  useClock(nowMs: () => number): void;
  clear(): Promise<void>;
  countProcessing(): Promise<number>;
  listVerifications(): Promise<readonly Verification[]>;
  /** What happened to one row, a line per event. */
  readTimeline(verificationId: number): Promise<readonly string[]>;
  /** How many verdict events each row has. */
  countVerdicts(): Promise<ReadonlyMap<number, number>>;
}

export interface SeedReport {
  readonly seed: string;
  readonly findings: Findings;
  /** Of the rows that something was found about. */
  readonly timelines: Readonly<Record<number, readonly string[]>>;
  readonly verifications: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly douyinFaults: Readonly<Record<string, number>>;
  readonly troubles: Readonly<Record<string, number>>;
  readonly alerts: Readonly<Record<string, number>>;
  readonly prepares: number;
  readonly verifiedTokens: number;
  readonly steps: number;
  readonly turnedMs: number;
}

export async function runSeed({ seed, verifications, database }: SeedInput): Promise<SeedReport> {
  await database.clear();
  const random = new Random(seed, 'plan');
  const stage = new Stage(seed, START_MS);
  database.useClock(() => stage.nowMs);
  const closing = new AbortController();
  const simulator = buildSimulator(seed, stage, random, closing.signal);
  const trouble = new Trouble(drawTrouble(random), new Random(seed, 'trouble'));
  connectStage(stage, {
    side: simulator.side,
    isRefused: () => trouble.strikes('connection_refused'),
    travelMs: () => trouble.travelMs(),
  });
  const house = new House(seed, stage, trouble, database.db);
  const shop = new Shop(
    {
      stage,
      seed,
      random: new Random(seed, 'sales'),
      state: simulator.state,
      apps: database.apps,
      someProcess: () => house.someProcess(),
    },
    random.pick([500, 2000, 10_000]),
  );

  await scenes.run({ stage, process: null }, async () => {
    let isSold = false;
    const selling = shop.sell(verifications).finally(() => (isSold = true));
    void house.sweepFor(() => isSold);
    await stage.directUntil(selling);
    trouble.end();
    simulator.state.clearFaults();
    await stage.directUntil(house.comeToRest(database));
  });

  const rows = await database.listVerifications();
  const findings = check(rows, shop.sales, simulator.state, await database.countVerdicts());
  for (const engineFailure of house.engine.failures) {
    findings.broken.push({ what: `the workflow threw ${String(engineFailure)}`, verificationId: null });
  }
  closing.abort();
  const counters = simulator.state.counters();
  const truths = simulator.state.truths({ limit: Number.MAX_SAFE_INTEGER }).items;
  return {
    seed,
    findings,
    timelines: await readTimelines(findings, database),
    verifications: rows.length,
    byStatus: countBy(rows.map((row) => (row.step === 'not_attempted' ? 'not_attempted' : row.verifyStatus))),
    douyinFaults: counters.faults,
    troubles: trouble.counts,
    alerts: house.alerts,
    prepares: counters.calls.prepare,
    verifiedTokens: truths.filter((truth) => truth.sends > 0).length,
    steps: stage.steps,
    turnedMs: stage.nowMs - START_MS,
  };
}

/** The gateway's processes and their engine. */
class House {
  readonly engine: Engine;
  readonly alerts: Record<string, number> = {};
  readonly #stage: Stage;
  readonly #trouble: Trouble;
  readonly #random: Random;
  readonly #db: Database;
  readonly #tokenRow = new InMemoryTokenRow();
  readonly #pauses = new Map<string, InMemoryPause>();
  #processes: GatewayProcess[];

  constructor(seed: string, stage: Stage, trouble: Trouble, db: Database) {
    this.#stage = stage;
    this.#trouble = trouble;
    this.#random = new Random(seed, 'house');
    this.#db = db;
    this.engine = new Engine({
      stage,
      trouble,
      random: new Random(seed, 'engine'),
      alive: () => this.#processes,
      lookAgainMs: LOOK_AGAIN_MS,
      enrichRetryDelaysMs: ENRICH_RETRY_DELAYS_MS,
    });
    this.#processes = Array.from({ length: PROCESSES }, () => this.#startProcess());
  }

  async someProcess(): Promise<GatewayProcess> {
    while (this.#processes.length === 0) await this.#stage.sleep(500);
    return this.#random.pick(this.#processes);
  }

  /** The sweep's schedule. */
  async sweepFor(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#stage.sleep(SWEEP_MS);
      await this.#sweep();
    }
  }

  /** Sweeps until nothing is in processing any more, or until it is clear that something will stay so. */
  async comeToRest(database: SeedDatabase): Promise<void> {
    const giveUpAtMs = this.#stage.nowMs + REST_WITHIN_MS;
    for (
      let pauseMs = SWEEP_MS;
      this.#stage.nowMs < giveUpAtMs;
      pauseMs = Math.min(pauseMs * 1.5, LONGEST_SWEEP_PAUSE_MS)
    ) {
      await this.#sweep();
      if ((await this.#stage.external(() => database.countProcessing())) === 0) break;
      await this.#stage.sleep(pauseMs);
    }
    await this.#stage.sleep(AFTERMATH_MS);
  }

  async #sweep(): Promise<void> {
    const process = await this.someProcess();
    // A process may die in it, and the database may be away: the next sweep comes.
    await Promise.race([
      process.perform(() => process.activities.sweepStranded()).catch(() => undefined),
      this.#stage.sleep(SWEEP_MS),
    ]);
  }

  #startProcess(): GatewayProcess {
    return new GatewayProcess({
      stage: this.#stage,
      trouble: this.#trouble,
      db: this.#db,
      tokenRow: this.#tokenRow,
      pauses: this.#pauses,
      runner: this.engine,
      enrichmentRunner: this.engine,
      clockSkewMs: this.#random.between(-2000, 2000),
      onDeath: (process) => {
        this.#processes = this.#processes.filter((other) => other !== process);
        this.engine.onDeath(process);
        this.#stage.setTimer(this.#random.between(1000, 20_000), () => {
          this.#processes.push(this.#startProcess());
        });
      },
      onAlert: (alert) => {
        this.alerts[alert] = (this.alerts[alert] ?? 0) + 1;
      },
    });
  }
}

function buildSimulator(seed: string, stage: Stage, random: Random, closing: AbortSignal) {
  const douyinAheadMs = new Random(seed, 'clock').pick([0, 0, 0, -45_000, 45_000, -1_200_000, 1_200_000]);
  const world = new World({
    merchant: SIMULATOR_DEFAULTS,
    seed,
    settings: {
      ...DEFAULT_SETTINGS,
      latencyMaxMs: random.pick([0, 50, 800]),
      replayWindowMs: random.pick([600_000, 600_000, 30_000, 0]),
      refusalAs: random.pick(['item', 'error_code']),
      alreadyVerifiedResult: random.pick([1208, 2]),
      deadQr: random.pick(['error', 'empty']),
      listExpired: random.chance(0.5),
    },
    dataFile: undefined,
    clock: () => stage.nowMs + douyinAheadMs,
  });
  const calls = new CallLog();
  const faults = new FaultBook();
  const refuseConnections = () => undefined;
  const side: DouyinSide = { world, calls, faults, rates: new CallRates(), refuseConnections, closing };
  const state = new SimulatorState({ world, calls, faults, baseUrl: () => DOUYIN_URL, refuseConnections });
  state.setFaultPlan({
    seed,
    rate: random.pick([0, 0.05, 0.2, 0.2, 0.5]),
    maxFaultsPerCoupon: random.pick([1, 3, 6, 20]),
    maxDelayMs: random.pick([200, 5000, 20_000]),
  });
  return { side, state };
}

function drawTrouble(random: Random): TroublePlan {
  const level = random.pick([0, 0.3, 1, 1, 3]);
  const outages = random.chance(0.3) ? random.between(1, 3) : 0;
  return {
    crash: 0.001 * level,
    pause: 0.003 * level,
    maxPauseMs: 20_000,
    statement_refused: 0.002 * level,
    statement_answer_lost: 0.002 * level,
    start_refused: 0.01 * level,
    start_uncertain: 0.01 * level,
    second_runner: 0.05 * level,
    workflow_lost: 0.1,
    connection_refused: 0.005 * level,
    request_late: 0.01 * level,
    maxTravelMs: 15_000,
    databaseOutages: Array.from({ length: outages }, () => {
      const fromMs = START_MS + random.between(0, 120_000);
      return { fromMs, toMs: fromMs + random.pick([500, 5000, 60_000]) };
    }),
  };
}

async function readTimelines(findings: Findings, database: SeedDatabase) {
  const { double, lost, contradictions, unknown, broken } = findings;
  const timelines: Record<number, readonly string[]> = {};
  for (const { verificationId } of [...double, ...lost, ...contradictions, ...unknown, ...broken]) {
    if (verificationId === null || Object.keys(timelines).length >= MAX_TIMELINES) continue;
    timelines[verificationId] = await database.readTimeline(verificationId);
  }
  return timelines;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
