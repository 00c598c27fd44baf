// Stores what Douyin said to one counted verify.
import { NO_PRICE } from '../src/domain/amounts.ts';
import { ALREADY_VERIFIED, DOUYIN_CODES } from '../src/domain/douyin-codes.ts';
import { AppError } from '../src/domain/errors.ts';
import type { OutcomeNote } from '../src/domain/outcome-notes.ts';
import type { Redemption } from '../src/domain/verdict.ts';
import type { LastOutcome, Verification } from '../src/domain/verification.ts';
import type { VerifiedItem, VerifyOutcome } from '../src/ports/douyin.ts';
import type { Closed, Unknown } from '../workflows/activities.ts';
import { verifyWorkflowId } from '../workflows/contract.ts';
import { decideByLookUp } from './look-up.ts';
import type { VerificationRun } from './run.ts';

export async function applyOutcome(
  run: VerificationRun,
  counted: Verification,
  outcome: VerifyOutcome,
): Promise<Unknown | Closed> {
  switch (outcome.kind) {
    case 'verified':
      return outcome.isReplay ? lookUpReplay(run, outcome.response) : settleVerified(run, counted, outcome);
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
  const noted = await run.store((verifications) =>
    verifications.noteUnknown(run.key, {
      lastOutcome,
      note: { code, data: { reason: outcome.reason, code: outcome.errorCode ?? 0 } },
      errorCode: outcome.errorCode ?? 0,
      errorDescription: outcome.description,
      response: outcome.response,
      stopsSends: outcome.errorCode !== null && saysAlreadyUsed(outcome.errorCode),
    }),
  );
  if (!noted) return run.conclude(null);
  return isLookedUpNow ? decideByLookUp(run, noted) : run.unknown(noted);
}

async function settleVerified(
  run: VerificationRun,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'verified' }>,
): Promise<Unknown | Closed> {
  const { item, response } = outcome;
  const settled = await storeRedemption(run, counted, outcome);
  if (settled === 'redeemed_by_another') return lookUpAnothers(run, response, 'refused');
  if (settled === null) {
    const row = await run.read();
    // Another verification holds the token too, and is not decided: whose redemption it is only the reads can tell.
    if (run.isOpen(row)) return lookUpAnothers(run, response, 'unanswered');
  }
  const progress = await run.conclude(settled);
  if (progress.state === 'closed' && progress.verifyStatus !== 'success')
    await tellContradiction(run, item, progress);
  return progress;
}

/** The record stays as it was ended: by an operator's word, mostly. People are told that Douyin's differs. */
async function tellContradiction(run: VerificationRun, item: VerifiedItem, ended: Closed): Promise<void> {
  run.deps.logger.error(
    {
      verificationId: run.key.id,
      workflowId: verifyWorkflowId(run.key.id, run.key.round),
      verifyId: item.verifyId,
      reason: ended.reason,
      errorCode: ended.errorCode,
      alert: 'verification.contradicted',
    },
    'Douyin redeemed a coupon whose verification had ended otherwise',
  );
  await run.store((verifications) =>
    verifications.noteContradiction(run.key.id, { verify_id: item.verifyId, round: run.key.round }),
  );
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

/** Douyin answered what it has done for another one. Named, it is as good as a refusal, unless the reads show another use. */
async function lookUpAnothers(
  run: VerificationRun,
  response: string,
  lastOutcome: LastOutcome,
): Promise<Unknown | Closed> {
  const noted = await run.store((verifications) =>
    verifications.noteUnknown(run.key, {
      lastOutcome,
      note: { code: 'verify_redeemed_another' },
      errorCode: ALREADY_VERIFIED,
      errorDescription: '',
      response,
      stopsSends: true,
    }),
  );
  return noted ? decideByLookUp(run, noted) : run.conclude(null);
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
  const progress = await run.conclude(settled);
  if (progress.state === 'closed') return progress;
  return outcome.isAlreadyUsed
    ? lookUpReplay(run, response)
    : noteOutcome(run, { kind: 'unknown', why: 'refused', reason: '', errorCode, description, response });
}

/**
 * "Already verified" on a repeat means that an earlier send did it (Douyin's rule), unless Douyin's reads show that the
 * use is somebody else's or belongs to another verification of ours.
 */
async function lookUpReplay(run: VerificationRun, response: string): Promise<Unknown | Closed> {
  const noted = await run.store((verifications) =>
    verifications.noteUnknown(run.key, {
      lastOutcome: 'unanswered',
      note: { code: 'verify_says_used' },
      errorCode: 0,
      errorDescription: '',
      response,
      stopsSends: true,
    }),
  );
  return noted ? decideByLookUp(run, noted) : run.conclude(null);
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
