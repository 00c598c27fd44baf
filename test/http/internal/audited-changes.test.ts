// Every route that changes something on the internal surface: what it leaves in the audit log, whole, and that nothing
// is changed when the log cannot be written.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTES } from '../../../src/http/routes/index.ts';
import type { EnrichmentRunner } from '../../../src/ports/verification-runner.ts';
import { type Harness, startHarness } from '../../support/harness.ts';
import {
  callInternal,
  createClientApp,
  errorOf,
  type HttpGateway,
  type Reply,
  serveHttp,
} from '../../support/http-gateway.ts';
import { insertRow } from './report-rows.ts';

let harness: Harness;
let server: HttpGateway;
/** Verifications whose enrichment was asked to run again. */
let retried: number[] = [];

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  const enrichmentRunner: EnrichmentRunner = {
    retryNow: ({ verificationId }) => Promise.resolve(void retried.push(verificationId)),
    ensureRunning: () => Promise.reject(new Error('no route asks for this')),
  };
  server = await serveHttp(harness, { enrichmentRunner });
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

const execute = (sql: string): Promise<Record<string, unknown>[]> =>
  harness.gateway.orm.em.fork().execute<Record<string, unknown>[]>(sql);
const entriesOf = (requestId: string) =>
  execute(
    `select actor, action, target_type, target_id, before, after from audit_log where request_id = '${requestId}'`,
  );
/** All that these routes may change. */
const stateOf = async () => ({
  apps: await execute('select * from apps order by id'),
  secrets: await execute('select * from app_secrets order by id'),
  verifications: await execute('select * from verifications order by id'),
  retried: [...retried],
});

/** What a route is called on: an app with two secrets, and a success whose order data is stuck. */
interface Target {
  readonly appId: number;
  readonly code: string;
  readonly clientKey: string;
  readonly secretIds: readonly [number, number];
  readonly verificationId: number;
}

async function createTarget(secrets: 1 | 2): Promise<Target> {
  const app = await createClientApp(server.url, { name: '前', description: '说明', poi_ids: ['1'] });
  if (secrets === 2) await send({ method: 'POST', target: `/v1/internal/apps/${app.id}/secrets` });
  const [first, second] = await execute(`select id from app_secrets where app_id = ${app.id} order by id`);
  return {
    appId: app.id,
    code: app.code,
    clientKey: app.clientKey,
    secretIds: [Number(first?.['id']), Number(second?.['id'])],
    verificationId: await insertRow(harness, app.id, `stuck-${app.id}`, '2026-03-11T10:00:00Z', {
      enrichment_status: 'stuck',
    }),
  };
}

interface Change {
  readonly route: string;
  readonly secrets: 1 | 2;
  readonly call: (target: Target) => { method: string; target: string; body?: unknown };
  /** The whole entry, but for its id, its time and the request's id. */
  readonly entry: (target: Target, reply: Reply) => Readonly<Record<string, unknown>>;
}

const send = (
  call: { method: string; target: string; body?: unknown },
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> =>
  callInternal(server.url, {
    method: call.method,
    target: call.target,
    headers,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });

const appBefore = ({ code, clientKey }: Target) => ({
  name: '前',
  code,
  description: '说明',
  client_key: clientKey,
  status: 'active',
  allow_token_read: false,
  poi_ids: ['1'],
});

const CHANGES: readonly Change[] = [
  {
    route: 'POST /v1/internal/apps',
    secrets: 1,
    call: ({ appId }) => ({
      method: 'POST',
      target: '/v1/internal/apps',
      body: {
        name: '新',
        code: `new-${appId}`,
        client_key: `new-client-key-${appId}`,
        description: '新的',
        status: 'disabled',
        allow_token_read: true,
        poi_ids: ['8', '9'],
      },
    }),
    entry: ({ appId }, reply) => {
      const { data } = reply.json() as { data: { app: { id: number } } };
      return {
        action: 'app.create',
        target_type: 'app',
        target_id: String(data.app.id),
        before: null,
        after: {
          name: '新',
          code: `new-${appId}`,
          description: '新的',
          client_key: `new-client-key-${appId}`,
          status: 'disabled',
          allow_token_read: true,
          poi_ids: ['8', '9'],
          secret_id: expect.any(Number),
        },
      };
    },
  },
  {
    route: 'PATCH /v1/internal/apps/{id}',
    secrets: 1,
    call: ({ appId }) => ({
      method: 'PATCH',
      target: `/v1/internal/apps/${appId}`,
      body: { name: '后', status: 'disabled', poi_ids: ['2', '3'] },
    }),
    entry: (target) => ({
      action: 'app.update',
      target_type: 'app',
      target_id: String(target.appId),
      before: appBefore(target),
      after: { ...appBefore(target), name: '后', status: 'disabled', poi_ids: ['2', '3'] },
    }),
  },
  {
    route: 'PATCH /v1/internal/apps/{id}/token-access',
    secrets: 1,
    call: ({ appId }) => ({
      method: 'PATCH',
      target: `/v1/internal/apps/${appId}/token-access`,
      body: { allow_token_read: true },
    }),
    entry: (target) => ({
      action: 'app.update',
      target_type: 'app',
      target_id: String(target.appId),
      before: appBefore(target),
      after: { ...appBefore(target), allow_token_read: true },
    }),
  },
  {
    route: 'POST /v1/internal/apps/{id}/secrets',
    secrets: 1,
    call: ({ appId }) => ({ method: 'POST', target: `/v1/internal/apps/${appId}/secrets` }),
    entry: ({ appId }, reply) => {
      const { data } = reply.json() as { data: { id: number } };
      return {
        action: 'app.secret.add',
        target_type: 'app',
        target_id: String(appId),
        before: null,
        after: { secret_id: data.id },
      };
    },
  },
  {
    route: 'DELETE /v1/internal/apps/{id}/secrets/{secret_id}',
    secrets: 2,
    call: ({ appId, secretIds }) => ({
      method: 'DELETE',
      target: `/v1/internal/apps/${appId}/secrets/${secretIds[0]}`,
    }),
    entry: ({ appId, secretIds }, reply) => {
      const { data } = reply.json() as { data: { ended_at: string } };
      return {
        action: 'app.secret.end',
        target_type: 'app',
        target_id: String(appId),
        before: { secret_id: secretIds[0], ended_at: null },
        after: { secret_id: secretIds[0], ended_at: data.ended_at },
      };
    },
  },
  {
    route: 'POST /v1/internal/enrichments/{verification_id}/retry',
    secrets: 1,
    call: ({ verificationId }) => ({
      method: 'POST',
      target: `/v1/internal/enrichments/${verificationId}/retry`,
    }),
    entry: ({ verificationId }) => ({
      action: 'enrichment.retry',
      target_type: 'verification',
      target_id: String(verificationId),
      before: { enrichment_status: 'stuck' },
      after: null,
    }),
  },
];

/** Audited by the workflow that settles it; its tests are in verifications.test.ts. */
const RESOLVE = 'POST /v1/internal/verifications/{id}/resolve';

describe('a change on the internal surface', () => {
  it('is one of these: no changing route is missing here', () => {
    const changing = ROUTES.filter(({ surface, method }) => surface === 'internal' && method !== 'GET');
    expect(changing.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
      [...CHANGES.map(({ route }) => route), RESOLVE].toSorted(),
    );
  });

  it.each(CHANGES)('is audited whole, once: $route', async ({ route, secrets, call, entry }) => {
    const target = await createTarget(secrets);
    const requestId = `change-${CHANGES.findIndex((change) => change.route === route)}`;
    const reply = await send(call(target), { 'X-XTJ-UID': 'auditor@corp', 'X-Request-Id': requestId });
    expect(`${reply.status} ${reply.status === 200 ? '' : reply.text}`).toBe('200 ');
    expect(await entriesOf(requestId)).toEqual([{ actor: 'auditor@corp', ...entry(target, reply) }]);
  });

  it.each(CHANGES)('is not made when it cannot be audited: $route', async ({ secrets, call }) => {
    const target = await createTarget(secrets);
    const before = await stateOf();
    await execute('alter table audit_log add constraint audit_log__full check (false) not valid');
    try {
      const reply = await send(call(target));
      expect(errorOf(reply)).toEqual({ status: 500, code: 'internal.unexpected' });
      expect(await stateOf()).toEqual(before);
    } finally {
      await execute('alter table audit_log drop constraint audit_log__full');
    }
    expect((await send(call(target))).status).toBe(200);
    retried = [];
  });

  it('leaves no secret in the log', async () => {
    const { appId } = await createTarget(1);
    const reply = await send({
      method: 'POST',
      target: '/v1/internal/apps',
      body: { name: '密', code: `secret-${appId}` },
    });
    const { data } = reply.json() as { data: { secret: string } };
    const [sealed] = await execute(
      `select string_agg(sealed_secret, ' ') as all_sealed, (select string_agg(a::text, ' ') from audit_log a) as log
       from app_secrets`,
    );
    expect(String(sealed?.['log'])).not.toContain(data.secret);
    for (const one of String(sealed?.['all_sealed']).split(' '))
      expect(String(sealed?.['log'])).not.toContain(one);
  });
});
