// Days and moments of a merchant's reports: a day is a day in the reports' time zone.
// Which rows a report holds is the repository's to ask.

const DATE_ONLY = /^(\d{4})-(\d{2})-(\d{2})$/;

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
  const match = DATE_ONLY.exec(day);
  if (!match) return null;
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const named = new Date(Date.UTC(year, month - 1, date));
  if (named.getUTCFullYear() !== year || named.getUTCMonth() !== month - 1 || named.getUTCDate() !== date)
    return null;
  const wantedUtcMs = Date.UTC(year, month - 1, date + dayOffset);
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

export function isDateOnly(text: string): boolean {
  return DATE_ONLY.test(text);
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
