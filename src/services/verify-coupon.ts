// Verifies one coupon for an app: stores the request, has it run, and waits for the verdict within the budget.
// What happens to the coupon is the workflow's; a verdict after the budget is read from the row.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../domain/errors.ts';
import { isPoiAllowed, type VerifierApp } from '../domain/verifier-app.ts';
import {
  answerRepeat,
  isAnswerable,
  isTooLateToSend,
  type SettlementPolicy,
  type Verification,
  type VerificationRequest,
} from '../domain/verification.ts';
import type { NonceClaim } from '../db/repositories/nonce.repository.ts';
import {
  CALLER_PATIENCE_MS,
  type Database,
  DatabaseAwayError,
  type Repositories,
} from '../db/unit-of-work.ts';
import type { VerdictBoard } from '../ports/verdict-board.ts';
import type { VerificationRunner } from '../ports/verification-runner.ts';
import type { Logger } from '../observability/logger.ts';
import { fenceUnsent, type RefusedRequest } from './fence-unsent.ts';
import { answerCaller } from './answer-caller.ts';
import { closeIfTooLate } from './find-verification.ts';

export interface VerifyCouponDeps {
  readonly db: Database;
  readonly runner: VerificationRunner;
  readonly board: VerdictBoard;
  readonly policy: SettlementPolicy;
  readonly logger: Logger;
  /** How long a caller waits, milliseconds (VERIFY_BUDGET_MS). */
  readonly budgetMs: number;
  /**
   * Told how long it took until this process began to work on an accepted verification, or until the engine had still
   * not said that it takes it: a measure of the load.
   */
  readonly onBegun?: (afterMs: number) => void;
}

export interface VerifyCouponInput extends VerificationRequest {
  readonly app: VerifierApp;
  readonly nonce: NonceClaim;
  readonly requestId: string;
  /** When it arrived, by this process's clock that only runs forward (`performance.now()`), milliseconds. */
  readonly receivedAtMs: number;
  /** The caller's idempotency token, or null to have one made. */
  readonly verifyToken: string | null;
  readonly operatorId: string;
  readonly deviceId: string;
  readonly note: string;
}

type TokenRequest = Omit<RefusedRequest, 'roundKey'>;

/** The engine has this long to take a verification; longer than its hiccups, shorter than a cashier's patience. */
const START_TIMEOUT_MS = 2500;
/** While this process runs the verification its verdict arrives by itself; the row is only looked at in between. */
const POLL_MS_WHEN_RUN_HERE = 500;
const FIRST_POLL_MS = 20;
const FIRST_POLL_OF_REPEAT_MS = 100;
const LONGEST_POLL_MS = 400;
const POLL_GROWTH = 1.5;
/** What the last look at the row may take beyond the budget. */
const LAST_READ_MS = 300;
/** Longer than a start may take: whoever should have started a row that rests this long has died, or was cut off. */
const STRANDED_AFTER_MS = START_TIMEOUT_MS + 500;

/**
 * @returns the row as it stands when it is decided, or when the budget ends (`verifyStatus: 'processing'`)
 * @throws AppError `auth.nonce_reused`, `verification.token_reused`, `app.poi_not_allowed`, `coupon.short_link_invalid`,
 *   `douyin.unavailable`, `douyin.refused_gateway`, `gateway.database_unavailable`, `gateway.engine_unavailable`
 */
export async function verifyCoupon(deps: VerifyCouponDeps, input: VerifyCouponInput): Promise<Verification> {
  const deadline = input.receivedAtMs + deps.budgetMs;
  if (!isPoiAllowed(input.app, input.poiId)) throw new AppError('app.poi_not_allowed');
  const verifyToken = input.verifyToken ?? randomUUID();
  const request = { appId: input.app.id, verifyToken };
  const accepted = await openRound(deps, request, (verifications, roundKey) =>
    verifications.accept(
      {
        appId: input.app.id,
        appName: input.app.name,
        appCode: input.app.code,
        poiId: input.poiId,
        mode: input.mode,
        requestValue: input.requestValue,
        verifyToken,
        operatorId: input.operatorId,
        deviceId: input.deviceId,
        note: input.note,
        requestId: input.requestId,
        roundKey,
        waitedMs: waitedMs(input),
      },
      input.nonce,
    ),
  );
  switch (accepted.kind) {
    case 'nonce_reused':
      throw new AppError('auth.nonce_reused');
    case 'accepted':
      return answerCaller(deps, await run(deps, accepted.verification, deadline));
    case 'exists':
      return answerCaller(deps, await repeat(deps, input, request, deadline));
  }
}

function waitedMs({ receivedAtMs }: VerifyCouponInput): number {
  return Math.max(0, performance.now() - receivedAtMs);
}

/** Stores the beginning of a round; one that may have been stored although the database did not say so is fenced off. */
async function openRound<T>(
  deps: VerifyCouponDeps,
  request: TokenRequest,
  store: (verifications: Repositories['verifications'], roundKey: string) => Promise<T>,
): Promise<T> {
  const roundKey = randomUUID();
  try {
    return await deps.db.run(
      (repositories) => store(repositories.verifications, roundKey),
      CALLER_PATIENCE_MS,
    );
  } catch (err) {
    // Also where the statement never ran: the token may be in a round that an earlier request began.
    if (err instanceof DatabaseAwayError) {
      void fenceUnsent(deps, { ...request, roundKey: err.mayHaveRun ? roundKey : null });
    }
    throw err;
  }
}

/** A second request with a token that names a row already. */
async function repeat(
  deps: VerifyCouponDeps,
  input: VerifyCouponInput,
  request: TokenRequest,
  deadline: number,
): Promise<Verification> {
  const stored = await readStored(deps, request);
  switch (answerRepeat(stored, input)) {
    case 'other_request':
      throw new AppError('verification.token_reused');
    case 'stored_record':
      return stored;
    case 'wait':
      return waitOrStart(deps, stored, deadline);
    case 'try_again': {
      const { mode } = stored;
      const reopened = await openRound(deps, request, (verifications, roundKey) =>
        verifications.reopen(stored, {
          mode,
          requestId: input.requestId,
          roundKey,
          waitedMs: waitedMs(input),
        }),
      );
      if (reopened) return run(deps, reopened, deadline);
      // Another request with the same token opened it first: that round is waited for, and never told is how this one ended.
      const opened = await readStored(deps, request);
      return isAnswerable(opened) ? opened : waitForVerdict(deps, opened, deadline, FIRST_POLL_MS);
    }
  }
}

/**
 * The row that the token is known to name. Whoever is told that it cannot be read is told that nothing is sent: so what
 * the token was in before and rests unsent is closed.
 */
async function readStored(deps: VerifyCouponDeps, request: TokenRequest): Promise<Verification> {
  try {
    const stored = await deps.db.run(
      ({ verifications }) => verifications.findByToken(request.appId, request.verifyToken),
      CALLER_PATIENCE_MS,
    );
    if (!stored) throw new Error('A verification that exists was not found');
    return await closeIfTooLate(deps, stored);
  } catch (err) {
    if (err instanceof DatabaseAwayError) void fenceUnsent(deps, { ...request, roundKey: null });
    throw err;
  }
}

/**
 * Waits for what another request began, and starts it if it rests: nothing was sent, and whoever should have started it
 * has died or was cut off. One that runs all the same is not run twice.
 */
async function waitOrStart(
  deps: VerifyCouponDeps,
  stored: Verification,
  deadline: number,
): Promise<Verification> {
  const restsForMs = (row: Verification) => row.asOf.getTime() - row.updatedAt.getTime();
  const firstWaitEndsAt = Math.min(
    deadline,
    performance.now() + Math.max(0, STRANDED_AFTER_MS - restsForMs(stored)),
  );
  const known = await waitForVerdict(deps, stored, firstWaitEndsAt, FIRST_POLL_OF_REPEAT_MS);
  if (isAnswerable(known) || performance.now() >= deadline) return known;
  return known.openSendCount === 0 &&
    restsForMs(known) >= STRANDED_AFTER_MS &&
    !isTooLateToSend(known, deps.policy)
    ? run(deps, known, deadline)
    : waitForVerdict(deps, known, deadline, FIRST_POLL_OF_REPEAT_MS);
}

/** Has the stored verification run and waits for its verdict. */
async function run(
  deps: VerifyCouponDeps,
  verification: Verification,
  deadline: number,
): Promise<Verification> {
  const watch = deps.board.watch(verification.id);
  // Its request came a budget before the deadline.
  const tellLoad = () => deps.onBegun?.(performance.now() - (deadline - deps.budgetMs));
  void watch.begun.then(tellLoad);
  try {
    const start = await deps.runner.start(
      {
        verificationId: verification.id,
        round: verification.round,
        roundKey: verification.roundKey,
        mode: verification.mode,
        poiId: verification.poiId,
        appCode: verification.appCode,
        appName: verification.appName,
      },
      Math.min(START_TIMEOUT_MS, Math.max(1, deadline - performance.now())),
    );
    // An engine too slow to answer begins nothing in time; without this it would be given as much as ever.
    if (start.kind === 'uncertain') tellLoad();
    if (start.kind === 'refused' || start.kind === 'uncertain') {
      deps.logger.error(
        { err: start.cause, verificationId: verification.id, start: start.kind },
        'the workflow engine did not take a verification',
      );
      const closed = await closeUnsent(deps, verification, deadline);
      if (closed) return closed;
    }
    const isRunHere = start.kind === 'started' && start.here;
    return await waitForVerdict(
      deps,
      verification,
      deadline,
      isRunHere ? POLL_MS_WHEN_RUN_HERE : FIRST_POLL_MS,
      watch,
    );
  } finally {
    watch.stop();
  }
}

/**
 * Fences off a start that failed or may still arrive: a closed row is never sent. @returns null if something was sent
 * already, or if the database cannot say so
 */
async function closeUnsent(
  deps: VerifyCouponDeps,
  verification: Verification,
  deadline: number,
): Promise<Verification | null> {
  try {
    return await deps.db.run(
      (repositories) =>
        repositories.verifications.endNotAttempted(verification, {
          reason: 'gateway.engine_unavailable',
          douyin: null,
          relatedVerificationId: null,
        }),
      Math.min(CALLER_PATIENCE_MS, Math.max(LAST_READ_MS, deadline - performance.now())),
    );
  } catch (err) {
    deps.logger.error({ err, verificationId: verification.id }, 'an unsent verification could not be closed');
    return null;
  }
}

/**
 * Waits for the verdict on the board, and watches the row for what other processes decide.
 * Once the row exists nothing here fails: what cannot be read is answered as it was last known.
 */
async function waitForVerdict(
  deps: VerifyCouponDeps,
  verification: Verification,
  deadline: number,
  firstPollMs: number,
  watch = deps.board.watch(verification.id),
): Promise<Verification> {
  let known = verification;
  let pollMs = firstPollMs;
  const stopWaiting = new AbortController();
  try {
    for (;;) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return known;
      const published = await Promise.race([
        watch.next,
        delay(Math.min(pollMs, leftMs), null, { signal: stopWaiting.signal }),
      ]);
      if (published) {
        if (published.round >= verification.round && isAnswerable(published)) return published;
        watch.stop();
        watch = deps.board.watch(verification.id);
      }
      known = (await readRow(deps, known, Math.max(LAST_READ_MS, deadline - performance.now()))) ?? known;
      if (known.round >= verification.round && isAnswerable(known)) return known;
      pollMs = Math.min(pollMs * POLL_GROWTH, LONGEST_POLL_MS);
    }
  } finally {
    stopWaiting.abort();
    watch.stop();
  }
}

async function readRow(
  deps: VerifyCouponDeps,
  known: Verification,
  leftMs: number,
): Promise<Verification | null> {
  try {
    return await deps.db.run(
      (repositories) => repositories.verifications.findById(known.id),
      Math.min(leftMs, CALLER_PATIENCE_MS),
    );
  } catch (err) {
    deps.logger.warn({ err, verificationId: known.id }, 'a waiting request could not read its row');
    return null;
  }
}
