// What a torture run will do, drawn from its seed before anything starts: which customers come when with which coupons,
// how the tills behave, what the nemesis breaks. Nothing in a plan depends on how the run goes. Carrying it out is elsewhere.
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { drawBearableReadings } from '../bearable-readings.ts';
import { FAULT_KINDS, type FaultKind, faultKind, isApplicable } from '../../../src/simulator/fault-kinds.ts';
import type { FaultInput, FaultPlanInput } from '../../../src/simulator/faults.ts';
import type { OrderInput, ShortLinkVariant } from '../../../src/simulator/order-spec.ts';
import { ENDPOINTS, type EndpointName, type SettingsChange } from '../../../src/simulator/settings.ts';
import { Random } from './random.ts';
import type { TillChannel } from './simulator-control.ts';

export interface PlanOptions {
  readonly seed: string;
  /** Tokens that tills will use; one token names one verification. */
  readonly verifications: number;
  /** Processes ended by SIGKILL. */
  readonly kills: number;
  /** Tokens begun per second, on average. */
  readonly ratePerSecond: number;
}

export type CouponMode = 'short_link' | 'code' | 'encrypted_code';

/** One till with one token. */
export interface PlannedTill {
  readonly till: number;
  /** Which of the two apps it belongs to. */
  readonly app: 0 | 1;
  readonly mode: CouponMode;
  readonly poiId: string;
  /** Null in `encrypted_code` mode: the token is the one its prepare returns. */
  readonly token: string | null;
  readonly startDelayMs: number;
  /** Equal requests sent at the same moment. */
  readonly requests: number;
  /** The API process asked first, by the first request. */
  readonly api: 0 | 1;
  /** Whether the customer opens the order page again before this till scans. */
  readonly refreshesQr: boolean;
  /** The till whose prepare this one uses. */
  readonly preparedBy: number | null;
  /** What the till names: the order's nth coupon in `code` mode. */
  readonly couponIndex: number;
  readonly hasUnknownCode: boolean;
  /** A till that is told `processing` looks the token up, or sends the same request again. */
  readonly follow: 'look_up' | 'repeat';
  /** Requests after which the till gives up; most would wait for minutes. */
  readonly patience: number;
}

/** Something that happens to the order's first coupon outside of the gateway. */
export interface Elsewhere {
  /** Before anything, or this long after the visit began. */
  readonly afterMs: number | 'before';
  readonly act: 'use' | 'cancel' | 'refund' | 'withdraw_refund';
  readonly channel: TillChannel;
  /** Whether in the store of the visit's first till. */
  readonly isSameStore: boolean;
}

export interface Visit {
  readonly visit: number;
  readonly scenario: Scenario;
  readonly atMs: number;
  readonly order: OrderInput;
  readonly elsewhere: readonly Elsewhere[];
  /** Why the order cannot be redeemed, or null. */
  readonly flaw: string | null;
  /** One meal: its tills scan one after the other, each only if the one before does not know how it ended. */
  readonly isOneMeal: boolean;
  readonly tills: readonly PlannedTill[];
}

export const KILL_TARGETS = ['api-1', 'api-2', 'worker-1', 'worker-2', 'temporal', 'postgres'] as const;
export type Target = (typeof KILL_TARGETS)[number];

export const PROCESS_TARGETS = ['api-1', 'api-2', 'worker-1', 'worker-2'] as const;
export type ProcessTarget = (typeof PROCESS_TARGETS)[number];

/** The connections the nemesis can break: each goes through a proxy of its own. */
export const LINKS = [
  'api-1:postgres',
  'api-1:temporal',
  'api-1:douyin',
  'api-2:postgres',
  'api-2:temporal',
  'api-2:douyin',
  'worker-1:postgres',
  'worker-1:temporal',
  'worker-1:douyin',
  'worker-2:postgres',
  'worker-2:temporal',
  'worker-2:douyin',
  'tills:api-1',
  'tills:api-2',
  'all:short-links',
] as const;
export type Link = (typeof LINKS)[number];

/** `stall` holds both directions, `stall_answers` what comes back; what is held arrives late, as in a real network. */
export type Break = 'cut' | 'stall' | 'stall_answers';

export type Disturbance =
  | { readonly atMs: number; readonly kind: 'kill'; readonly target: Target; readonly awayMs: number }
  | { readonly atMs: number; readonly kind: 'pause'; readonly target: Target; readonly durationMs: number }
  /** Ended in order and started again, as a deployment does. */
  | { readonly atMs: number; readonly kind: 'restart'; readonly target: Target }
  | { readonly atMs: number; readonly kind: Break; readonly link: Link; readonly durationMs: number }
  /** PostgreSQL's answers are lost for a moment, and then the process dies: it never learns what was committed. */
  | {
      readonly atMs: number;
      readonly kind: 'lose_answers';
      readonly target: ProcessTarget;
      readonly lostMs: number;
      readonly awayMs: number;
    }
  | {
      readonly atMs: number;
      readonly kind: 'jump_clock';
      readonly target: ProcessTarget | 'douyin';
      readonly offsetMs: number;
    }
  | {
      readonly atMs: number;
      readonly kind: 'end_access_tokens';
      readonly how: 'expire' | 'revoke' | 'replace';
    }
  | BigDisturbance;

/** What happens at most once or twice in a run, for it reaches everybody. */
export type BigDisturbance =
  /** Both APIs are killed at once: for a while tills reach nobody. */
  | { readonly atMs: number; readonly kind: 'kill_both_apis'; readonly awayMs: number }
  /** The connections of all processes to a server fall silent and stay so, and new ones are served. */
  | { readonly atMs: number; readonly kind: 'fail_over'; readonly server: 'postgres' | 'temporal' }
  /** An app gets a second secret, its tills change over, and the first one is ended. */
  | { readonly atMs: number; readonly kind: 'change_app_secret'; readonly app: 0 | 1 }
  /** SECRETS_KEY gets a second key, which then replaces the first: all processes are started again, a few at a time. */
  | { readonly atMs: number; readonly kind: 'change_secrets_key' }
  /** Access tokens end, and the next fetch is answered 10020, "too frequent": the gateway rests for a minute. */
  | { readonly atMs: number; readonly kind: 'refuse_access_tokens' };

export interface Plan {
  readonly options: PlanOptions;
  readonly visits: readonly Visit[];
  /** Sold when everything is well again. */
  readonly controls: readonly Visit[];
  readonly disturbances: readonly Disturbance[];
  /** How far each clock is off from the start, milliseconds. */
  readonly clocks: Readonly<Record<ProcessTarget | 'douyin', number>>;
  /** One reading of what Douyin leaves open. */
  readonly readings: SettingsChange;
  /** The simulator's own seeded faults. */
  readonly faults: { readonly calls: FaultPlanInput; readonly named: readonly FaultInput[] };
  /** When the last visit begins. */
  readonly lengthMs: number;
}

const SCENARIOS = {
  one_till: 44,
  duplicates: 14,
  two_tills: 11,
  one_douyin_token_two_apps: 5,
  several_coupons: 7,
  times_card: 9,
  scanned_again: 8,
  used_before: 2,
  used_elsewhere_meanwhile: 4,
  used_and_cancelled: 4,
  ours_cancelled: 3,
  refund_meanwhile: 3,
  refunded: 2,
  expired: 2,
  wrong_store: 2,
  not_paid: 1,
  bad_short_link: 2,
  unknown_code: 1,
} as const;
export type Scenario = keyof typeof SCENARIOS;

export const STORES = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId);
const BAD_LINKS: readonly ShortLinkVariant[] = [
  'page',
  'gone',
  'server_error',
  'without_object_id',
  'foreign_host_without_object_id',
];
const DAY_S = 86_400;
/** Share of Douyin's calls that go wrong. */
const FAULT_RATE = 0.22;
/** Longer than the gateway waits: some calls have their effect after their caller gave up. */
const LONGEST_LATENCY_MS = 2500;
/** How far a clock may be off, milliseconds. */
const CLOCK_OFFSET_MS = 120_000;
const NAMED_FAULTS: readonly {
  readonly kind: FaultKind;
  readonly endpoints: readonly EndpointName[];
  readonly everyNth: number;
}[] = [
  { kind: 'late-effect-after-cut', endpoints: ['verify'], everyNth: 15 },
  { kind: 'late-effect-after-cut', endpoints: ['prepare'], everyNth: 60 },
  { kind: 'refusal-as-item', endpoints: ['verify'], everyNth: 40 },
  { kind: 'refusal-as-error-code', endpoints: ['verify'], everyNth: 40 },
  { kind: 'extra-now-milliseconds', endpoints: ['prepare', 'verify', 'get'], everyNth: 30 },
  { kind: 'extra-now-absent', endpoints: ['prepare', 'verify', 'get'], everyNth: 30 },
  { kind: 'items-unlisted-before-effect', endpoints: ['verify'], everyNth: 30 },
  { kind: 'items-unlisted-after-effect', endpoints: ['verify'], everyNth: 25 },
  { kind: 'items-unreadable-before-effect', endpoints: ['verify'], everyNth: 30 },
  { kind: 'items-unreadable-after-effect', endpoints: ['verify'], everyNth: 25 },
  { kind: 'items-partly-unreadable-after-effect', endpoints: ['verify'], everyNth: 30 },
  { kind: 'refuse-connections', endpoints: ['prepare', 'verify'], everyNth: 150 },
  { kind: 'stale-certificate', endpoints: ['get'], everyNth: 100 },
  { kind: 'risk-review-fails', endpoints: ['verify'], everyNth: 200 },
  { kind: 'items-refused-after-effect', endpoints: ['verify'], everyNth: 400 },
];
const TOKEN_ENDPOINTS: readonly EndpointName[] = ['client_token', 'stable_token'];
const FAULTED_TOKEN_FETCHES = 12;
/** Requests of a till that is patient: some links and stores are in trouble for ever. */
const PATIENCE = 25;

/** The same options always give the same plan. */
export function makePlan(options: PlanOptions): Plan {
  const visits = planVisits(options);
  const lengthMs = visits.at(-1)?.atMs ?? 0;
  const disturbances = [
    ...planDisturbances(options, lengthMs),
    ...planBigDisturbances(new Random(`${options.seed} big`), lengthMs),
  ].sort((a, b) => a.atMs - b.atMs);
  return {
    options,
    visits,
    controls: planControls(options, visits),
    disturbances,
    faults: {
      calls: {
        seed: `${options.seed} faults`,
        rate: FAULT_RATE,
        maxDelayMs: LONGEST_LATENCY_MS,
        endpoints: ENDPOINTS.filter((endpoint) => !TOKEN_ENDPOINTS.includes(endpoint)),
        maxFaultsPerCoupon: 3,
      },
      named: [
        ...planTokenFaults(new Random(`${options.seed} tokens`)),
        ...planNamedFaults(new Random(`${options.seed} named`), options.verifications),
        ...planEveryKind(new Random(`${options.seed} every kind`), options.verifications),
      ],
    },
    clocks: planClocks(new Random(`${options.seed} clocks`)),
    readings: drawBearableReadings(options.seed),
    lengthMs,
  };
}

/** Some fetches of an access token fail. For "too frequent" the gateway rests a whole minute: that is a disturbance. */
function planTokenFaults(random: Random): FaultInput[] {
  const kinds = [
    'http-5xx-before-effect',
    'cut-after-effect',
    'hang-before-effect',
    'not-json-after-effect',
    'latency-before-effect',
  ] as const;
  return Array.from({ length: FAULTED_TOKEN_FETCHES }, (_, number) => ({
    kind: random.pick(kinds),
    endpoints: [...TOKEN_ENDPOINTS],
    nth: 2 + 3 * number + random.int(0, 1),
    delayMs: random.int(100, LONGEST_LATENCY_MS),
  }));
}

/** Minutes apart, as of machines that nobody watches. Douyin's as well. */
function planClocks(random: Random): Plan['clocks'] {
  const offset = () => (random.chance(0.3) ? 0 : random.int(-CLOCK_OFFSET_MS, CLOCK_OFFSET_MS));
  return {
    'api-1': offset(),
    'api-2': offset(),
    'worker-1': offset(),
    'worker-2': offset(),
    douyin: offset(),
  };
}

/** Kinds that a seeded plan leaves out, each spread over the run. Those that nobody can decide after are few. */
function planNamedFaults(random: Random, verifications: number): FaultInput[] {
  return NAMED_FAULTS.flatMap(({ kind, endpoints, everyNth }) =>
    Array.from({ length: Math.max(1, Math.floor(verifications / everyNth)) }, () => ({
      kind,
      endpoints: [...endpoints],
      nth: random.int(1, Math.max(2, Math.floor(verifications * SHARE_OF_SURE_CALLS))),
      delayMs: random.int(100, LONGEST_LATENCY_MS),
      durationMs: random.int(100, LONGEST_LATENCY_MS),
    })),
  );
}

/** So many calls of an endpoint, per verification, come in every run. */
const SHARE_OF_SURE_CALLS = 0.7;
/** From so many on the faults below are few among all. */
const VERIFICATIONS_FOR_EVERY_KIND = 200;
const ENDPOINTS_OF_EVERY_KIND = ['verify', 'prepare', 'get'] as const satisfies readonly EndpointName[];

/** Each kind that a seeded plan draws from once, so that a long run misses none by chance. */
function planEveryKind(random: Random, verifications: number): FaultInput[] {
  if (verifications < VERIFICATIONS_FOR_EVERY_KIND) return [];
  return FAULT_KINDS.filter((kind) => faultKind(kind).isOnlyByName !== true).flatMap((kind) => {
    // A prepare that tells of something else misleads every later step, which no repetition can mend.
    const fitting = ENDPOINTS_OF_EVERY_KIND.filter(
      (endpoint) =>
        isApplicable(kind, endpoint) && !(endpoint === 'prepare' && kind.startsWith('answer-for-another')),
    );
    if (fitting.length === 0) return [];
    return {
      kind,
      endpoints: [random.pick(fitting)],
      nth: random.int(1, Math.floor(verifications * SHARE_OF_SURE_CALLS)),
      delayMs: random.int(100, LONGEST_LATENCY_MS),
      durationMs: random.int(100, LONGEST_LATENCY_MS),
    };
  });
}

function planVisits({ seed, verifications, ratePerSecond }: PlanOptions): Visit[] {
  const random = new Random(`${seed} visits`);
  const visits: Visit[] = [];
  let tills = 0;
  let atMs = 0;
  while (tills < verifications) {
    const scenario = random.weighted(SCENARIOS);
    const visit = planVisit(random, seed, { visit: visits.length, scenario, atMs, firstTill: tills });
    visits.push(visit);
    tills += visit.tills.length;
    atMs += Math.round(random.exponential((1000 * visit.tills.length) / ratePerSecond));
  }
  return visits;
}

/** One till per way of naming a coupon. */
function planControls({ seed }: PlanOptions, visits: readonly Visit[]): Visit[] {
  const random = new Random(`${seed} controls`);
  const firstTill = visits.flatMap(({ tills }) => tills).length;
  return (['short_link', 'code', 'encrypted_code'] as const).map((mode, number) => {
    const frame = { visit: visits.length + number, scenario: 'one_till' as const, atMs: 0 };
    const visit = planVisit(random, seed, { ...frame, firstTill: firstTill + number });
    return {
      ...visit,
      tills: visit.tills.map((till) => ({
        ...till,
        mode,
        token: mode === 'encrypted_code' ? null : `till-${seed}-${till.till}`,
        patience: PATIENCE,
      })),
    };
  });
}

interface VisitFrame {
  readonly visit: number;
  readonly scenario: Scenario;
  readonly atMs: number;
  readonly firstTill: number;
}

function planVisit(random: Random, seed: string, frame: VisitFrame): Visit {
  const poiId = random.pick(STORES);
  const tillOf = (number: number, changes: Partial<PlannedTill> = {}): PlannedTill => {
    const till = frame.firstTill + number;
    const mode = changes.mode ?? random.pick(['short_link', 'short_link', 'code', 'encrypted_code'] as const);
    return {
      till,
      app: random.chance(0.5) ? 0 : 1,
      mode,
      poiId,
      token: mode === 'encrypted_code' ? null : `till-${seed}-${till}`,
      startDelayMs: 0,
      requests: 1,
      api: random.chance(0.5) ? 0 : 1,
      refreshesQr: false,
      preparedBy: null,
      couponIndex: 0,
      hasUnknownCode: false,
      follow: random.chance(0.5) ? 'look_up' : 'repeat',
      patience: random.chance(0.1) ? random.int(1, 2) : PATIENCE,
      ...changes,
    };
  };
  const planned = planScenario(random, frame.scenario, tillOf);
  const { tills, order = {}, elsewhere = [], flaw = null, isOneMeal = tills.length === 1 } = planned;
  const payAmountFen = random.int(100, 20_000);
  const { visit, scenario, atMs } = frame;
  return {
    visit,
    scenario,
    atMs,
    order: {
      kind: random.chance(0.2) ? 'voucher' : 'groupon',
      payAmountFen,
      originalAmountFen: payAmountFen + random.int(0, 5000),
      refusalAs: random.pick(['item', 'item', 'error_code'] as const),
      ...order,
    },
    elsewhere,
    flaw,
    isOneMeal,
    tills,
  };
}

interface PlannedScenario {
  readonly tills: readonly PlannedTill[];
  readonly order?: OrderInput;
  readonly elsewhere?: readonly Elsewhere[];
  readonly flaw?: string;
  readonly isOneMeal?: boolean;
}

function planScenario(
  random: Random,
  scenario: Scenario,
  tillOf: (number: number, changes?: Partial<PlannedTill>) => PlannedTill,
): PlannedScenario {
  switch (scenario) {
    case 'one_till':
      return { tills: [tillOf(0)] };
    case 'duplicates':
      return { tills: [tillOf(0, { requests: random.int(2, 5) })] };
    case 'two_tills':
      return {
        tills: [tillOf(0), tillOf(1, { startDelayMs: random.chance(0.5) ? 0 : random.int(0, 3000) })],
      };
    case 'one_douyin_token_two_apps': {
      const first = tillOf(0, { mode: 'encrypted_code', app: 0 });
      const second = tillOf(1, {
        mode: 'encrypted_code',
        app: 1,
        preparedBy: first.till,
        startDelayMs: random.chance(0.5) ? 0 : random.int(0, 1500),
      });
      return { tills: [first, second] };
    }
    case 'several_coupons': {
      const coupons = random.int(2, 4);
      const together = random.chance(0.5);
      const tills = Array.from({ length: coupons }, (_, number) =>
        tillOf(number, {
          couponIndex: number,
          refreshesQr: number > 0,
          startDelayMs: together ? 0 : number * random.int(500, 4000),
        }),
      );
      return { tills, order: { coupons } };
    }
    case 'times_card': {
      const uses = random.int(1, 3);
      const together = random.chance(0.5);
      const tills = Array.from({ length: uses }, (_, number) =>
        tillOf(number, {
          refreshesQr: number > 0,
          startDelayMs: together ? 0 : number * random.int(500, 4000),
        }),
      );
      return { tills, order: { kind: 'times_card', timesCount: random.int(1, 4) } };
    }
    case 'used_before':
      return { tills: [tillOf(0)], elsewhere: [elsewhere(random, 'use', 'before')] };
    case 'used_elsewhere_meanwhile':
      return { tills: [tillOf(0)], elsewhere: [elsewhere(random, 'use', random.int(0, 3000))] };
    case 'used_and_cancelled': {
      const isBefore = random.chance(0.5);
      const usedAfterMs = isBefore ? 'before' : random.int(0, 1500);
      const cancelledAfterMs = isBefore ? 'before' : random.int(1500, 5000);
      return {
        tills: [tillOf(0)],
        elsewhere: [elsewhere(random, 'use', usedAfterMs), elsewhere(random, 'cancel', cancelledAfterMs)],
      };
    }
    case 'ours_cancelled':
      // Whatever use there is then: mostly ours.
      return {
        tills: [tillOf(0), tillOf(1, { refreshesQr: true, startDelayMs: random.int(4000, 8000) })],
        elsewhere: [elsewhere(random, 'cancel', random.int(500, 4000))],
      };
    case 'refund_meanwhile':
      return {
        tills: [tillOf(0)],
        elsewhere: [
          elsewhere(random, 'refund', random.int(0, 3000)),
          elsewhere(random, 'withdraw_refund', random.int(3000, 6000)),
        ],
      };
    case 'scanned_again': {
      const mode = random.pick(['short_link', 'code'] as const);
      return {
        tills: Array.from({ length: random.int(2, 3) }, (_, number) =>
          tillOf(number, { mode, refreshesQr: number > 0, patience: random.int(1, 3) }),
        ),
        order: { coupons: random.int(1, 3) },
        isOneMeal: true,
      };
    }
    case 'refunded':
      return {
        tills: [tillOf(0)],
        flaw: 'refunded',
        order: { couponStatus: random.pick(['refund_applied', 'refunded', 'refund_failed', 'refunding']) },
      };
    case 'expired':
      // Long ago, so that the plan need not know the time of day.
      return {
        tills: [tillOf(0)],
        flaw: 'expired',
        order: { startTime: 1_700_000_000, expireTime: 1_700_000_000 + 30 * DAY_S },
      };
    case 'wrong_store': {
      const till = tillOf(0);
      return { tills: [till], order: { poiIds: STORES.filter((store) => store !== till.poiId) } };
    }
    case 'not_paid':
      return {
        tills: [tillOf(0)],
        flaw: 'not paid',
        order: { status: random.pick(['unpaid', 'gifted']) },
      };
    case 'bad_short_link':
      return {
        tills: [tillOf(0, { mode: 'short_link' })],
        flaw: 'its short link',
        order: { shortLinkVariant: random.pick(BAD_LINKS) },
      };
    case 'unknown_code':
      return { tills: [tillOf(0, { mode: 'code', hasUnknownCode: true })] };
  }
}

function elsewhere(random: Random, act: Elsewhere['act'], afterMs: Elsewhere['afterMs']): Elsewhere {
  return {
    afterMs,
    act,
    channel: random.pick(['scan', 'typed', 'other_app']),
    isSameStore: random.chance(0.6),
  };
}

const KILL_WEIGHTS: readonly Target[] = [
  'api-1',
  'api-2',
  'worker-1',
  'postgres',
  'api-1',
  'temporal',
  'api-2',
  'worker-2',
];
/** Both APIs are never brought down within this time, so that tills can mostly reach one. */
const API_GAP_MS = 7000;

/**
 * A slot of time per kill. In every second one nothing else happens, so that recovery can be measured; in the others
 * pauses, broken connections and lost access tokens come on top, before, during and after the kill.
 */
function planDisturbances({ seed, kills }: PlanOptions, lengthMs: number): Disturbance[] {
  const random = new Random(`${seed} nemesis`);
  // The first customers see a whole gateway.
  const fromMs = Math.min(3000, lengthMs * 0.1);
  const slotMs = (lengthMs - fromMs) / Math.max(1, kills);
  const bag = Array.from({ length: Math.ceil(kills / KILL_WEIGHTS.length) }, () =>
    random.shuffled(KILL_WEIGHTS),
  ).flat();
  const disturbances = Array.from({ length: kills }, (_, slot): Disturbance[] => {
    const isQuiet = slot % 2 === 0;
    const at = (share: number) => Math.round(fromMs + slotMs * (slot + share));
    const kill: Disturbance = {
      atMs: at((isQuiet ? 0.1 : 0.7) * random.fraction()),
      kind: 'kill',
      target: bag[slot] ?? 'worker-1',
      awayMs: !isQuiet && random.chance(0.5) ? random.int(3000, 8000) : random.int(100, 1500),
    };
    return isQuiet ? [kill] : [kill, ...planMore(random, () => at(random.fraction() * 0.8))];
  }).flat();
  return keepOneApiAlive(disturbances.sort((a, b) => a.atMs - b.atMs));
}

/** Long enough that what reaches everybody leaves most of the run to the rest. Milliseconds. */
const LENGTH_FOR_LONG_ONES_MS = 60_000;
const LENGTH_FOR_LONGEST_MS = 150_000;

/** A short run has two of those that are over soon; a long one has each kind. */
function planBigDisturbances(random: Random, lengthMs: number): BigDisturbance[] {
  const isAmong = (from: number, to: number) =>
    Math.round(lengthMs * (from + (to - from) * random.fraction()));
  const bothApis = (atMs: number): BigDisturbance => ({
    atMs,
    kind: 'kill_both_apis',
    awayMs: random.int(100, 3000),
  });
  const appSecret = (atMs: number, app: 0 | 1): BigDisturbance => ({ atMs, kind: 'change_app_secret', app });
  const failOver = (atMs: number): BigDisturbance => ({
    atMs,
    kind: 'fail_over',
    server: random.pick(['postgres', 'temporal']),
  });
  const short: readonly ((atMs: number) => BigDisturbance)[] = [
    bothApis,
    failOver,
    (atMs) => appSecret(atMs, random.pick([0, 1])),
  ];
  if (lengthMs < LENGTH_FOR_LONG_ONES_MS)
    return random
      .shuffled(short)
      .slice(0, 2)
      .map((plan) => plan(isAmong(0.2, 0.9)));
  return [
    bothApis(isAmong(0.1, 0.3)),
    failOver(isAmong(0.2, 0.9)),
    failOver(isAmong(0.2, 0.9)),
    appSecret(isAmong(0.1, 0.5), 0),
    appSecret(isAmong(0.5, 0.9), 1),
    { atMs: isAmong(0.3, 0.45), kind: 'change_secrets_key' },
    bothApis(isAmong(0.7, 0.9)),
    ...(lengthMs < LENGTH_FOR_LONGEST_MS
      ? []
      : [{ atMs: isAmong(0.55, 0.65), kind: 'refuse_access_tokens' } as const]),
  ];
}

function planMore(random: Random, atMs: () => number): Disturbance[] {
  const several = (count: number, plan: () => Disturbance) => Array.from({ length: count }, plan);
  return [
    ...several(1, () => ({
      atMs: atMs(),
      kind: 'pause',
      target: random.pick(KILL_TARGETS),
      durationMs: random.chance(0.5) ? random.int(5500, 9000) : random.int(1500, 5000),
    })),
    ...several(random.chance(0.4) ? 1 : 0, () => ({
      atMs: atMs(),
      kind: 'restart',
      target: random.pick(KILL_TARGETS),
    })),
    ...several(2, () => ({
      atMs: atMs(),
      kind: random.pick(['cut', 'stall', 'stall_answers']),
      link: random.pick(LINKS),
      durationMs: random.int(300, 6000),
    })),
    ...several(1, () => ({
      atMs: atMs(),
      kind: 'lose_answers',
      target: random.pick(PROCESS_TARGETS),
      lostMs: random.int(20, 600),
      awayMs: random.int(100, 1500),
    })),
    ...several(2, () => ({
      atMs: atMs(),
      kind: 'jump_clock',
      target: random.pick([...PROCESS_TARGETS, 'douyin'] as const),
      offsetMs: random.int(-CLOCK_OFFSET_MS, CLOCK_OFFSET_MS),
    })),
    ...several(random.chance(0.6) ? 1 : 0, () => ({
      atMs: atMs(),
      kind: 'end_access_tokens',
      how: random.pick(['expire', 'revoke', 'replace']),
    })),
  ];
}

/** Moves what would bring the second API down right after the first onto the one that is down already. */
function keepOneApiAlive(ordered: readonly Disturbance[]): Disturbance[] {
  let last: { target: ApiTarget; untilMs: number } | null = null;
  return ordered.map((disturbance) => {
    if (!('target' in disturbance) || disturbance.kind === 'jump_clock' || !isApi(disturbance.target))
      return disturbance;
    const target = last !== null && disturbance.atMs < last.untilMs ? last.target : disturbance.target;
    const downMs = downMsOf(disturbance);
    last = { target, untilMs: disturbance.atMs + downMs + API_GAP_MS };
    return { ...disturbance, target };
  });
}

type ApiTarget = 'api-1' | 'api-2';

function isApi(target: Target): target is ApiTarget {
  return target === 'api-1' || target === 'api-2';
}

function downMsOf(
  disturbance: Exclude<Extract<Disturbance, { target: Target }>, { kind: 'jump_clock' }>,
): number {
  switch (disturbance.kind) {
    case 'lose_answers':
      return disturbance.lostMs + disturbance.awayMs;
    case 'kill':
      return disturbance.awayMs;
    case 'pause':
      return disturbance.durationMs;
    case 'restart':
      return 0;
  }
}
