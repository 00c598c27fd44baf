// Gateways that are broken on purpose: controls that the checker must find. Each breaks one thing, where the parts of a process
// meet; everything else is the real gateway.
import { setTimeout as delay } from 'node:timers/promises';
import type { SettlementPolicy, Verification } from '../../../src/domain/verification.ts';
import type { Douyin } from '../../../src/ports/douyin.ts';
import type { Activities } from '../../../workflows/activities.ts';

const SLOW_PREPARE_MS = 16_000;

/** What stands between the parts of a process. */
export interface Sabotage {
  /** What a till is told of a verification. */
  answer(verification: Verification): Verification;
  douyin(douyin: Douyin): Douyin;
  activities(activities: Activities): Activities;
  policy(policy: SettlementPolicy): SettlementPolicy;
}

export const NO_SABOTAGE: Sabotage = {
  answer: (verification) => verification,
  douyin: (douyin) => douyin,
  activities: (activities) => activities,
  policy: (policy) => policy,
};

const SABOTAGES = {
  /** Tells every till that it is not decided yet. */
  answers_processing: {
    ...NO_SABOTAGE,
    answer: (verification) => ({ ...verification, verifyStatus: 'processing', step: 'sent' }),
  },
  /** Prepares, and never verifies. */
  never_sends: {
    ...NO_SABOTAGE,
    douyin: (douyin) =>
      withMethod(douyin, 'verify', () => Promise.resolve({ kind: 'not_sent', reason: 'sabotage' })),
  },
  /** Sends for the first time also when its till has long been told otherwise, or has gone. */
  no_fence: {
    ...NO_SABOTAGE,
    policy: (policy) => ({ ...policy, firstSendWithinMs: 600_000 }),
    // Slow enough that a gateway with its fence would give up.
    activities: (activities) => ({
      ...activities,
      prepareCoupon: async (key) => {
        await delay(SLOW_PREPARE_MS);
        return activities.prepareCoupon(key);
      },
    }),
  },
  no_enrichment: {
    ...NO_SABOTAGE,
    activities: (activities) => ({ ...activities, fetchOrder: () => Promise.resolve() }),
  },
} as const satisfies Record<string, Sabotage>;

export type SabotageName = keyof typeof SABOTAGES;
export const SABOTAGE_NAMES = Object.keys(SABOTAGES) as readonly SabotageName[];

export function sabotageNamed(name: SabotageName | null): Sabotage {
  return name === null ? NO_SABOTAGE : SABOTAGES[name];
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
