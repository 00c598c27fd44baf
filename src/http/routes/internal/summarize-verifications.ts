// GET /v1/internal/reports/verifications/summary: counts and amounts by day, store, app, status.
import { z } from 'zod';
import { isAtMostDays, localDay } from '../../../domain/report-period.ts';
import {
  SUMMARY_KEYS,
  type SummaryKey,
  type SummaryRow,
  summarizeVerifications,
} from '../../../services/report-verifications.ts';
import { data } from '../../answer.ts';
import { answerFile, EXPORT_CONTENT_TYPES } from '../../export/answer-file.ts';
import type { Cell } from '../../export/table.ts';
import { bilingual, invalidRequest } from '../../invalid-request.ts';
import { doc } from '../../fields.ts';
import { filterOf, readPeriod, reportFields } from '../../report-fields.ts';
import { defineRoute } from '../../route.ts';

const MAX_DAYS = 366;
const TOO_LONG = {
  zh: `时间范围最多 ${MAX_DAYS} 天`,
  en: `The range is at most ${MAX_DAYS} days`,
} as const;

const count = () => z.int().min(0);

const summaryRowSchema = z
  .object({
    day: z.iso.date().optional(),
    poi_id: z.string().optional(),
    app_id: z.int().optional(),
    app_name: z.string().optional(),
    verify_status: z.enum(['processing', 'success', 'failed']).optional(),
    total_count: count(),
    success_count: count(),
    failed_count: count(),
    processing_count: count(),
    cancelled_count: doc(count(), '已撤销的成功核销', 'successes that were undone'),
    amount_missing_count: doc(
      count(),
      '未撤销的成功中实付金额（尚）未知的，未计入 pay_amount',
      'successes, not undone, whose amount is not known (yet): not in pay_amount',
    ),
    pay_amount: count(),
    receipt_amount: count(),
    discount_amount: count(),
  })
  .meta({ id: 'VerificationSummaryRow' });

type SummaryView = z.infer<typeof summaryRowSchema>;

const COLUMNS_BY_KEY: Readonly<Record<SummaryKey, readonly (keyof SummaryView)[]>> = {
  day: ['day'],
  poi: ['poi_id'],
  app: ['app_id', 'app_name'],
  status: ['verify_status'],
};
const VALUE_COLUMNS = [
  'total_count',
  'success_count',
  'failed_count',
  'processing_count',
  'cancelled_count',
  'amount_missing_count',
  'pay_amount',
  'receipt_amount',
  'discount_amount',
] as const satisfies readonly (keyof SummaryView)[];

const groupBy = () =>
  z
    .string()
    .transform((value, ctx): SummaryKey[] => {
      const keys = value.split(',').filter(isSummaryKey);
      if (keys.length === value.split(',').length && new Set(keys).size === keys.length) return keys;
      const list = SUMMARY_KEYS.join(', ');
      ctx.addIssue({
        code: 'custom',
        ...bilingual(
          `须为 ${list} 中若干项，逗号分隔，不重复`,
          `Must be some of ${list}, by commas, none twice`,
        ),
        input: value,
      });
      return z.NEVER;
    })
    .meta({ override: { type: 'string', pattern: GROUP_BY_PATTERN } });

const GROUP_BY_PATTERN = `^(${SUMMARY_KEYS.join('|')})(,(${SUMMARY_KEYS.join('|')})){0,3}$`;

export const summarizeVerificationsRoute = defineRoute({
  operationId: 'summarizeVerifications',
  method: 'GET',
  path: '/v1/internal/reports/verifications/summary',
  surface: 'internal',
  tag: 'reports',
  summary: { zh: '核销汇总', en: 'Summary of verifications' },
  description: {
    zh: '按 `group_by`（day、poi、app、status 的逗号列表，默认 day）分组计数；金额（分）只计成功且未撤销的，金额未知的另计。时间范围最多 366 天，天按报表时区。',
    en: 'Counts by `group_by` (a comma list of day, poi, app, status; day by default); amounts (fen) over successes that were not undone, those of unknown amount counted apart. At most 366 days, a day being one in the reports’ time zone.',
  },
  query: z.object({
    start_time: reportFields.start_time(),
    end_time: reportFields.end_time(),
    poi_id: reportFields.poi_id(),
    app_id: reportFields.app_id(),
    group_by: groupBy().default(['day']),
    export: reportFields.export(),
  }),
  responses: {
    200: {
      description: { zh: '汇总行，或文件', en: 'The rows, or the file' },
      schema: z.object({ data: z.array(summaryRowSchema) }),
      contentTypes: EXPORT_CONTENT_TYPES,
    },
  },
  errorCodes: ['report.too_many_groups'],
  async handler(deps, { query, language }) {
    const timeZone = deps.reportTimeZone;
    const period = readPeriod(query, timeZone, language);
    if (!isAtMostDays(period, MAX_DAYS)) {
      throw invalidRequest([{ in: 'query', pointer: '/end_time', message: TOO_LONG[language] }]);
    }
    const found = await summarizeVerifications(deps, filterOf(period, query), query.group_by, timeZone);
    const rows = found.map(presentSummaryRow);
    if (query.export === undefined) return data({ data: rows });
    const columns = [...query.group_by.flatMap((key) => COLUMNS_BY_KEY[key]), ...VALUE_COLUMNS];
    const table = {
      columns,
      batches: inOneBatch(rows.map((row) => columns.map((column) => row[column] ?? null))),
    };
    const lastMoment = new Date(period.to.getTime() - 1);
    const [firstDay, lastDay] = [localDay(period.from, timeZone), localDay(lastMoment, timeZone)];
    return answerFile(query.export, table, 'verification-summary', firstDay, lastDay);
  },
});

function presentSummaryRow(row: SummaryRow): SummaryView {
  return {
    ...(row.day === undefined ? {} : { day: row.day }),
    ...(row.poiId === undefined ? {} : { poi_id: row.poiId }),
    ...(row.appId === undefined ? {} : { app_id: row.appId, app_name: row.appName ?? '' }),
    ...(row.verifyStatus === undefined ? {} : { verify_status: row.verifyStatus }),
    total_count: row.totalCount,
    success_count: row.successCount,
    failed_count: row.failedCount,
    processing_count: row.processingCount,
    cancelled_count: row.cancelledCount,
    amount_missing_count: row.amountMissingCount,
    pay_amount: row.payAmountFen,
    receipt_amount: row.receiptAmountFen,
    discount_amount: row.discountAmountFen,
  };
}

function isSummaryKey(text: string): text is SummaryKey {
  return (SUMMARY_KEYS as readonly string[]).includes(text);
}

async function* inOneBatch(rows: readonly (readonly Cell[])[]): AsyncGenerator<readonly (readonly Cell[])[]> {
  yield await Promise.resolve(rows);
}
