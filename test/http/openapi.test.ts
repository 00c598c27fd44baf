import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import type Router from '@koa/router';
import { ERRORS } from '../../src/domain/errors.ts';
import { createApp } from '../../src/http/app.ts';
import { createOpenApiDocument, errorCodesByStatus } from '../../src/http/openapi.ts';
import { ROUTES } from '../../src/http/routes/index.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { call, callInternal, type HttpGateway, serveHttp } from '../support/http-gateway.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: object }>> };
}

let harness: Harness;
let server: HttpGateway;
let text: string;
let document: Document;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  text = (await call(server.url, { target: '/openapi.json' })).text;
  document = JSON.parse(text) as Document;
}, 60_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

describe('GET /openapi.json', () => {
  it('passes a linter, every example fitting its schema', async () => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: { 'no-invalid-media-type-examples': 'error', 'no-invalid-schema-examples': 'error' },
    });
    const problems = await lintFromString({ source: text, config });
    expect(
      problems.map((problem) => `${problem.ruleId}: ${problem.message} ${problem.location[0]?.pointer}`),
    ).toEqual([]);
  });

  it('has every mounted route, and no other', () => {
    const app = createApp({ ...harness.gateway, officeDb: harness.office.officeDb, ...minimal() });
    const dispatch = app.middleware.find((middleware) => 'router' in middleware) as unknown as {
      router: Router;
    };
    const mounted = dispatch.router.stack.flatMap((layer) =>
      layer.methods
        .filter((method) => method !== 'HEAD')
        .map((method) => `${method} ${String(layer.path).replaceAll(/:(\w+)/g, '{$1}')}`),
    );
    expect(
      operations()
        .map(({ method, path }) => `${method} ${path}`)
        .toSorted(),
    ).toEqual(mounted.toSorted());
  });

  it('names operations once, and says what each does in both languages', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { operation } of operations()) {
      for (const words of [operation.summary, operation.description]) {
        expect(words).toMatch(/[\u4e00-\u9fff]/);
        expect(words).toMatch(/[a-z]{3,}/);
      }
    }
  });

  it('lists every error code an operation can answer, and every code of the table somewhere', () => {
    const documented = new Set<string>();
    for (const route of ROUTES) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      for (const [status, codes] of errorCodesByStatus(route)) {
        if (route.responses[status]) continue;
        for (const code of codes) {
          documented.add(code);
          expect(operation?.responses[status]?.description).toContain(`\`${code}\``);
        }
      }
    }
    // The second never leaves the gateway: it turns one success into a refusal.
    const undocumented = ['route.not_found', 'verification.redeemed_by_another'];
    expect(
      Object.keys(ERRORS).filter((code) => !documented.has(code) && !undocumented.includes(code)),
    ).toEqual([]);
  });

  it('pins the published fields and their order', () => {
    const fieldsOf = (name: string) => Object.keys(document.components.schemas[name]?.properties ?? {});
    expect(fieldsOf('VerificationView')).toEqual(
      'id app_id app_name poi_id verify_status error_code error_description certificate_id encrypted_code origin_code coupon_status product_id product_name sku_id sku_name verify_records_count verify_id order_id source_order_id ext_order_id order_status pay_amount receipt_amount discount_amount enrichment_status enrichment_retry_count douyin_response expire_time verify_time create_order_time pay_time created_at updated_at verify_token operator_id device_id note advice item_no item_count cancel_status cancelled_at cancellable_until reason'.split(
        ' ',
      ),
    );
    expect(fieldsOf('VerifierApp').slice(0, 10)).toEqual(
      'id created_at updated_at name code description client_key status allow_token_read last_used_at'.split(
        ' ',
      ),
    );
    expect(fieldsOf('HealthResponse')).toEqual(['status', 'version', 'checks']);
  });

  it('keeps every digit of the ids in its examples', () => {
    expect(text).toMatch(/"certificate_id":\d{17,}/);
  });
});

/** What a route list needs of an app, and no more. */
function minimal() {
  return {
    budgetMs: 1,
    maxInFlight: 1,
    internalTrustedCidrs: [],
    internalHosts: [],
    reportTimeZone: 'UTC',
    environment: 'test' as const,
    version: '1',
    isStopping: () => false,
    health: { database: async () => {}, temporal: async () => {}, accessToken: async () => {} },
  };
}

describe('GET /docs', () => {
  it('loads nothing from outside: page, styles and scripts name no other host to load from', async () => {
    const page = await call(server.url, { target: '/docs' });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self'/);
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThanOrEqual(4);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      const asset = await call(server.url, { target: link });
      expect(asset.status).toBe(200);
      expect(asset.bytes.length).toBeGreaterThan(100);
      if (link.endsWith('.css')) expect(asset.text).not.toMatch(/@import|url\(["']?https?:/);
    }
  });

  it.each([
    '/docs/..%2fpackage.json',
    '/docs/index.html',
    '/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/docs/swagger-ui.css.map',
  ])('serves no other file: %s', async (target) => {
    expect((await call(server.url, { target })).status).toBe(400);
  });
});

describe('every route', () => {
  it('refuses an unknown query parameter by its name', async () => {
    for (const route of ROUTES.filter(({ surface }) => surface !== 'open')) {
      const target = `${route.path.replaceAll(/\{\w+\}/g, '1')}?no_such=1`;
      const body = route.body ? { body: '{}' } : {};
      const reply = await callInternal(server.url, { method: route.method, target, ...body });
      expect([route.operationId, reply.status]).toEqual([route.operationId, 400]);
      expect(reply.text).toContain('/no_such');
    }
  });

  it('says in its declaration what it answers', () => {
    expect(() => createOpenApiDocument(ROUTES, '1')).not.toThrow();
    for (const route of ROUTES) expect(Object.keys(route.responses)).toContain('200');
  });
});
