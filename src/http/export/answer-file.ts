// A table answered as a file to download.
import { type BytesAnswer, bytes } from '../answer.ts';
import { csvStream } from './csv.ts';
import type { Table } from './table.ts';
import { xlsxStream } from './xlsx.ts';

export const EXPORT_FORMATS = ['csv', 'xlsx'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_CONTENT_TYPES = [
  'text/csv; charset=utf-8',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
] as const;

/**
 * @param name of the file up to its range
 * @param firstDay the range's first and last day, `YYYY-MM-DD`
 */
export function answerFile(
  format: ExportFormat,
  table: Table,
  name: string,
  firstDay: string,
  lastDay: string,
): BytesAnswer {
  const fileName = `${name}-${firstDay.replaceAll('-', '')}-${lastDay.replaceAll('-', '')}.${format}`;
  const headers = { 'Content-Disposition': `attachment; filename="${fileName}"` };
  const [csv, xlsx] = EXPORT_CONTENT_TYPES;
  return format === 'csv' ? bytes(csv, csvStream(table), headers) : bytes(xlsx, xlsxStream(table), headers);
}
