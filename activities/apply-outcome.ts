// Stores what Douyin said to one counted verify.
import { NO_PRICE } from '../src/domain/amounts.ts';
import { ALREADY_VERIFIED, DOUYIN_CODES } from '../src/domain/douyin-codes.ts';
import { AppError } from '../src/domain/errors.ts';
import type { OutcomeNote } from '../src/domain/outcome-notes.ts';
import type { LateWord, Redemption } from '../src/domain/verdict.ts';
import type { LastOutcome, Verification } from '../src/domain/verification.ts';
import type { UnknownOutcome } from '../src/db/repositories/verification.repository.ts';
import type { VerifiedItem, VerifyOutcome } from '../src/ports/douyin.ts';
import type { Closed, Unknown } from '../workflows/activities.ts';
import { decideByLookUp } from './look-up.ts';
import type { VerificationRun } from './run.ts';

export async function applyOutcome(
  run: VerificationRun,
  counted: Verification,
  outcome: VerifyOutcome,
): Promise<Unknown | Closed> {
  switch (outcome.kind) {
    case 'verified':
      return outcome.isReplay
        ? lookUpReplay(run, outcome.response, outcome.item)
        : settleVerified(run, counted, outcome);
    case 'refused':
      return settleRefused(run, counted, outcome);
    case 'not_sent':
      return storeNotSent(run, counted, { code: 'verify_not_sent', data: { reason: outcome.reason } }, null);
    case 'refused_gateway': {
      const { errorCode, description } = outcome;
      run.deps.logger.error(
        { verificationId: run.key.id, errorCode, alert: 'douyin.refused_gateway' },
        'Douyin refuses the gateway',
      );
      return storeNotSent(
        run,
        counted,
        { code: 'verify_not_sent', data: { reason: `douyin.refused_gateway ${errorCode}` } },
        { errorCode, description },
      );
    }
    case 'unknown':
      return noteOutcome(run, outcome);
  }
}

const NOTHING_TOLD: UnknownOutcome['told'] = { certificateId: '', orderId: '' };

function saysAlreadyUsed(errorCode: number): boolean {
  return DOUYIN_CODES[errorCode]?.meaning === 'already_verified';
}

type Unclear = Extract<VerifyOutcome, { kind: 'unknown' }>;

/** What each kind of unknown outcome is kept as, and whether Douyin's reads are asked at once. */
const UNKNOWN_OUTCOMES: Readonly<
  Record<
    Unclear['why'],
    { readonly lastOutcome: LastOutcome; readonly code: OutcomeNote['code']; readonly isLookedUpNow: boolean }
  >
> = {
  unanswered: { lastOutcome: 'unanswered', code: 'verify_unanswered', isLookedUpNow: false },
  unclear: { lastOutcome: 'unanswered', code: 'verify_unanswered', isLookedUpNow: true },
  in_review: { lastOutcome: 'in_review', code: 'verify_in_review', isLookedUpNow: false },
  refused: { lastOutcome: 'refused', code: 'verify_refused', isLookedUpNow: true },
};

async function noteOutcome(run: VerificationRun, outcome: Unclear): Promise<Unknown | Closed> {
  const { lastOutcome, code, isLookedUpNow } = UNKNOWN_OUTCOMES[outcome.why];
  const isSaidUsed = outcome.errorCode !== null && saysAlreadyUsed(outcome.errorCode);
  return keepUnknown(
    run,
    {
      lastOutcome,
      note: { code, data: { reason: outcome.reason, code: outcome.errorCode ?? 0 } },
      errorCode: outcome.errorCode ?? 0,
      errorDescription: outcome.description,
      response: outcome.response,
      stop: isSaidUsed ? 'said_used' : null,
      told: NOTHING_TOLD,
    },
    { isLookedUpNow, word: isSaidUsed ? { kind: 'said_used' } : lateWordOf(outcome.why) },
  );
}

/** What such an outcome says of a verification that is over; null for nothing. */
function lateWordOf(why: Unclear['why']): LateWord | null {
  return why === 'in_review' ? { kind: 'in_review' } : null;
}

/** Keeps what a verify without a verdict told, and asks Douyin's reads where they may tell more at once. */
async function keepUnknown(
  run: VerificationRun,
  outcome: UnknownOutcome,
  next: { readonly isLookedUpNow: boolean; readonly word: LateWord | null },
): Promise<Unknown | Closed> {
  const noted = await run.store((verifications) => verifications.noteUnknown(run.key, outcome));
  if (noted) return next.isLookedUpNow ? decideByLookUp(run, noted) : run.unknown(noted);
  return next.word ? run.concludeWord(null, next.word) : run.conclude(null);
}

async function settleVerified(
  run: VerificationRun,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'verified' }>,
): Promise<Unknown | Closed> {
  const { item } = outcome;
  const settled = await storeRedemption(run, counted, outcome);
  // Named, it is as good as a refusal, unless the reads show another use.
  if (settled === 'redeemed_by_another') return lookUpAnothers(run, outcome, 'refused', 'shown_used');
  if (settled === null && run.isOpen(await run.read())) {
    // Another verification holds the token too, and is not decided: whose redemption it is only the reads can tell.
    return lookUpAnothers(run, outcome, 'unanswered', 'said_used');
  }
  return run.concludeWord(settled, { kind: 'redeemed', verifyId: item.verifyId });
}

function redemptionOf(counted: Verification, item: VerifiedItem, douyinNow: Date | null): Redemption {
  return {
    verifyId: item.verifyId,
    certificateId: item.certificateId,
    orderId: item.orderId,
    originCode: item.originCode,
    productId: item.productId,
    verifyTime: item.verifyTime ?? douyinNow,
    recordsCount: (counted.timesUsedBefore ?? 0) + 1,
    price: item.amount ?? NO_PRICE,
  };
}

/** @returns null if it is decided already, or if another verification holds Douyin's token too */
async function storeRedemption(
  run: VerificationRun,
  counted: Verification,
  { item, response }: Extract<VerifyOutcome, { kind: 'verified' }>,
): Promise<Verification | null | 'redeemed_by_another'> {
  const redemption = redemptionOf(counted, item, run.deps.douyinClock.now());
  try {
    return await run.store((verifications) =>
      verifications.settle(counted, {
        verdict: 'success',
        by: 'verify',
        redemption,
        response,
        attempt: counted.sendCount,
      }),
    );
  } catch (err) {
    if (err instanceof AppError && err.code === 'verification.redeemed_by_another')
      return 'redeemed_by_another';
    throw err;
  }
}

/** Douyin answered what it has done for another verification of ours, or may have. */
async function lookUpAnothers(
  run: VerificationRun,
  { item, response }: Extract<VerifyOutcome, { kind: 'verified' }>,
  lastOutcome: LastOutcome,
  stop: UnknownOutcome['stop'],
): Promise<Unknown | Closed> {
  return keepUnknown(
    run,
    {
      lastOutcome,
      note: { code: 'verify_redeemed_another' },
      errorCode: ALREADY_VERIFIED,
      errorDescription: '',
      response,
      stop,
      told: item,
    },
    {
      isLookedUpNow: true,
      word: stop === 'said_used' ? { kind: 'redeemed', verifyId: item.verifyId } : null,
    },
  );
}

/**
 * Douyin's word on a first attempt is final, if it still is the only attempt: had another runner of this verification
 * sent one meanwhile, that may be what Douyin refuses this one for.
 */
async function settleRefused(
  run: VerificationRun,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'refused' }>,
): Promise<Unknown | Closed> {
  const { errorCode, description, response } = outcome;
  const settled = await run.store(async (verifications) => {
    const related = outcome.isAlreadyUsed ? await verifications.findRelatedOnCoupon(counted) : null;
    return verifications.settle(counted, {
      verdict: 'refused',
      by: 'verify',
      errorCode,
      description,
      response,
      attempt: counted.sendCount,
      relatedVerificationId: related?.id ?? null,
      seen: counted,
    });
  });
  // Where it was the first attempt of all, and is refused after somebody has called it a success.
  const progress = await run.concludeWord(settled, { kind: 'refused', errorCode });
  if (progress.state === 'closed') return progress;
  return outcome.isAlreadyUsed
    ? lookUpReplay(run, response, NOTHING_TOLD)
    : noteOutcome(run, { kind: 'unknown', why: 'refused', reason: '', errorCode, description, response });
}

/**
 * "Already verified" on a repeat means that an earlier send did it (Douyin's rule), unless Douyin's reads show that the
 * use is somebody else's or belongs to another verification of ours.
 */
async function lookUpReplay(
  run: VerificationRun,
  response: string,
  told: UnknownOutcome['told'],
): Promise<Unknown | Closed> {
  return keepUnknown(
    run,
    {
      lastOutcome: 'unanswered',
      note: { code: 'verify_says_used' },
      errorCode: 0,
      errorDescription: '',
      response,
      stop: 'said_used',
      told,
    },
    { isLookedUpNow: true, word: { kind: 'said_used' } },
  );
}

/** A send that certainly did nothing is not counted as one; without others the round ends, and may be tried again. */
async function storeNotSent(
  run: VerificationRun,
  counted: Verification,
  note: OutcomeNote,
  refusal: { readonly errorCode: number; readonly description: string } | null,
): Promise<Unknown | Closed> {
  await run.store((verifications) => verifications.uncountSend(counted, note, refusal?.errorCode ?? 0));
  return run.endNotAttempted({
    reason: refusal ? 'douyin.refused_gateway' : 'douyin.unavailable',
    douyin: refusal,
    relatedVerificationId: null,
  });
}
