// A table as CSV: RFC 4180, UTF-8 with a byte order mark so that spreadsheets read Chinese, CRLF.
import { Readable } from 'node:stream';
import type { Cell, Table } from './table.ts';

const BYTE_ORDER_MARK = '\ufeff';
const LINE_END = '\r\n';
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;
/** What spreadsheets take for the beginning of a formula, full-width forms too. */
const FORMULA_START = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** A stream that fails when the table does. */
export function csvStream(table: Table): Readable {
  return Readable.from(writeCsv(table));
}

async function* writeCsv(table: Table): AsyncGenerator<string> {
  yield BYTE_ORDER_MARK + csvLine(table.columns);
  for await (const batch of table.batches) {
    if (batch.length > 0) yield batch.map(csvLine).join('');
  }
}

function csvLine(cells: readonly Cell[]): string {
  return cells.map(csvCell).join(',') + LINE_END;
}

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  // An apostrophe makes a spreadsheet show the text instead of computing it.
  const inert = FORMULA_START.test(cell) ? `'${cell}` : cell;
  return NEEDS_QUOTES.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
