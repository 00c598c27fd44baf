// One seed from its first sale to the check: the stage, the simulator, three processes and their restarts, the sweep,
// and the healing after which everything must come to rest.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../../src/db/unit-of-work.ts';
import type { SettlementPolicy } from '../../../src/domain/verification.ts';
import type { VerifierApp } from '../../../src/domain/verifier-app.ts';
import { CallLog } from '../../../src/simulator/call-log.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { CallRates, type DouyinSide } from '../../../src/simulator/douyin-side.ts';
import { FaultBook } from '../../../src/simulator/faults.ts';
import { DEFAULT_SETTINGS } from '../../../src/simulator/settings.ts';
import { snakeKeys } from '../../../src/simulator/naming.ts';
import { SimulatorState } from '../../../src/simulator/state.ts';
import { World } from '../../../src/simulator/world.ts';
import type { InMemoryPause } from '../../douyin/in-memory-pause-store.ts';
import { InMemoryTokenRow } from '../../douyin/in-memory-token-store.ts';
import { drawBearableReadings } from '../bearable-readings.ts';
import { check, FINDING_KINDS, type Findings } from '../oracle/checker.ts';
import type {
  Departure,
  DouyinCall,
  Effect,
  GatewayRow,
  Ledgers,
  Resolution,
  RowEvent,
  Truth,
} from '../oracle/ledgers.ts';
import { Engine } from './engine.ts';
import { DOUYIN_URL, GatewayProcess } from './gateway-process.ts';
import { BUDGET_MS, TORTURE_POLICY } from './policy.ts';
import { Operators, type OpenRow } from './operators.ts';
import { Random } from './random.ts';
import { type Sabotage, type SabotageName, sabotageNamed } from './sabotage.ts';
import { Shop } from './sales.ts';
import { CONTROL, pickStory } from './stories.ts';
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
const MAX_TIMELINES_PER_KIND = 2;
const DATABASE_OFFSETS_MS = [0, 0, -60_000, 120_000];
const DOUYIN_OFFSETS_MS = [0, 0, 0, -45_000, 45_000, -1_200_000, 1_200_000];
/** How many step in: in most seeds nobody, so that what they would end shows. */
const OPERATORS = [0, 0, 0, 1, 2];
/** After rest, time for anything on its way: a run that did not hear of an operator's word finds it at its next look-up. */
const AFTERMATH_MS = LOOK_AGAIN_MS + 600_000;
/** Sales after everything is well again, which must all succeed. */
const CONTROLS = 3;
/** A process looks this far back for how long it stood still before a send. */
const STANDSTILL_WITHIN_MS = 20_000;
/**
 * From the count of a send to its request: a process that is slower takes it back. Beside it the sender's own call of
 * Douyin, whose time-out is shorter.
 */
const SEND_SLACK_MS = 4500;

export interface SeedInput {
  readonly seed: string;
  readonly verifications: number;
  readonly database: SeedDatabase;
  /** How the gateway is broken, for the controls. */
  readonly sabotage: SabotageName | null;
  /** Where the ledgers are written, one list a file. */
  readonly keepFolder: string | null;
}

/** The real database of a lane, emptied between seeds. */
export interface SeedDatabase {
  readonly apps: readonly VerifierApp[];
  /** @param nowMs its own clock, milliseconds since 1970 */
  open(policy: SettlementPolicy, nowMs: () => number): Database;
  clear(): Promise<void>;
  countProcessing(): Promise<number>;
  /** Those that an operator may be asked about. */
  listOpen(): Promise<readonly OpenRow[]>;
  listRows(): Promise<readonly GatewayRow[]>;
  /** What happened to one row, a line per event. */
  readTimeline(verificationId: number): Promise<readonly string[]>;
  /** The timelines of all rows, by the database's own clock. */
  listEvents(): Promise<readonly RowEvent[]>;
  /** By whose word which rows ended, as `<row> <actor>`. */
  listResolvedBy(): Promise<ReadonlySet<string>>;
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

export async function runSeed({
  seed,
  verifications,
  database,
  sabotage,
  keepFolder,
}: SeedInput): Promise<SeedReport> {
  await database.clear();
  const random = new Random(seed, 'plan');
  const stage = new Stage(seed, START_MS);
  const closing = new AbortController();
  const simulator = buildSimulator(seed, stage, random, closing.signal);
  const trouble = new Trouble(drawTrouble(random), new Random(seed, 'trouble'), () => stage.nowMs);
  const departures: Departure[] = [];
  connectStage(stage, {
    side: simulator.side,
    isRefused: () => trouble.strikes('connection_refused'),
    travelMs: () => trouble.travelMs(),
    onDeparture: (bodyText, process) => {
      const verifyToken = readVerifyToken(bodyText);
      if (verifyToken === null) return;
      const heldMs = process?.standstillMs(stage.nowMs - STANDSTILL_WITHIN_MS) ?? 0;
      departures.push({ verifyToken, atMs: stage.nowMs, heldMs });
    },
  });
  const databaseOffsetMs = new Random(seed, 'database clock').pick(DATABASE_OFFSETS_MS);
  const db = database.open(
    sabotageNamed(sabotage).policy(TORTURE_POLICY),
    () => stage.nowMs + databaseOffsetMs,
  );
  const house = new House(seed, stage, trouble, db, sabotage);
  const storyRandom = new Random(seed, 'sales');
  const shop = new Shop({
    stage,
    seed,
    random: storyRandom,
    state: simulator.state,
    apps: database.apps,
    someProcess: () => house.someProcess(),
  });
  const operatorsRandom = new Random(seed, 'operators');
  const operators = new Operators({
    stage,
    random: operatorsRandom,
    someProcess: () => house.someProcess(),
    listOpen: () => database.listOpen(),
    isRedeemed: (verifyToken) => simulator.state.uses({ verifyToken }).length > 0,
  });
  const pauseMs = random.pick([500, 2000, 10_000]);

  await scenes.run({ stage, process: null }, async () => {
    let isSold = false;
    const selling = shop
      .sell(verifications, pauseMs, () => pickStory(storyRandom))
      .finally(() => (isSold = true));
    void house.sweepFor(() => isSold);
    const people = Array.from({ length: operatorsRandom.pick(OPERATORS) }, () =>
      operators.workUntil(() => isSold),
    );
    await stage.directUntil(Promise.all([selling, ...people]));
    trouble.end();
    simulator.state.clearFaults();
    await stage.directUntil(house.comeToRest(database));
    await stage.directUntil(shop.sell(shop.sales + CONTROLS, pauseMs, () => CONTROL));
    await stage.directUntil(house.comeToRest(database));
    await stage.directUntil(Promise.all(shop.usedTokens.map((used) => shop.lookUp(used, 'closing_look_up'))));
  });

  const rows = await database.listRows();
  const events = await database.listEvents();
  const { state } = simulator;
  const truths = state.truths({ limit: Number.MAX_SAFE_INTEGER }).items;
  const ledgers: Ledgers = {
    appIds: database.apps.map(({ id }) => id),
    bounds: {
      budgetMs: BUDGET_MS,
      sendSlackMs: SEND_SLACK_MS,
      answerSlackMs: 0,
      isFirstAnswerLost: state.settings.replayAnswer === 'error_then_1208',
    },
    usedTokens: shop.usedTokens,
    orders: [...shop.orders.values()],
    client: shop.tills.entries,
    rows,
    events: events.map((event) => ({ ...event, at_ms: event.at_ms - databaseOffsetMs })),
    effects: byTrueClock<Effect>(state.ledger({ limit: Number.MAX_SAFE_INTEGER })),
    truths: snakeKeys(truths) as Truth[],
    calls: byTrueClock<DouyinCall>(state.calls({ limit: Number.MAX_SAFE_INTEGER })),
    departures,
    disturbed: trouble.log,
    resolutions: await readResolutions(operators, database),
  };
  if (keepFolder !== null) await keepLedgers(ledgers, join(keepFolder, seed));
  const checked = check(ledgers);
  const findings: Findings = {
    ...checked,
    misuse: [
      ...checked.misuse,
      ...house.engine.failures.map((failure) => `the workflow threw ${String(failure)}`),
    ],
  };
  closing.abort();
  const counters = state.counters();
  return {
    seed,
    findings,
    timelines: await readTimelines(findings, database),
    verifications: rows.length,
    byStatus: countBy(
      rows.map((row) => (row.step === 'not_attempted' ? 'not_attempted' : row.verify_status)),
    ),
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
  readonly #sabotage: Sabotage;
  readonly #tokenRow = new InMemoryTokenRow();
  readonly #pauses = new Map<string, InMemoryPause>();
  #processes: GatewayProcess[];

  constructor(seed: string, stage: Stage, trouble: Trouble, db: Database, sabotage: SabotageName | null) {
    this.#sabotage = sabotageNamed(sabotage);
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
      sabotage: this.#sabotage,
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
  const clock = new Random(seed, 'clock');
  const world = new World({
    merchant: SIMULATOR_DEFAULTS,
    seed,
    settings: {
      ...DEFAULT_SETTINGS,
      ...drawBearableReadings(seed),
      latencyMaxMs: random.pick([0, 50, 800]),
      clockOffsetMs: clock.pick(DOUYIN_OFFSETS_MS),
    },
    dataFile: undefined,
    clock: () => stage.nowMs,
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

/** As the checker reads them, each dated by the stage's clock. */
function byTrueClock<Entry>(entries: readonly { readonly trueAtMs: number }[]): readonly Entry[] {
  return entries.map(
    (entry) => ({ ...(snakeKeys(entry) as Record<string, unknown>), at_ms: entry.trueAtMs }) as Entry,
  );
}

/** Of the request's body, if it is a verify's. */
function readVerifyToken(bodyText: string): string | null {
  return /"verify_token":"([^"]+)"/.exec(bodyText)?.[1] ?? null;
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
    statement_answer_lost_in_death: 0.0005 * level,
    crash_in_transaction: 0.05 * level,
    clock_jump: 0.002 * level,
    start_refused: 0.01 * level,
    start_uncertain: 0.01 * level,
    second_runner: 0.05 * level,
    workflow_lost: 0.1,
    connection_refused: 0.005 * level,
    request_late: 0.01 * level,
    maxTravelMs: 15_000,
    // A machine whose clock nobody watches; a watched one is off by less than a second.
    maxClockOffsetMs: random.pick([500, 120_000, 120_000]),
    databaseOutages: Array.from({ length: outages }, () => {
      const fromMs = START_MS + random.between(0, 120_000);
      return { fromMs, toMs: fromMs + random.pick([500, 5000, 60_000]) };
    }),
  };
}

async function readResolutions(operators: Operators, database: SeedDatabase): Promise<readonly Resolution[]> {
  const resolvedBy = await database.listResolvedBy();
  return operators.words.map(({ actor, ...word }) => ({
    ...word,
    isAccepted: resolvedBy.has(`${word.verificationId} ${actor} ${word.verifyStatus}`),
  }));
}

async function keepLedgers(ledgers: Ledgers, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [listName, items] of Object.entries(ledgers)) {
    if (!Array.isArray(items)) continue;
    const lines = items.map((item: unknown) => `${JSON.stringify(item)}\n`);
    await writeFile(join(folder, `${listName}.jsonl`), lines.join(''));
  }
}

async function readTimelines(findings: Findings, database: SeedDatabase) {
  const timelines: Record<number, readonly string[]> = {};
  // Of every kind some, so that many of one do not hide another.
  const texts = FINDING_KINDS.flatMap((kind) => findings[kind].slice(0, MAX_TIMELINES_PER_KIND));
  const ids = texts.flatMap((text) => [...text.matchAll(/#(\d+)/g)].map(([, digits]) => Number(digits)));
  for (const id of ids) timelines[id] ??= await database.readTimeline(id);
  return timelines;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
