// /v1/internal/verifications/{id}: one record with its timeline, and an operator's decision about it.
import { z } from 'zod';
import { describeNote } from '../../../domain/outcome-notes.ts';
import { adviseCashier } from '../../../services/advise-cashier.ts';
import { resolveVerification } from '../../../services/resolve-verification.ts';
import { showVerification } from '../../../services/show-verification.ts';
import { data } from '../../answer.ts';
import { rowId, text } from '../../fields.ts';
import { presentTimelineEntry, timelineEntrySchema } from '../../presenters/present-timeline.ts';
import { presentVerification, verificationViewSchema } from '../../presenters/present-verification.ts';
import { defineRoute } from '../../route.ts';

const MAX_NOTE_CHARACTERS = 256;

/** The published record, then what operators need. */
const verificationDetailSchema = verificationViewSchema
  .extend({
    mode: z.enum(['short_link', 'code', 'encrypted_code']),
    step: z.enum(['accepted', 'prepared', 'sent', 'settled', 'unsettled', 'not_attempted']),
    round: z.int().min(1),
    send_count: z.int().min(0),
    last_outcome: z.string(),
    enrichment_error: z.string(),
    used_by_verification_id: z.int().nullable(),
    are_sends_stopped: z.boolean(),
    timeline: z.array(timelineEntrySchema),
  })
  .meta({ id: 'VerificationDetail' });

export const showVerificationRoute = defineRoute({
  operationId: 'showVerification',
  method: 'GET',
  path: '/v1/internal/verifications/{id}',
  surface: 'internal',
  tag: 'verifications',
  summary: { zh: '核销详情与经过', en: 'A verification and its timeline' },
  description: {
    zh: '谁发起、每次尝试、每个结果、订单补全，按时间排列。',
    en: 'Who asked, each attempt, each outcome, the enrichment, in order.',
  },
  params: z.object({ id: rowId() }),
  responses: {
    200: {
      description: { zh: '记录与经过', en: 'The record and its timeline' },
      schema: z.object({ data: verificationDetailSchema }),
    },
  },
  errorCodes: ['verification.not_found'],
  async handler(deps, { params, language }) {
    const options = { language, timeZone: deps.reportTimeZone };
    const { verification, advice, timeline } = await showVerification(deps, params.id, options);
    return data({
      data: {
        ...presentVerification(verification, advice, language),
        mode: verification.mode,
        step: verification.step,
        round: verification.round,
        send_count: verification.sendCount,
        last_outcome: verification.lastNote ? describeNote(verification.lastNote, language) : '',
        enrichment_error: verification.enrichmentError,
        used_by_verification_id: verification.relatedVerificationId,
        are_sends_stopped: verification.sendsStoppedBy !== null,
        timeline: timeline.map((event) => presentTimelineEntry(event, language)),
      },
    });
  },
});

export const resolveVerificationRoute = defineRoute({
  operationId: 'resolveVerification',
  method: 'POST',
  path: '/v1/internal/verifications/{id}/resolve',
  surface: 'internal',
  tag: 'verifications',
  summary: { zh: '人工裁定核销结果', en: 'Decide an undecided verification' },
  description: {
    zh: '只用于抖音无法给出结果（`processing`）的记录：先在抖音来客后台核对券状态，再裁定；`note` 写明依据。结果不可更改，写入审计。裁定为失败要等最后一次发送确定不会再生效：否则 409，并从此只查询、不重发，按 Retry-After 再来。',
    en: 'Only for records Douyin cannot tell about (`processing`): check the coupon in Douyin’s merchant console first, then decide; `note` says by what. Final, and audited. `failed` waits until the last send can have no effect any more: until then it is 409, nothing is sent from there on, and Retry-After says when to decide.',
  },
  params: z.object({ id: rowId() }),
  body: z.object({
    verify_status: z.enum(['success', 'failed']),
    note: text({ min: 1, max: MAX_NOTE_CHARACTERS }),
  }),
  responses: {
    200: {
      description: { zh: '裁定后的记录', en: 'The record as decided' },
      schema: z.object({ data: verificationViewSchema }),
    },
  },
  errorCodes: ['verification.not_found', 'verification.not_processing', 'verification.send_in_flight'],
  async handler(deps, { params, body, caller, requestId, language }) {
    const decision = { verifyStatus: body.verify_status, note: body.note };
    const actor = { uid: caller.uid, requestId };
    const verification = await resolveVerification(deps, params.id, decision, actor);
    const advice = await adviseCashier(deps, verification, { language, timeZone: deps.reportTimeZone });
    return data({ data: presentVerification(verification, advice, language) });
  },
});
