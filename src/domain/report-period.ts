// Days and moments of a merchant's reports: a day is a day in the reports' time zone.
// Which rows a report holds is the repository's to ask.

const DATE_ONLY = /^(\d{4})-(\d{2})-(\d{2})$/;
/** RFC 3339 with its offset: a moment without one would mean another time on another machine. */
const MOMENT =
  /^(\d{4}-\d{2}-\d{2})[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const FIRST_YEAR = 1970;
const LAST_YEAR = 2999;
const DAY_MS = 86_400_000;

/** Which rows a report is about, by when they were created; null means without a bound. */
export interface ReportPeriod {
  readonly from: Date | null;
  /** Not itself part of the period. */
  readonly to: Date | null;
}

/**
 * @param text RFC 3339, or `YYYY-MM-DD` for the moment that day begins
 * @returns null if it is neither
 */
export function readPeriodStart(text: string, timeZone: string): Date | null {
  return startOfLocalDay(text, timeZone) ?? readMoment(text);
}

/**
 * @param text RFC 3339, or `YYYY-MM-DD`, which includes that day
 * @returns the first moment after the period, or null if it is neither
 */
export function readPeriodEnd(text: string, timeZone: string): Date | null {
  return startOfLocalDay(text, timeZone, 1) ?? readMoment(text);
}

/** Whether the period is at most so many days long; one without a bound is not. */
export function isAtMostDays(
  period: ReportPeriod,
  days: number,
): period is { readonly from: Date; readonly to: Date } {
  // A day on which summer time ends is longer.
  const toleranceMs = DAY_MS / 12;
  return (
    period.from !== null &&
    period.to !== null &&
    period.to.getTime() - period.from.getTime() <= days * DAY_MS + toleranceMs
  );
}

function readMoment(text: string): Date | null {
  const match = MOMENT.exec(text);
  if (!match || !isDay(match[1] ?? '')) return null;
  return new Date(text.toUpperCase());
}

/** @returns a moment as people at the till write it, `2026-03-11 18:35` */
export function formatLocalMinute(moment: Date, timeZone: string): string {
  const parts = partsIn(moment, timeZone);
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
}

/** @returns the day a moment lies in, `2026-03-11` */
export function localDay(moment: Date, timeZone: string): string {
  const parts = partsIn(moment, timeZone);
  return `${parts.year}-${parts.month}-${parts.day}`;
}

/**
 * The moment a day begins. Where summer time skips midnight, that is the first moment of the day.
 * @param day `YYYY-MM-DD`
 * @param dayOffset whole days later
 * @returns null if there is no such day
 */
export function startOfLocalDay(day: string, timeZone: string, dayOffset = 0): Date | null {
  if (!isDay(day)) return null;
  const wantedUtcMs = Date.parse(`${day}T00:00:00Z`) + dayOffset * DAY_MS;
  const wantedDay = new Date(wantedUtcMs).toISOString().slice(0, 10);
  // An offset is at most 14 hours; the day's first moment is found by halving between two moments around it.
  let before = Math.floor((wantedUtcMs - 15 * 3_600_000) / 1000);
  let inside = Math.floor((wantedUtcMs + 15 * 3_600_000) / 1000);
  while (inside - before > 1) {
    const middle = Math.floor((before + inside) / 2);
    if (localDay(new Date(middle * 1000), timeZone) >= wantedDay) inside = middle;
    else before = middle;
  }
  return new Date(inside * 1000);
}

function isDay(text: string): boolean {
  const match = DATE_ONLY.exec(text);
  if (!match) return false;
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const named = new Date(Date.UTC(year, month - 1, date));
  return (
    year >= FIRST_YEAR &&
    year <= LAST_YEAR &&
    named.getUTCMonth() === month - 1 &&
    named.getUTCDate() === date
  );
}

interface LocalParts {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
  readonly minute: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function partsIn(moment: Date, timeZone: string): LocalParts {
  let formatter = formatters.get(timeZone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formatters.set(timeZone, formatter);
  }
  const parts = Object.fromEntries(formatter.formatToParts(moment).map((part) => [part.type, part.value]));
  return {
    year: (parts['year'] ?? '').padStart(4, '0'),
    month: parts['month'] ?? '',
    day: parts['day'] ?? '',
    hour: parts['hour'] ?? '',
    minute: parts['minute'] ?? '',
  };
}
