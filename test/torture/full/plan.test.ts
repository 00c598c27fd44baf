import { describe, expect, it } from '@jest/globals';
import { FAULT_KINDS, faultKind } from '../../../src/simulator/fault-kinds.ts';
import { makePlan, type PlanOptions } from './plan.ts';

const OPTIONS: PlanOptions = { seed: 'plan', verifications: 400, kills: 16, ratePerSecond: 2 };

describe('makePlan', () => {
  it('gives the same plan for the same options, and another one for another seed', () => {
    expect(makePlan(OPTIONS)).toEqual(makePlan(OPTIONS));
    expect(makePlan({ ...OPTIONS, seed: 'other' })).not.toEqual(makePlan(OPTIONS));
  });

  it('lets the same customers come whatever the nemesis does', () => {
    expect(makePlan({ ...OPTIONS, kills: 0 }).visits).toEqual(makePlan(OPTIONS).visits);
  });

  it('plans as many kills and tokens as asked for, and every part is killed', () => {
    const plan = makePlan(OPTIONS);
    const kills = plan.disturbances.filter((disturbance) => disturbance.kind === 'kill');
    expect(kills).toHaveLength(OPTIONS.kills);
    expect(new Set(kills.map((kill) => kill.target)).size).toBe(6);
    const tills = plan.visits.flatMap((visit) => visit.tills);
    expect(tills.length).toBeGreaterThanOrEqual(OPTIONS.verifications);
    expect(tills.map((till) => till.till)).toEqual(tills.map((_, index) => index));
  });

  it('gives a long run every fault that can be settled, and each thing that reaches all', () => {
    const { faults, disturbances } = makePlan({ ...OPTIONS, verifications: 850, ratePerSecond: 4 });
    const named = new Set(faults.named.map(({ kind }) => kind));
    const settling = FAULT_KINDS.filter((kind) => faultKind(kind).isOnlyByName !== true);
    expect(settling.filter((kind) => !named.has(kind))).toEqual(['token-too-frequent']);
    expect(new Set(disturbances.map(({ kind }) => kind))).toEqual(
      new Set([
        'kill', 'pause', 'restart', 'cut', 'stall', 'stall_answers', 'lose_answers', 'jump_clock', 'end_access_tokens',
        'kill_both_apis', 'fail_over', 'change_app_secret', 'change_secrets_key', 'refuse_access_tokens',
      ]),
    ); // prettier-ignore
  });

  it('has every way of naming a coupon, duplicates, and coupons that cannot be redeemed', () => {
    const { visits } = makePlan(OPTIONS);
    const tills = visits.flatMap((visit) => visit.tills);
    expect(new Set(tills.map((till) => till.mode))).toEqual(
      new Set(['short_link', 'code', 'encrypted_code']),
    );
    expect(tills.some((till) => till.requests > 1)).toBe(true);
    expect(new Set(visits.map((visit) => visit.scenario)).size).toBeGreaterThanOrEqual(12);
  });

  it('never brings the second API down while the first is coming back', () => {
    for (const seed of ['a', 'b', 'c', 'd']) {
      const downs = makePlan({ ...OPTIONS, seed, kills: 40 }).disturbances.filter(
        (disturbance) =>
          (disturbance.kind === 'kill' || disturbance.kind === 'pause') &&
          disturbance.target.startsWith('api'),
      );
      for (const [index, down] of downs.slice(1).entries()) {
        const before = downs[index]!;
        const isSame = 'target' in before && 'target' in down && before.target === down.target;
        expect(isSame || down.atMs - before.atMs > 7000).toBe(true);
      }
    }
  });
});
