// What stands in for Temporal in the fast tier: it runs the workflow's own step functions, retries activities by the
// workflow's own policies, hands the work of a dead process to another, and sometimes runs one workflow twice or
// forgets it. Only its promises are Temporal's: an activity may run more than once, and a result may be lost.
import { asyncLocalStorage as activityContext, type Context } from '@temporalio/activity';
import { ApplicationFailure, type RetryPolicy } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import type {
  EnrichmentRunner,
  RunEnrichmentInput,
  RunStart,
  RunVerificationInput,
  VerificationRunner,
} from '../../../src/ports/verification-runner.ts';
import type { Activities } from '../../../workflows/activities.ts';
import { BACKGROUND_STEP, REPEAT, TILL_STEP } from '../../../workflows/activity-options.ts';
import { type VerificationKey, verifyWorkflowId } from '../../../workflows/contract.ts';
import { runTillSteps, settleUnknown, type StepEngine } from '../../../workflows/verification-steps.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Random } from './random.ts';
import { scenes, type Stage } from './stage.ts';
import type { Trouble } from './trouble.ts';

/** The workflow task time-out: a dead process's workflow goes on elsewhere after this long. */
const TAKE_OVER_MS = 5000;
const SECOND_RUNNER_WITHIN_MS = 8000;
const LATE_START_WITHIN_MS = 60_000;
const NO_PROCESS_POLL_MS = 500;

export interface EngineParts {
  readonly stage: Stage;
  readonly trouble: Trouble;
  readonly random: Random;
  readonly alive: () => readonly GatewayProcess[];
  readonly lookAgainMs: number;
  readonly enrichRetryDelaysMs: readonly number[];
}

interface Run {
  readonly input: RunVerificationInput;
  readonly process: GatewayProcess;
  /** Its local activities run on `process`, and die with it; after them it is durable. */
  isInTillSteps: boolean;
  /** Somebody asked it to look now; heard at its next pause between two look-ups, which then ends. */
  isWoken: boolean;
  wake: () => void;
}

type RegularActivity = 'repeatVerification' | 'lookUpVerification';
type LocalActivity = 'resolveShortLink' | 'prepareCoupon' | 'verifyCoupon';

export class Engine implements VerificationRunner, EnrichmentRunner {
  readonly #parts: EngineParts;
  readonly #open = new Map<string, Run>();
  readonly #enriching = new Set<number>();
  /** What the workflow code threw: it never should. */
  readonly failures: unknown[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  async start(input: RunVerificationInput): Promise<RunStart> {
    const { stage, trouble, random } = this.#parts;
    const process = scenes.getStore()?.process;
    if (!process) throw new Error('A workflow is started by a process');
    await process.gate();
    if (trouble.strikes('start_refused')) return { kind: 'refused', cause: new Error('refused') };
    if (trouble.strikes('start_uncertain')) {
      const arrival = random.pick(['never', 'now', 'late'] as const);
      if (arrival === 'now') this.#launchUnlessOpen(input, process);
      if (arrival === 'late') {
        stage.setTimer(random.between(1, LATE_START_WITHIN_MS), () => this.#launchUnlessOpen(input, process));
      }
      return { kind: 'uncertain', cause: new Error('no answer') };
    }
    if (this.#open.has(workflowIdOf(input))) return { kind: 'already_running' };
    const isHere = random.chance(0.8);
    this.#launch(input, isHere ? process : random.pick(this.#parts.alive()));
    return { kind: 'started', here: isHere };
  }

  async lookNow(verificationId: number, round: number): Promise<void> {
    await scenes.getStore()?.process?.gate();
    const run = this.#open.get(verifyWorkflowId(verificationId, round));
    if (!run) return;
    run.isWoken = true;
    run.wake();
  }

  /** The workflows whose till steps ran in a process that died go on elsewhere, from the row. */
  onDeath(process: GatewayProcess): void {
    const { stage, trouble } = this.#parts;
    for (const run of this.#open.values()) {
      if (run.process !== process || !run.isInTillSteps) continue;
      stage.setTimer(TAKE_OVER_MS, () => {
        this.#open.delete(workflowIdOf(run.input));
        if (!trouble.strikes('workflow_lost')) void this.#takeOver(run.input);
      });
    }
  }

  retryNow(input: RunEnrichmentInput): Promise<void> {
    return this.#enrich(input.verificationId);
  }

  ensureRunning(input: RunEnrichmentInput, round: number): Promise<boolean> {
    const isUnderWay = this.#open.has(verifyWorkflowId(input.verificationId, round));
    if (isUnderWay || this.#enriching.has(input.verificationId)) return Promise.resolve(false);
    void this.#enrich(input.verificationId);
    return Promise.resolve(true);
  }

  #launchUnlessOpen(input: RunVerificationInput, process: GatewayProcess): void {
    if (!this.#open.has(workflowIdOf(input))) this.#launch(input, process);
  }

  async #takeOver(input: RunVerificationInput): Promise<void> {
    this.#launch(input, await this.#someProcess());
  }

  #launch(input: RunVerificationInput, process: GatewayProcess): void {
    const { stage, trouble, random } = this.#parts;
    const run = newRun(input, process);
    this.#open.set(workflowIdOf(input), run);
    void this.#drive(run);
    if (process.isDead) this.onDeath(process);
    if (trouble.strikes('second_runner')) {
      stage.setTimer(random.between(0, SECOND_RUNNER_WITHIN_MS), () => void this.#driveBeside(input));
    }
  }

  async #driveBeside(input: RunVerificationInput): Promise<void> {
    await this.#drive(newRun(input, await this.#someProcess()));
  }

  async #drive(run: Run): Promise<void> {
    const { stage, lookAgainMs } = this.#parts;
    const { verificationId, round, roundKey, mode } = run.input;
    const key: VerificationKey = { verificationId, round, roundKey };
    await scenes.run({ stage, process: null }, async () => {
      try {
        const engine = this.#stepEngine(run);
        const progress = await runTillSteps(engine, key, mode);
        run.isInTillSteps = false;
        const closed =
          progress.state === 'closed' ? progress : await settleUnknown(engine, key, progress, lookAgainMs);
        if (closed.needsEnrichment) void this.#enrich(verificationId);
      } catch (err) {
        this.failures.push(err);
      }
      if (this.#open.get(workflowIdOf(run.input)) === run) this.#open.delete(workflowIdOf(run.input));
    });
  }

  #stepEngine(run: Run): StepEngine {
    const { stage } = this.#parts;
    return {
      resolveShortLink: (key) => this.#local(run, 'resolveShortLink', key),
      prepareCoupon: (key) => this.#local(run, 'prepareCoupon', key),
      verifyCoupon: (key) => this.#local(run, 'verifyCoupon', key),
      repeatVerification: (key) => this.#regular('repeatVerification', key, REPEAT),
      lookUpVerification: (key) => this.#regular('lookUpVerification', key, BACKGROUND_STEP),
      sleep: (durationMs) => stage.sleep(durationMs),
      sleepUnlessWoken: async (durationMs) => {
        const woken = new Promise<void>((resolve) => (run.wake = resolve));
        if (!run.isWoken) await Promise.race([stage.sleep(durationMs), woken]);
        run.isWoken = false;
      },
      rest: () => Promise.resolve(),
      isCancellation: () => false,
      report: () => undefined,
    };
  }

  /** A local activity: always on the run's own process, retried there within its time. */
  async #local<Name extends LocalActivity>(
    run: Run,
    name: Name,
    key: VerificationKey,
  ): Promise<Awaited<ReturnType<Activities[Name]>>> {
    const { stage } = this.#parts;
    const giveUpAtMs = stage.nowMs + msToNumber(TILL_STEP.scheduleToCloseTimeout ?? 0);
    for (const pauseMs of backOff(TILL_STEP.retry)) {
      try {
        const activity = run.process.activities[name] as (input: VerificationKey) => Promise<unknown>;
        return (await run.process.perform(() => activity(key))) as Awaited<ReturnType<Activities[Name]>>;
      } catch (err) {
        if (isFinal(err) || stage.nowMs + pauseMs > giveUpAtMs) throw err;
      }
      await stage.sleep(pauseMs);
    }
    throw new Error('Backing off has no end');
  }

  /** A regular activity: on any process, and on another one when the first does not answer in time. */
  async #regular<Name extends RegularActivity>(name: Name, key: VerificationKey, policy: typeof REPEAT) {
    const { stage } = this.#parts;
    const timeoutMs = msToNumber(policy.startToCloseTimeout ?? 0);
    for (const pauseMs of backOff(policy.retry)) {
      const process = await this.#someProcess();
      const running = process
        .perform(() => process.activities[name](key))
        .then(
          (value) => ({ value, failure: null }),
          (failure: unknown) => ({ value: null, failure }),
        );
      const timeout = stage.sleep(timeoutMs).then(() => ({ value: null, failure: null }));
      const { value, failure } = await Promise.race([running, timeout]);
      if (value !== null) return value;
      if (isFinal(failure)) throw failure;
      // The activities name it in milliseconds.
      const named =
        failure instanceof ApplicationFailure ? (failure.nextRetryDelay as number | undefined) : null;
      await stage.sleep(named ?? pauseMs);
    }
    throw new Error('Backing off has no end');
  }

  async #enrich(verificationId: number): Promise<void> {
    const { stage, enrichRetryDelaysMs } = this.#parts;
    if (this.#enriching.has(verificationId)) return;
    this.#enriching.add(verificationId);
    for (let attempt = 1; attempt <= enrichRetryDelaysMs.length + 1; attempt += 1) {
      const process = await this.#someProcess();
      const context = { info: { attempt }, heartbeat: () => undefined } as unknown as Context;
      const running = activityContext.run(context, () =>
        process.perform(() => process.activities.fetchOrder({ verificationId })),
      );
      const isDone = await Promise.race([
        running.then(
          () => true,
          () => false,
        ),
        stage.sleep(msToNumber(BACKGROUND_STEP.startToCloseTimeout ?? 0)).then(() => false),
      ]);
      if (isDone) break;
      await stage.sleep(enrichRetryDelaysMs[attempt - 1] ?? 1000);
    }
    this.#enriching.delete(verificationId);
  }

  async #someProcess(): Promise<GatewayProcess> {
    const { stage, random, alive } = this.#parts;
    while (alive().length === 0) await stage.sleep(NO_PROCESS_POLL_MS);
    return random.pick(alive());
  }
}

function newRun(input: RunVerificationInput, process: GatewayProcess): Run {
  return { input, process, isInTillSteps: true, isWoken: false, wake: () => undefined };
}

function workflowIdOf(input: RunVerificationInput): string {
  return verifyWorkflowId(input.verificationId, input.round);
}

function* backOff(retry: RetryPolicy = {}): Generator<number> {
  const longestMs = msToNumber(retry.maximumInterval ?? '100 seconds');
  for (let pauseMs = msToNumber(retry.initialInterval ?? '1 second'); ;) {
    yield pauseMs;
    pauseMs = Math.min(longestMs, pauseMs * (retry.backoffCoefficient ?? 2));
  }
}

function isFinal(failure: unknown): boolean {
  return failure instanceof ApplicationFailure && failure.nonRetryable === true;
}
