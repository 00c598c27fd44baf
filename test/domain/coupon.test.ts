import { describe, expect, it } from '@jest/globals';
import {
  type Certificate,
  pickUsableCertificate,
  type UnusableReason,
  unusableReason,
} from '../../src/domain/coupon.ts';
import { UNUSABLE_TEXTS } from '../../src/domain/outcome-notes.ts';
import { buildCertificate } from './factories.ts';

const NOW = new Date('2026-03-15T10:00:00Z');
const before = (ms: number) => new Date(NOW.getTime() - ms);
const after = (ms: number) => new Date(NOW.getTime() + ms);

describe('unusableReason', () => {
  it.each<[string, Partial<Certificate>, UnusableReason | null]>([
    ['unused', {}, null],
    ['unused, without any window', { startTime: null, expireTime: null }, null],
    ['used', { status: 'USED' }, 'used'],
    ['refunding', { status: 'REFUNDING' }, 'refunding'],
    ['refunded', { status: 'REFUNDED' }, 'refunded'],
    ['cancelled', { status: 'CANCELLED' }, 'refunded'],
    ['expired by its status', { status: 'EXPIRED' }, 'expired'],
    ['of a status nobody knows', { status: 'UNKNOWN' }, 'unknown_status'],
    ['of no status', { status: '' }, 'unknown_status'],
    ['without a code to send', { encryptedCode: '' }, 'no_code'],
    ['beginning right now', { startTime: NOW }, null],
    ['beginning a moment later', { startTime: after(1) }, 'not_yet_valid'],
    ['ending right now', { expireTime: NOW }, 'expired'],
    ['ending a moment later', { expireTime: after(1) }, null],
    ['used, and expired as well', { status: 'USED', expireTime: before(1) }, 'used'],
  ])('of a coupon %s', (_what, changes, reason) => {
    expect(unusableReason(buildCertificate(changes), NOW)).toBe(reason);
  });

  it('has words for every reason, in both languages', () => {
    for (const { zh, en } of Object.values(UNUSABLE_TEXTS)) {
      expect(zh).not.toBe('');
      expect(en).not.toBe('');
    }
  });
});

describe('pickUsableCertificate', () => {
  const usable = buildCertificate({ certificateId: 'usable' });
  const later = buildCertificate({ certificateId: 'later' });
  const used = buildCertificate({ certificateId: 'used', status: 'USED' });
  const expired = buildCertificate({ certificateId: 'expired', expireTime: before(1) });

  it.each([
    ['the first of two usable ones', [usable, later], 'usable'],
    ['the first usable one, not the first', [used, expired, later, usable], 'later'],
    ['none of those that cannot be used', [used, expired], undefined],
    ['none of none', [], undefined],
  ])('takes %s', (_what, certificates, picked) => {
    expect(pickUsableCertificate(certificates, NOW)?.certificateId).toBe(picked);
  });
});
