// Builds the activities a worker runs. What each does is its own file's; here failures get their Temporal form.
import { asyncLocalStorage } from '@temporalio/activity';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { toActivityFailure } from './failure.ts';
import { fetchOrder, markEnrichmentStuck } from './fetch-order.ts';
import { prepareCoupon } from './prepare-coupon.ts';
import { refreshAccessToken } from './refresh-access-token.ts';
import { resolveShortLink } from './resolve-short-link.ts';
import { lookUpVerification, repeatVerification, resolveVerification } from './settle-verification.ts';
import { sweepStranded } from './sweep-stranded.ts';
import type { Activities } from './types.ts';
import { verifyCoupon } from './verify-coupon.ts';

/** How often a running activity says so: a worker that died is noticed by its silence, long before the time-out. */
const HEARTBEAT_MS = 2000;

/** @returns the activities under the names workflows call them by */
export function createActivities(deps: ActivityDeps): Activities {
  const activity =
    <Input, Output>(name: string, run: (deps: ActivityDeps, input: Input) => Promise<Output>) =>
    async (input: Input): Promise<Output> => {
      // Absent where no engine runs it, as in the fast torture tier.
      const context = asyncLocalStorage.getStore();
      const heartbeat = setInterval(() => context?.heartbeat(), HEARTBEAT_MS);
      try {
        return await run(deps, input);
      } catch (err) {
        const failure = toActivityFailure(err);
        deps.logger.warn({ activity: name, failure: failure.type, err }, 'activity failed');
        throw failure;
      } finally {
        clearInterval(heartbeat);
      }
    };
  /** A step that a request may be waiting for: it is told that its verification is being worked on. */
  const tillStep = <Output>(
    name: string,
    run: (deps: ActivityDeps, key: VerificationKey) => Promise<Output>,
  ) =>
    activity(name, (_deps, key: VerificationKey) => {
      deps.board.begin(key.verificationId);
      return run(deps, key);
    });
  return {
    resolveShortLink: tillStep('resolveShortLink', resolveShortLink),
    prepareCoupon: tillStep('prepareCoupon', prepareCoupon),
    verifyCoupon: tillStep('verifyCoupon', verifyCoupon),
    repeatVerification: activity('repeatVerification', repeatVerification),
    lookUpVerification: activity('lookUpVerification', lookUpVerification),
    resolveVerification: activity('resolveVerification', resolveVerification),
    fetchOrder: activity('fetchOrder', fetchOrder),
    markEnrichmentStuck: activity('markEnrichmentStuck', markEnrichmentStuck),
    refreshAccessToken: activity<void, { refreshed: boolean; expiresAt: string }>(
      'refreshAccessToken',
      refreshAccessToken,
    ),
    sweepStranded: activity<void, { verifications: number; enrichments: number; nonces: number }>(
      'sweepStranded',
      sweepStranded,
    ),
  };
}
