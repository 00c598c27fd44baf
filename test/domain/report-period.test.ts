import { describe, expect, it } from '@jest/globals';
import {
  formatLocalMinute,
  isAtMostDays,
  localDay,
  readPeriodEnd,
  readPeriodStart,
  startOfLocalDay,
} from '../../src/domain/report-period.ts';

describe('a local day', () => {
  it.each([
    ['2026-03-11', 'Asia/Shanghai', 0, '2026-03-10T16:00:00.000Z'],
    ['2026-03-11', 'Asia/Shanghai', 1, '2026-03-11T16:00:00.000Z'],
    ['2026-12-31', 'Asia/Shanghai', 1, '2026-12-31T16:00:00.000Z'],
    ['2024-02-29', 'UTC', 0, '2024-02-29T00:00:00.000Z'],
    ['2026-03-29', 'Europe/Berlin', 0, '2026-03-28T23:00:00.000Z'],
    ['2026-03-29', 'Europe/Berlin', 1, '2026-03-29T22:00:00.000Z'],
    ['2026-03-11', 'Pacific/Kiritimati', 0, '2026-03-10T10:00:00.000Z'],
    ['2026-03-11', 'Pacific/Pago_Pago', 0, '2026-03-11T11:00:00.000Z'],
    // Summer time begins at midnight: the day's first moment is one o'clock.
    ['2026-09-06', 'America/Santiago', 0, '2026-09-06T04:00:00.000Z'],
  ])('%s in %s, %i later, begins at %s', (day, timeZone, offset, start) => {
    expect(startOfLocalDay(day, timeZone, offset)?.toISOString()).toBe(start);
  });

  it.each(['2026-02-30', '2026-13-01', '2025-02-29', '2026-1-1', '20260311', '2026-03-11T00:00:00Z', ''])(
    'is not %j',
    (text) => expect(startOfLocalDay(text, 'UTC')).toBeNull(),
  );

  it('is the day people there have', () => {
    expect(localDay(new Date('2026-03-11T16:00:00Z'), 'Asia/Shanghai')).toBe('2026-03-12');
    expect(formatLocalMinute(new Date('2026-03-11T16:05:59Z'), 'Asia/Shanghai')).toBe('2026-03-12 00:05');
  });
});

describe('a period', () => {
  const SHANGHAI = 'Asia/Shanghai';

  it('of dates begins with its first day and ends with its last', () => {
    expect(readPeriodStart('2026-03-11', SHANGHAI)?.toISOString()).toBe('2026-03-10T16:00:00.000Z');
    expect(readPeriodEnd('2026-03-11', SHANGHAI)?.toISOString()).toBe('2026-03-11T16:00:00.000Z');
  });

  it.each(['2026-03-11T10:00:00Z', '2026-03-11T18:00:00+08:00', '2026-03-11t10:00:00.000z'])(
    'of moments is between them, wherever the shop is: %s',
    (text) => {
      expect(readPeriodStart(text, SHANGHAI)).toEqual(new Date('2026-03-11T10:00:00Z'));
      expect(readPeriodEnd(text, SHANGHAI)).toEqual(new Date('2026-03-11T10:00:00Z'));
    },
  );

  it.each(['2026-03-11T10:00:00', '2026-02-30T10:00:00Z', '2026-03-11T24:00:00Z', '1773225312', 'today', ''])(
    'is not bounded by %j',
    (text) => {
      expect(readPeriodStart(text, SHANGHAI)).toBeNull();
      expect(readPeriodEnd(text, SHANGHAI)).toBeNull();
    },
  );

  it('is at most so many days long, an hour more where summer time ends in it', () => {
    const days = (from: string, to: string, count: number) =>
      isAtMostDays({ from: new Date(from), to: new Date(to) }, count);
    expect(days('2026-03-11T00:00:00Z', '2026-03-13T00:00:00Z', 2)).toBe(true);
    expect(days('2026-03-11T00:00:00Z', '2026-03-13T01:00:00Z', 2)).toBe(true);
    expect(days('2026-03-11T00:00:00Z', '2026-03-13T03:00:00Z', 2)).toBe(false);
    expect(isAtMostDays({ from: null, to: new Date() }, 2)).toBe(false);
    expect(isAtMostDays({ from: new Date(), to: null }, 2)).toBe(false);
  });
});
