import { describe, expect, it } from '@jest/globals';
import { advise, adviceReason } from '../../src/domain/advice.ts';

type Advised = Parameters<typeof advise>[0];
const zh = { language: 'zh', timeZone: 'Asia/Shanghai' } as const;
const en = { language: 'en', timeZone: 'Asia/Shanghai' } as const;

const refused = (overrides: Partial<Advised> = {}): Advised => ({
  appId: 1,
  verifyStatus: 'failed',
  step: 'settled',
  lastOutcomeKind: '',
  errorCode: 1208,
  couponStatus: '',
  expireTime: null,
  settledAt: new Date('2026-03-11T10:35:12Z'),
  ...overrides,
});

const earlier = {
  id: 8123,
  appId: 1,
  poiId: '7182937465123456789',
  operatorId: 'cashier-008',
  verifyTime: new Date('2026-03-11T16:05:00Z'),
  settledAt: null,
  createdAt: new Date('2026-03-11T16:04:59Z'),
};

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
    [{ errorCode: -1 }, 'nothing_usable'],
    [{ errorCode: -1, couponStatus: 'USED' }, 'used_elsewhere'],
    [{ errorCode: -1, couponStatus: 'REFUNDING' }, 'refunding'],
    [{ errorCode: -1, couponStatus: 'CANCELLED' }, 'refunded'],
    [{ errorCode: -1, couponStatus: 'UNUSED', expireTime: new Date('2026-03-11T10:35:11Z') }, 'expired'],
    [
      { errorCode: -1, couponStatus: 'UNUSED', expireTime: new Date('2026-03-11T10:35:13Z') },
      'nothing_usable',
    ],
    [{ step: 'not_attempted' }, 'not_attempted'],
    [{ verifyStatus: 'processing', step: 'sent' }, 'in_progress'],
    [{ verifyStatus: 'processing', step: 'sent', lastOutcomeKind: 'in_review' }, 'in_review'],
    [{ verifyStatus: 'processing', step: 'unsettled' }, 'awaiting_operator'],
    [{ verifyStatus: 'success' }, null],
  ] as [Partial<Advised>, string | null][])('of %j is %s', (overrides, reason) => {
    expect(adviceReason(refused(overrides), false)).toBe(reason);
  });

  it('is our own earlier redemption only where the coupon counts as used', () => {
    expect(adviceReason(refused({ errorCode: 1208 }), true)).toBe('used_here');
    expect(adviceReason(refused({ errorCode: -1 }), true)).toBe('used_here');
    expect(adviceReason(refused({ errorCode: 3000002 }), true)).toBe('wrong_store');
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

  it('does not name the staff of another app', () => {
    expect(advise(refused(), { ...earlier, appId: 2 }, zh)).not.toContain('cashier-008');
  });

  it('leaves the operator out when there was none', () => {
    expect(advise(refused(), { ...earlier, operatorId: '' }, zh)).toContain(
      '门店 7182937465123456789，记录号 8123',
    );
  });
});
