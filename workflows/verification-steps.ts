// The order of one verification's steps, apart from the engine that runs them: the workflow VerifyCoupon runs it on
// Temporal, the fast torture tier on a turned clock. Every decision about the coupon is made in activities and domain.
import type { Activities, Closed, Open, Unknown } from './activities.ts';
import type { VerificationKey, VerifyCouponInput } from './contract.ts';

/** How long a step that failed for good (the database stayed away) waits before it is tried again. */
export const STEP_PAUSE_MS = 5000;

/** What a run is waiting for, so that operators can be told. */
export type Waiting =
  | { readonly for: 'own_parts'; readonly failure: unknown }
  | { readonly for: 'settlement'; readonly next: Unknown['next']; readonly outcome: string }
  | { readonly for: 'next_look_up'; readonly outcome: string; readonly waitMs: number };

/** What runs the steps: it retries a failed activity by that activity's policy, and keeps the time. */
export interface StepEngine extends Pick<
  Activities,
  'resolveShortLink' | 'prepareCoupon' | 'verifyCoupon' | 'repeatVerification' | 'lookUpVerification'
> {
  sleep(durationMs: number): Promise<void>;
  /** As `sleep`, but ends at once when somebody asks to look now. */
  sleepUnlessWoken(durationMs: number): Promise<void>;
  /** Called between two look-ups: a run that waits for weeks may go on as a new one here. */
  rest(): Promise<void>;
  /** Whether a failure says that this run is to end, and not that a part of the gateway is away. */
  isCancellation(err: unknown): boolean;
  report(waiting: Waiting): void;
}

/** The steps the till waits for. Each reads the row first, so running them again goes on where the last run ended. */
export async function runTillSteps(
  engine: StepEngine,
  key: VerificationKey,
  mode: VerifyCouponInput['mode'],
): Promise<Unknown | Closed> {
  if (mode === 'short_link') {
    const progress = await untilItRuns(engine, () => engine.resolveShortLink(key));
    if (progress.state !== 'open') return progress;
  }
  for (;;) {
    if (mode !== 'encrypted_code') {
      const progress = await untilItRuns(engine, () => engine.prepareCoupon(key));
      if (progress.state !== 'open') return progress;
    }
    const progress = await untilItRuns(engine, () => engine.verifyCoupon(key));
    // Open again: what was prepared must be prepared anew. prepareCoupon bounds how long that goes on.
    if (progress.state !== 'open') return progress;
  }
}

/** Decides an unknown verify: repeats with the same token on Douyin's schedule, then look-ups until they decide. */
export async function settleUnknown(
  engine: StepEngine,
  key: VerificationKey,
  unknown: Unknown,
  lookAgainMs: number,
): Promise<Closed> {
  engine.report({ for: 'settlement', next: unknown.next, outcome: unknown.outcome });
  let progress: Unknown | Closed = unknown;
  if (progress.next === 'repeat') {
    await engine.sleep(progress.waitMs);
    progress = await untilItRuns(engine, () => engine.repeatVerification(key));
  }
  if (progress.state === 'unknown' && progress.next === 'look_up' && progress.waitMs > 0) {
    await engine.sleep(progress.waitMs);
  }
  for (;;) {
    if (progress.state === 'closed') return progress;
    progress = await untilItRuns(engine, () => engine.lookUpVerification(key));
    if (progress.state === 'closed') return progress;
    const waitMs = progress.next === 'look_up' && progress.waitMs > 0 ? progress.waitMs : lookAgainMs;
    engine.report({ for: 'next_look_up', outcome: progress.outcome, waitMs });
    await engine.sleepUnlessWoken(waitMs);
    await engine.rest();
  }
}

/** A step fails only when the gateway's own parts are away; the verification waits for them instead of ending. */
async function untilItRuns<Progress extends Open | Unknown | Closed>(
  engine: StepEngine,
  step: () => Promise<Progress>,
): Promise<Progress> {
  for (;;) {
    try {
      return await step();
    } catch (err) {
      if (engine.isCancellation(err)) throw err;
      engine.report({ for: 'own_parts', failure: err });
      await engine.sleep(STEP_PAUSE_MS);
    }
  }
}
