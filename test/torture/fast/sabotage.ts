// Gateways that are broken on purpose: controls that the checker must find. Each breaks one thing, where the parts of a process
// meet; everything else is the real gateway.
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../src/domain/errors.ts';
import type { SettlementPolicy, Verification } from '../../../src/domain/verification.ts';
import type { Douyin } from '../../../src/ports/douyin.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import type { Activities } from '../../../workflows/activities.ts';

const SLOW_PREPARE_MS = 16_000;
/** The coupon has expired. */
const EXPIRED = 1265;

/** What stands between the parts of a process. */
export interface Sabotage {
  /**
   * What a till is told of a verification.
   * @throws AppError what it is told instead
   */
  answer(verification: Verification, operation: 'verify' | 'look_up'): Verification;
  douyin(douyin: Douyin): Douyin;
  activities(activities: Activities): Activities;
  policy(policy: SettlementPolicy): SettlementPolicy;
}

const SOUND: Sabotage = {
  answer: (verification) => verification,
  douyin: (douyin) => douyin,
  activities: (activities) => activities,
  policy: (policy) => policy,
};

/** A new one for each seed. */
const SABOTAGES = {
  answers_processing: () => ({
    ...SOUND,
    answer: (verification) => ({ ...verification, verifyStatus: 'processing', step: 'sent' }),
  }),
  answers_503: () => ({
    ...SOUND,
    answer: () => {
      throw new AppError('gateway.database_unavailable');
    },
  }),
  /** Says that nothing was, or will be, sent; the next look-up shows what was. */
  says_503_and_redeems: () => ({
    ...SOUND,
    answer: (verification, operation) => {
      if (operation === 'verify') throw new AppError('gateway.database_unavailable');
      return verification;
    },
  }),
  success_then_processing: () => {
    const told = new Set<number>();
    return {
      ...SOUND,
      answer: (verification) => {
        const isAgain = told.has(verification.id);
        if (verification.verifyStatus === 'success') told.add(verification.id);
        return isAgain ? { ...verification, verifyStatus: 'processing', step: 'sent' } : verification;
      },
    };
  },
  tells_another_verify_id: () => ({
    ...SOUND,
    answer: (verification) =>
      verification.verifyId === ''
        ? verification
        : { ...verification, verifyId: `${verification.verifyId}9` },
  }),
  /** Prepares, and never verifies. */
  never_sends: () => ({
    ...SOUND,
    douyin: (douyin) =>
      withMethod(douyin, 'verify', () => Promise.resolve({ kind: 'not_sent', reason: 'sabotage' })),
  }),
  /** Says of every coupon that Douyin cannot be asked about it. */
  attempts_nothing: () => ({
    ...SOUND,
    douyin: (douyin) =>
      withMethod(douyin, 'prepare', () => Promise.reject(new AppError('douyin.unavailable'))),
  }),
  refuses_good_coupons: () => ({
    ...SOUND,
    douyin: (douyin) =>
      withMethod(douyin, 'verify', () =>
        Promise.resolve({
          kind: 'refused',
          errorCode: EXPIRED,
          description: 'sabotage',
          response: '{}',
          isAlreadyUsed: false,
        }),
      ),
  }),
  redeems_in_another_store: () => ({
    ...SOUND,
    douyin: (douyin) =>
      withMethod(douyin, 'verify', (input, signal) =>
        douyin.verify({ ...input, poiId: anotherStore(input.poiId) }, signal),
      ),
  }),
  /** Sends for the first time also when its till has long been told otherwise, or has gone. */
  no_fence: () => ({
    ...SOUND,
    policy: (policy) => ({ ...policy, firstSendWithinMs: 600_000 }),
    // Slow enough that a gateway with its fence would give up.
    activities: (activities) => ({
      ...activities,
      prepareCoupon: async (key) => {
        await delay(SLOW_PREPARE_MS);
        return activities.prepareCoupon(key);
      },
    }),
  }),
  no_enrichment: () => ({
    ...SOUND,
    activities: (activities) => ({ ...activities, fetchOrder: () => Promise.resolve() }),
  }),
  gives_up_enriching: () => ({
    ...SOUND,
    activities: (activities) => ({
      ...activities,
      fetchOrder: (input) => activities.markEnrichmentStuck({ ...input, reason: 'sabotage' }),
    }),
  }),
} as const satisfies Record<string, () => Sabotage>;

export type SabotageName = keyof typeof SABOTAGES;
export const SABOTAGE_NAMES = Object.keys(SABOTAGES) as readonly SabotageName[];

export function sabotageNamed(name: SabotageName | null): Sabotage {
  return name === null ? SOUND : SABOTAGES[name]();
}

function anotherStore(poiId: string): string {
  return SIMULATOR_DEFAULTS.stores.find((store) => store.poiId !== poiId)?.poiId ?? poiId;
}

function withMethod<Name extends keyof Douyin>(douyin: Douyin, name: Name, method: Douyin[Name]): Douyin {
  return new Proxy(douyin, {
    get: (target, property) => {
      if (property === name) return method;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function'
        ? (member as (...input: unknown[]) => unknown).bind(target)
        : member;
    },
  });
}
