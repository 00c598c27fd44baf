// The OpenAPI document, made from the same declarations that check requests and strip answers.
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import { type Bilingual, type ErrorCode, ERRORS } from '../domain/errors.ts';
import { errorBody, STATUS_BY_KIND } from './error-response.ts';
import { parseKeepingDigits } from './raw-json.ts';
import type { Route, Surface, Tag } from './route.ts';

const EXAMPLE_REQUEST_ID = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';

/** What any route of a surface can answer, beside its own codes. */
const ERRORS_BY_SURFACE: Readonly<Record<Surface, readonly ErrorCode[]>> = {
  open: [
    'auth.missing_header',
    'auth.bad_timestamp',
    'auth.timestamp_out_of_window',
    'auth.bad_nonce',
    'auth.bad_signature',
    'auth.nonce_reused',
    'app.disabled',
    'rate.limited',
    'gateway.busy',
    'gateway.database_unavailable',
    'gateway.stopping',
  ],
  internal: [
    'auth.untrusted_peer',
    'request.wrong_host',
    'request.foreign_origin',
    'auth.missing_uid',
    'gateway.database_unavailable',
    'gateway.stopping',
  ],
  public: [],
};
const ERRORS_OF_ALL: readonly ErrorCode[] = ['request.invalid', 'request.unreadable', 'internal.unexpected'];
const ERRORS_OF_BODIES: readonly ErrorCode[] = ['request.malformed_json', 'request.unsupported_media_type'];

const SECURITY_BY_SURFACE: Readonly<Record<Surface, readonly Record<string, string[]>[]>> = {
  open: [{ clientKey: [], timestamp: [], nonce: [], signature: [] }],
  internal: [{ userId: [] }],
  public: [],
};

const TAGS: Readonly<Record<Tag, Bilingual>> = {
  coupons: { zh: '券：核销、准备、查询', en: 'Coupons: redeem, prepare, look up' },
  douyin: { zh: '抖音：token 与门店', en: 'Douyin: token and stores' },
  reports: { zh: '报表与导出', en: 'Reports and exports' },
  apps: { zh: '应用与密钥', en: 'Apps and their secrets' },
  verifications: { zh: '核销详情与裁定', en: 'Verifications in detail, and decisions' },
  enrichments: { zh: '订单数据补全', en: 'Completing order data' },
  audit: { zh: '审计', en: 'Audit' },
  health: { zh: '健康检查', en: 'Health' },
  docs: { zh: '文档', en: 'Documentation' },
};

const DESCRIPTION: Bilingual = {
  zh: `抖音团购券核销网关。每张券只核销一次；同一 \`verify_token\` 可放心重试。

- **签名**：\`/v1/open/*\` 的请求须带 \`X-Client-Key\`、\`X-Timestamp\`、\`X-Nonce\`、\`X-Signature\`。待签名文本共七行，以换行符连接：\`DYGW-HMAC-SHA256\`、client_key、时间戳、随机串、大写方法、请求目标（路径与查询，与请求行一致）、请求体 SHA-256 的小写十六进制；签名为 HMAC-SHA256 的小写十六进制。
- **错误**：\`{"error": {"code", "message", "request_id", "details"?}}\`；\`Accept-Language: en\` 返回英文。503 表示没有向抖音发送任何内容，可按 \`Retry-After\` 重试。
- **数据**：抖音的编号一律为字符串；金额单位为分；时间为 RFC 3339 UTC。`,
  en: `Redeems Douyin coupons, each exactly once; repeating with the same \`verify_token\` is safe.

- **Signature**: requests to \`/v1/open/*\` carry \`X-Client-Key\`, \`X-Timestamp\`, \`X-Nonce\`, \`X-Signature\`. The signed text is seven lines joined by line feeds: \`DYGW-HMAC-SHA256\`, client key, timestamp, nonce, method in upper case, request target (path and query as on the request line), lower-case hex SHA-256 of the body; the signature is its lower-case hex HMAC-SHA256.
- **Errors**: \`{"error": {"code", "message", "request_id", "details"?}}\`; \`Accept-Language: en\` gives English. 503 means that nothing was sent to Douyin; repeat after \`Retry-After\`.
- **Data**: Douyin's ids are strings, always; money is in fen; times are RFC 3339 UTC.`,
};

const errorResponseSchema = z
  .object({
    error: z.object({
      code: z.string().meta({ description: '错误码，形如 area.reason / the error code, `area.reason`' }),
      message: z.string().meta({ description: '给人看的说明 / for people' }),
      request_id: z
        .string()
        .meta({ description: '与响应头 X-Request-Id 相同 / as in the header X-Request-Id' }),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .meta({ id: 'ErrorResponse' });

/** Bodies of real runs, by operation; kept up by test/http/examples.test.ts. */
export interface OperationExamples {
  readonly request?: unknown;
  readonly response?: unknown;
}

/** @returns null for an operation without examples */
export function readExamples(operationId: string): OperationExamples | null {
  const file = new URL(`./examples/${operationId}.json`, import.meta.url);
  return existsSync(file) ? (parseKeepingDigits(readFileSync(file, 'utf8')) as OperationExamples) : null;
}

/** Every error a route can answer, by status. */
export function errorCodesByStatus(route: Route): ReadonlyMap<number, readonly ErrorCode[]> {
  const codes = new Set<ErrorCode>([
    ...ERRORS_OF_ALL,
    ...(route.surface === 'open' || route.body ? ['request.too_large' as const] : []),
    ...(route.body ? ERRORS_OF_BODIES : []),
    ...(route.surface === 'internal' && route.method === 'GET' ? ['report.too_many_running' as const] : []),
    ...ERRORS_BY_SURFACE[route.surface],
    ...route.errorCodes,
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = STATUS_BY_KIND[ERRORS[code].kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

/** @param version of the gateway */
export function createOpenApiDocument(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'dy-gateway',
        version,
        license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
        summary: '抖音团购券核销网关 / Douyin coupon gateway',
        description: both(DESCRIPTION, '\n\n---\n\n'),
      },
      servers: [{ url: '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({
        name,
        description: both(description, ' / '),
      })),
      paths: paths,
      components: {
        securitySchemes: {
          clientKey: headerScheme('X-Client-Key', '应用的 client_key / the app’s client key'),
          timestamp: headerScheme(
            'X-Timestamp',
            'Unix 秒；13 位为毫秒 / Unix seconds; 13 digits are milliseconds',
          ),
          nonce: headerScheme('X-Nonce', '每次请求不同，8–64 位 [A-Za-z0-9_-] / new for each request'),
          signature: headerScheme('X-Signature', '小写十六进制 / lower-case hex'),
          userId: headerScheme(
            'X-XTJ-UID',
            '操作人；只接受可信网段 / the acting user; from trusted networks alone',
          ),
        },
      },
    },
    {
      // A later release may add fields; clients must not refuse them.
      override: ({ jsonSchema, io }) => {
        if (io === 'output' && jsonSchema.additionalProperties === false)
          delete jsonSchema.additionalProperties;
      },
    },
  );
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const examples = readExamples(route.operationId);
  const responses: Record<string, ZodOpenApiResponseObject> = {};
  for (const [status, declared] of Object.entries(route.responses)) {
    const example =
      status === '200' && examples?.response !== undefined ? { example: examples.response } : {};
    const types = (declared.contentTypes ?? []).map((type) => [
      type,
      type === 'application/json' ? { schema: PASSED_ON, ...example } : { schema: fileOf(type) },
    ]);
    responses[status] = {
      description: both(declared.description, ' / '),
      headers: headersOf(Number(status)),
      content: {
        ...(declared.schema ? { 'application/json': { schema: declared.schema, ...example } } : {}),
        ...(Object.fromEntries(types) as Record<string, object>),
      },
    };
  }
  for (const [status, codes] of errorCodesByStatus(route)) {
    responses[String(status)] ??= errorResponseOf(status, codes);
  }
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: both(route.summary, ' / '),
    description: both(route.description, '\n\n'),
    security: SECURITY_BY_SURFACE[route.surface].map((requirement) => ({ ...requirement })),
    requestParams: {
      ...(route.params ? { path: route.params as z.ZodObject } : {}),
      ...(route.query ? { query: route.query as z.ZodObject } : {}),
    },
    ...(route.body
      ? {
          requestBody: {
            required: !route.body.safeParse(undefined).success,
            content: {
              'application/json': {
                schema: route.body,
                ...(examples?.request === undefined ? {} : { example: examples.request }),
              },
            },
          },
        }
      : {}),
    responses: responses,
  };
}

function errorResponseOf(status: number, codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  return {
    description: codes.map((code) => `\`${code}\` ${both(ERRORS[code], ' / ')}`).join('\n\n'),
    headers: headersOf(status),
    content: {
      'application/json': {
        schema: errorResponseSchema,
        examples: Object.fromEntries(
          codes.map((code) => [
            code,
            { value: errorBody(code, { language: 'zh', requestId: EXAMPLE_REQUEST_ID }) },
          ]),
        ),
      },
    },
  };
}

function headersOf(status: number) {
  const isLater = status === 429 || status === 503;
  return { 'X-Request-Id': REQUEST_ID_HEADER, ...(isLater ? { 'Retry-After': RETRY_AFTER_HEADER } : {}) };
}

const REQUEST_ID_HEADER = {
  description: '请求编号 / the request’s id',
  schema: { type: 'string' as const },
};
const RETRY_AFTER_HEADER = {
  description: '多少秒后再试 / seconds to wait',
  schema: { type: 'integer' as const, minimum: 1 },
};

/** Douyin's own JSON. */
const PASSED_ON = {
  type: 'object' as const,
  properties: { data: { type: 'object' as const }, extra: { type: 'object' as const } },
};

function fileOf(contentType: string) {
  return contentType.startsWith('text/')
    ? { type: 'string' as const }
    : { type: 'string' as const, contentMediaType: contentType, contentEncoding: 'binary' };
}

function headerScheme(name: string, description: string) {
  return { type: 'apiKey' as const, in: 'header' as const, name, description };
}

function both(text: Bilingual, between: string): string {
  return `${text.zh}${between}${text.en}`;
}
