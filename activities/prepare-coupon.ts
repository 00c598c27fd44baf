// Prepares a coupon at Douyin and stores Douyin's token and the coupon to verify. Consumes nothing.
import { setTimeout as delay } from 'node:timers/promises';
import { priceOfPrepared } from '../src/domain/amounts.ts';
import {
  type Certificate,
  isSupportedKind,
  pickUsableCertificate,
  type PreparedOrder,
  unusableReason,
} from '../src/domain/coupon.ts';
import { AppError } from '../src/domain/errors.ts';
import type { PreparedCoupon, Settlement } from '../src/domain/verdict.ts';
import { isTooLateToSend, type Verification } from '../src/domain/verification.ts';
import type { GuardedVerification } from '../src/db/repositories/verification.repository.ts';

import type { Closed, Open, Unknown } from '../workflows/activities.ts';
import { closedProgress, type VerificationRun } from './run.ts';

const OPEN: Open = { state: 'open' };
const FIRST_SIBLING_POLL_MS = 50;
const LONGEST_SIBLING_POLL_MS = 400;

type RefusedByPrepare = Extract<Settlement, { by: 'prepare' }>;

export async function prepareCoupon(run: VerificationRun): Promise<Open | Unknown | Closed> {
  for (;;) {
    const row = await run.read();
    if (!run.isOpen(row)) return closedProgress(row);
    // Prepared before (this step runs again after a crash): the stored token is used, never a second one.
    if (row.step !== 'accepted') return OPEN;
    const ended = await endUnlessWanted(run, row);
    if (ended) return ended;

    // A round that was held for another verification knows its order: that one is waited for before Douyin is asked.
    const held =
      row.mode === 'code' ? null : await waitForSibling(run, row, { orderId: row.orderId, certificates: [] });
    if (held) return held;
    const prepared = await askDouyin(run, row);
    if (prepared.kind === 'ended') return prepared.progress;
    if (prepared.kind === 'refused') {
      const { errorCode, description } = prepared;
      return refuse(run, row, { cause: { errorCode, description }, coupon: null, orderId: '' });
    }
    const { order } = prepared;
    const sibling = await findSibling(run, row, order);
    if (sibling) {
      const stillHeld = await waitForSibling(run, row, order);
      if (stillHeld) return stillHeld;
      // Decided while we waited: what prepare listed before says nothing about what is left.
      continue;
    }
    return choose(run, row, order);
  }
}

/** Ends the round that nobody waits for any more, or whose app has lost its right since it asked. */
export async function endUnlessWanted(
  run: VerificationRun,
  row: GuardedVerification,
): Promise<Unknown | Closed | null> {
  if (isTooLateToSend(row, run.deps.policy)) {
    return run.conclude(await run.store((verifications) => verifications.endTooLate(run.key)));
  }
  if (row.openSendCount > 0 || row.isAppAllowed) return null;
  const app = await run.deps.db.run(({ apps }) => apps.findAppById(row.appId));
  return run.endNotAttempted({
    reason: app?.status === 'active' ? 'app.poi_not_allowed' : 'app.disabled',
    douyin: null,
    relatedVerificationId: null,
  });
}

type Prepared =
  | { readonly kind: 'prepared'; readonly order: PreparedOrder }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly description: string }
  | { readonly kind: 'ended'; readonly progress: Unknown | Closed };

/** Douyin's answer, or the end of the round with nothing consumed. */
async function askDouyin(run: VerificationRun, row: Verification): Promise<Prepared> {
  try {
    return await run.deps.douyin.prepare(
      row.mode === 'short_link' ? { encryptedData: row.encryptedData } : { code: row.requestValue },
      row.poiId,
    );
  } catch (err) {
    if (!(err instanceof AppError)) throw err;
    if (err.kind !== 'upstream_unavailable' && err.kind !== 'upstream_refused_gateway') throw err;
    const isRefusal = err.kind === 'upstream_refused_gateway';
    const errorCode = err.data?.['douyin_error_code'];
    run.deps.logger[isRefusal ? 'error' : 'warn'](
      { err, verificationId: row.id, ...(isRefusal ? { errorCode, alert: 'douyin.refused_gateway' } : {}) },
      isRefusal ? 'Douyin refuses the gateway' : 'Douyin could not be asked to prepare',
    );
    return {
      kind: 'ended',
      progress: await run.endNotAttempted({
        reason: isRefusal ? 'douyin.refused_gateway' : 'douyin.unavailable',
        douyin: typeof errorCode === 'number' ? { errorCode, description: '' } : null,
        relatedVerificationId: null,
      }),
    };
  }
}

/** Stores the coupon to verify, or that there is none. */
async function choose(
  run: VerificationRun,
  row: Verification,
  order: PreparedOrder,
): Promise<Open | Unknown | Closed> {
  const now = order.shownAt ?? row.asOf;
  const supported = order.certificates.filter(isSupportedKind);
  const certificate = pickUsableCertificate(supported, now);
  if (!certificate) {
    const first = supported[0] ?? order.certificates[0] ?? null;
    const isUnsupported = supported.length === 0 && order.certificates.length > 0;
    return refuse(run, row, {
      cause: isUnsupported
        ? { reason: 'coupon.kind_not_supported', detail: null }
        : { reason: 'coupon.none_usable', detail: first ? unusableReason(first, now) : 'none_listed' },
      coupon: first ? toPreparedCoupon(first) : null,
      orderId: order.orderId,
    });
  }
  const stored = await run.store((verifications) =>
    verifications.storePrepared(run.key, {
      coupon: toPreparedCoupon(certificate),
      orderId: order.orderId,
      douyinVerifyToken: order.verifyToken,
      douyinPreparedAt: order.shownAt,
      isPicked: isPicked(row, order),
    }),
  );
  if (stored) return OPEN;
  const found = await run.read();
  return run.isOpen(found) ? OPEN : run.conclude(found);
}

/** A QR stands for its order, and so may a plain code: one that lists a single coupon is taken for that coupon's own. */
function isPicked(row: Pick<Verification, 'mode'>, order: Pick<PreparedOrder, 'certificates'>): boolean {
  return row.mode !== 'code' || order.certificates.length > 1;
}

/** Another verification in doubt, because of which prepare's list cannot be trusted now. */
async function findSibling(
  run: VerificationRun,
  row: Verification,
  order: Pick<PreparedOrder, 'orderId' | 'certificates'>,
): Promise<Verification | null> {
  const { certificates, orderId } = order;
  return run.deps.db.run(({ verifications }) =>
    verifications.findSiblingInDoubt(row, {
      orderId,
      isOneListed: certificates.length > 0 && !isPicked(row, order),
      certificateIds: certificates.map((one) => one.certificateId).filter((id) => id !== ''),
      encryptedCodes: certificates.map((one) => one.encryptedCode).filter((code) => code !== ''),
    }),
  );
}

/**
 * Waits while another verification of the order is in doubt, for half of the till's budget at most.
 * @returns the end of the round if it still is then, null if nothing is in doubt any more
 */
async function waitForSibling(
  run: VerificationRun,
  row: Verification,
  order: Pick<PreparedOrder, 'orderId' | 'certificates'>,
): Promise<Unknown | Closed | null> {
  if (order.orderId === '' && order.certificates.length === 0) return null;
  const leftMs = run.deps.siblingWaitMs - (row.asOf.getTime() - row.roundStartedAt.getTime());
  const giveUpAt = performance.now() + leftMs;
  for (let pollMs = FIRST_SIBLING_POLL_MS; ; pollMs = Math.min(pollMs * 2, LONGEST_SIBLING_POLL_MS)) {
    const sibling = await findSibling(run, row, order);
    if (!sibling) return null;
    if (performance.now() >= giveUpAt) {
      return run.endNotAttempted({
        reason: 'coupon.sibling_in_doubt',
        douyin: null,
        relatedVerificationId: sibling.id,
      });
    }
    await delay(pollMs);
  }
}

async function refuse(
  run: VerificationRun,
  row: Verification,
  refused: Pick<RefusedByPrepare, 'cause' | 'coupon' | 'orderId'>,
): Promise<Open | Unknown | Closed> {
  const settled = await run.store(async (verifications) => {
    // Douyin no longer lists a coupon once it is used: our own redemption of it is what the cashier wants to know.
    const related = await verifications.findRelatedOnCoupon({
      ...row,
      certificateId: refused.coupon?.certificateId ?? '',
      encryptedCode: refused.coupon?.encryptedCode ?? '',
      orderId: refused.orderId,
    });
    return verifications.settle(row, {
      verdict: 'refused',
      by: 'prepare',
      ...refused,
      relatedVerificationId: related?.id ?? null,
    });
  });
  if (settled) return run.conclude(settled);
  const found = await run.read();
  // Another runner has prepared: what this prepare was refused for may be that one's verify.
  return run.isOpen(found) ? OPEN : run.conclude(found);
}

/** What a certificate tells about the coupon. */
function toPreparedCoupon(certificate: Certificate): PreparedCoupon {
  return {
    encryptedCode: certificate.encryptedCode,
    certificateId: certificate.certificateId,
    couponStatus: certificate.status,
    originCode: certificate.originCode,
    expireTime: certificate.expireTime,
    productId: certificate.productId,
    skuId: certificate.skuId,
    skuName: certificate.skuTitle,
    sourceOrderId: certificate.sourceOrderId,
    price: priceOfPrepared(certificate),
    isTimesCard: certificate.kind === 'times_card',
    timesUsedBefore: certificate.timesUsed,
  };
}
