// The way of one Douyin call: log it, choose its fault, do what it asks for, bend the answer, deliver it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, DouyinRefusal, lifeRefusal, shapeExtra } from './answers.ts';
import { type CallEntry, type CallLog, type CallOutcome } from './call-log.ts';
import { LIMITS } from './defaults.ts';
import { cut, sendHalf, sendInDrips, sendWhole } from './delivery.ts';
import { bendBody, replaceCode, replaceHttp } from './fault-bodies.ts';
import { faultKind } from './fault-kinds.ts';
import type { ChosenFault, FaultBook } from './faults.ts';
import { hashFraction } from './ids.ts';
import { decideDueReviews } from './redemption.ts';
import type { Bend, CallFacts, DouyinRequest, Endpoint } from './routes/endpoint.ts';
import { findEndpoint } from './routes/index.ts';
import type { EndpointName } from './settings.ts';
import type { World } from './world.ts';

export interface DouyinSide {
  world: World;
  calls: CallLog;
  faults: FaultBook;
  rates: CallRates;
  /** Stops taking connections for a while. */
  refuseConnections(durationMs: number): void;
  /** Aborted when the simulator closes: calls still waiting then do nothing more. */
  closing: AbortSignal;
}

export interface RawRequest {
  message: IncomingMessage;
  response: ServerResponse;
  url: URL;
  bodyText: string;
}

/** Answers one call of Douyin's side. Rejects only for a fault of the simulator's own. */
export async function handleDouyinCall(side: DouyinSide, raw: RawRequest): Promise<void> {
  const { message, response, url, bodyText } = raw;
  const { world } = side;
  const atMs = world.clock();
  const endpoint = findEndpoint(message.method ?? '', url.pathname);
  if (endpoint === undefined) {
    const stamp = { callId: url.pathname, atMs };
    const refusal = shapeExtra(lifeRefusal(new DouyinRefusal(28001017), stamp), world.settings);
    sendWhole(response, dated(world, response, refusal, null));
    return;
  }
  const entry = side.calls.begin(world.run, endpoint.name, { atMs, trueAtMs: world.trueClock() });
  response.once('close', () => {
    side.calls.end(entry, response.writableFinished ? 'answered' : 'abandoned');
  });
  const request: DouyinRequest = {
    method: message.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: message.headers as Record<string, string | undefined>,
    bodyText,
    stamp: { callId: entry.callId, atMs },
  };
  decideDueReviews(world);
  entry.facts = endpoint.facts(world, request);
  noteSend(world, entry.facts);
  const fault = side.faults.choose(endpoint.name, entry.facts);
  if (fault !== null) side.calls.noteFault(entry, fault.kind, fault.source);
  let answer: Answer | undefined;
  try {
    if (fault?.kind === 'late-effect-after-cut') {
      side.calls.end(entry, 'cut');
      cut(response);
    }
    await waitBeforeEffect(side, entry, fault);
    answer = produceAnswer(side, endpoint, request, entry, fault);
  } finally {
    side.calls.noteSettled();
  }
  await deliver(side, response, entry, fault, answer);
}

/** Counts what was sent under a verify token, also when a fault keeps it from being judged. */
function noteSend(world: World, facts: CallFacts): void {
  const token = facts.verifyToken === undefined ? undefined : world.verifyTokens.get(facts.verifyToken);
  if (token === undefined) return;
  token.sends += 1;
  if (facts.fingerprint !== undefined && token.parameterSets.size < 100)
    token.parameterSets.add(facts.fingerprint);
}

async function waitBeforeEffect(
  side: DouyinSide,
  entry: CallEntry,
  fault: ChosenFault | null,
): Promise<void> {
  const { latencyMinMs, latencyMaxMs } = side.world.settings;
  const range = Math.max(0, latencyMaxMs - latencyMinMs);
  const baseMs = Math.round(latencyMinMs + range * hashFraction('latency', entry.callId));
  const isLate = fault?.kind === 'latency-before-effect' || fault?.kind === 'late-effect-after-cut';
  const faultMs = isLate ? fault.delayMs : 0;
  if (baseMs + faultMs > 0) await pause(baseMs + faultMs, undefined, { signal: side.closing });
}

/** Has the effect, unless the fault prevents it, and bends the answer; undefined when there is none to send. */
function produceAnswer(
  side: DouyinSide,
  endpoint: Endpoint,
  request: DouyinRequest,
  entry: CallEntry,
  fault: ChosenFault | null,
): Answer | undefined {
  const answer = bentAnswer(side, endpoint, request, entry, fault);
  // These faults are about `extra` itself.
  const isExtraBent = fault?.kind === 'error-code-in-extra-only' || fault?.kind === 'error-codes-differ';
  return answer === undefined || isExtraBent ? answer : shapeExtra(answer, side.world.settings);
}

function bentAnswer(
  side: DouyinSide,
  endpoint: Endpoint,
  request: DouyinRequest,
  entry: CallEntry,
  fault: ChosenFault | null,
): Answer | undefined {
  const kind = fault === null ? null : faultKind(fault.kind);
  const isDone = kind?.effect !== 'none';
  const answer = isDone ? runEndpoint(side, endpoint, request, entry, bendOf(fault, entry.facts)) : undefined;
  if (fault === null || kind === null) return answer;
  switch (kind.action) {
    case 'replace_http':
      return replaceHttp(fault, answer);
    case 'replace_code':
      return replaceCode(fault, endpoint, request);
    case 'end_tokens':
      endTokens(side.world, fault);
      return replaceCode(fault, endpoint, request);
    case 'bend_body':
      // A refusal stays what it is: only what succeeded can be told wrongly.
      return answer === undefined || answer.code === 0
        ? bendBody(fault, answer, request, entry.facts)
        : answer;
    default:
      return answer;
  }
}

function runEndpoint(
  side: DouyinSide,
  endpoint: Endpoint,
  request: DouyinRequest,
  entry: CallEntry,
  bend: Bend,
): Answer {
  const { world } = side;
  const ledgerBefore = world.ledger.length;
  decideDueReviews(world);
  try {
    if (!side.rates.admit(world, endpoint)) throw new DouyinRefusal(2119003);
    return endpoint.handle(world, request, bend);
  } catch (error) {
    if (error instanceof DouyinRefusal) return endpoint.refuse(error, request.stamp);
    throw error;
  } finally {
    entry.effects = world.ledger.length - ledgerBefore;
    entry.judgedTrueAtMs = world.trueClock();
  }
}

/** What some faults ask of the handler instead of of its answer. */
function bendOf(fault: ChosenFault | null, facts: CallFacts): Bend {
  const count = facts.encryptedCodes?.length ?? 0;
  switch (fault?.kind) {
    case 'items-refused':
      return {
        refuse: { positions: Array.from({ length: count }, (_, index) => index), result: fault.code },
      };
    case 'items-partly-refused':
      return { refuse: { positions: [count - 1], result: fault.code } };
    case 'risk-review-passes':
      return { review: { passes: true, afterMs: fault.durationMs } };
    case 'risk-review-fails':
      return { review: { passes: false, afterMs: fault.durationMs } };
    case 'refusal-as-item':
      return { refusalAs: 'item' };
    case 'refusal-as-error-code':
      return { refusalAs: 'error_code' };
    case 'stale-certificate':
      return { isStale: true };
    default:
      return {};
  }
}

function endTokens(world: World, fault: ChosenFault): void {
  if (fault.kind === 'token-expired') world.accessTokens.expireAll(world.trueClock());
  else world.accessTokens.revokeAll();
}

async function deliver(
  side: DouyinSide,
  response: ServerResponse,
  entry: CallEntry,
  fault: ChosenFault | null,
  answer: Answer | undefined,
): Promise<void> {
  const end = (outcome: CallOutcome) => {
    side.calls.end(entry, outcome);
  };
  const whole = (): void => {
    if (answer === undefined) throw new Error('a call without an answer');
    entry.httpStatus = answer.httpStatus;
    entry.answerCode = typeof answer.body === 'string' ? null : answer.code;
    sendWhole(response, dated(side.world, response, answer, fault));
  };
  if (fault === null) {
    whole();
    return;
  }
  switch (faultKind(fault.kind).action) {
    case 'delay':
      if (fault.kind === 'latency-after-effect')
        await pause(fault.delayMs, undefined, { signal: side.closing });
      whole();
      return;
    case 'hang':
      await hang(side, response);
      return;
    case 'cut':
      end('cut');
      cut(response);
      return;
    case 'cut_early':
      return;
    case 'refuse_connections':
      end('cut');
      side.refuseConnections(fault.durationMs);
      cut(response);
      return;
    case 'cut_mid_answer':
      end('cut');
      if (answer !== undefined) await sendHalf(response, dated(side.world, response, answer, fault));
      return;
    case 'drip':
      if (answer !== undefined) {
        await sendInDrips(response, dated(side.world, response, answer, fault), fault.delayMs, side.closing);
      }
      return;
    default:
      whole();
  }
}

/** Gives an answer the `Date` header of Douyin's clock, or none. */
function dated(world: World, response: ServerResponse, answer: Answer, fault: ChosenFault | null): Answer {
  if (world.settings.dateHeader === 'absent' || fault?.kind === 'extra-and-date-absent') {
    response.sendDate = false;
    return answer;
  }
  const date = new Date(world.clock()).toUTCString();
  return { ...answer, headers: { ...answer.headers, date } };
}

/** Leaves the client waiting until it goes away, or for two minutes. */
async function hang(side: DouyinSide, response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  const signal = AbortSignal.any([gone.signal, side.closing]);
  // An abort only ends the wait early; the connection is done with either way.
  await pause(LIMITS.hangMs, undefined, { signal }).catch(() => undefined);
  cut(response);
}

/** How many calls of each endpoint were taken in the current second. */
export class CallRates {
  readonly #secondOf = new Map<string, { second: number; count: number }>();

  admit(world: World, endpoint: Endpoint): boolean {
    const limits: Partial<Record<EndpointName, number>> = world.settings.callsPerSecond;
    const limit = limits[endpoint.name];
    if (limit === undefined) return true;
    const second = Math.floor(world.trueClock() / 1000);
    const seen = this.#secondOf.get(endpoint.name);
    const count = seen?.second === second ? seen.count + 1 : 1;
    this.#secondOf.set(endpoint.name, { second, count });
    return count <= limit;
  }
}
