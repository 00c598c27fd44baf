// What middleware learns about a request and hands on. Types only.
import type Koa from 'koa';
import type { ErrorCode, Language } from '../domain/errors.ts';
import type { AuthenticatedApp } from '../services/authenticate-app.ts';

export interface RequestState {
  requestId: string;
  /** When it arrived, by the process's clock that only runs forward, milliseconds. */
  receivedAtMs: number;
  language: Language;
  /** When its body had been read, by the same clock: until then its line decides how long it takes. The open surface's. */
  bodyReadAtMs?: number;
  /** The open surface's: the body's exact bytes; empty when there is none. */
  rawBody?: Buffer;
  /** The matched route's path pattern: the path itself may hold a token. */
  routePattern?: string;
  /** The internal surface was entered from a trusted network. */
  isTrustedPeer?: true;
  open?: OpenCaller;
  internal?: InternalCaller;
  /** For the access log. */
  errorCode?: ErrorCode;
}

/** The app that signed the request. */
export interface OpenCaller {
  readonly app: AuthenticatedApp['app'];
  /** The unspent nonce, for the one use case that spends it together with its row; it must then do so. */
  takeNonce(): AuthenticatedApp['nonce'];
}

/** The person the company's gateway vouched for. */
export interface InternalCaller {
  readonly uid: string;
}

export type HttpContext = Koa.ParameterizedContext<RequestState>;
export type HttpMiddleware = Koa.Middleware<RequestState>;
