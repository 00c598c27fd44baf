import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import readExcel from 'read-excel-file/node';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../../support/http-gateway.ts';
import { insertRow } from './report-rows.ts';

const TARGET = '/v1/internal/reports/verifications/summary';
const RANGE = 'start_time=2026-03-10&end_time=2026-03-12';

let harness: Harness;
let server: HttpGateway;
let first: { readonly id: number };
let second: { readonly id: number };

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  first = await createClientApp(server.url, { name: '一号' });
  second = await createClientApp(server.url, { name: '=2' });
  const failed = { verify_status: 'failed', error_code: 1208 };
  const processing = { verify_status: 'processing', step: 'accepted' };
  const known = { is_amount_known: true };
  // Every amount is a digit of its own in the sums, so that they say which rows they are of.
  await insertRow(harness, first.id, 'a', '2026-03-10T15:59:59Z', { poi_id: 'P1', ...amounts(1), ...known });
  await insertRow(harness, first.id, 'b', '2026-03-10T16:00:00Z', { poi_id: 'P1', ...amounts(10), ...known });
  await insertRow(harness, first.id, 'c', '2026-03-11T01:00:00Z', {
    poi_id: 'P1',
    ...failed,
    ...amounts(100),
  });
  await insertRow(harness, first.id, 'd', '2026-03-11T02:00:00Z', {
    poi_id: 'P2',
    ...processing,
    ...amounts(1000),
  });
  await insertRow(harness, second.id, 'e', '2026-03-11T03:00:00Z', {
    poi_id: 'P2',
    ...amounts(10_000),
    ...known,
  });
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

/** Paid, received, discount: different digits, at the same place. */
function amounts(place: number) {
  return { pay_amount: 3 * place, receipt_amount: 2 * place, discount_amount: place };
}
const sums = (...places: readonly number[]) => amounts(places.reduce((sum, place) => sum + place, 0));

const query = (search: string) => callInternal(server.url, { target: `${TARGET}?${search}` });
const rowsOf = async (search: string) => {
  const reply = await query(search);
  expect(`${reply.status} ${reply.status === 200 ? '' : reply.text}`).toBe('200 ');
  return (reply.json() as { data: Record<string, unknown>[] }).data;
};

const ROW_FIELDS = [
  'total_count',
  'success_count',
  'failed_count',
  'processing_count',
  'cancelled_count',
  'amount_missing_count',
  'pay_amount',
  'receipt_amount',
  'discount_amount',
];

describe('GET /v1/internal/reports/verifications/summary', () => {
  describe('200', () => {
    it('counts by day of the reports’ time zone unless told otherwise, amounts over successes alone', async () => {
      const rows = await rowsOf(RANGE);
      expect(rows.map((row) => Object.keys(row))).toEqual([
        ['day', ...ROW_FIELDS],
        ['day', ...ROW_FIELDS],
      ]);
      expect(rows).toEqual([
        {
          day: '2026-03-10',
          total_count: 1,
          success_count: 1,
          failed_count: 0,
          processing_count: 0,
          cancelled_count: 0,
          amount_missing_count: 0,
          ...sums(1),
        },
        {
          day: '2026-03-11',
          total_count: 4,
          success_count: 2,
          failed_count: 1,
          processing_count: 1,
          cancelled_count: 0,
          amount_missing_count: 0,
          ...sums(10, 10_000),
        },
      ]);
    });

    it('groups by every combination, in the keys’ order', async () => {
      expect(await rowsOf(`${RANGE}&group_by=poi`)).toMatchObject([
        { poi_id: 'P1', total_count: 3, ...sums(1, 10) },
        { poi_id: 'P2', total_count: 2, ...sums(10_000) },
      ]);
      expect(await rowsOf(`${RANGE}&group_by=app`)).toMatchObject([
        { app_id: first.id, app_name: '一号', total_count: 4 },
        { app_id: second.id, app_name: '=2', total_count: 1 },
      ]);
      const all = await rowsOf(`${RANGE}&group_by=day,poi,app,status`);
      expect(all).toHaveLength(5);
      expect(Object.keys(all[0] ?? {}).slice(0, 5)).toEqual([
        'day',
        'poi_id',
        'app_id',
        'app_name',
        'verify_status',
      ]);
    });

    it('gives amounts of a status other than success as 0', async () => {
      const rows = await rowsOf(`${RANGE}&group_by=status`);
      expect(rows).toMatchObject([
        { verify_status: 'failed', total_count: 1, amount_missing_count: 0, ...sums() },
        { verify_status: 'processing', total_count: 1, amount_missing_count: 0, ...sums() },
        { verify_status: 'success', total_count: 3, amount_missing_count: 0, ...sums(1, 10, 10_000) },
      ]);
    });

    it('leaves out what was undone, and counts the successes whose amount is not known', async () => {
      const at = '2025-06-01T01:00:00Z';
      const row = (token: string, more: object) =>
        insertRow(harness, first.id, token, at, { poi_id: 'P9', ...more });
      await row('known', { ...amounts(1), is_amount_known: true });
      await row('free', { pay_amount: 0, receipt_amount: 0, discount_amount: 0, is_amount_known: true });
      await row('unknown', {
        pay_amount: 0,
        receipt_amount: 20,
        discount_amount: 10,
        is_amount_known: false,
      });
      await row('failed', { verify_status: 'failed', pay_amount: 0, is_amount_known: false });
      // Of an earlier release, which did not say: what it stored counts, but for a times card's, which is all its uses'.
      await row('before', { ...amounts(100), is_amount_known: null });
      await row('before-empty', {
        pay_amount: 0,
        receipt_amount: 0,
        discount_amount: 0,
        is_amount_known: null,
      });
      const cancelled = { cancel_status: 'cancelled', cancelled_at: at };
      await row('cancelled', { ...amounts(1000), is_amount_known: true, ...cancelled });
      await row('cancelled-unknown', { ...amounts(1000), is_amount_known: false, ...cancelled });
      await row('not-cancelled', { ...amounts(10_000), is_amount_known: true, cancel_status: 'refused' });
      await row('before-card', {
        pay_amount: 3000,
        receipt_amount: 0,
        discount_amount: 0,
        is_times_card: true,
        is_amount_known: null,
      });
      expect(await rowsOf('start_time=2025-06-01&end_time=2025-06-01&group_by=poi')).toEqual([
        {
          poi_id: 'P9',
          total_count: 10,
          success_count: 9,
          failed_count: 1,
          processing_count: 0,
          cancelled_count: 2,
          amount_missing_count: 3,
          pay_amount: 30_303,
          receipt_amount: 20_222,
          discount_amount: 10_111,
        },
      ]);
    });

    it('filters by store and app', async () => {
      expect(await rowsOf(`${RANGE}&poi_id=P2&group_by=poi`)).toMatchObject([
        { poi_id: 'P2', total_count: 2 },
      ]);
      expect(await rowsOf(`${RANGE}&app_id=${second.id}&group_by=poi`)).toMatchObject([{ total_count: 1 }]);
    });

    it('is empty for a range without verifications', async () => {
      expect(await rowsOf('start_time=2020-01-01&end_time=2020-12-31')).toEqual([]);
    });

    it('spans 366 days', async () => {
      expect(await rowsOf('start_time=2026-01-01&end_time=2027-01-01')).toHaveLength(2);
    });

    it('exports the same rows as CSV and XLSX', async () => {
      const csv = await query(`${RANGE}&group_by=app&export=csv`);
      expect(csv.headers['content-disposition']).toBe(
        'attachment; filename="verification-summary-20260310-20260312.csv"',
      );
      const records: Record<string, string>[] = parse(csv.bytes, { bom: true, columns: true });
      expect(records.map((record) => [record['app_name'], record['pay_amount']])).toEqual([
        ['一号', '33'],
        [`'=2`, '30000'],
      ]);
      const xlsx = await query(`${RANGE}&group_by=app&export=xlsx`);
      const [sheet] = await readExcel(xlsx.bytes);
      expect(sheet?.data.map((row) => row.slice(0, 3))).toEqual([
        ['app_id', 'app_name', 'total_count'],
        [first.id, '一号', 4],
        [second.id, '=2', 1],
      ]);
    });
  });

  describe('400', () => {
    it.each([
      '',
      'start_time=2026-03-10',
      'end_time=2026-03-10',
      'start_time=2026-01-01&end_time=2027-01-02',
      'start_time=2026-03-11&end_time=2026-03-10',
      `${RANGE}&group_by=`,
      `${RANGE}&group_by=month`,
      `${RANGE}&group_by=day,day`,
      `${RANGE}&group_by=day,`,
      `${RANGE}&page=1`,
      `${RANGE}&status=failed`,
    ])('refuses ?%s', async (search) => {
      const error = errorOf(await query(search));
      expect(error).toMatchObject({ status: 400, code: 'request.invalid' });
    });
  });
});
