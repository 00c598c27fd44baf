// How a route is declared: once, with everything needed to check its requests, strip its answers and document it.
import type { z } from 'zod';
import type { Bilingual, ErrorCode, Language } from '../domain/errors.ts';
import type { Answer } from './answer.ts';
import type { RouteDeps } from './deps.ts';
import type { InternalCaller, OpenCaller } from './request-state.ts';

/** Who may call: signed apps, people behind the company's gateway, anybody. */
export type Surface = 'open' | 'internal' | 'public';

interface CallerBySurface {
  readonly open: OpenCaller;
  readonly internal: InternalCaller;
  readonly public: null;
}

export interface RouteRequest<S extends Surface, P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: CallerBySurface[S];
  readonly requestId: string;
  /** When its head arrived, by the process’s clock that only runs forward, milliseconds. */
  readonly receivedAtMs: number;
  /** How long its body took to come in, milliseconds: its line's time, not ours. */
  readonly bodyTookMs: number;
  readonly language: Language;
}

export interface ResponseDeclaration {
  readonly description: Bilingual;
  /** What `data` answers are checked and stripped by; absent for answers that are passed on as bytes. */
  readonly schema?: z.ZodType;
  /** Content types of `bytes` answers. */
  readonly contentTypes?: readonly string[];
}

export interface RouteDeclaration<
  S extends Surface = Surface,
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
> {
  readonly operationId: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** OpenAPI style: `/things/{id}`. */
  readonly path: `/${string}`;
  readonly surface: S;
  readonly tag: Tag;
  readonly summary: Bilingual;
  readonly description: Bilingual;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly responses: Readonly<Record<number, ResponseDeclaration>>;
  /** Beyond those every route of its surface can answer. */
  readonly errorCodes: readonly ErrorCode[];
  /** Counted against MAX_IN_FLIGHT, and refused past it before anything else is done. */
  readonly isLimitedInFlight?: boolean;
  /** The handler takes the nonce and has it spent together with the row it inserts. */
  readonly takesNonce?: boolean;
  /** Once a row exists its answer is sent even if it does not fit the schema: the coupon may be redeemed. */
  readonly answersFromRow?: boolean;
  handler(
    deps: RouteDeps,
    request: RouteRequest<S, z.output<P>, z.output<Q>, z.output<B>>,
  ): Promise<Answer> | Answer;
}

export type Tag =
  'coupons' | 'douyin' | 'reports' | 'apps' | 'verifications' | 'enrichments' | 'audit' | 'health' | 'docs';

/** Any route, its types forgotten. */
export type Route = RouteDeclaration;

/** Declares a route; the handler's request is typed by its schemas. */
export function defineRoute<
  S extends Surface,
  P extends z.ZodType = z.ZodObject<Record<never, never>>,
  Q extends z.ZodType = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodUndefined,
>(declaration: RouteDeclaration<S, P, Q, B>): Route {
  return declaration;
}
