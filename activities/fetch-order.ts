// One enrichment try: reads the order and the coupon at Douyin and stores them. It never touches the verdict.
import { ApplicationFailure } from '@temporalio/common';
import { AppError } from '../src/domain/errors.ts';
import { amountsOf, knownAmounts } from '../src/domain/amounts.ts';
import { type Certificate, isAboutCoupon } from '../src/domain/coupon.ts';
import type { OrderDetails } from '../src/domain/enrichment.ts';
import { isMadeElsewhere } from '../src/domain/settlement.ts';
import type { Verification } from '../src/domain/verification.ts';
import type { ActivityDeps } from './deps.ts';
import { VerificationRun } from './run.ts';

export async function fetchOrder(
  deps: ActivityDeps,
  input: { readonly verificationId: number },
): Promise<void> {
  const verification = await deps.db.run((repositories) =>
    repositories.verifications.findById(input.verificationId),
  );
  if (!verification) throw new Error(`There is no verification ${input.verificationId}`);
  if (verification.verifyStatus !== 'success') return;
  if (verification.enrichmentStatus === 'success' || verification.enrichmentStatus === 'skipped') return;

  const [order, certificate] = await Promise.all([
    ask(() => readOrder(deps, verification), '抖音尚未显示该订单'),
    ask(() => readCoupon(deps, verification), '抖音尚未显示该券'),
  ]);
  const missing = [order, certificate]
    .filter((answer) => answer.kind === 'missing')
    .map((answer) => answer.reason);
  const shown = certificate.kind === 'found' ? certificate.value : null;
  const told = order.kind === 'found' ? order.value : null;
  if (shown && isUsedElsewhere(verification, shown)) {
    const { id, round, roundKey } = verification;
    const run = new VerificationRun(deps, { verificationId: id, round, roundKey });
    await run.tellIfContradicted(verification, { kind: 'used_elsewhere' });
  }
  const columns = {
    ...(shown ? certificateColumns(verification, shown) : {}),
    ...(told ? orderColumns(verification, shown, told) : {}),
    ...amountColumns(verification, shown, told),
  };
  if (missing.length === 0) {
    await deps.db.run((repositories) =>
      repositories.verifications.storeEnrichment(
        verification.id,
        { ...columns, enrichmentStatus: 'success', enrichmentError: '' },
        { kind: 'enrichment_success', details: {} },
      ),
    );
    return;
  }
  const reason = missing.join('；');
  await deps.db.run((repositories) =>
    repositories.verifications.storeEnrichment(
      verification.id,
      {
        ...columns,
        enrichmentStatus: 'pending',
        enrichmentError: reason,
        enrichmentRetryCount: verification.enrichmentRetryCount + 1,
      },
      { kind: 'enrichment_tried', details: { reason } },
    ),
  );
  throw ApplicationFailure.create({ type: 'enrichment.incomplete', message: reason });
}

/** Ends the automatic tries of one enrichment; operators see it, and `retryNow` opens it again. */
export async function markEnrichmentStuck(
  deps: ActivityDeps,
  input: { readonly verificationId: number; readonly reason: string },
): Promise<void> {
  await deps.db.run((repositories) =>
    repositories.verifications.storeEnrichment(
      input.verificationId,
      { enrichmentStatus: 'stuck', enrichmentError: input.reason },
      { kind: 'enrichment_stuck', details: { reason: input.reason } },
    ),
  );
  deps.logger.error(
    { verificationId: input.verificationId, alert: 'enrichment.stuck' },
    'an enrichment is stuck',
  );
}

type Answer<T> =
  { readonly kind: 'found'; readonly value: T } | { readonly kind: 'missing'; readonly reason: string };

/** @throws AppError `douyin.broken_answer` where Douyin tells of another coupon */
async function readCoupon(deps: ActivityDeps, verification: Verification): Promise<Certificate | null> {
  const shown = await deps.douyin.getCertificate(verification.encryptedCode, 'enrichment');
  if (shown && !isAboutCoupon(shown, verification)) {
    throw new AppError('douyin.broken_answer', { internal: 'certificate/get is about another coupon' });
  }
  return shown;
}

/** @throws AppError `douyin.broken_answer` where the order names its coupons and ours is none of them */
async function readOrder(
  deps: ActivityDeps,
  { orderId, certificateId }: Verification,
): Promise<OrderDetails | null> {
  const order = await deps.douyin.findOrder(orderId);
  const named = order?.parts.map((part) => part.certificateId) ?? [];
  const isWithoutOurs = certificateId !== '' && named.length > 0 && !named.includes(certificateId);
  if (isWithoutOurs && !named.includes('')) {
    throw new AppError('douyin.broken_answer', { internal: 'the order does not hold the coupon' });
  }
  return order;
}

/** Whether every use that stands is another's: our own was taken back since, or was never made. */
function isUsedElsewhere(verification: Verification, { kind, uses, lastUse }: Certificate): boolean {
  const live = [...uses, ...(lastUse ? [lastUse] : [])].filter((use) => !use.isCancelled);
  return (
    !verification.isTimesCard &&
    kind !== 'times_card' &&
    live.length > 0 &&
    live.every((use) => use.verifyId !== verification.verifyId && isMadeElsewhere(use, verification.poiId))
  );
}

/** What Douyin cannot or will not tell now is a reason to try later, not a failure of the other read. */
async function ask<T>(read: () => Promise<T | null>, nothing: string): Promise<Answer<T>> {
  try {
    const value = await read();
    return value === null ? { kind: 'missing', reason: nothing } : { kind: 'found', value };
  } catch (err) {
    if (err instanceof AppError && err.kind.startsWith('upstream_'))
      return { kind: 'missing', reason: err.message };
    throw err;
  }
}

function certificateColumns(verification: Verification, certificate: Certificate) {
  const uses = [...certificate.uses, ...(certificate.lastUse ? [certificate.lastUse] : [])];
  const own = uses.find((use) => use.verifyId === verification.verifyId && use.verifyId !== '');
  return {
    couponStatus: certificate.status,
    expireTime: certificate.expireTime,
    productId: verification.productId || certificate.productId,
    skuId: verification.skuId || certificate.skuId,
    skuName: verification.skuName || certificate.skuTitle,
    ...(certificate.originCode === '' ? {} : { originCode: certificate.originCode }),
    ...(certificate.uses.length === 0 ? {} : { verifyRecordsCount: certificate.uses.length }),
    ...(certificate.sourceOrderId === '' ? {} : { sourceOrderId: certificate.sourceOrderId }),
    // Douyin's verify seldom tells its time, and then the moment its answer came is stored.
    ...(own?.verifyTime ? { verifyTime: own.verifyTime } : {}),
  };
}

function orderColumns(verification: Verification, certificate: Certificate | null, order: OrderDetails) {
  return {
    orderStatus: order.orderStatus,
    extOrderId: order.extOrderId,
    productId: verification.productId || certificate?.productId || order.productId,
    productName: order.productName || verification.productName || certificate?.skuTitle || '',
    skuId: verification.skuId || certificate?.skuId || order.skuId,
    skuName: verification.skuName || certificate?.skuTitle || order.skuName,
    createOrderTime: order.createOrderTime,
    payTime: order.payTime,
  };
}

function amountColumns(
  verification: Verification,
  certificate: Certificate | null,
  order: OrderDetails | null,
) {
  const { payFen, receiptFen, discountFen } = amountsOf(
    verification,
    knownAmounts(verification),
    certificate,
    order,
  );
  return {
    payAmount: payFen ?? 0,
    isAmountKnown: payFen !== null,
    discountAmount: discountFen ?? 0,
    // Only both together tell it: without one of them, what an earlier try was told stays.
    ...(order && certificate ? { receiptAmount: receiptFen ?? 0 } : {}),
  };
}
