// What happened to a verification, in words an operator reads.
import { z } from 'zod';
import type { Bilingual, Language } from '../../domain/errors.ts';
import type { VerificationEvent } from '../../services/show-verification.ts';
import { moment } from '../fields.ts';

export const timelineEntrySchema = z
  .object({
    happened_at: moment(),
    kind: z.string(),
    summary: z.string(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'TimelineEntry' });

/** A kind that is not here is shown by its name. */
const SUMMARIES: Readonly<Record<string, Bilingual>> = {
  accepted: { zh: '收到核销请求', en: 'The request was accepted' },
  tried_again: { zh: '同一 verify_token 再次尝试', en: 'The same verify_token tried again' },
  short_link_resolved: { zh: '短链已解析', en: 'The short link was resolved' },
  prepared: { zh: '抖音验券准备完成', en: 'Douyin prepared the coupon' },
  verify_sent: { zh: '向抖音发出核销', en: 'The verify was sent to Douyin' },
  verified: { zh: '抖音确认核销成功', en: 'Douyin confirmed the redemption' },
  refused: { zh: '抖音拒绝核销', en: 'Douyin refused the coupon' },
  outcome_unknown: { zh: '抖音没有给出明确结果', en: 'Douyin gave no clear outcome' },
  not_sent: { zh: '这次核销没有发出', en: 'This verify did not go out' },
  not_attempted: { zh: '未核销即结束，券未被使用', en: 'Ended before anything was used' },
  unsettled: {
    zh: '多次核对仍无结论，等待人工',
    en: 'Not decided by repeats and look-ups; waits for an operator',
  },
  resolved: { zh: '管理员裁定结果', en: 'An operator decided' },
  enrichment_tried: { zh: '补全订单数据未完成', en: 'Order data not complete yet' },
  enrichment_pending: { zh: '再次补全订单数据', en: 'Order data is tried again' },
  enrichment_success: { zh: '订单数据补全', en: 'Order data completed' },
  enrichment_stuck: { zh: '补全订单数据受阻，等待人工', en: 'Order data stuck; waits for an operator' },
  enrichment_skipped: { zh: '无需补全订单数据', en: 'No order data to complete' },
};

export function presentTimelineEntry(
  event: VerificationEvent,
  language: Language,
): z.infer<typeof timelineEntrySchema> {
  return {
    happened_at: event.happenedAt.toISOString(),
    kind: event.kind,
    summary: SUMMARIES[event.kind]?.[language] ?? event.kind,
    details: event.details,
  };
}
