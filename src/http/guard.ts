// Between the wire and a route's handler: parses params, query and body by the route's schemas, and strips its answer
// by its response schema. Who the caller is has been settled before.
import { Readable } from 'node:stream';
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Answer, DataAnswer } from './answer.ts';
import type { RouteDeps } from './deps.ts';
import { DEFAULT_RETRY_AFTER_SECONDS } from './error-response.ts';
import { invalidRequest, parsePart, readQuery } from './invalid-request.ts';
import { isJsonContent } from './json-content-type.ts';
import { stringifyJson } from './raw-json.ts';
import type { HttpContext, HttpMiddleware } from './request-state.ts';
import type { Route, RouteRequest, Surface } from './route.ts';

const NOTHING = z.object({});

/** Runs one route. */
export function guard(deps: RouteDeps, route: Route): HttpMiddleware {
  return async (ctx) => {
    const answer = await route.handler(deps, readRequest(route, ctx));
    send(ctx, answer.kind === 'data' ? fitToSchema(route, answer, deps.logger) : answer);
  };
}

function readRequest(route: Route, ctx: HttpContext): RouteRequest<Surface, unknown, unknown, unknown> {
  const { language } = ctx.state;
  const body = route.body ? readBody(route, ctx) : undefined;
  const params = parsePart('path', route.params ?? NOTHING, readParams(ctx), language);
  const querySchema = route.query ?? NOTHING;
  const knownNames = new Set(querySchema instanceof z.ZodObject ? Object.keys(querySchema.shape) : []);
  const queryText = readQuery(ctx.querystring, knownNames, language);
  const query = parsePart('query', querySchema, queryText.values, language);
  const parsedBody = parsePart('body', route.body ?? z.undefined(), body, language);
  const problems = [...params.problems, ...queryText.problems, ...query.problems, ...parsedBody.problems];
  if (problems.length > 0) throw invalidRequest(problems);
  return {
    params: params.value,
    query: query.value,
    body: parsedBody.value,
    caller: callerOf(route, ctx),
    requestId: ctx.state.requestId,
    receivedAtMs: ctx.state.receivedAtMs,
    bodyTookMs: (ctx.state.bodyReadAtMs ?? ctx.state.receivedAtMs) - ctx.state.receivedAtMs,
    language,
  };
}

/** A route never runs without the authentication of its surface, whatever the order of middleware. */
function callerOf(
  route: Route,
  ctx: HttpContext,
): RouteRequest<Surface, unknown, unknown, unknown>['caller'] {
  if (route.surface === 'public') return null;
  const caller = ctx.state[route.surface];
  if (!caller)
    throw new AppError('internal.unexpected', { internal: `${route.operationId} is not authenticated` });
  return caller;
}

/** The internal surface's was parsed on its way here, see middleware/json-body.ts. */
function readBody(route: Route, ctx: HttpContext): unknown {
  return route.surface === 'internal' ? ctx.request.body : parseRawBody(ctx);
}

function parseRawBody(ctx: HttpContext): unknown {
  const { rawBody } = ctx.state;
  if (rawBody === undefined || rawBody.length === 0) return undefined;
  if (!isJsonContent(ctx)) throw new AppError('request.unsupported_media_type');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rawBody)) as unknown;
  } catch {
    // The parser's own message quotes the body.
    throw new AppError('request.malformed_json');
  }
}

/** The router leaves a malformed escape as it is, where it would read like another token. */
function readParams(ctx: HttpContext): Readonly<Record<string, string>> {
  try {
    decodeURIComponent(ctx.path);
  } catch {
    throw invalidRequest([{ in: 'path', pointer: '', message: MALFORMED_ESCAPE[ctx.state.language] }]);
  }
  return (ctx as HttpContext & { readonly params: Readonly<Record<string, string>> }).params;
}

const MALFORMED_ESCAPE = {
  zh: '路径中的百分号编码有误',
  en: 'The path’s percent-encoding is malformed',
} as const;

function fitToSchema(route: Route, answer: DataAnswer, logger: Logger): DataAnswer {
  const schema = route.responses[answer.status]?.schema;
  const fitted = schema?.safeParse(answer.body);
  if (fitted?.success) return { ...answer, body: fitted.data };
  const problems = fitted?.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`) ?? [
    'no schema',
  ];
  logger.error({ alert: true, operation: route.operationId, problems }, 'an answer does not fit its schema');
  if (route.answersFromRow) return answer;
  throw new AppError('internal.unexpected', {
    internal: `${route.operationId}: the answer does not fit its schema`,
  });
}

function send(ctx: HttpContext, answer: Answer): void {
  ctx.status = answer.status;
  // Errors carry theirs; this is a health report that says no.
  if (answer.status === 503) ctx.set('Retry-After', String(DEFAULT_RETRY_AFTER_SECONDS));
  if (answer.kind === 'data') {
    ctx.type = 'application/json; charset=utf-8';
    ctx.body = stringifyJson(answer.body);
    return;
  }
  ctx.set(answer.headers);
  ctx.body = answer.body;
  ctx.set('Content-Type', answer.contentType);
  if (answer.body instanceof Readable) {
    // A cut answer must not look whole: the connection is reset, for a proxy that speaks HTTP/1.0 to us takes a mere
    // end of it for the end of the file.
    answer.body.once('error', () => ctx.req.socket.resetAndDestroy());
  }
}
