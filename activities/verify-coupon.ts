// Sends one counted verify and stores what Douyin said. The first send and every repeat go through here.
import type { Verification } from '../src/domain/verification.ts';
import { isTooLateToSend } from '../src/domain/verification.ts';
import { isPastRepeating, nextSettlementStep } from '../src/domain/settlement.ts';
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
      repositories.verifications.closeNotAttempted(row, TOO_LATE, deps.clock.now()),
    );
    return closeWith(deps, key, closed, stillRunning);
  }
  if (isPastRepeating(verification, deps.clock.now())) {
    return { state: 'unknown', next: 'look_up', outcome: verification.lastOutcome, waitMs: 0 };
  }

  const counted = await deps.db.run((repositories) =>
    repositories.verifications.countSend(row, deps.clock.now()),
  );
  if (!counted) return closeWith(deps, key, null, stillRunning);
  if (deps.clock.now().getTime() - (counted.lastSentAt?.getTime() ?? 0) > SEND_START_LIMIT_MS) {
    return storeNotSent(deps, key, counted, '本进程停顿过久，未发送');
  }
  const outcome = await deps.douyin.verify({
    douyinVerifyToken: counted.douyinVerifyToken,
    poiId: counted.poiId,
    encryptedCode: counted.encryptedCode,
    attempt: counted.openSendCount === 1 ? 'first' : 'repeat',
    isCallerSupplied: counted.mode === 'encrypted_code',
  });
  return store(deps, key, counted, outcome);
}

const TOO_LATE = {
  reason: 'douyin.unavailable',
  errorCode: 0,
  errorDescription: '等待过久，未向抖音发起核销',
} as const;

async function store(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  outcome: VerifyOutcome,
): Promise<Unknown | Closed> {
  const stillRunning = (verification: Verification) => unknownProgress(deps, verification);
  const row = { id: key.verificationId, round: key.round };
  switch (outcome.kind) {
    case 'verified':
      if (outcome.isReplay) return settleReplay(deps, key, counted, outcome);
      return closeWith(
        deps,
        key,
        await settleSuccess(
          deps,
          key,
          counted,
          { ...successColumns(counted, outcome.item, deps.clock.now()), douyinResponse: outcome.response },
          { attempt: counted.sendCount },
        ),
        stillRunning,
      );

    case 'refused': {
      const usedBy = outcome.isAlreadyUsed
        ? await storePatiently(deps, (verifications) =>
            verifications.findSuccessOnCoupon(counted.certificateId, counted.encryptedCode),
          )
        : null;
      return closeWith(
        deps,
        key,
        await storePatiently(deps, (verifications) =>
          verifications.settle(
            row,
            {
              verifyStatus: 'failed',
              errorCode: outcome.errorCode,
              errorDescription: outcome.description,
              douyinResponse: outcome.response,
              usedByVerificationId: usedBy?.id ?? null,
            },
            { error_code: outcome.errorCode, attempt: counted.sendCount },
            deps.clock.now(),
          ),
        ),
        stillRunning,
      );
    }

    case 'not_sent':
      return storeNotSent(deps, key, counted, outcome.reason);

    case 'refused_gateway': {
      deps.logger.error(
        { verificationId: row.id, errorCode: outcome.errorCode, alert: 'douyin.refused_gateway' },
        'Douyin refuses the gateway',
      );
      await storePatiently(deps, (verifications) =>
        verifications.uncountSend(
          counted,
          outcome.description,
          { error_code: outcome.errorCode },
          deps.clock.now(),
        ),
      );
      const closed = await storePatiently(deps, (verifications) =>
        verifications.closeNotAttempted(
          row,
          {
            reason: 'douyin.refused_gateway',
            errorCode: outcome.errorCode,
            errorDescription: outcome.description,
          },
          deps.clock.now(),
        ),
      );
      return closeWith(deps, key, closed, stillRunning);
    }

    case 'unknown': {
      const noted = await noteUnknown(deps, key, outcome);
      if (noted && outcome.isRefusalOfRepeat) return lookUpNow(deps, key, noted);
      return unknownProgress(deps, noted ?? counted);
    }
  }
}

/**
 * "Already verified" on a repeat means that an earlier send did it (Douyin's rule), unless Douyin's reads show that the
 * use is somebody else's or belongs to another verification of ours.
 */
async function settleReplay(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  outcome: Extract<VerifyOutcome, { kind: 'verified' }>,
): Promise<Unknown | Closed> {
  const noted = await storePatiently(deps, (verifications) =>
    verifications.noteUnknown(
      { id: key.verificationId, round: key.round },
      {
        lastOutcome: '抖音称该券已核销，正在核对是否为本次',
        lastOutcomeKind: 'unanswered',
        douyinResponse: outcome.response,
      },
      { attempt: counted.sendCount, outcome: 'already_verified' },
      deps.clock.now(),
    ),
  );
  return noted
    ? lookUpNow(deps, key, noted)
    : closeWith(deps, key, null, () => unknownProgress(deps, counted));
}

async function lookUpNow(
  deps: ActivityDeps,
  key: VerificationKey,
  verification: Verification,
): Promise<Unknown | Closed> {
  const verdict = await lookUp(deps, verification);
  if (verdict.kind === 'undecided') return unknownProgress(deps, verification);
  return settleByLookUp(deps, key, verification, verdict, (row) => unknownProgress(deps, row));
}

/** A send that certainly did nothing is not counted as one; without others the round ends, and may be tried again. */
async function storeNotSent(
  deps: ActivityDeps,
  key: VerificationKey,
  counted: Verification,
  why: string,
): Promise<Unknown | Closed> {
  const stillRunning = (verification: Verification) => unknownProgress(deps, verification);
  const row = { id: key.verificationId, round: key.round };
  const now = deps.clock.now();
  const uncounted = await storePatiently(deps, (verifications) =>
    verifications.uncountSend(counted, why, {}, now),
  );
  if (!uncounted) return closeWith(deps, key, null, stillRunning);
  if (uncounted.openSendCount > 0) return unknownProgress(deps, uncounted);
  const closed = await storePatiently(deps, (verifications) =>
    verifications.closeNotAttempted(
      row,
      { reason: 'douyin.unavailable', errorCode: 0, errorDescription: why },
      deps.clock.now(),
    ),
  );
  return closeWith(deps, key, closed, stillRunning);
}

async function noteUnknown(
  deps: ActivityDeps,
  key: VerificationKey,
  outcome: Extract<VerifyOutcome, { kind: 'unknown' }>,
): Promise<Verification | null> {
  return storePatiently(deps, (verifications) =>
    verifications.noteUnknown(
      { id: key.verificationId, round: key.round },
      {
        lastOutcome: outcome.reason,
        lastOutcomeKind: outcome.isRefusalOfRepeat
          ? 'refused'
          : outcome.next === 'look_up'
            ? 'in_review'
            : 'unanswered',
        errorCode: outcome.errorCode,
        errorDescription: outcome.description,
        ...(outcome.response === null ? {} : { douyinResponse: outcome.response }),
      },
      { outcome: outcome.reason, error_code: outcome.errorCode },
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
    waitMs: next.step === 'repeat' ? next.waitMs : 0,
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
