// People who step in at random moments: they look at what Douyin's own app shows, and say how an open verification ended,
// through the API or by Temporal's update. Mostly they are right, sometimes not; what they say while a send may be under way
// must be refused.
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { RESOLVE_UPDATE, verifyWorkflowId } from '../../../workflows/contract.ts';
import type { Resolution } from '../oracle/ledgers.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';

const EVERY_MS = { min: 800, max: 4000 };
const REQUEST_TIMEOUT_MS = 5000;
const MISTAKEN = 0.1;

const WAYS = ['api-1', 'api-2', 'temporal', 'temporal'] as const;
type Way = (typeof WAYS)[number];

/** An operator's word, and under which name the gateway would have kept it. */
export interface Decision {
  readonly verificationId: number;
  readonly verifyStatus: 'success' | 'failed';
  readonly way: Way;
  readonly actor: string;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** Decisions of one way: those that were asked for, and those that the gateway took. */
export interface DecisionCount {
  readonly asked: number;
  readonly taken: number;
}

interface OpenVerification {
  readonly id: number;
  readonly round: number;
  readonly token: string;
}

/** Decides until `closing`. Never rejects for what is down: then there is nothing to see. */
export async function operate(
  system: System,
  random: Random,
  closing: AbortSignal,
): Promise<readonly Decision[]> {
  const connection = Connection.lazy({ address: system.temporalAddress });
  const temporal = new Client({ connection });
  const decisions: Decision[] = [];
  try {
    while (!closing.aborted) {
      await delay(random.int(EVERY_MS.min, EVERY_MS.max), undefined, { signal: closing }).catch(
        () => undefined,
      );
      if (closing.aborted) break;
      const decision = await decide(system, temporal, random, `operator-${decisions.length}`).catch(
        () => null,
      );
      if (decision) decisions.push(decision);
    }
  } finally {
    await connection.close();
  }
  return decisions;
}

async function decide(
  system: System,
  temporal: Client,
  random: Random,
  name: string,
): Promise<Decision | null> {
  const open = await system.query<OpenVerification>(
    `select id::int, round::int, douyin_verify_token as token from verifications
     where verify_status = 'processing' and send_count > 0 order by id`,
  );
  if (open.length === 0) return null;
  const verification = random.pick(open);
  const isRedeemed = await system.simulator.isRedeemed(verification.token);
  const verifyStatus = isRedeemed === random.chance(MISTAKEN) ? 'failed' : 'success';
  const way = random.pick(WAYS);
  const askedAtMs = Date.now();
  // Refused or unheard: what became of it stands in the timeline.
  await (
    way === 'temporal'
      ? resolveByTemporal(temporal, verification, verifyStatus, name)
      : resolveByApi(system, verification, verifyStatus, name, way)
  ).catch(() => undefined);
  return {
    verificationId: verification.id,
    verifyStatus,
    way,
    // As the gateway names those who come by Temporal: nobody can type that.
    actor: way === 'temporal' ? `temporal:${name}` : name,
    askedAtMs,
    answeredAtMs: Date.now(),
  };
}

async function resolveByApi(
  system: System,
  { id }: OpenVerification,
  verifyStatus: 'success' | 'failed',
  actor: string,
  way: 'api-1' | 'api-2',
): Promise<void> {
  const address = system.proxies[`tills:${way}`].address;
  const response = await fetch(`http://${address}/v1/internal/verifications/${id}/resolve`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-XTJ-UID': actor },
    body: JSON.stringify({ verify_status: verifyStatus, note: 'seen in Douyin’s app' }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  await response.body?.cancel();
}

async function resolveByTemporal(
  temporal: Client,
  { id, round }: OpenVerification,
  verifyStatus: 'success' | 'failed',
  updateId: string,
): Promise<void> {
  const handle = temporal.workflow.getHandle(verifyWorkflowId(id, round));
  await temporal.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, () =>
    handle.executeUpdate(RESOLVE_UPDATE, { updateId, args: [{ verifyStatus }] }),
  );
}

/** Which of them the gateway took: what was not answered may have been, also later. */
export async function readResolutions(
  system: System,
  decisions: readonly Decision[],
): Promise<{
  readonly resolutions: readonly Resolution[];
  readonly byWay: Readonly<Record<'api' | 'temporal', DecisionCount>>;
}> {
  const events = await system.query<{ word: string; atMs: number }>(
    `select concat_ws(' ', verification_id, details ->> 'actor', details ->> 'verify_status') as word,
       (extract(epoch from happened_at) * 1000)::float8 as "atMs"
     from verification_events where kind = 'resolved'`,
  );
  const takenAtMs = new Map(events.map(({ word, atMs }) => [word, atMs]));
  const keyOf = ({ verificationId, actor, verifyStatus }: Decision) =>
    `${verificationId} ${actor} ${verifyStatus}`;
  const resolutions = decisions.map((decision) => ({
    verificationId: decision.verificationId,
    verifyStatus: decision.verifyStatus,
    askedAtMs: decision.askedAtMs,
    answeredAtMs: Math.max(decision.answeredAtMs, takenAtMs.get(keyOf(decision)) ?? 0),
    isAccepted: takenAtMs.has(keyOf(decision)),
  }));
  const count = (isOfWay: (decision: Decision) => boolean): DecisionCount => {
    const ofWay = decisions.filter(isOfWay);
    return { asked: ofWay.length, taken: ofWay.filter((one) => takenAtMs.has(keyOf(one))).length };
  };
  return {
    resolutions,
    byWay: { api: count(({ way }) => way !== 'temporal'), temporal: count(({ way }) => way === 'temporal') },
  };
}
