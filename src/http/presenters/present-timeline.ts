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

const SUMMARIES: Readonly<Record<VerificationEvent['kind'], Bilingual>> = {
  accepted: { zh: '收到核销请求', en: 'The request was accepted' },
  tried_again: { zh: '同一 verify_token 再次尝试', en: 'The same verify_token tried again' },
  short_link_resolved: { zh: '短链已解析', en: 'The short link was resolved' },
  prepared: { zh: '抖音验券准备完成', en: 'Douyin prepared the coupon' },
  held_for_sibling: {
    zh: '同订单另一笔核销结果未定，暂不核销',
    en: 'Held: another verification of the order is in doubt',
  },
  verify_sent: { zh: '向抖音发出核销', en: 'The verify was sent to Douyin' },
  not_sent: { zh: '这次核销没有发出', en: 'This verify did not go out' },
  outcome_unknown: { zh: '尚无明确结果', en: 'No clear outcome yet' },
  unsettled: {
    zh: '多次核对仍无结论，等待人工',
    en: 'Not decided by repeats and look-ups; waits for an operator',
  },
  sends_stopped: {
    zh: '管理员要裁定：停止重发，只查询',
    en: 'An operator wants to decide: nothing is sent any more, only looked up',
  },
  verified: { zh: '抖音确认核销成功', en: 'Douyin confirmed the redemption' },
  refused: { zh: '抖音拒绝核销', en: 'Douyin refused the coupon' },
  found_redeemed: { zh: '向抖音查询：已由本次核销', en: 'Looked up at Douyin: redeemed by this' },
  found_not_redeemed: { zh: '向抖音查询：未被本次核销', en: 'Looked up at Douyin: not redeemed by this' },
  resolved: { zh: '管理员裁定结果', en: 'An operator decided' },
  not_attempted: { zh: '未核销即结束，券未被使用', en: 'Ended before anything was used' },
  contradicted: {
    zh: '抖音后来的应答与记录的结果不一致，请核对',
    en: 'Douyin’s late answer differs from the recorded result; check it',
  },
  enrichment_tried: { zh: '补全订单数据未完成', en: 'Order data not complete yet' },
  enrichment_pending: { zh: '补全订单数据未完成', en: 'Order data not complete yet' },
  enrichment_success: { zh: '订单数据补全', en: 'Order data completed' },
  enrichment_stuck: { zh: '补全订单数据受阻，等待人工', en: 'Order data stuck; waits for an operator' },
};

export function presentTimelineEntry(
  event: VerificationEvent,
  language: Language,
): z.infer<typeof timelineEntrySchema> {
  return {
    happened_at: event.happenedAt.toISOString(),
    kind: event.kind,
    summary: summaryOf(event, language),
    details: event.details,
  };
}

/** Earlier releases told of look-ups and decisions as `verified` and `refused`; who decided stands beside it. */
function summaryOf({ kind, details }: VerificationEvent, language: Language): string {
  const isDecision = kind === 'verified' || kind === 'refused';
  if (isDecision && details['by'] === 'operator') return SUMMARIES.resolved[language];
  if (isDecision && details['by'] === 'look_up') {
    return SUMMARIES[kind === 'verified' ? 'found_redeemed' : 'found_not_redeemed'][language];
  }
  return SUMMARIES[kind][language];
}
