// Carries out the disturbances of a plan at their time, notes when each began and ended, and heals everything at the end.
import { setTimeout as delay } from 'node:timers/promises';
import type { Disturbance, Plan, Target } from './plan.ts';
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
    const part = partOf(disturbance);
    const turn = (queues.get(part) ?? Promise.resolve()).then(async () => {
      if (closing.aborted) return;
      const beganAtMs = Date.now();
      await carryOut(disturbance, system, closing);
      done.push({ disturbance, beganAtMs, endedAtMs: Date.now() });
    });
    queues.set(part, turn);
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

function partOf(disturbance: Disturbance): string {
  switch (disturbance.kind) {
    case 'kill':
    case 'pause':
    case 'restart':
    case 'lose_answers':
      return disturbance.target;
    case 'jump_clock':
      return `clock of ${disturbance.target}`;
    case 'cut':
    case 'stall':
    case 'stall_answers':
      return disturbance.link;
    case 'end_access_tokens':
      return 'access tokens';
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
  }
}

/** Kills by the part that was killed. */
export function countKills(done: readonly DoneDisturbance[]): Partial<Record<Target, number>> {
  const kills: Partial<Record<Target, number>> = {};
  for (const { disturbance } of done) {
    if (disturbance.kind === 'kill') kills[disturbance.target] = (kills[disturbance.target] ?? 0) + 1;
  }
  return kills;
}
