// A table as XLSX, written while it is read: a zip of a few small parts and one long sheet. Text cells are marked as
// text, so ids keep every digit and nothing is computed.
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { Cell, Table } from './table.ts';

/** A sheet holds no more rows, the header's included. */
export const MAX_XLSX_ROWS = 1_048_576 - 1;
/** A cell holds no more UTF-16 units. */
const MAX_CELL_LENGTH = 32_767;

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const SHEET = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const SPREADSHEET_TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const RELATIONSHIPS_TYPE = 'application/vnd.openxmlformats-package.relationships+xml';

/** Cell formats by their position in `styles.xml`. */
const STYLE = { number: 0, text: 1, header: 2 } as const;

const PARTS: Readonly<Record<string, string>> = {
  '[Content_Types].xml':
    `${XML}<Types xmlns="${PACKAGE}/content-types">` +
    `<Default Extension="rels" ContentType="${RELATIONSHIPS_TYPE}"/>` +
    `<Override PartName="/xl/workbook.xml" ContentType="${SPREADSHEET_TYPE}.sheet.main+xml"/>` +
    `<Override PartName="/xl/styles.xml" ContentType="${SPREADSHEET_TYPE}.styles+xml"/>` +
    `<Override PartName="/xl/worksheets/sheet1.xml" ContentType="${SPREADSHEET_TYPE}.worksheet+xml"/></Types>`,
  '_rels/.rels':
    `${XML}<Relationships xmlns="${PACKAGE}/relationships">` +
    `<Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/workbook.xml':
    `${XML}<workbook xmlns="${SHEET}" xmlns:r="${OFFICE}">` +
    `<sheets><sheet name="data" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  'xl/_rels/workbook.xml.rels':
    `${XML}<Relationships xmlns="${PACKAGE}/relationships">` +
    `<Relationship Id="rId1" Type="${OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>` +
    `<Relationship Id="rId2" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`,
  'xl/styles.xml':
    `${XML}<styleSheet xmlns="${SHEET}">` +
    `<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
    `<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
    `<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
    // Number format 49 is "text": what is typed over such a cell stays text too.
    `<cellXfs count="3"><xf xfId="0"/><xf xfId="0" numFmtId="49" applyNumberFormat="1"/>` +
    `<xf xfId="0" numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`,
};

/** A stream that fails when the table does, and stops reading it when nobody reads the file any more. */
export function xlsxStream(table: Table): Readable {
  const zip = new ZipFile();
  // The types name the stream by its interface; it is a PassThrough.
  const output = zip.outputStream as Readable;
  const sheet = Readable.from(writeSheet(table));
  zip.on('error', (err: Error) => output.destroy(err));
  output.once('close', () => sheet.destroy());
  for (const [path, content] of Object.entries(PARTS)) zip.addBuffer(Buffer.from(content), path);
  zip.addReadStream(sheet, 'xl/worksheets/sheet1.xml');
  zip.end();
  return output;
}

async function* writeSheet(table: Table): AsyncGenerator<string> {
  const letters = table.columns.map((_, position) => columnLetters(position));
  const header = table.columns.map((column, position) =>
    textCell(`${letters[position]}1`, column, STYLE.header),
  );
  // The header stays in sight.
  yield (
    `${XML}<worksheet xmlns="${SHEET}"><sheetViews><sheetView workbookViewId="0">` +
    `<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>` +
    `<sheetData><row r="1">${header.join('')}</row>`
  );
  let rowNumber = 1;
  for await (const batch of table.batches) {
    if (rowNumber + batch.length > MAX_XLSX_ROWS + 1) throw new Error('More rows than a sheet holds');
    const rows = batch.map((cells) => {
      rowNumber += 1;
      const written = cells.map((cell, position) => writeCell(`${letters[position]}${rowNumber}`, cell));
      return `<row r="${rowNumber}">${written.join('')}</row>`;
    });
    if (rows.length > 0) yield rows.join('');
  }
  yield '</sheetData></worksheet>';
}

/** `A` to `Z`, then `AA` and on. */
function columnLetters(position: number): string {
  const rest = Math.floor(position / 26);
  return (rest === 0 ? '' : columnLetters(rest - 1)) + String.fromCharCode(65 + (position % 26));
}

/** An empty cell is left out; its place is in the others' addresses. */
function writeCell(address: string, cell: Cell): string {
  if (cell === null || cell === '') return '';
  return typeof cell === 'number'
    ? `<c r="${address}" s="${STYLE.number}"><v>${cell}</v></c>`
    : textCell(address, cell, STYLE.text);
}

function textCell(address: string, text: string, style: number): string {
  const content = escapeXml(text.slice(0, MAX_CELL_LENGTH));
  return `<c r="${address}" s="${style}" t="inlineStr"><is><t xml:space="preserve">${content}</t></is></c>`;
}

const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Characters XML cannot hold are written as `_x0007_`, so text that looks like that is escaped itself. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/_x[0-9A-Fa-f]{4}_/g, (match) => `_x005F${match}`)
    .replace(/[&<>]/g, (character) => XML_ENTITIES[character] ?? '')
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]/g,
      (character) => `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`,
    );
}
