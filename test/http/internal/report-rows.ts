// Rows for report tests, inserted as they are: with every field a value of its own.
import type { Harness } from '../../support/harness.ts';

export type RowOverrides = Readonly<Record<string, unknown>>;

/** A settled success unless told otherwise. Columns as in the table. */
const DEFAULTS: RowOverrides = {
  app_name: '收银台',
  app_code: 'till',
  poi_id: '7182937465123456789',
  mode: 'code',
  request_value: '104686126200131',
  verify_status: 'success',
  step: 'settled',
  certificate_id: '7372594810362817586',
  encrypted_code: 'CgYIASAHKAESLgos8Xk2/bQ+aA==',
  origin_code: '104686126200131',
  coupon_status: 'USED',
  product_name: '双人下午茶套餐',
  verify_records_count: 1,
  order_id: '1086312045673319463',
  order_status: 201,
  pay_amount: 7900,
  receipt_amount: 7900,
  discount_amount: 2000,
  enrichment_status: 'success',
  douyin_response: '{"data":{"certificate_id":7372594810362817586}}',
  verify_time: '2026-03-11T10:35:12Z',
};

/** @returns the new row's id */
export async function insertRow(
  harness: Harness,
  appId: number,
  verifyToken: string,
  createdAt: string,
  overrides: RowOverrides = {},
): Promise<number> {
  const row: Record<string, unknown> = {
    ...DEFAULTS,
    app_id: appId,
    verify_token: verifyToken,
    round_started_at: createdAt,
    created_at: createdAt,
    updated_at: createdAt,
    ...overrides,
  };
  const names = Object.keys(row);
  const [inserted] = await harness.gateway.orm.em
    .fork()
    .execute<{ id: string }[]>(
      `insert into verifications (${names.join(', ')}) values (${names.map(() => '?').join(', ')}) returning id`,
      Object.values(row),
    );
  return Number(inserted?.id);
}

/** Many rows in one statement, one second apart, the first at `from`. */
export async function insertManyRows(
  harness: Harness,
  appId: number,
  count: number,
  from: string,
): Promise<void> {
  await harness.gateway.orm.em.fork().execute(
    `insert into verifications
       (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, round_started_at, created_at,
        updated_at, note, encrypted_code)
     select ?, '收银台', 'till', 'bulk', 'code', 'x', 'bulk-' || n, now(), ?::timestamptz + n * interval '1 second', now(),
       repeat('注', 200), ''
     from generate_series(0, ? - 1) n`,
    [appId, from, count],
  );
}
