// One record whose every column has a value of its own, as each reader sees it: a field that is filled from another's
// column shows here and nowhere else.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  callInternal,
  callOpen,
  createClientApp,
  type HttpGateway,
  serveHttp,
} from '../support/http-gateway.ts';
import { insertRow } from './internal/report-rows.ts';

const TOKEN = 'token-of-its-own';
const COLUMNS = {
  app_name: '一号收银台',
  app_code: 'till-code',
  poi_id: '7182937465123456001',
  mode: 'code',
  request_value: '104686126200001',
  operator_id: 'cashier-3',
  device_id: 'device-4',
  note: '备注五',
  verify_status: 'success',
  step: 'settled',
  error_code: 0,
  error_description: '抖音的话',
  encrypted_code: 'encrypted-6',
  certificate_id: '7372594810362817007',
  origin_code: '104686126200008',
  coupon_status: 'USED',
  product_id: '7372594810362817009',
  product_name: '商品十',
  sku_id: '7372594810362817011',
  sku_name: '规格十二',
  verify_records_count: 13,
  verify_id: '7372594810362817014',
  order_id: '1086312045673319015',
  source_order_id: '1086312045673319016',
  ext_order_id: 'ext-17',
  order_status: 218,
  pay_amount: 1019,
  receipt_amount: 1020,
  discount_amount: 1021,
  enrichment_status: 'success',
  enrichment_retry_count: 22,
  douyin_response: '{"data":{"certificate_id":7372594810362817023}}',
  expire_time: '2026-06-24T00:00:00.024Z',
  verify_time: '2026-03-11T10:35:12.025Z',
  create_order_time: '2026-03-09T08:00:00.026Z',
  pay_time: '2026-03-09T08:01:00.027Z',
  settled_at: '2026-03-11T10:35:13.028Z',
  item_no: 32,
  item_count: 33,
  cancel_status: 'cancelled',
  cancelled_at: '2026-03-11T10:40:00.034Z',
  updated_at: '2026-03-11T10:35:14.029Z',
} as const;
const CREATED_AT = '2026-03-11T10:35:11.030Z';

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;
let view: Record<string, unknown>;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
  const id = await insertRow(harness, app.id, TOKEN, CREATED_AT, COLUMNS);
  view = {
    id,
    app_id: app.id,
    app_name: '一号收银台',
    poi_id: '7182937465123456001',
    verify_status: 'success',
    error_code: 0,
    error_description: '抖音的话',
    certificate_id: '7372594810362817007',
    encrypted_code: 'encrypted-6',
    origin_code: '104686126200008',
    coupon_status: 'USED',
    product_id: '7372594810362817009',
    product_name: '商品十',
    sku_id: '7372594810362817011',
    sku_name: '规格十二',
    verify_records_count: 13,
    verify_id: '7372594810362817014',
    order_id: '1086312045673319015',
    source_order_id: '1086312045673319016',
    ext_order_id: 'ext-17',
    order_status: 218,
    pay_amount: 1019,
    receipt_amount: 1020,
    discount_amount: 1021,
    enrichment_status: 'success',
    enrichment_retry_count: 22,
    // As JSON.parse rounds it; its digits are compared in a test of their own.
    douyin_response: { data: { certificate_id: Number('7372594810362817023') } },
    expire_time: '2026-06-24T00:00:00.024Z',
    verify_time: '2026-03-11T10:35:12.025Z',
    create_order_time: '2026-03-09T08:00:00.026Z',
    pay_time: '2026-03-09T08:01:00.027Z',
    created_at: '2026-03-11T10:35:11.030Z',
    updated_at: '2026-03-11T10:35:14.029Z',
    verify_token: TOKEN,
    operator_id: 'cashier-3',
    device_id: 'device-4',
    note: '备注五',
    advice: '',
    item_no: 32,
    item_count: 33,
    cancel_status: 'cancelled',
    cancelled_at: '2026-03-11T10:40:00.034Z',
    // An hour after it was verified.
    cancellable_until: '2026-03-11T11:35:12.025Z',
    reason: '',
  };
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

describe('a verification whose columns all differ', () => {
  it('is the till’s record, each field from its own column, in the published order', async () => {
    const reply = await callOpen(server.url, app, { target: `/v1/open/coupons/verifications/${TOKEN}` });
    const { data } = reply.json() as { data: Record<string, unknown> };
    expect(data).toEqual(view);
    expect(Object.keys(data)).toEqual(Object.keys(view));
    expect(reply.text).toContain('"certificate_id":7372594810362817023');
  });

  it('is the report’s row', async () => {
    const reply = await callInternal(server.url, { target: '/v1/internal/reports/verifications' });
    expect(reply.json()).toMatchObject({ data: [view], total: 1 });
  });

  it('is the exported row, without Douyin’s answer', async () => {
    const reply = await callInternal(server.url, { target: '/v1/internal/reports/verifications?export=csv' });
    const { douyin_response: _, ...exported } = view;
    expect(parse(reply.text, { bom: true, columns: true })).toEqual([
      Object.fromEntries(Object.entries(exported).map(([name, value]) => [name, String(value)])),
    ]);
  });

  it('is the operator’s record, with what only they see', async () => {
    const reply = await callInternal(server.url, {
      target: `/v1/internal/verifications/${String(view['id'])}`,
    });
    expect(reply.json()).toMatchObject({ data: { ...view, mode: 'code', step: 'settled' } });
  });
});
