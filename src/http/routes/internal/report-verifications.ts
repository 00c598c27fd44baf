// GET /v1/internal/reports/verifications: the list, and its export as a file.
import { z } from 'zod';
import type { Language } from '../../../domain/errors.ts';
import type { AdvisedVerification } from '../../../services/advise-cashier.ts';
import { exportVerifications, reportVerifications } from '../../../services/report-verifications.ts';
import { data } from '../../answer.ts';
import { answerFile, EXPORT_CONTENT_TYPES } from '../../export/answer-file.ts';
import type { Cell } from '../../export/table.ts';
import { MAX_XLSX_ROWS } from '../../export/xlsx.ts';
import { invalidRequest } from '../../invalid-request.ts';
import { DEFAULT_PAGE, pageFields, pageOf } from '../../paging.ts';
import { presentVerification, verificationViewSchema } from '../../presenters/present-verification.ts';
import { cursorText, filterOf, readPeriod, reportFields, writeCursor } from '../../report-fields.ts';
import { defineRoute } from '../../route.ts';

/** Every field of a verification but Douyin's answer, in its order. */
const { douyin_response: _, ...exportedShape } = verificationViewSchema.shape;
const COLUMNS = Object.keys(exportedShape) as (keyof typeof exportedShape)[];

const PAGE_AND_CURSOR = {
  zh: 'cursor 不能与 page 同时使用',
  en: 'cursor and page cannot be combined',
} as const;
const TOO_MANY_ROWS = {
  zh: `超过一张表的 ${MAX_XLSX_ROWS} 行，请缩短时间范围或改用 csv`,
  en: `More than the ${MAX_XLSX_ROWS} rows of a sheet; shorten the range or use csv`,
} as const;

export const reportVerificationsRoute = defineRoute({
  operationId: 'reportVerifications',
  method: 'GET',
  path: '/v1/internal/reports/verifications',
  surface: 'internal',
  tag: 'reports',
  summary: { zh: '核销记录', en: 'Verifications' },
  description: {
    zh: '按创建时间倒序。`start_time` 含，`end_time` 不含；只写日期时按报表时区的那一天，结束日整天包含。翻深页请用 `cursor`。`export=csv|xlsx` 下载全部选中的记录（不分页）；中途出错会断开连接，不会给出残缺却像完整的文件。',
    en: 'Newest first. `start_time` is included, `end_time` is not; a date alone is that day in the reports’ time zone, and an end date includes its day. Walk deep with `cursor`. `export=csv|xlsx` downloads the whole selection without paging; a failure midway cuts the connection, so a cut file cannot pass for a whole one.',
  },
  query: z.object({
    start_time: reportFields.start_time().optional(),
    end_time: reportFields.end_time().optional(),
    poi_id: reportFields.poi_id(),
    app_id: reportFields.app_id(),
    status: reportFields.status(),
    certificate_id: reportFields.certificate_id(),
    order_id: reportFields.order_id(),
    page: pageFields.explicit_page(),
    page_size: pageFields.page_size(),
    cursor: cursorText().optional(),
    export: reportFields.export(),
  }),
  responses: {
    200: {
      description: { zh: '一页记录，或文件', en: 'A page of records, or the file' },
      schema: pageOf(verificationViewSchema).extend({ next_cursor: z.string().nullable() }),
      contentTypes: EXPORT_CONTENT_TYPES,
    },
  },
  errorCodes: [],
  async handler(deps, { query, language }) {
    const timeZone = deps.reportTimeZone;
    const filter = filterOf(readPeriod(query, timeZone, language), query);
    if (query.export !== undefined) {
      const exported = await exportVerifications(deps, filter, { language, timeZone });
      if (query.export === 'xlsx' && exported.total > MAX_XLSX_ROWS) {
        throw invalidRequest([{ in: 'query', pointer: '/export', message: TOO_MANY_ROWS[language] }]);
      }
      const table = { columns: COLUMNS, batches: rowsOf(exported.batches, language) };
      return answerFile(query.export, table, 'verifications', exported.firstDay, exported.lastDay);
    }
    if (query.cursor && query.page !== undefined) {
      throw invalidRequest([{ in: 'query', pointer: '/cursor', message: PAGE_AND_CURSOR[language] }]);
    }
    const window = {
      page: query.page ?? DEFAULT_PAGE,
      pageSize: query.page_size,
      after: query.cursor ?? null,
    };
    const { rows, total, next } = await reportVerifications(deps, filter, window, { language, timeZone });
    return data({
      data: rows.map(({ verification, advice }) => presentVerification(verification, advice, language)),
      total,
      page: window.page,
      page_size: window.pageSize,
      next_cursor: writeCursor(next),
    });
  },
});

async function* rowsOf(
  batches: AsyncIterable<readonly AdvisedVerification[]>,
  language: Language,
): AsyncGenerator<readonly (readonly Cell[])[]> {
  for await (const batch of batches) {
    yield batch.map(({ verification, advice }) => {
      const view = presentVerification(verification, advice, language);
      return COLUMNS.map((column) => view[column]);
    });
  }
}
