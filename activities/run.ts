// One run of one verification: what every step of it starts from (the row) and ends in (progress for the workflow).
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../src/domain/errors.ts';
import { describeNote } from '../src/domain/outcome-notes.ts';
import { nextSettlementStep } from '../src/domain/settlement.ts';
import { isContradicted, type LateWord, type NotAttempted } from '../src/domain/verdict.ts';
import type { RoundKey, Verification } from '../src/domain/verification.ts';
import type { GuardedVerification } from '../src/db/repositories/verification.repository.ts';
import type { Repositories } from '../src/db/unit-of-work.ts';
import type { Closed, Unknown } from '../workflows/activities.ts';
import { type VerificationKey, verifyWorkflowId } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';

const PATIENCE_MS = 45_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

export class VerificationRun {
  readonly deps: ActivityDeps;
  readonly key: RoundKey;

  constructor(deps: ActivityDeps, key: VerificationKey) {
    this.deps = deps;
    this.key = { id: key.verificationId, round: key.round, roundKey: key.roundKey ?? null };
  }

  /** @throws Error if there is no such row: rows are never deleted */
  async read(): Promise<GuardedVerification> {
    const row = await this.deps.db.run(({ verifications }) => verifications.findGuarded(this.key.id));
    if (!row) throw new Error(`There is no verification ${this.key.id}`);
    return row;
  }

  /** Whether the row is still this run's to work on. */
  isOpen(row: Verification): boolean {
    return (
      row.round === this.key.round && row.roundKey === this.key.roundKey && row.verifyStatus === 'processing'
    );
  }

  /**
   * Runs one idempotent statement until the database takes it: what Douyin said exists only here, so it is tried for a
   * while before the activity gives up and Temporal runs it again, which then makes a repeat.
   * @throws what the database said last
   */
  async store<T>(statement: (verifications: Repositories['verifications']) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.deps.db.run((repositories) => statement(repositories.verifications));
      } catch (err) {
        if (!(err instanceof AppError) || err.code !== 'gateway.database_unavailable') throw err;
        if (performance.now() + pauseMs > giveUpAt) throw err;
        this.deps.logger.warn({ err, pauseMs }, 'the database is away; a verdict waits to be stored');
        await delay(pauseMs);
      }
    }
  }

  /** Ends the round with nothing sent; whoever waits for it is told. */
  async endNotAttempted(end: NotAttempted): Promise<Unknown | Closed> {
    return this.conclude(await this.store((verifications) => verifications.endNotAttempted(this.key, end)));
  }

  /**
   * Progress after a change that ended the verification, told to whoever waits for it. A change that found the row in
   * another state (`null`) lost to another runner: then the row tells.
   */
  async conclude(changed: Verification | null): Promise<Unknown | Closed> {
    const row = changed ?? (await this.read());
    if (this.isOpen(row)) return this.unknown(row);
    this.deps.board.publish(row);
    return closedProgress(row);
  }

  /**
   * As `conclude`, of what Douyin has said: what comes too late to be stored is told to people if it differs from how
   * the verification ended, whoever ended it.
   */
  async concludeWord(changed: Verification | null, word: LateWord): Promise<Unknown | Closed> {
    if (changed === null) {
      const row = await this.read();
      if (!this.isOpen(row)) await this.tellIfContradicted(row, word);
      return this.conclude(row);
    }
    return this.conclude(changed);
  }

  /** The record stays as it was ended. Its timeline keeps that Douyin says otherwise, and people are told, once. */
  async tellIfContradicted(ended: Verification, word: LateWord): Promise<void> {
    if (!isContradicted(ended, word)) return;
    const { id, round } = this.key;
    const said = {
      said: word.kind,
      ...('verifyId' in word ? { verify_id: word.verifyId } : {}),
      ...('errorCode' in word ? { error_code: word.errorCode } : {}),
    };
    const isNew = await this.store((verifications) =>
      verifications.noteContradiction(id, { round, ...said }),
    );
    if (!isNew) return;
    this.deps.logger.error(
      {
        verificationId: id,
        workflowId: verifyWorkflowId(id, round),
        ...said,
        verifyStatus: ended.verifyStatus,
        reason: ended.reason,
        errorCode: ended.errorCode,
        alert: 'verification.contradicted',
      },
      'Douyin contradicts how a verification had ended',
    );
  }

  /** Progress of a row whose verify is unknown: what comes next and when. */
  unknown(row: Verification): Unknown {
    const next = nextSettlementStep(row, this.deps.policy);
    return { state: 'unknown', next: next.step, outcome: describeOutcome(row), waitMs: next.waitMs };
  }
}

/** Progress of a row that is decided, was not attempted, or belongs to a later round. */
export function closedProgress(row: Verification): Closed {
  return {
    state: 'closed',
    verifyStatus: row.verifyStatus === 'success' ? 'success' : 'failed',
    errorCode: row.errorCode,
    reason: row.reason ?? '',
    needsEnrichment: row.verifyStatus === 'success' && row.enrichmentStatus === 'pending',
  };
}

/** In both languages, for operators in Temporal's UI. */
export function describeOutcome({ lastNote }: Pick<Verification, 'lastNote'>): string {
  return lastNote ? `${describeNote(lastNote, 'zh')} · ${describeNote(lastNote, 'en')}` : '';
}
