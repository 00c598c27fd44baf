import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  createClientApp,
  errorOf,
  type HttpGateway,
  serveHttp,
} from '../../support/http-gateway.ts';

const TARGET = '/v1/internal/audit-log';

let harness: Harness;
let server: HttpGateway;
let app: Awaited<ReturnType<typeof createClientApp>>;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  app = await createClientApp(server.url);
  await callInternal(server.url, {
    method: 'PATCH',
    target: `/v1/internal/apps/${app.id}`,
    body: JSON.stringify({ name: '改名' }),
    headers: { 'X-XTJ-UID': 'auditor@corp', 'X-Request-Id': 'change-1' },
  });
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

interface Entries {
  readonly data: readonly Record<string, unknown>[];
  readonly total: number;
}
const list = async (search: string) =>
  (await callInternal(server.url, { target: `${TARGET}${search}` })).json() as Entries;

describe('GET /v1/internal/audit-log', () => {
  it('lists the newest first, with who, what, before and after', async () => {
    const { data, total } = await list('');
    expect(total).toBeGreaterThanOrEqual(2);
    expect(Object.keys(data[0] ?? {})).toEqual([
      'id',
      'happened_at',
      'actor',
      'action',
      'target_type',
      'target_id',
      'before',
      'after',
      'request_id',
    ]);
    expect(data[0]).toMatchObject({
      actor: 'auditor@corp',
      action: 'app.update',
      target_type: 'app',
      target_id: String(app.id),
      before: { name: '收银台' },
      after: { name: '改名' },
      request_id: 'change-1',
    });
    expect(JSON.stringify(data)).not.toContain(app.secret);
  });

  it.each([
    ['?actor=auditor@corp', 1],
    ['?action=app.create&target_type=app', 2],
    ['?actor=nobody', 0],
    ['?end_time=2020-01-01', 0],
    ['?start_time=2020-01-01&actor=auditor@corp', 1],
  ])('filters by %s', async (search, total) => {
    expect((await list(search)).total).toBe(total);
  });

  it('pages', async () => {
    const { data } = await list('?page=2&page_size=1');
    expect(data).toMatchObject([{ action: 'app.create', target_id: String(app.id) }]);
  });

  it.each(['?page=0', '?start_time=x', '?user=1', '?actor=', '?actor=a&actor=b'])(
    'refuses %s',
    async (search) => {
      const reply = await callInternal(server.url, { target: `${TARGET}${search}` });
      expect(errorOf(reply)).toMatchObject({ status: 400, code: 'request.invalid' });
    },
  );
});
