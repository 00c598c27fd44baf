// Broken gateways that the walk must find: the real rules, some of which say something else.
import { domainGateway } from './domain-gateway.ts';
import { walk } from './explorer.ts';
import type { Gateway } from './gateway.ts';
import { worldOf } from './worlds.ts';

interface Control {
  readonly what: string;
  readonly changes: (real: Gateway) => Partial<Gateway>;
  readonly bound: number;
  /** What must be among the violations. */
  readonly violation: string;
}

export const CONTROLS: readonly Control[] = [
  {
    what: 'sends a first verify at any age',
    changes: (real) => ({
      may: (name, ...more) => name === 'count_send' || (name !== 'end_too_late' && real.may(name, ...more)),
    }),
    bound: 1,
    violation: 'a first verify of till 1 goes out after its time',
  },
  {
    what: 'never sends',
    changes: (real) => ({ may: (name, ...more) => name !== 'count_send' && real.may(name, ...more) }),
    bound: 0,
    violation: 'nothing is ever redeemed',
  },
  {
    what: 'never decides what it looks up',
    changes: (real) => ({ may: (name, ...more) => !name.startsWith('look_up') && real.may(name, ...more) }),
    bound: 1,
    violation: 'a verification can no longer end',
  },
  {
    what: 'lets an operator decide whatever is under way',
    changes: (real) => ({
      may: (name, ...more) => name === 'operator_resolved_failed' || real.may(name, ...more),
    }),
    bound: 1,
    violation: 'an operator has said that verification 1 failed, and our own verify redeems it afterwards',
  },
  {
    what: 'does not wait for another verification of the order',
    changes: (real) => ({
      isHeldForSibling: () => false,
      may: (name, ...more) => name === 'count_send' || real.may(name, ...more),
    }),
    bound: 0,
    violation: 'a first verify of till 2 goes out while another verification of the order is in doubt',
  },
];

/** @returns whether the walk finds it */
export function isFound({ changes, bound, violation }: Control): boolean {
  const real = domainGateway();
  const { violations } = walk(
    { ...real, ...changes(real) },
    {
      bound,
      world: worldOf(['second_scan', 'two_coupons']),
      maxStates: 2_000_000,
      maxViolations: 20,
    },
  );
  return violations.some(({ what }) => what === violation);
}
