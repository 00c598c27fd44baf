// The list of open enrichments over rows that were put there; what retrying does is in verifications.test.ts.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness.ts';
import { callInternal, createClientApp, type HttpGateway, serveHttp } from '../../support/http-gateway.ts';
import { insertRow } from './report-rows.ts';

let harness: Harness;
let server: HttpGateway;
const ids: Record<string, number> = {};

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  const app = await createClientApp(server.url, { name: '一号' });
  const insert = async (token: string, columns: Readonly<Record<string, unknown>>) => {
    ids[token] = await insertRow(harness, app.id, token, '2026-03-11T10:00:00Z', columns);
  };
  await insert('stuck-1', { enrichment_status: 'stuck', enrichment_retry_count: 1 });
  await insert('pending-1', { enrichment_status: 'pending' });
  await insert('stuck-2', {
    app_name: '收银台二',
    poi_id: '222',
    order_id: '1086',
    enrichment_status: 'stuck',
    enrichment_retry_count: 2,
    enrichment_error: '2119005',
    updated_at: '2026-03-11T10:05:00Z',
  });
  await insert('complete', { enrichment_status: 'success' });
  await insert('stuck-3', { enrichment_status: 'stuck', enrichment_retry_count: 3 });
  await insert('failed', { verify_status: 'failed', enrichment_status: 'skipped' });
  await insert('pending-2', { enrichment_status: 'pending' });
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly total: number;
}
const list = async (search: string) =>
  (await callInternal(server.url, { target: `/v1/internal/enrichments${search}` })).json() as Page;
const tokensOf = async (search: string) =>
  (await list(search)).data.map((row) =>
    Object.keys(ids).find((token) => ids[token] === row['verification_id']),
  );

describe('GET /v1/internal/enrichments', () => {
  it('lists the stuck ones, or the pending ones, the oldest first', async () => {
    expect(await tokensOf('')).toEqual(['stuck-1', 'stuck-2', 'stuck-3']);
    expect(await tokensOf('?status=pending')).toEqual(['pending-1', 'pending-2']);
  });

  it('goes on with the next page where the one before ended', async () => {
    const pages = await Promise.all([1, 2, 3, 4].map((page) => list(`?page=${page}&page_size=1`)));
    expect(pages.map(({ data }) => data.map((row) => row['verification_id']))).toEqual([
      [ids['stuck-1']],
      [ids['stuck-2']],
      [ids['stuck-3']],
      [],
    ]);
    expect(pages.map(({ total }) => total)).toEqual([3, 3, 3, 3]);
    expect(await list('?page=2&page_size=1')).toEqual({
      data: [
        {
          verification_id: ids['stuck-2'],
          app_id: expect.any(Number),
          app_name: '收银台二',
          poi_id: '222',
          order_id: '1086',
          enrichment_status: 'stuck',
          enrichment_retry_count: 2,
          enrichment_error: '2119005',
          verify_time: '2026-03-11T10:35:12.000Z',
          updated_at: '2026-03-11T10:05:00.000Z',
        },
      ],
      total: 3,
      page: 2,
      page_size: 1,
    });
  });
});
