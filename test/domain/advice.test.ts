import { describe, expect, it } from '@jest/globals';
import { advise, adviceReason } from '../../src/domain/advice.ts';

type Advised = Parameters<typeof advise>[0];
const zh = { language: 'zh', timeZone: 'Asia/Shanghai' } as const;
const en = { language: 'en', timeZone: 'Asia/Shanghai' } as const;

const refused = (overrides: Partial<Advised> = {}): Advised => ({
  appId: 1,
  verifyStatus: 'failed',
  step: 'settled',
  lastOutcome: null,
  reason: null,
  reasonDetail: null,
  errorCode: 1208,
  ...overrides,
});

const earlier = {
  id: 8123,
  appId: 1,
  poiId: '7182937465123456789',
  operatorId: 'cashier-008',
  verifyStatus: 'success',
  firstSentAt: null,
  verifyTime: new Date('2026-03-11T16:05:00Z'),
  settledAt: null,
  createdAt: new Date('2026-03-11T16:04:59Z'),
} as const;

describe('the reason of advice', () => {
  it.each([
    [{ errorCode: 1208 }, 'used_elsewhere'],
    [{ errorCode: 2 }, 'used_elsewhere'],
    [{ errorCode: 1212 }, 'not_found'],
    [{ errorCode: 45005117 }, 'code_expired'],
    [{ errorCode: 3000002 }, 'wrong_store'],
    [{ errorCode: 1241 }, 'times_exhausted'],
    [{ errorCode: 2119006 }, 'being_gifted'],
    [{ errorCode: 99999999 }, 'refused_otherwise'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'none_listed' }, 'nothing_usable'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'used' }, 'used_elsewhere'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'refunding' }, 'refunding'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'refunded' }, 'refunded'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'expired' }, 'expired'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'not_yet_valid' }, 'nothing_usable'],
    [{ reason: 'coupon.kind_not_supported' }, 'kind_not_supported'],
    [{ reason: 'verification.coupon_unused' }, 'not_redeemed'],
    [{ reason: 'verification.coupon_refunded' }, 'refunded'],
    [{ reason: 'verification.resolved_by_operator' }, 'resolved_as_failed'],
    [{ step: 'not_attempted', reason: 'douyin.unavailable' }, 'not_attempted'],
    [{ step: 'not_attempted', reason: 'coupon.sibling_in_doubt' }, 'sibling_in_doubt'],
    [{ verifyStatus: 'processing', step: 'sent' }, 'in_progress'],
    [{ verifyStatus: 'processing', step: 'sent', lastOutcome: 'in_review' }, 'in_review'],
    [{ verifyStatus: 'processing', step: 'unsettled' }, 'awaiting_operator'],
    [{ verifyStatus: 'success' }, null],
  ] as [Partial<Advised>, string | null][])('of %j is %s', (overrides, reason) => {
    expect(adviceReason(refused(overrides), null)).toBe(reason);
  });

  it.each<[Partial<Advised>, ReturnType<typeof adviceReason>]>([
    [{ errorCode: 1208 }, 'used_here'],
    [{ errorCode: 45005117 }, 'used_here'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'none_listed' }, 'used_here'],
    [{ errorCode: 3000002 }, 'wrong_store'],
    [{ reason: 'coupon.none_usable', reasonDetail: 'refunding' }, 'refunding'],
  ])('of %j with our own earlier redemption is %s', (overrides, reason) => {
    expect(adviceReason(refused(overrides), 'success')).toBe(reason);
  });

  it('never says "elsewhere" while one of ours may have redeemed it', () => {
    expect(adviceReason(refused(), 'processing')).toBe('earlier_in_doubt');
  });

  it('says "elsewhere" once the other one of ours turned out not to have', () => {
    expect(adviceReason(refused(), 'failed')).toBe('used_elsewhere');
  });
});

describe('the advice', () => {
  it('is empty for a success', () => {
    expect(advise(refused({ verifyStatus: 'success' }), null, zh)).toBe('');
  });

  it('says when, where, by whom and in which record a coupon was redeemed here', () => {
    expect(advise(refused(), earlier, zh)).toBe(
      '这张券已在本系统核销过：2026-03-12 00:05，门店 7182937465123456789，操作员 cashier-008，记录号 8123。请与顾客核对，不要重复交付。',
    );
    expect(advise(refused(), earlier, en)).toContain(
      '2026-03-12 00:05, store 7182937465123456789, operator cashier-008',
    );
  });

  it('says which verification of ours may have redeemed it', () => {
    const inDoubt = { ...earlier, verifyStatus: 'processing', verifyTime: null } as const;
    expect(advise(refused(), inDoubt, zh)).toContain('记录号 8123');
    expect(advise(refused(), inDoubt, zh)).not.toContain('别处');
    expect(advise(refused(), inDoubt, en)).toContain('record 8123');
  });

  it('does not name the staff of another app', () => {
    expect(advise(refused(), { ...earlier, appId: 2 }, zh)).not.toContain('cashier-008');
  });

  it('leaves the operator out when there was none', () => {
    expect(advise(refused(), { ...earlier, operatorId: '' }, zh)).toContain(
      '门店 7182937465123456789，记录号 8123',
    );
  });
});
