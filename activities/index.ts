// Builds the activities a worker runs. What each does is its own file's; here failures get their Temporal form.
import { asyncLocalStorage } from '@temporalio/activity';
import type { Activities } from '../workflows/activities.ts';
import type { ResolveInput, VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { CONSTRAINT_VIOLATED, toActivityFailure } from './failure.ts';
import { fetchOrder, markEnrichmentStuck } from './fetch-order.ts';
import { lookUpVerification } from './look-up.ts';
import { prepareCoupon } from './prepare-coupon.ts';
import { refreshAccessToken } from './refresh-access-token.ts';
import { repeatVerify } from './repeat-verify.ts';
import { resolveShortLink } from './resolve-short-link.ts';
import { resolveVerification } from './resolve-verification.ts';
import { VerificationRun } from './run.ts';
import { sendVerify } from './send-verify.ts';
import { sweepStranded } from './sweep-stranded.ts';

interface UpdateId {
  readonly updateId: string;
}

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
        const workflowId = context?.info.workflowExecution?.workflowId;
        const line = { activity: name, workflowId, failure: failure.type, err };
        if (failure.type === CONSTRAINT_VIOLATED)
          deps.logger.error({ ...line, alert: CONSTRAINT_VIOLATED }, 'activity failed');
        else deps.logger.warn(line, 'activity failed');
        throw failure;
      } finally {
        clearInterval(heartbeat);
      }
    };
  const step = <Input extends VerificationKey, Output>(
    name: string,
    run: (verification: VerificationRun, input: Input) => Promise<Output>,
  ) => activity(name, (_deps, input: Input) => run(new VerificationRun(deps, input), input));
  /** A step that a request may be waiting for: it is told that its verification is being worked on. */
  const tillStep = <Output>(name: string, run: (verification: VerificationRun) => Promise<Output>) =>
    step(name, (verification) => {
      deps.board.begin(verification.key.id);
      return run(verification);
    });
  return {
    resolveShortLink: tillStep('resolveShortLink', resolveShortLink),
    prepareCoupon: tillStep('prepareCoupon', prepareCoupon),
    verifyCoupon: tillStep('verifyCoupon', sendVerify),
    repeatVerification: step('repeatVerification', repeatVerify),
    lookUpVerification: step('lookUpVerification', lookUpVerification),
    resolveVerification: step(
      'resolveVerification',
      (run, input: ResolveInput & VerificationKey & UpdateId) => resolveVerification(run, input),
    ),
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
