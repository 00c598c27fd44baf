// Sends one counted verify and stores what Douyin said. The first send and every repeat go through here.
import { ALREADY_VERIFIED } from '../src/domain/douyin-codes.ts';
import type { ErrorCode } from '../src/domain/errors.ts';
import { isTooLateToSend, type LastOutcomeKind, type Verification } from '../src/domain/verification.ts';
import { nextSettlementStep } from '../src/domain/settlement.ts';
import type { VerifiedItem, VerifyOutcome } from '../src/ports/douyin.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { lookUp, settleByLookUp } from './look-up.ts';
import { settleSuccess } from './settle-success.ts';
import { storePatiently } from './store-patiently.ts';
import type { Closed, Unknown } from './types.ts';
import { closedProgress, closeWith, readRound } from './verification-progress.ts';

/** A send that starts later than this after it was counted is not made: another process may have taken over. */
const SEND_START_LIMIT_MS = 4000;

export async function verifyCoupon(deps: ActivityDeps, key: VerificationKey): Promise<Unknown | Closed> {
  const stillRunning = (verification: Verification) => unknownProgress(deps, verification);
  const { verification, isOpen } = await readRound(deps, key);
  if (!isOpen) return closedProgress(verification);
  const row = { id: key.verificationId, round: key.round };
  if (isTooLateToSend(verification, deps.clock.now())) {
    const closed = await deps.db.run((repositories) =>
      repositories.verifications.closeNotAttempted(
        row,
        notSentBecause('等待过久，未向抖音发起核销'),
        deps.clock.now(),
      ),
    );
    return closeWith(deps, key, closed, stillRunning);
  }
  if (verification.openSendCount > 0) {
    const progress = unknownProgress(deps, verification);
    if (progress.next === 'look_up') return progress;
  }

  // Had ready before the send is counted, so that what is counted goes out at once. Without one verify says why.
  await deps.accessTokens.current().catch(() => undefined);
  const counted = await deps.db.run((repositories) =>
    repositories.verifications.countSend(row, deps.clock.now()),
  );
  if (!counted) return closeWith(deps, key, null, stillRunning);
  if (deps.clock.now().getTime() - (counted.lastSentAt?.getTime() ?? 0) > SEND_START_LIMIT_MS) {
    return storeNotSent(deps, key, counted, notSentBecause('本进程停顿过久，未发送'));
  }
  const outcome = await deps.douyin.verify({
    douyinVerifyToken: counted.douyinVerifyToken,
    poiId: counted.poiId,
    encryptedCode: counted.encryptedCode,
    certificateId: counted.certificateId,
    orderId: counted.orderId,
    attempt: counted.openSendCount === 1 ? 'first' : 'repeat',
    isCallerSupplied: counted.mode === 'encrypted_code',
  });
  return store(deps, key, counted, outcome);
}

function notSentBecause(errorDescription: string) {
  return { reason: 'douyin.unavailable', errorCode: 0, errorDescription } as const;
}

async function store(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  outcome: VerifyOutcome,
): Promise<Unknown | Closed> {
  const stillRunning = (verification: Verification) => unknownProgress(deps, verification);
  switch (outcome.kind) {
    case 'verified':
      return outcome.isReplay
        ? settleReplay(deps, key, outcome.response)
        : settleVerified(deps, key, counted, outcome);

    case 'refused':
      return settleRefused(deps, key, counted, outcome);

    case 'not_sent':
      return storeNotSent(deps, key, counted, notSentBecause(outcome.reason));

    case 'refused_gateway':
      deps.logger.error(
        {
          verificationId: key.verificationId,
          errorCode: outcome.errorCode,
          alert: 'douyin.refused_gateway',
        },
        'Douyin refuses the gateway',
      );
      return storeNotSent(deps, key, counted, {
        reason: 'douyin.refused_gateway',
        errorCode: outcome.errorCode,
        errorDescription: outcome.description,
      });

    case 'unknown': {
      const kind = outcome.why === 'unclear' ? 'unanswered' : outcome.why;
      const noted = await noteUnknown(deps, key, kind, {
        ...outcome,
        errorCode: outcome.errorCode ?? 0,
        lastOutcome: outcome.reason,
      });
      const isLookedUpAtOnce = outcome.why === 'refused' || outcome.why === 'unclear';
      if (noted && isLookedUpAtOnce) return lookUpNow(deps, key, noted);
      return noted ? unknownProgress(deps, noted) : closeWith(deps, key, null, stillRunning);
    }
  }
}

async function settleVerified(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'verified' }>,
): Promise<Unknown | Closed> {
  const settled = (await isTokenSharedWithAnother(deps, counted))
    ? 'redeemed_by_another'
    : await settleSuccess(
        deps,
        key,
        { ...successColumns(counted, outcome.item, deps.clock.now()), douyinResponse: outcome.response },
        { attempt: counted.sendCount },
      );
  if (settled === 'redeemed_by_another') {
    // Douyin answered what it had done for the other one. As good as a refusal, unless the reads show another use.
    const noted = await noteUnknown(deps, key, 'refused', {
      lastOutcome: '抖音返回的核销记录属于另一笔核销',
      errorCode: ALREADY_VERIFIED,
      description: '券已由另一笔核销使用',
      response: outcome.response,
    });
    return noted
      ? lookUpNow(deps, key, noted)
      : closeWith(deps, key, null, (row) => unknownProgress(deps, row));
  }
  const progress = await closeWith(deps, key, settled, (row) => unknownProgress(deps, row));
  if (progress.state === 'closed' && progress.verifyStatus !== 'success') {
    deps.logger.error(
      { verificationId: key.verificationId, alert: 'verification.contradicted' },
      'Douyin redeemed a coupon whose verification had ended otherwise',
    );
  }
  return progress;
}

/**
 * A token that the callers themselves supplied may be used by two of them: Douyin answers both the one redemption, and
 * does not always name it. Whoever checks later sees the other's send, so that of two at least one is looked up.
 */
async function isTokenSharedWithAnother(deps: ActivityDeps, counted: Verification): Promise<boolean> {
  if (counted.mode !== 'encrypted_code') return false;
  const other = await storePatiently(deps, (verifications) => verifications.findOtherOfDouyinToken(counted));
  return other !== null;
}

/**
 * Douyin's word on a first attempt is final, if it still is the only attempt: had another runner of this verification
 * sent one meanwhile, that may be what Douyin refuses this one for.
 */
async function settleRefused(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'refused' }>,
): Promise<Unknown | Closed> {
  const usedBy = outcome.isAlreadyUsed
    ? await storePatiently(deps, (verifications) =>
        verifications.findSuccessOnCoupon(counted.certificateId, counted.encryptedCode),
      )
    : null;
  const settled = await storePatiently(deps, (verifications) =>
    verifications.settle(
      { id: key.verificationId, round: key.round },
      {
        verifyStatus: 'failed',
        errorCode: outcome.errorCode,
        errorDescription: outcome.description,
        douyinResponse: outcome.response,
        usedByVerificationId: usedBy?.id ?? null,
      },
      { error_code: outcome.errorCode, attempt: counted.sendCount },
      deps.clock.now(),
      { counted },
    ),
  );
  const progress = await closeWith(deps, key, settled, () => null);
  if (progress) return progress;
  if (outcome.isAlreadyUsed) return settleReplay(deps, key, outcome.response);
  const noted = await noteUnknown(deps, key, 'refused', {
    ...outcome,
    lastOutcome: `抖音拒绝（${outcome.errorCode}），另一次发送尚无结果`,
  });
  return noted
    ? lookUpNow(deps, key, noted)
    : closeWith(deps, key, null, (row) => unknownProgress(deps, row));
}

/**
 * "Already verified" on a repeat means that an earlier send did it (Douyin's rule), unless Douyin's reads show that the
 * use is somebody else's or belongs to another verification of ours.
 */
async function settleReplay(
  deps: ActivityDeps,
  key: VerificationKey,
  response: string,
): Promise<Unknown | Closed> {
  const noted = await noteUnknown(deps, key, 'unanswered', {
    lastOutcome: '抖音称该券已核销，正在核对是否为本次',
    response,
  });
  return noted
    ? lookUpNow(deps, key, noted)
    : closeWith(deps, key, null, (row) => unknownProgress(deps, row));
}

async function lookUpNow(
  deps: ActivityDeps,
  key: VerificationKey,
  verification: Verification,
): Promise<Unknown | Closed> {
  const { verdict, certificateId } = await lookUp(deps, verification);
  if (verdict.kind === 'undecided') return unknownProgress(deps, verification);
  return settleByLookUp(deps, key, verification, { verdict, certificateId }, (row) =>
    unknownProgress(deps, row),
  );
}

/** A send that certainly did nothing is not counted as one; without others the round ends, and may be tried again. */
async function storeNotSent(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  why: {
    readonly reason: ErrorCode;
    readonly errorCode: number;
    readonly errorDescription: string;
  },
): Promise<Unknown | Closed> {
  await storePatiently(deps, (verifications) =>
    verifications.uncountSend(counted, why.errorDescription, { error_code: why.errorCode }, deps.clock.now()),
  );
  const closed = await storePatiently(deps, (verifications) =>
    verifications.closeNotAttempted({ id: key.verificationId, round: key.round }, why, deps.clock.now()),
  );
  return closeWith(deps, key, closed, (row) => unknownProgress(deps, row));
}

interface UnknownNote {
  readonly lastOutcome: string;
  readonly errorCode?: number;
  readonly description?: string;
  readonly response: string | null;
}

async function noteUnknown(
  deps: ActivityDeps,
  key: VerificationKey,
  kind: Exclude<LastOutcomeKind, ''>,
  note: UnknownNote,
): Promise<Verification | null> {
  const { lastOutcome, errorCode = 0, description = '', response } = note;
  return storePatiently(deps, (verifications) =>
    verifications.noteUnknown(
      { id: key.verificationId, round: key.round },
      {
        lastOutcome,
        errorCode,
        errorDescription: description,
        ...(response === null ? {} : { douyinResponse: response }),
      },
      kind,
      { outcome: lastOutcome, error_code: errorCode },
      deps.clock.now(),
    ),
  );
}

/** Progress of a row whose verify is unknown: what comes next and when. */
export function unknownProgress(deps: ActivityDeps, verification: Verification): Unknown {
  const next = nextSettlementStep(verification, deps.repeatDelaysMs, deps.clock.now());
  return {
    state: 'unknown',
    next: next.step,
    outcome: verification.lastOutcome,
    waitMs: next.waitMs,
  };
}

function successColumns(counted: Verification, item: VerifiedItem, now: Date) {
  const orderId = item.orderId || counted.orderId;
  return {
    verifyId: item.verifyId,
    certificateId: item.certificateId || counted.certificateId,
    orderId,
    originCode: item.originCode || counted.originCode,
    productId: item.productId || counted.productId,
    couponStatus: 'USED' as const,
    verifyRecordsCount: (counted.timesUsedBefore ?? 0) + 1,
    verifyTime: item.verifyTime ?? now,
    enrichmentStatus: orderId === '' ? ('skipped' as const) : ('pending' as const),
  };
}
