// Chooses the fault of a call: from the list somebody set, or from a seeded plan. What a fault then does to the call is
// in fault-bodies.ts and delivery.ts.
import { z } from 'zod';
import { LIMITS } from './defaults.ts';
import { FAULT_KINDS, type FaultKind, faultKind, isApplicable } from './fault-kinds.ts';
import { hashFraction } from './ids.ts';
import type { CallFacts } from './routes/endpoint.ts';
import { ENDPOINTS, type EndpointName } from './settings.ts';

const id = z.string().min(1).max(256);

export const faultSpecSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** The calls it can hit; without it every call the kind makes sense for. */
  endpoints: z.array(z.enum(ENDPOINTS)).min(1).optional(),
  orderId: id.optional(),
  certificateId: id.optional(),
  encryptedCode: id.optional(),
  verifyToken: id.optional(),
  poiId: id.optional(),
  /** The first matching call it hits, from 1. */
  nth: z.int().min(1).max(1_000_000).default(1),
  /** How many matching calls from there on. */
  count: z.union([z.int().min(1).max(1_000_000), z.literal('always')]).default(1),
  /** Latency, or pause between two pieces of a drip; drawn evenly up to `delayMaxMs` when that is given. */
  delayMs: z.int().min(0).max(LIMITS.delayMs).optional(),
  delayMaxMs: z.int().min(0).max(LIMITS.delayMs).optional(),
  code: z.int().optional(),
  /** For `error-codes-differ`: the code in `extra`. */
  extraCode: z.int().optional(),
  status: z.int().min(200).max(599).optional(),
  /** How long connections are refused, or a risk review lasts. */
  durationMs: z
    .int()
    .min(0)
    .max(7 * 86_400_000)
    .optional(),
});
export type FaultInput = z.input<typeof faultSpecSchema>;
export type FaultSpec = z.output<typeof faultSpecSchema>;

export const faultPlanSchema = z.strictObject({
  seed: z.union([z.string().max(128), z.int()]).transform(String),
  /** Share of calls that are hit, 0 to 1. */
  rate: z.number().min(0).max(1),
  kinds: z.array(z.enum(FAULT_KINDS)).min(1).optional(),
  endpoints: z.array(z.enum(ENDPOINTS)).min(1).optional(),
  /** Faults one coupon's order gets on one endpoint before it is left in peace, so that everything settles. */
  maxFaultsPerCoupon: z.int().min(0).max(1_000).default(3),
  maxDelayMs: z.int().min(1).max(LIMITS.delayMs).default(200),
});
export type FaultPlanInput = z.input<typeof faultPlanSchema>;
export type FaultPlan = z.output<typeof faultPlanSchema>;

/** A fault with every parameter decided. */
export interface ChosenFault {
  kind: FaultKind;
  source: string;
  delayMs: number;
  code: number;
  extraCode: number;
  status: number;
  durationMs: number;
  /** A number in [0, 1) for choices within the kind. */
  dice: number;
}

export interface ListedFault {
  faultId: string;
  spec: FaultSpec;
  matched: number;
  applied: number;
}

/** Codes that say nothing about what happened: true before and after the effect. */
const UNDECIDED_CODES = [
  2100001, 2100004, 2119002, 2119003, 28001005, 28001006, 5000001, 6001001, 28001052, 28003018, 3000001,
  2999999,
] as const;
/** Results that no documentation has. */
const UNLISTED_RESULTS = [9999, 7, 1209, 45005999] as const;
const TOKEN_ENDPOINT_CODES = [10001, 10020] as const;
const SERVER_STATUSES = [500, 502, 503, 504] as const;

export class FaultBook {
  #listed: ListedFault[] = [];
  #added = 0;
  #plan: FaultPlan | null = null;
  /** Calls seen per endpoint and subject, and plan faults given per endpoint and order. */
  readonly #attempts = new Map<string, number>();
  readonly #given = new Map<string, number>();

  /** @throws Error when the list is full or the kind makes no sense for an endpoint named */
  add(spec: FaultSpec): ListedFault {
    if (this.#listed.length >= LIMITS.faults) throw new Error(`at most ${String(LIMITS.faults)} faults`);
    const unfit = spec.endpoints?.find((endpoint) => !isApplicable(spec.kind, endpoint));
    if (unfit !== undefined) throw new Error(`fault ${spec.kind} makes no sense for ${unfit}`);
    this.#added += 1;
    const fault = { faultId: `fault-${String(this.#added)}`, spec, matched: 0, applied: 0 };
    this.#listed.push(fault);
    return fault;
  }

  list(): readonly ListedFault[] {
    return this.#listed;
  }

  remove(faultId: string): boolean {
    const before = this.#listed.length;
    this.#listed = this.#listed.filter((fault) => fault.faultId !== faultId);
    return this.#listed.length < before;
  }

  clear(): void {
    this.#listed = [];
    this.setPlan(null);
  }

  get plan(): FaultPlan | null {
    return this.#plan;
  }

  setPlan(plan: FaultPlan | null): void {
    this.#plan = plan;
    this.#attempts.clear();
    this.#given.clear();
  }

  /** The fault for this call, or null; a listed one goes before the plan. Counts the call either way. */
  choose(endpoint: EndpointName, facts: CallFacts): ChosenFault | null {
    const listed = this.#chooseListed(endpoint, facts);
    const planned = this.#choosePlanned(endpoint, facts);
    return listed ?? planned;
  }

  #chooseListed(endpoint: EndpointName, facts: CallFacts): ChosenFault | null {
    let chosen: ChosenFault | null = null;
    for (const fault of this.#listed) {
      if (!matches(fault.spec, endpoint, facts)) continue;
      fault.matched += 1;
      const { nth, count } = fault.spec;
      const isInRange = fault.matched >= nth && (count === 'always' || fault.matched < nth + count);
      if (chosen !== null || !isInRange) continue;
      fault.applied += 1;
      chosen = resolveListed(fault, endpoint);
    }
    return chosen;
  }

  #choosePlanned(endpoint: EndpointName, facts: CallFacts): ChosenFault | null {
    const plan = this.#plan;
    if (plan === null || plan.endpoints?.includes(endpoint) === false) return null;
    const subject = subjectOf(endpoint, facts);
    const attempt = countUp(this.#attempts, `${endpoint} ${subject ?? ''}`);
    const roll = (what: string) => hashFraction(plan.seed, endpoint, subject ?? '', attempt, what);
    if (roll('hit') >= plan.rate) return null;
    const kinds = plan.kinds ?? FAULT_KINDS.filter((name) => isSettling(name, endpoint));
    const kind = pick(
      kinds.filter((name) => isApplicable(name, endpoint)),
      roll('kind'),
    );
    if (kind === undefined) return null;
    if (subject === undefined) {
      // Calls that are about no coupon have no end to count to: every second one is let through instead.
      if (attempt % 2 === 0) return null;
    } else {
      const bound = `${endpoint} ${facts.orderId ?? subject}`;
      if ((this.#given.get(bound) ?? 0) >= plan.maxFaultsPerCoupon) return null;
      countUp(this.#given, bound);
    }
    return {
      ...defaultsOf(kind, endpoint, roll('parameter')),
      source: 'plan',
      delayMs: 1 + Math.floor(roll('delay') * plan.maxDelayMs),
      durationMs: Math.floor(roll('duration') * plan.maxDelayMs),
    };
  }
}

/**
 * Whether a client can still find the truth after such a fault. A prepare that tells of something else misleads every
 * later step, which no repetition can mend.
 */
function isSettling(kind: FaultKind, endpoint: EndpointName): boolean {
  const isMisleadingPrepare = endpoint === 'prepare' && kind.startsWith('answer-for-another');
  return faultKind(kind).isOnlyByName !== true && !isMisleadingPrepare;
}

/** What attempts are counted by: the verification, the coupon or the order; undefined for calls about none. */
function subjectOf(endpoint: EndpointName, facts: CallFacts): string | undefined {
  if (endpoint === 'verify') return facts.verifyToken;
  return facts.certificateIds?.[0] ?? facts.orderId;
}

function matches(spec: FaultSpec, endpoint: EndpointName, facts: CallFacts): boolean {
  const isEndpoint = spec.endpoints?.includes(endpoint) ?? isApplicable(spec.kind, endpoint);
  return (
    isEndpoint &&
    (spec.orderId === undefined || spec.orderId === facts.orderId) &&
    (spec.verifyToken === undefined || spec.verifyToken === facts.verifyToken) &&
    (spec.poiId === undefined || spec.poiId === facts.poiId) &&
    (spec.certificateId === undefined || facts.certificateIds?.includes(spec.certificateId) === true) &&
    (spec.encryptedCode === undefined || facts.encryptedCodes?.includes(spec.encryptedCode) === true)
  );
}

function resolveListed(fault: ListedFault, endpoint: EndpointName): ChosenFault {
  const { spec } = fault;
  const dice = hashFraction(fault.faultId, fault.applied);
  const defaults = defaultsOf(spec.kind, endpoint, 0);
  const delayMs = spec.delayMs ?? defaults.delayMs;
  const range = Math.max(0, (spec.delayMaxMs ?? delayMs) - delayMs);
  return {
    ...defaults,
    source: fault.faultId,
    delayMs: Math.round(delayMs + dice * range),
    code: spec.code ?? defaults.code,
    extraCode: spec.extraCode ?? defaults.extraCode,
    status: spec.status ?? defaults.status,
    durationMs: spec.durationMs ?? defaults.durationMs,
  };
}

/** A kind's parameters when nobody gives them; `dice` 0 takes the first of every choice. */
function defaultsOf(kind: FaultKind, endpoint: EndpointName, dice: number): ChosenFault {
  const isToken = endpoint === 'client_token' || endpoint === 'stable_token';
  return {
    kind,
    source: '',
    delayMs: kind === 'slow-drip' ? 20 : 1_000,
    code: defaultCode(kind, isToken, dice),
    extraCode: 2119002,
    status: kind === 'http-4xx-before-effect' ? 403 : (pick(SERVER_STATUSES, dice) ?? 500),
    durationMs: kind === 'refuse-connections' ? 300 : 0,
    dice,
  };
}

function defaultCode(kind: FaultKind, isToken: boolean, dice: number): number {
  switch (kind) {
    case 'token-expired':
      return pick([2190008, 28001008], dice) ?? 2190008;
    case 'token-invalid':
      return pick([2190002, 28001003], dice) ?? 2190002;
    case 'too-frequent':
      return pick([2119003, 28003018], dice) ?? 2119003;
    case 'quota-used-up':
      return pick([2190001, 28003017], dice) ?? 2190001;
    case 'token-too-frequent':
      return 10020;
    case 'items-unlisted-before-effect':
    case 'items-unlisted-after-effect':
      return pick(UNLISTED_RESULTS, dice) ?? 9999;
    case 'ip-not-listed':
      return 2100007;
    case 'permission-missing':
      return pick([2190004, 2119005, 1508, 28001018], dice) ?? 2190004;
    case 'retry-text-before-effect':
    case 'retry-text-after-effect':
      return 2999998;
    case 'error-codes-differ':
      return 3000001;
    case 'items-refused':
    case 'items-partly-refused':
    case 'items-refused-after-effect':
      return pick([1265, 1250, 1212], dice) ?? 1265;
    default:
      return (isToken ? pick(TOKEN_ENDPOINT_CODES, dice) : pick(UNDECIDED_CODES, dice)) ?? 2119002;
  }
}

function pick<T>(choices: readonly T[], dice: number): T | undefined {
  return choices[Math.min(choices.length - 1, Math.floor(dice * choices.length))];
}

function countUp(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}
