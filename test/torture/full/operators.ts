// People who step in at random moments: they look at what Douyin's own app shows, and say through the API how an open
// verification ended. Mostly they are right, sometimes not; what they say while a send may be under way must be refused.
import { setTimeout as delay } from 'node:timers/promises';
import type { Resolution } from '../oracle/ledgers.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';

const EVERY_MS = { min: 800, max: 4000 };
const REQUEST_TIMEOUT_MS = 5000;
const MISTAKEN = 0.1;

/** An operator's word, and under which name the gateway would have kept it. */
export interface Decision {
  readonly verificationId: number;
  readonly verifyStatus: 'success' | 'failed';
  readonly actor: string;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  /** Null when nothing was heard. */
  readonly status: number | null;
}

/** Decides until `closing`. Never rejects for what is down: then there is nothing to see. */
export async function operate(
  system: System,
  random: Random,
  closing: AbortSignal,
): Promise<readonly Decision[]> {
  const decisions: Decision[] = [];
  while (!closing.aborted) {
    await delay(random.int(EVERY_MS.min, EVERY_MS.max), undefined, { signal: closing }).catch(
      () => undefined,
    );
    if (closing.aborted) break;
    const decision = await decide(system, random, `operator-${decisions.length}`).catch(() => null);
    if (decision) decisions.push(decision);
  }
  return decisions;
}

async function decide(system: System, random: Random, actor: string): Promise<Decision | null> {
  const open = await system.query<{ id: number; token: string }>(
    `select id::int, douyin_verify_token as token from verifications
     where verify_status = 'processing' and send_count > 0 order by id`,
  );
  if (open.length === 0) return null;
  const { id, token } = random.pick(open);
  const isRedeemed = await system.simulator.isRedeemed(token);
  const verifyStatus = isRedeemed === random.chance(MISTAKEN) ? 'failed' : 'success';
  const askedAtMs = Date.now();
  const status = await resolve(system, id, verifyStatus, actor, random.chance(0.5) ? 0 : 1);
  return { verificationId: id, verifyStatus, actor, askedAtMs, answeredAtMs: Date.now(), status };
}

async function resolve(
  system: System,
  id: number,
  verifyStatus: 'success' | 'failed',
  actor: string,
  api: 0 | 1,
): Promise<number | null> {
  try {
    const address = system.proxies[api === 0 ? 'tills:api-1' : 'tills:api-2'].address;
    const response = await fetch(`http://${address}/v1/internal/verifications/${id}/resolve`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-XTJ-UID': actor },
      body: JSON.stringify({ verify_status: verifyStatus, note: 'seen in Douyin’s app' }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}

/** Which of them the gateway took: what was not answered may have been. */
export async function readResolutions(
  system: System,
  decisions: readonly Decision[],
): Promise<readonly Resolution[]> {
  const taken = await system.query<{ id: number; actor: string }>(
    `select verification_id::int as id, details ->> 'actor' as actor from verification_events
     where details ->> 'actor' like 'operator-%'`,
  );
  const takenBy = new Set(taken.map(({ id, actor }) => `${id} ${actor}`));
  return decisions.map(({ verificationId, verifyStatus, actor, askedAtMs, answeredAtMs }) => ({
    verificationId,
    verifyStatus,
    askedAtMs,
    answeredAtMs,
    isAccepted: takenBy.has(`${verificationId} ${actor}`),
  }));
}
