// Asks Douyin's reads (certificate get, verify records) what became of a verify, and stores what they prove.
import { NO_PRICE } from '../src/domain/amounts.ts';
import { isDeepStrictEqual } from 'node:util';
import { isAboutCoupon } from '../src/domain/coupon.ts';
import { AppError } from '../src/domain/errors.ts';
import type { OutcomeNote } from '../src/domain/outcome-notes.ts';
import {
  firstSendByDouyin,
  judgeLookUp,
  type LookUpEvidence,
  type LookUpVerdict,
  nextSettlementStep,
  untilNextLookUpMs,
} from '../src/domain/settlement.ts';
import type { LateWord, Redemption, Settlement } from '../src/domain/verdict.ts';
import { REVIEW_LASTS_MS, type Verification } from '../src/domain/verification.ts';
import type { Closed, Unknown } from '../workflows/activities.ts';
import { verifyWorkflowId } from '../workflows/contract.ts';
import { closedProgress, describeOutcome, type VerificationRun } from './run.ts';

const MAX_RECORDS = 200;
const MAX_OTHERS = 200;
const RECORDS_MARGIN_MS = 60_000;
/** No two clocks are further apart. */
const CLOCKLESS_MARGIN_MS = 86_400_000;

/** The step of the workflow: looks, and marks the row unsettled if that does not decide. */
export async function lookUpVerification(run: VerificationRun): Promise<Unknown | Closed> {
  const row = await run.read();
  if (!run.isOpen(row)) return closedProgress(row);
  if (row.openSendCount === 0) {
    return run.endNotAttempted({ reason: 'douyin.unavailable', douyin: null, relatedVerificationId: null });
  }
  const progress = await decideByLookUp(run, row);
  if (progress.state === 'closed') return progress;
  const looked = await run.read();
  if (!run.isOpen(looked)) return closedProgress(looked);
  // After a refused repeat the coupon's state counts once the earlier sends have arrived: soon, without an operator.
  const isSoonDecided = progress.next === 'look_up' && progress.waitMs > 0;
  if (!isSoonDecided) await markUnsettled(run, looked);
  return { ...progress, next: 'look_up', waitMs: untilNextLookUpMs(looked, run.deps.policy) ?? 0 };
}

/**
 * Settles the verification if Douyin's reads decide it, and keeps what they say if not.
 * @param row as it was before Douyin is asked: a refusal holds only if nothing was sent since
 */
export async function decideByLookUp(run: VerificationRun, row: Verification): Promise<Unknown | Closed> {
  const { verdict, certificateId } = await lookUpTwiceToRefuse(run, row);
  switch (verdict.kind) {
    case 'success': {
      const redemption: Redemption = {
        verifyId: verdict.use.verifyId,
        certificateId,
        orderId: '',
        originCode: '',
        productId: '',
        verifyTime: verdict.use.verifyTime,
        recordsCount: (row.timesUsedBefore ?? 0) + 1,
        price: NO_PRICE,
      };
      return settle(
        run,
        row,
        { verdict: 'success', by: 'look_up', redemption },
        { kind: 'redeemed', verifyId: redemption.verifyId },
      );
    }
    case 'refused': {
      const related = await run.store((verifications) =>
        verifications.findRelatedOnCoupon({ ...row, certificateId }),
      );
      const isRefusedByDouyin = row.lastOutcome === 'refused' && row.errorCode !== 0;
      return settle(
        run,
        row,
        {
          verdict: 'refused',
          by: 'look_up',
          reason: verdict.reason,
          refusal: isRefusedByDouyin ? { errorCode: row.errorCode, description: row.errorDescription } : null,
          relatedVerificationId: related?.id ?? null,
          seen: row,
        },
        verdict.reason === 'used_elsewhere' ? { kind: 'used_elsewhere' } : { kind: 'refused', errorCode: 0 },
      );
    }
    case 'undecided': {
      await run.store((verifications) => verifications.noteLookedUp(run.key, row.asOf));
      const stop = verdict.isUsedByAnother ? 'shown_used' : null;
      const isKnown =
        isDeepStrictEqual(verdict.note, row.lastNote) &&
        certificateId === row.certificateId &&
        (stop === null || row.sendsStoppedBy !== null);
      // Said before: nothing to store, however often it is looked up.
      if (isKnown) return run.unknown(row);
      const noted = await run.store((verifications) =>
        verifications.noteLookUp(run.key, { note: verdict.note, stop, certificateId }),
      );
      return noted ? run.unknown(noted) : run.conclude(null);
    }
  }
}

async function settle(
  run: VerificationRun,
  row: Verification,
  settlement: Settlement,
  word: LateWord,
): Promise<Unknown | Closed> {
  try {
    const settled = await run.store((verifications) => verifications.settle(row, settlement));
    return await run.concludeWord(settled, word);
  } catch (err) {
    // Another verification took this use meanwhile: the next look-up counts it as that one's.
    if (err instanceof AppError && err.code === 'verification.redeemed_by_another') return run.unknown(row);
    throw err;
  }
}

async function markUnsettled(run: VerificationRun, row: Verification): Promise<void> {
  const note = row.lastNote ?? { code: 'look_up_whose_use' };
  const marked = await run.store((verifications) => verifications.markUnsettled(run.key, note));
  if (!marked) return;
  run.deps.logger.error(
    {
      verificationId: row.id,
      workflowId: verifyWorkflowId(row.id, row.round),
      reason: note.code,
      errorCode: marked.errorCode,
      outcome: describeOutcome(marked),
      alert: 'verification.unsettled',
    },
    'a verification needs an operator',
  );
  run.deps.board.publish(marked);
}

interface LookedUp {
  readonly verdict: LookUpVerdict;
  /** The row's, or what Douyin told of the row's own code; '' while neither is known. */
  readonly certificateId: string;
}

/**
 * A single answer may be about another store, or lag behind, and nothing asks again after a verdict: a refusal needs the
 * same from two look-ups. A success names a use that only we can have made.
 */
async function lookUpTwiceToRefuse(run: VerificationRun, row: Verification): Promise<LookedUp> {
  const first = await lookUp(run, row);
  if (first.verdict.kind !== 'refused') return first;
  const second = await lookUp(run, row);
  if (second.verdict.kind !== 'refused' || second.verdict.reason === first.verdict.reason) return second;
  return {
    ...second,
    verdict: { kind: 'undecided', note: { code: 'look_up_whose_use' }, isUsedByAnother: false },
  };
}

/** @returns `undecided` also when Douyin cannot be asked now */
async function lookUp(run: VerificationRun, row: Verification): Promise<LookedUp> {
  const { deps } = run;
  let { certificateId } = row;
  try {
    const certificate = await deps.douyin.getCertificate(row.encryptedCode, 'look_up');
    if (certificate && !isAboutCoupon(certificate, row)) {
      throw new AppError('douyin.broken_answer', { internal: 'certificate/get is about another coupon' });
    }
    certificateId ||= certificate?.certificateId ?? '';
    const notBefore = await firstSend(run, row);
    const records = await readRecords(run, { ...row, certificateId }, notBefore);
    // Listed after every read: whoever made a use that they show had counted its send before.
    const others = await deps.db.run(({ verifications }) =>
      verifications.listOthersOnCoupon({ ...row, certificateId }, MAX_OTHERS),
    );
    const verdict = judgeLookUp(
      row,
      {
        certificate,
        ...records,
        notBefore,
        claims: others.filter((other) => other.verifyStatus === 'success'),
        rivals: others.filter((other) => comesFirst(run, row, other)),
      },
      deps.policy,
    );
    return { verdict, certificateId };
  } catch (err) {
    if (!(err instanceof AppError) || !err.kind.startsWith('upstream_')) throw err;
    const note: OutcomeNote = { code: 'look_up_failed', data: { reason: err.message } };
    return { verdict: { kind: 'undecided', note, isUsedByAnother: false }, certificateId };
  }
}

/** When our first send was, by Douyin's clock: as it was stamped, else measured backwards from Douyin's time now. */
async function firstSend(run: VerificationRun, row: Verification): Promise<Date | null> {
  const stamped = firstSendByDouyin(row, null);
  if (stamped !== null) return stamped;
  // Douyin's time first and the row after it: the other way round a pause between them would make it too late.
  const douyinNow = run.deps.douyinClock.now();
  return firstSendByDouyin(await run.read(), douyinNow);
}

/** Of two unknown ones the older takes its use first; but one that is still repeated may be told apart by its token. */
function comesFirst(run: VerificationRun, row: Verification, other: Verification): boolean {
  return (
    other.verifyStatus === 'processing' &&
    other.poiId === row.poiId &&
    (other.id < row.id || nextSettlementStep(other, run.deps.policy).step === 'repeat')
  );
}

/**
 * The coupon's uses, as the verify records list them from our first send on, until nothing of ours can arrive any more.
 * Whole only where every record of that time was read and can be told to be the coupon's or not.
 */
async function readRecords(
  run: VerificationRun,
  row: Verification,
  notBefore: Date | null,
): Promise<Pick<LookUpEvidence, 'recordedUses' | 'areRecordsWhole'>> {
  if (row.certificateId === '') return { recordedUses: [], areRecordsWhole: false };
  // Where Douyin's time is not known the database's finds the records too, a day around it: that decides nothing.
  const begun = notBefore ?? row.firstSentAt ?? row.asOf;
  const marginMs = notBefore === null ? CLOCKLESS_MARGIN_MS : RECORDS_MARGIN_MS;
  const sendsLastMs = (row.lastSentAt?.getTime() ?? 0) - (row.firstSentAt?.getTime() ?? 0);
  const arrivesWithinMs =
    row.lastOutcome === 'in_review' ? REVIEW_LASTS_MS : run.deps.policy.sendArrivesWithinMs;
  const { records, isWhole } = await run.deps.douyin.queryVerifyRecords({
    poiId: row.poiId,
    from: new Date(begun.getTime() - marginMs),
    to: new Date(begun.getTime() + sendsLastMs + arrivesWithinMs + marginMs),
    limit: MAX_RECORDS,
  });
  return {
    recordedUses: records.filter((record) => record.certificateId === row.certificateId),
    areRecordsWhole: isWhole && records.every((record) => record.certificateId !== ''),
  };
}
