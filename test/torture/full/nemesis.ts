// Carries out the disturbances of a plan at their time, notes when each began and ended, and heals everything at the end.
import { setTimeout as delay } from 'node:timers/promises';
import { type Disturbance, type Plan, PROCESS_TARGETS, type ProcessTarget, type Target } from './plan.ts';
import type { System } from './system.ts';

/** One disturbance as it really was. For a kill, `endedAtMs` is when the part served again. */
export interface DoneDisturbance {
  readonly disturbance: Disturbance;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/**
 * Lasts as long as customers come, or until the last disturbance is over.
 * @param plan whose times count from now
 * @param done filled as disturbances end
 */
export async function disturb(
  plan: Plan,
  system: System,
  done: DoneDisturbance[],
  closing: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  // One thing at a time per part: what is planned for a part that is down waits until it is back.
  const queues = new Map<string, Promise<void>>();
  const all = plan.disturbances.map(async (disturbance) => {
    await delay(Math.max(0, startedAt + disturbance.atMs - performance.now()), undefined, {
      signal: closing,
    }).catch(() => undefined);
    const parts = partsOf(disturbance);
    const turn = Promise.all(parts.map((part) => queues.get(part) ?? Promise.resolve())).then(async () => {
      if (closing.aborted) return;
      const beganAtMs = Date.now();
      await carryOut(disturbance, system, closing);
      done.push({ disturbance, beganAtMs, endedAtMs: Date.now() });
    });
    for (const part of parts) queues.set(part, turn);
    await turn;
  });
  const end = delay(plan.lengthMs, undefined, { signal: closing }).catch(() => undefined);
  await Promise.all([...all, end]);
}

/** Puts everything back to how it should be. */
export async function heal(system: System): Promise<void> {
  for (const proxy of Object.values(system.proxies)) proxy.set('open');
  for (const victim of Object.values(system.victims)) {
    victim.resume();
    await victim.start();
  }
  await system.simulator.clearFaults();
}

function partsOf(disturbance: Disturbance): readonly string[] {
  switch (disturbance.kind) {
    case 'kill':
    case 'pause':
    case 'restart':
    case 'lose_answers':
      return [disturbance.target];
    case 'jump_clock':
      return [`clock of ${disturbance.target}`];
    case 'cut':
    case 'stall':
    case 'stall_answers':
      return [disturbance.link];
    case 'fail_over':
      return PROCESS_TARGETS.map((target) => `${target}:${disturbance.server}`);
    case 'end_access_tokens':
    case 'refuse_access_tokens':
      return ['access tokens'];
    case 'kill_both_apis':
      return ['api-1', 'api-2'];
    case 'change_app_secret':
      return ['app secrets'];
    case 'change_secrets_key':
      return ['app secrets', ...PROCESS_TARGETS];
  }
}

async function carryOut(disturbance: Disturbance, system: System, closing: AbortSignal): Promise<void> {
  const last = (durationMs: number) =>
    delay(durationMs, undefined, { signal: closing }).catch(() => undefined);
  switch (disturbance.kind) {
    case 'kill': {
      const victim = system.victims[disturbance.target];
      await victim.kill();
      await last(disturbance.awayMs);
      await victim.start();
      return;
    }
    case 'pause': {
      const victim = system.victims[disturbance.target];
      await victim.pause();
      await last(disturbance.durationMs);
      victim.resume();
      return;
    }
    case 'lose_answers': {
      const victim = system.victims[disturbance.target];
      const proxy = system.proxies[`${disturbance.target}:postgres`];
      proxy.set('swallow_answers');
      await last(disturbance.lostMs);
      await victim.kill();
      proxy.set('open');
      await last(disturbance.awayMs);
      await victim.start();
      return;
    }
    case 'jump_clock':
      await system.setClock(disturbance.target, disturbance.offsetMs);
      return;
    case 'restart': {
      const victim = system.victims[disturbance.target];
      await victim.stop();
      await victim.start();
      return;
    }
    case 'cut':
    case 'stall':
    case 'stall_answers': {
      const proxy = system.proxies[disturbance.link];
      proxy.set(disturbance.kind);
      await last(disturbance.durationMs);
      proxy.set('open');
      return;
    }
    case 'end_access_tokens':
      await system.simulator.changeAccessTokens(disturbance.how);
      return;
    case 'refuse_access_tokens': {
      const refused = await readTokenGeneration(system, closing);
      await system.simulator.addFault({ kind: 'token-too-frequent', endpoints: ['client_token'] });
      await system.simulator.changeAccessTokens('expire');
      // What the gateway rests is part of the disturbance.
      const isReplaced = async () => (await readTokenGeneration(system, closing)) > refused;
      await cameAbout(isReplaced, LONGEST_WAIT_MS, closing);
      return;
    }
    case 'fail_over':
      for (const target of PROCESS_TARGETS) system.proxies[`${target}:${disturbance.server}`].abandon();
      return;
    case 'kill_both_apis': {
      const apis = [system.victims['api-1'], system.victims['api-2']];
      await Promise.all(apis.map((api) => api.kill()));
      await last(disturbance.awayMs);
      await Promise.all(apis.map((api) => api.start()));
      return;
    }
    case 'change_app_secret':
      await changeAppSecret(system, disturbance.app, closing);
      return;
    case 'change_secrets_key':
      await changeSecretsKey(system, closing);
      return;
  }
}

const POLL_MS = 250;
/** Long enough for what the gateway rests after "too frequent", also on a busy machine. */
const LONGEST_WAIT_MS = 120_000;

/** What cannot be asked just now, because something is down, is asked again. @throws if it does not come about in time */
async function until(isSo: () => Promise<boolean>, closing: AbortSignal): Promise<void> {
  if (!(await cameAbout(isSo, LONGEST_WAIT_MS, closing)) && !closing.aborted)
    throw new Error(`What a disturbance waited for did not come about: ${isSo.toString()}`);
}

async function cameAbout(
  isSo: () => Promise<boolean>,
  withinMs: number,
  closing: AbortSignal,
): Promise<boolean> {
  const giveUpAt = performance.now() + withinMs;
  while (!closing.aborted && performance.now() < giveUpAt) {
    if (await isSo().catch(() => false)) return true;
    await delay(POLL_MS, undefined, { signal: closing }).catch(() => undefined);
  }
  return false;
}

/** @returns 0 while there is no token */
async function readTokenGeneration(system: System, closing: AbortSignal): Promise<number> {
  let generation = 0;
  await until(async () => {
    const [row] = await system.query<{ generation: number }>(
      'select max(generation)::int as generation from access_tokens',
    );
    generation = row?.generation ?? 0;
    return true;
  }, closing);
  return generation;
}

/** As the runbook says: a second secret, the tills change over, the first one is ended. */
async function changeAppSecret(system: System, app: 0 | 1, closing: AbortSignal): Promise<void> {
  const { secrets } = system.apps[app];
  const before = secrets.live;
  const added = secrets.make();
  await until(() => system.addAppSecret(app, added), closing);
  if (closing.aborted) return;
  // Both are live, and both are used for a while.
  secrets.add(added);
  await delay(OVERLAP_MS, undefined, { signal: closing }).catch(() => undefined);
  for (const secret of before) secrets.retire(secret);
  await until(() => Promise.resolve(before.every((secret) => !secrets.isInUse(secret))), closing);
  await until(() => system.endOtherAppSecrets(app), closing);
}

const OVERLAP_MS = 2000;
const TOKEN_CHANGES_WITHIN_MS = 20_000;
/** One API and one worker at a time, so that tills reach the others. */
const ROLLS: readonly (readonly ProcessTarget[])[] = [
  ['api-1', 'worker-1'],
  ['api-2', 'worker-2'],
];

/** As the runbook says: every process can open what the new key seals before anything is sealed with it. */
async function changeSecretsKey(system: System, closing: AbortSignal): Promise<void> {
  const { old, added } = system.secretsKeys();
  const roll = async (keys: readonly string[]) => {
    for (const targets of ROLLS) {
      if (closing.aborted) return;
      await Promise.all(
        targets.map(async (target) => {
          system.setSecretsKeys(target, keys);
          await system.victims[target].stop();
          await system.victims[target].start();
        }),
      );
    }
  };
  await roll([old, added]);
  await roll([added, old]);
  for (const app of [0, 1] as const) await changeAppSecret(system, app, closing);
  await system.simulator.changeAccessTokens('expire');
  // The next call that a till causes has the token fetched anew. Where none comes the old key stays, as the runbook asks.
  const isUnused = async () => !(await system.isKeyInUse(old));
  if (await cameAbout(isUnused, TOKEN_CHANGES_WITHIN_MS, closing)) await roll([added]);
}

/** Processes ended by SIGKILL, by the part that was killed. */
export function countKills(done: readonly DoneDisturbance[]): Partial<Record<Target, number>> {
  const kills: Partial<Record<Target, number>> = {};
  for (const { disturbance } of done) {
    for (const target of killedBy(disturbance)) kills[target] = (kills[target] ?? 0) + 1;
  }
  return kills;
}

function killedBy(disturbance: Disturbance): readonly Target[] {
  switch (disturbance.kind) {
    case 'kill':
    case 'lose_answers':
      return [disturbance.target];
    case 'kill_both_apis':
      return ['api-1', 'api-2'];
    default:
      return [];
  }
}
