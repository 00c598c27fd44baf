// Prepares a coupon at Douyin and stores Douyin's token and the coupon to verify. Consumes nothing.
import {
  type Certificate,
  pickUsableCertificate,
  type PreparedOrder,
  unusableReason,
  UNUSABLE_DESCRIPTIONS,
} from '../src/domain/coupon.ts';
import { AppError } from '../src/domain/errors.ts';

import type { Verification } from '../src/domain/verification.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import type { Closed, Open } from './types.ts';
import { closedProgress, closeWith, readRound } from './verification-progress.ts';

/** The gateway's error code for "prepare listed nothing usable", where Douyin gave none. */
const NOTHING_USABLE = -1;

const OPEN: Open = { state: 'open' };

export async function prepareCoupon(deps: ActivityDeps, key: VerificationKey): Promise<Open | Closed> {
  const { verification, isOpen } = await readRound(deps, key);
  if (!isOpen) return closedProgress(verification);
  // Prepared before (this step runs again after a crash): the stored token is used, never a second one.
  if (verification.step !== 'accepted') return OPEN;

  const prepared = await askDouyin(deps, verification);
  if (prepared instanceof AppError) {
    const closed = await deps.db.run((repositories) =>
      repositories.verifications.closeNotAttempted(rowOf(key), whyNotAttempted(prepared), deps.clock.now()),
    );
    return closeWith(deps, key, closed, () => OPEN);
  }
  if (prepared.kind === 'refused') return refuse(deps, key, prepared.errorCode, prepared.description, null);

  const now = deps.clock.now();
  const certificate = pickUsableCertificate(prepared.order.certificates, now);
  if (!certificate) {
    const first = prepared.order.certificates[0] ?? null;
    const reason = first ? unusableReason(first, now) : null;
    return refuse(deps, key, NOTHING_USABLE, UNUSABLE_DESCRIPTIONS[reason ?? 'none_listed'].zh, first);
  }
  const stored = await deps.db.run((repositories) =>
    repositories.verifications.storePrepared(
      rowOf(key),
      columnsOf(prepared.order, certificate),
      deps.clock.now(),
    ),
  );
  return stored ? OPEN : closeWith(deps, key, null, () => OPEN);
}

function rowOf(key: VerificationKey): { id: number; round: number } {
  return { id: key.verificationId, round: key.round };
}

/** Douyin's answer, or the error that ends the round with nothing consumed. */
async function askDouyin(deps: ActivityDeps, verification: Verification) {
  try {
    return await deps.douyin.prepare(
      verification.mode === 'short_link'
        ? { encryptedData: verification.encryptedData }
        : { code: verification.requestValue },
      verification.poiId,
    );
  } catch (err) {
    if (
      err instanceof AppError &&
      (err.kind === 'upstream_unavailable' || err.kind === 'upstream_refused_gateway')
    ) {
      if (err.kind === 'upstream_refused_gateway') {
        deps.logger.error(
          { err, verificationId: verification.id, alert: err.code },
          'Douyin refuses the gateway',
        );
      }
      return err;
    }
    throw err;
  }
}

function whyNotAttempted(err: AppError): { reason: string; errorCode: number; errorDescription: string } {
  const douyinCode = err.data?.['douyin_error_code'];
  return {
    reason: err.code,
    errorCode: typeof douyinCode === 'number' ? douyinCode : 0,
    errorDescription: err.message,
  };
}

async function refuse(
  deps: ActivityDeps,
  key: VerificationKey,
  errorCode: number,
  description: string,
  certificate: Certificate | null,
): Promise<Open | Closed> {
  const usedBy = certificate
    ? await deps.db.run((repositories) =>
        repositories.verifications.findSuccessOnCoupon(certificate.certificateId, certificate.encryptedCode),
      )
    : null;
  const closed = await deps.db.run((repositories) =>
    repositories.verifications.settle(
      rowOf(key),
      {
        verifyStatus: 'failed',
        errorCode,
        errorDescription: description,
        usedByVerificationId: usedBy?.id ?? null,
        ...(certificate ? couponColumns(certificate) : {}),
      },
      { error_code: errorCode, at: 'prepare' },
      deps.clock.now(),
      // Not once another runner has prepared: what this prepare was refused for may be that one's verify.
      'accepted',
    ),
  );
  return closeWith(deps, key, closed, () => OPEN);
}

function columnsOf(order: PreparedOrder, certificate: Certificate) {
  return { ...couponColumns(certificate), orderId: order.orderId, douyinVerifyToken: order.verifyToken };
}

/** What a certificate tells about the coupon, as columns. */
export function couponColumns(certificate: Certificate) {
  return {
    encryptedCode: certificate.encryptedCode,
    certificateId: certificate.certificateId,
    couponStatus: certificate.status,
    ...(certificate.originCode === '' ? {} : { originCode: certificate.originCode }),
    expireTime: certificate.expireTime,
    productId: certificate.productId,
    productName: certificate.skuTitle,
    skuId: certificate.skuId,
    skuName: certificate.skuTitle,
    sourceOrderId: certificate.sourceOrderId,
    payAmount: certificate.payAmountFen ?? 0,
    isTimesCard: certificate.kind === 'times_card',
    timesUsedBefore: certificate.timesUsed,
  };
}
