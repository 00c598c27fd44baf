// The query parameters reports share: the period, the filters, the place in a walk.
import { z } from 'zod';
import { readPeriodEnd, readPeriodStart, type ReportPeriod } from '../domain/report-period.ts';
import type { VerificationCursor, VerificationFilter } from '../services/report-verifications.ts';
import { doc, poiId, rowId, text } from './fields.ts';
import { EXPORT_FORMATS } from './export/answer-file.ts';
import { bilingual, type FieldProblem, invalidRequest } from './invalid-request.ts';
import type { Language } from '../domain/errors.ts';

const MAX_TIME_CHARACTERS = 40;

/** A moment or a day; what it says is read by `readPeriod`, which knows the time zone. */
const timeText = () =>
  text({ min: 1, max: MAX_TIME_CHARACTERS }).meta({
    override: {
      anyOf: [
        { type: 'string', format: 'date' },
        { type: 'string', format: 'date-time' },
      ],
    },
  });

export const reportFields = {
  start_time: () =>
    doc(timeText(), '起，含；RFC 3339 或 YYYY-MM-DD', 'from, included; RFC 3339 or YYYY-MM-DD'),
  end_time: () =>
    doc(timeText(), '止，不含；只写日期时包含那一天', 'to, not included; a date alone includes its day'),
  poi_id: () => poiId().optional(),
  app_id: () => rowId().optional(),
  status: () =>
    doc(z.enum(['processing', 'success', 'failed']), '即 verify_status', 'the verify_status').optional(),
  certificate_id: () => text({ min: 1, max: 64 }).optional(),
  order_id: () => text({ min: 1, max: 64 }).optional(),
  export: () => doc(z.enum(EXPORT_FORMATS), '下载为文件', 'download as a file').optional(),
} as const;

const NOT_A_TIME = {
  zh: '须为带时区的 RFC 3339 时间（查询串中的 + 须写成 %2B），或 YYYY-MM-DD',
  en: 'Must be RFC 3339 with its offset (a + is written %2B in a query), or YYYY-MM-DD',
} as const;
const EMPTY_PERIOD = { zh: '须晚于 start_time', en: 'Must be after start_time' } as const;

/** @throws AppError `request.invalid` naming the parameter */
export function readPeriod(
  query: { readonly start_time?: string | undefined; readonly end_time?: string | undefined },
  timeZone: string,
  language: Language,
): ReportPeriod {
  const from = query.start_time === undefined ? null : readPeriodStart(query.start_time, timeZone);
  const to = query.end_time === undefined ? null : readPeriodEnd(query.end_time, timeZone);
  const problems: FieldProblem[] = [];
  const complain = (name: string, message: string) =>
    problems.push({ in: 'query', pointer: `/${name}`, message });
  if (query.start_time !== undefined && !from) complain('start_time', NOT_A_TIME[language]);
  if (query.end_time !== undefined && !to) complain('end_time', NOT_A_TIME[language]);
  if (from && to && from >= to) complain('end_time', EMPTY_PERIOD[language]);
  if (problems.length > 0) throw invalidRequest(problems);
  return { from, to };
}

export function filterOf(
  period: ReportPeriod,
  query: {
    readonly poi_id?: string | undefined;
    readonly app_id?: number | undefined;
    readonly status?: VerificationFilter['verifyStatus'];
    readonly certificate_id?: string | undefined;
    readonly order_id?: string | undefined;
  },
): VerificationFilter {
  return {
    ...period,
    poiId: query.poi_id,
    appId: query.app_id,
    verifyStatus: query.status,
    certificateId: query.certificate_id,
    orderId: query.order_id,
  };
}

const CURSOR = /^(\d{1,13})\.(\d{1,15})$/;

/** A place in a walk as an opaque text. */
export function writeCursor(cursor: VerificationCursor | null): string | null {
  return cursor && Buffer.from(`${cursor.createdAt.getTime()}.${cursor.id}`).toString('base64url');
}

/** Reads what `writeCursor` wrote. */
export const cursorText = () =>
  z
    .string()
    .transform((value, ctx): VerificationCursor => {
      const match = CURSOR.exec(Buffer.from(value, 'base64url').toString('latin1'));
      const cursor = { createdAt: new Date(Number(match?.[1])), id: Number(match?.[2]) };
      if (match && writeCursor(cursor) === value) return cursor;
      ctx.addIssue({ code: 'custom', ...bilingual('不是有效的游标', 'Not a valid cursor'), input: value });
      return z.NEVER;
    })
    .meta({ override: { type: 'string', minLength: 1 } });
