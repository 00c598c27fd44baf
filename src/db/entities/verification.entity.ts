// The table `verifications`: one row per (app, verify_token), the truth about it. Its rules are src/domain/verification.ts.
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { OutcomeNote } from '../../domain/outcome-notes.ts';

const text = () => p.text().default('');

export const VerificationEntity = defineEntity({
  name: 'Verification',
  tableName: 'verifications',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    appId: p.bigint('number'),
    appName: p.text(),
    appCode: p.text(),
    poiId: p.text(),
    mode: p.enum(['short_link', 'code', 'encrypted_code'] as const),
    requestValue: p.text(),
    verifyToken: p.text(),
    operatorId: text(),
    deviceId: text(),
    note: text(),
    itemNo: p.integer().default(1),
    itemCount: p.integer().default(1),

    verifyStatus: p.enum(['processing', 'success', 'failed'] as const).default('processing'),
    step: p
      .enum(['accepted', 'prepared', 'sent', 'settled', 'unsettled', 'not_attempted'] as const)
      .default('accepted'),
    round: p.integer().default(1),
    roundKey: p.text().nullable(),
    roundStartedAt: p.datetime(3),
    reason: text(),
    reasonDetail: p.text().nullable(),
    errorCode: p.bigint('number').default(0),
    errorDescription: text(),

    encryptedData: text(),
    douyinVerifyToken: text(),
    encryptedCode: text(),
    certificateId: text(),
    originCode: text(),
    couponStatus: p
      .enum(['', 'UNUSED', 'USED', 'REFUNDING', 'REFUNDED', 'EXPIRED', 'CANCELLED', 'UNKNOWN'] as const)
      .default(''),
    productId: text(),
    productName: text(),
    skuId: text(),
    skuName: text(),
    isTimesCard: p.boolean().default(false),
    timesUsedBefore: p.integer().nullable(),
    verifyRecordsCount: p.integer().default(0),
    verifyId: text(),
    orderId: text(),
    sourceOrderId: text(),
    extOrderId: text(),
    orderStatus: p.integer().default(0),
    payAmount: p.bigint('number').default(0),
    receiptAmount: p.bigint('number').default(0),
    discountAmount: p.bigint('number').default(0),
    isAmountKnown: p.boolean().nullable(),
    enrichmentStatus: p.enum(['pending', 'success', 'stuck', 'skipped'] as const).default('pending'),
    enrichmentRetryCount: p.integer().default(0),
    enrichmentError: text(),
    douyinResponse: p.text().nullable(),

    sendCount: p.integer().default(0),
    openSendCount: p.integer().default(0),
    firstSentAt: p.datetime(3).nullable(),
    lastSentAt: p.datetime(3).nullable(),
    lastLookedUpAt: p.datetime(3).nullable(),
    douyinPreparedAt: p.datetime(3).nullable(),
    douyinFirstSentAt: p.datetime(3).nullable(),
    // Written for the release before this one, which knows of no cause; true in a row that it has stopped.
    areSendsStopped: p.boolean().default(false),
    sendsStoppedBy: p.enum(['said_used', 'shown_used', 'operator'] as const).nullable(),
    // The release before this one writes its words here, and nobody reads them.
    formerLastOutcome: text().fieldName('last_outcome'),
    lastOutcome: p
      .enum(['', 'unanswered', 'in_review', 'refused'] as const)
      .default('')
      .fieldName('last_outcome_kind'),
    lastNote: p.json<OutcomeNote>().nullable(),
    relatedVerificationId: p.bigint('number').nullable().fieldName('used_by_verification_id'),
    orderClaim: p.text().nullable(),
    certificateClaim: p.text().nullable(),
    cancelStatus: p.enum(['', 'processing', 'cancelled', 'refused'] as const).default(''),
    cancelledAt: p.datetime(3).nullable(),

    expireTime: p.datetime(3).nullable(),
    verifyTime: p.datetime(3).nullable(),
    createOrderTime: p.datetime(3).nullable(),
    payTime: p.datetime(3).nullable(),
    settledAt: p.datetime(3).nullable(),
    sweptAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
  },
});

export type VerificationRow = InferEntity<typeof VerificationEntity>;
