import { TEST_POLICY } from '../../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import readExcel from 'read-excel-file/node';
import { createDatabase } from '../../../src/db/unit-of-work.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../../support/http-gateway.ts';
import { insertManyRows, insertRow } from './report-rows.ts';

const TARGET = '/v1/internal/reports/verifications';

let harness: Harness;
let server: HttpGateway;
let app: { readonly id: number };
let otherApp: { readonly id: number };
const ids: Record<string, number> = {};

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
  otherApp = await createClientApp(server.url);
  const insert = async (token: string, createdAt: string, overrides = {}, owner = app) => {
    ids[token] = await insertRow(harness, owner.id, token, createdAt, overrides);
  };
  // In Shanghai the day begins at 16:00 UTC.
  await insert('last-of-10th', '2026-03-10T15:59:59.999Z');
  await insert('first-of-11th', '2026-03-10T16:00:00Z', { poi_id: '222' });
  await insert('tie-1', '2026-03-11T10:00:00Z', {
    verify_status: 'failed',
    error_code: 1208,
    certificate_id: '333',
  });
  await insert('tie-2', '2026-03-11T10:00:00Z', {
    verify_status: 'processing',
    step: 'accepted',
    order_id: '444',
  });
  await insert('last-of-11th', '2026-03-11T15:59:59.999Z', {}, otherApp);
  await insert('first-of-12th', '2026-03-11T16:00:00Z');
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface View extends Record<string, unknown> {
  readonly id: number;
  readonly verify_token: string;
}
interface Page {
  readonly data: readonly View[];
  readonly total: number;
  readonly next_cursor: string | null;
}

const query = (search: string, headers = {}): Promise<Reply> =>
  callInternal(server.url, { target: `${TARGET}${search}`, headers });
const pageOf = async (search: string): Promise<Page> => {
  const reply = await query(search);
  expect(`${reply.status} ${reply.status === 200 ? '' : reply.text}`).toBe('200 ');
  return reply.json() as Page;
};
const tokensOf = async (search: string) => (await pageOf(search)).data.map((row) => row.verify_token);

describe('GET /v1/internal/reports/verifications', () => {
  describe('200', () => {
    it('lists the newest first, ties by id, with the exact total', async () => {
      const reply = await query('');
      expect(Object.keys(reply.json() as object)).toEqual([
        'data',
        'total',
        'page',
        'page_size',
        'next_cursor',
      ]);
      expect(reply.json()).toMatchObject({ total: 6, page: 1, page_size: 20, next_cursor: null });
      expect((reply.json() as Page).data.map((row) => row.verify_token)).toEqual([
        'first-of-12th',
        'last-of-11th',
        'tie-2',
        'tie-1',
        'first-of-11th',
        'last-of-10th',
      ]);
    });

    it('keeps every digit of Douyin’s answer', async () => {
      expect((await query('?page_size=1')).text).toContain('{"certificate_id":7372594810362817586}');
    });

    it.each([
      ['?start_time=2026-03-11&end_time=2026-03-11', ['last-of-11th', 'tie-2', 'tie-1', 'first-of-11th']],
      ['?start_time=2026-03-12', ['first-of-12th']],
      ['?end_time=2026-03-10', ['last-of-10th']],
      ['?start_time=2026-03-11T10:00:00Z&end_time=2026-03-11T16:00:00Z', ['last-of-11th', 'tie-2', 'tie-1']],
      [
        '?start_time=2026-03-11T18:00:00%2B08:00&end_time=2026-03-12T00:00:00%2B08:00',
        ['last-of-11th', 'tie-2', 'tie-1'],
      ],
      ['?poi_id=222', ['first-of-11th']],
      ['?status=failed', ['tie-1']],
      ['?certificate_id=333', ['tie-1']],
      ['?order_id=444', ['tie-2']],
      ['?poi_id=222&status=failed', []],
    ])('filters by %s', async (search, tokens) => {
      expect(await tokensOf(search)).toEqual(tokens);
      expect((await pageOf(search)).total).toBe(tokens.length);
    });

    it('filters by app', async () => {
      expect(await tokensOf(`?app_id=${otherApp.id}`)).toEqual(['last-of-11th']);
    });

    it('pages, and walks by cursor over the same rows', async () => {
      expect(await tokensOf('?page=2&page_size=2')).toEqual(['tie-2', 'tie-1']);
      const walked: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Page = await pageOf(`?page_size=2${cursor === null ? '' : `&cursor=${cursor}`}`);
        expect(page.total).toBe(6);
        walked.push(...page.data.map((row) => row.verify_token));
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(walked).toEqual(await tokensOf(''));
    });
  });

  describe('400', () => {
    it.each([
      'start_time=2026-03-11T10:00:00',
      'start_time=1773225312',
      'start_time=2026-02-30',
      'start_time=2026-03-11T24:00:00Z',
      'start_time=2026-03-11 10:00:00Z',
      'start_time=2026-03-11T10:00:00+08:00',
      'start_time=yesterday',
      'end_time=0000-01-01',
      'end_time=99999-01-01',
      'start_time=2026-03-11&start_time=2026-03-12',
      'start_time=2026-03-12&end_time=2026-03-11',
      'status=SUCCESS',
      'app_id=x',
      'app_id=9999999999999999',
      'poi_id=',
      'certificate_id=%00',
      'page_size=0',
      'page_size=201',
      'page=0',
      'cursor=x',
      'cursor=',
      'cursor=MTc3MzIyNTMxMi4x%3D',
      'cursor=MTc3MzIyNTMxMi4x&page=1',
      'export=pdf',
      'export=CSV',
      'verify_status=failed',
      '%00=1',
    ])('refuses ?%s and names the parameter', async (search) => {
      const error = errorOf(await query(`?${search.replaceAll(' ', '%20')}`));
      expect(error).toMatchObject({ status: 400, code: 'request.invalid' });
      expect(error.details?.['fields']).toMatchObject([{ in: 'query' }]);
    });
  });
});

describe('GET /v1/internal/reports/verifications?export=', () => {
  const AWKWARD = {
    note: '=1+1',
    operator_id: '+86 "x", y',
    device_id: '@SUM(A1)',
    error_description: '-2\r\n第二行\ttab',
    product_name: '_x0041_ <b>&amp;</b> ]]>',
    sku_name: '＝cmd',
    verify_token: '00123',
    certificate_id: '7372594810362817586',
    order_id: '0086312045673319463',
    error_code: -1,
    pay_amount: 9007199254740991,
  };
  /** Some 15 MB as a file. */
  const MANY_ROWS = 20_000;
  const MANY = '?start_time=2028-01-01&end_time=2028-01-31';
  const RANGE = 'start_time=2027-01-01&end_time=2027-01-31';

  beforeAll(async () => {
    const { verify_token: token, ...overrides } = AWKWARD;
    await insertRow(harness, app.id, token, '2027-01-15T00:00:00.123Z', overrides);
    await insertRow(harness, app.id, 'plain', '2027-01-14T00:00:00Z', { verify_time: null, note: '普通' });
  });

  /** The awkward row as the list shows it, without Douyin's answer. */
  const listed = async (): Promise<Record<string, string | number | null>> => {
    const view: Record<string, unknown> = { ...(await pageOf(`?${RANGE}`)).data[0] };
    delete view['douyin_response'];
    return view as Record<string, string | number | null>;
  };

  describe('csv', () => {
    it('gives a real parser back every value exactly, formulas defused', async () => {
      const reply = await query(`?${RANGE}&export=csv`);
      expect(reply.headers['content-type']).toBe('text/csv; charset=utf-8');
      expect(reply.headers['content-disposition']).toBe(
        'attachment; filename="verifications-20270101-20270131.csv"',
      );
      expect([...reply.bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
      const records: Record<string, string>[] = parse(reply.bytes, { bom: true, columns: true });
      expect(records.map((record) => record['verify_token'])).toEqual(['00123', 'plain']);
      const view = await listed();
      const expected = Object.fromEntries(
        Object.entries(view).map(([name, value]) => [name, value === null ? '' : String(value)]),
      );
      expect(records[0]).toEqual({
        ...expected,
        note: `'=1+1`,
        operator_id: `'+86 "x", y`,
        device_id: `'@SUM(A1)`,
        error_description: `'-2\r\n第二行\ttab`,
        sku_name: `'＝cmd`,
      });
      expect(Object.keys(records[0] ?? {})).toEqual(Object.keys(view));
      expect(records[0]).toMatchObject({ error_code: '-1', certificate_id: '7372594810362817586' });
    });

    it('ends every line with CRLF', async () => {
      const { text } = await query(`?start_time=2027-01-14&end_time=2027-01-14&export=csv`);
      expect(text.endsWith('\r\n')).toBe(true);
      expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    });

    it('is a header alone for an empty selection', async () => {
      const { status, text } = await query('?start_time=2030-01-01&end_time=2030-01-01&export=csv');
      expect(status).toBe(200);
      expect(text.trimEnd().split('\r\n')).toHaveLength(1);
      expect(text).toMatch(/^\ufeffid,app_id,/);
    });

    it('names the range of an export without bounds by its rows and today', async () => {
      const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai' }).format(new Date());
      const reply = await query(`?app_id=${otherApp.id}&export=csv`);
      expect(reply.headers['content-disposition']).toContain(
        `verifications-20260311-${today.replaceAll('-', '')}.csv`,
      );
    });

    it('exports many batches whole', async () => {
      await insertManyRows(harness, app.id, MANY_ROWS, '2028-01-01T00:00:00Z');
      const { text } = await query(`${MANY}&export=csv`);
      const records: Record<string, string>[] = parse(text, { bom: true, columns: true });
      expect(records.map((record) => record['verify_token'])).toEqual(
        Array.from({ length: MANY_ROWS }, (_, position) => `bulk-${MANY_ROWS - 1 - position}`),
      );
    });

    it('reads no further than its reader does, so that memory does not grow with the rows', async () => {
      const db = createDatabase(harness.gateway.orm, { policy: TEST_POLICY });
      let reads = 0;
      const counting = await serveHttp(harness, {
        db: {
          ...db,
          run: (work) => {
            reads += 1;
            return db.run(work);
          },
        },
      });
      try {
        const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
          const target = `${counting.url}${TARGET}${MANY}&export=csv`;
          http.get(target, { headers: { 'X-XTJ-UID': 'admin' } }, resolve).once('error', reject);
        });
        // Nobody reads the answer: what fits into the sockets' buffers is read from the database, and no more.
        let readsBefore: number;
        do {
          readsBefore = reads;
          await delay(300);
        } while (reads > readsBefore);
        expect(reads).toBeLessThan(MANY_ROWS / 500);
        let lines = 0;
        for await (const chunk of response as AsyncIterable<Buffer>)
          lines += chunk.toString('latin1').split('\n').length - 1;
        expect(lines).toBe(MANY_ROWS + 1);
        expect(reads).toBeGreaterThan(MANY_ROWS / 500);
      } finally {
        await counting.close();
      }
    });

    it('ends the connection when it fails midway, so that a cut file cannot pass for a whole one', async () => {
      const db = createDatabase(harness.gateway.orm, { policy: TEST_POLICY });
      let reads = 0;
      const failing = await serveHttp(harness, {
        db: {
          ...db,
          run: (work) => {
            reads += 1;
            return reads > 6 ? Promise.reject(new Error('the database went away')) : db.run(work);
          },
        },
      });
      try {
        const target = `${TARGET}${MANY}&export=csv`;
        await expect(callInternal(failing.url, { target })).rejects.toMatchObject({ code: 'ECONNRESET' });
        expect(reads).toBeGreaterThan(6);
      } finally {
        await failing.close();
      }
    });

    it('answers a proper error when it fails before the first row', async () => {
      const failing = await serveHttp(harness, {
        db: {
          ...createDatabase(harness.gateway.orm, { policy: TEST_POLICY }),
          run: () => Promise.reject(new Error('away')),
        },
      });
      try {
        const reply = await callInternal(failing.url, { target: `${TARGET}?export=csv` });
        expect(errorOf(reply).status).toBe(500);
        expect(reply.headers['content-disposition']).toBeUndefined();
      } finally {
        await failing.close();
      }
    });
  });

  describe('xlsx', () => {
    it('gives a real reader back every value exactly, ids and formulas as text', async () => {
      const reply = await query(`?${RANGE}&export=xlsx`);
      expect(reply.headers['content-type']).toBe(
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      );
      expect(reply.headers['content-disposition']).toContain('.xlsx"');
      const [sheet] = await readExcel(reply.bytes);
      const [header, first] = sheet?.data ?? [];
      const view = await listed();
      expect(header).toEqual(Object.keys(view));
      expect(first).toEqual(Object.values(view).map((value) => (value === '' ? null : value)));
    });
  });
});
