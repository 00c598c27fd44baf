// What arrived: the latest calls in a ring of bounded size, and counters that stay exact for ever.
// Client secrets and access tokens never come here.
import { LIMITS } from './defaults.ts';
import type { FaultKind } from './fault-kinds.ts';
import type { CallFacts } from './routes/endpoint.ts';
import { ENDPOINTS, type EndpointName } from './settings.ts';

/** How a call ended: `open` is still going on, `abandoned` was given up by its client. */
export type CallOutcome = 'open' | 'answered' | 'cut' | 'abandoned';

export interface CallEntry {
  sequence: number;
  callId: string;
  endpoint: EndpointName;
  /** Arrival, by Douyin's clock. */
  atMs: number;
  /** Arrival, by the machine's clock. */
  trueAtMs: number;
  /** When it was judged and had its effect, by the machine's clock; null before that, and where a fault prevents it. */
  judgedTrueAtMs: number | null;
  facts: CallFacts;
  fault: FaultKind | null;
  faultSource: string | null;
  /** Ledger lines this call wrote: verifications and cancellations. */
  effects: number;
  outcome: CallOutcome;
  httpStatus: number | null;
  /** Douyin's error code in the answer that was sent; null when none was. */
  answerCode: number | null;
  /** From the request's arrival to its end, milliseconds; null while it is open. */
  durationMs: number | null;
}

export interface CallCounters {
  calls: Record<EndpointName, number>;
  total: number;
  inFlight: number;
  /** Calls that may still have their effect, those of clients that have gone included. */
  unjudged: number;
  maxInFlight: number;
  maxInFlightByEndpoint: Record<EndpointName, number>;
  faults: Partial<Record<FaultKind, number>>;
}

export class CallLog {
  #ring: CallEntry[] = [];
  #counters = emptyCounters();
  #inFlight = perEndpoint();
  /** Calls that go on, with the moment they began. */
  readonly #open = new Map<CallEntry, number>();
  #sequence = 0;
  readonly #capacity: number;

  constructor(capacity: number = LIMITS.callLogEntries) {
    this.#capacity = capacity;
  }

  begin(run: number, endpoint: EndpointName, at: { atMs: number; trueAtMs: number }): CallEntry {
    this.#sequence += 1;
    const entry: CallEntry = {
      sequence: this.#sequence,
      callId: `${String(run)}.${String(this.#sequence)}`,
      endpoint,
      ...at,
      judgedTrueAtMs: null,
      facts: {},
      fault: null,
      faultSource: null,
      effects: 0,
      outcome: 'open',
      httpStatus: null,
      answerCode: null,
      durationMs: null,
    };
    this.#open.set(entry, performance.now());
    this.#ring[(this.#sequence - 1) % this.#capacity] = entry;
    const counters = this.#counters;
    counters.total += 1;
    counters.calls[endpoint] += 1;
    counters.inFlight += 1;
    counters.unjudged += 1;
    counters.maxInFlight = Math.max(counters.maxInFlight, counters.inFlight);
    this.#inFlight[endpoint] += 1;
    counters.maxInFlightByEndpoint[endpoint] = Math.max(
      counters.maxInFlightByEndpoint[endpoint],
      this.#inFlight[endpoint],
    );
    return entry;
  }

  noteFault(entry: CallEntry, kind: FaultKind, source: string): void {
    entry.fault = kind;
    entry.faultSource = source;
    this.#counters.faults[kind] = (this.#counters.faults[kind] ?? 0) + 1;
  }

  /** Nothing of the call's effect is to come any more. */
  noteSettled(): void {
    this.#counters.unjudged -= 1;
  }

  end(entry: CallEntry, outcome: CallOutcome): void {
    const begunAt = this.#open.get(entry);
    if (begunAt === undefined) return;
    this.#open.delete(entry);
    entry.outcome = outcome;
    entry.durationMs = performance.now() - begunAt;
    this.#counters.inFlight -= 1;
    this.#inFlight[entry.endpoint] -= 1;
  }

  counters(): CallCounters {
    return structuredClone(this.#counters);
  }

  /** Calls after a sequence number that are still kept, oldest first. */
  list(filter: CallFilter): { calls: CallEntry[]; oldestKept: number; nextAfter: number | null } {
    const oldestKept = Math.max(1, this.#sequence - this.#capacity + 1);
    const calls: CallEntry[] = [];
    let sequence = Math.max(oldestKept, filter.after + 1);
    for (; sequence <= this.#sequence && calls.length < filter.limit; sequence += 1) {
      const entry = this.#ring[(sequence - 1) % this.#capacity];
      if (entry !== undefined && isWanted(entry, filter)) calls.push(entry);
    }
    return { calls, oldestKept, nextAfter: sequence <= this.#sequence ? sequence - 1 : null };
  }

  /** The latest calls, newest first. */
  latest(limit: number): CallEntry[] {
    return this.list({ after: Math.max(0, this.#sequence - limit), limit }).calls.reverse();
  }

  /** Forgets entries and counters; sequence numbers go on, so that call ids stay unique. */
  clear(): void {
    const { inFlight, unjudged } = this.#counters;
    this.#ring = [];
    this.#counters = { ...emptyCounters(), inFlight, unjudged, maxInFlight: inFlight };
  }
}

export interface CallFilter {
  after: number;
  limit: number;
  endpoint?: EndpointName | undefined;
  orderId?: string | undefined;
  verifyToken?: string | undefined;
  encryptedCode?: string | undefined;
}

/** A call's number within its run, out of the id that names it for ever. */
export function callSequenceOf(callId: string): number {
  return Number(callId.slice(callId.indexOf('.') + 1));
}

function isWanted({ endpoint, facts }: CallEntry, filter: CallFilter): boolean {
  return (
    (filter.endpoint === undefined || endpoint === filter.endpoint) &&
    (filter.orderId === undefined || facts.orderId === filter.orderId) &&
    (filter.verifyToken === undefined || facts.verifyToken === filter.verifyToken) &&
    (filter.encryptedCode === undefined || facts.encryptedCodes?.includes(filter.encryptedCode) === true)
  );
}

function perEndpoint(): Record<EndpointName, number> {
  return Object.fromEntries(ENDPOINTS.map((name) => [name, 0])) as Record<EndpointName, number>;
}

function emptyCounters(): CallCounters {
  return {
    calls: perEndpoint(),
    total: 0,
    inFlight: 0,
    unjudged: 0,
    maxInFlight: 0,
    maxInFlightByEndpoint: perEndpoint(),
    faults: {},
  };
}
