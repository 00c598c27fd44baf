// What one Douyin call is to the server: where it lives, what it is about, how it answers; and the checks that all
// calls of the local-life family share.
import { type Answer, type CallStamp, DouyinRefusal, lifeRefusal, lifeSuccess } from '../answers.ts';
import type { JsonObject } from '../json.ts';
import type { VerifyBend } from '../redemption.ts';
import type { EndpointName } from '../settings.ts';
import type { World } from '../world.ts';

export interface DouyinRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | undefined>>;
  bodyText: string;
  stamp: CallStamp;
}

/** What a call is about, as far as it can be told without judging it: for the call log and for matching faults. */
export interface CallFacts {
  orderId?: string;
  certificateIds?: string[];
  encryptedCodes?: string[];
  verifyToken?: string;
  /** What a cancel is about. */
  verifyIds?: string[];
  cancelToken?: string;
  poiId?: string;
  /** How prepare was asked, or which of get's and query's parameters was used. */
  by?: 'encrypted_data' | 'code' | 'encrypted_code' | 'order_id';
  /** Equal for equal parameters; verify only. */
  fingerprint?: string;
}

/** What a fault asks of the handler itself. */
export interface Bend extends VerifyBend {
  /** Draw coupons as they were before anything was done to them. */
  isStale?: boolean;
}

export interface Endpoint {
  name: EndpointName;
  method: 'GET' | 'POST';
  /** Whole path, or a prefix when the last part is an id. */
  path: string;
  hasIdInPath?: true;
  facts(world: World, request: DouyinRequest): CallFacts;
  handle(world: World, request: DouyinRequest, bend: Bend): Answer;
  refuse(refusal: DouyinRefusal, stamp: CallStamp): Answer;
}

type LifeEndpoint = Pick<Endpoint, 'name' | 'method' | 'path' | 'facts'> & {
  data(world: World, request: DouyinRequest, bend: Bend): JsonObject;
};

/** An endpoint of the local-life family: envelope, content type, access token, account, then its own data. */
export function lifeEndpoint(endpoint: LifeEndpoint): Endpoint {
  return {
    ...endpoint,
    refuse: lifeRefusal,
    handle: (world, request, bend) => {
      requireAccessToken(world, request);
      requireJson(request);
      requireOurAccount(world, request.headers['rpc-transit-life-account']);
      return lifeSuccess(endpoint.data(world, request, bend), request.stamp);
    },
  };
}

function requireAccessToken(world: World, request: DouyinRequest): void {
  const verdict = world.accessTokens.check(request.headers['access-token'], world.trueClock());
  if (verdict === 'invalid') throw new DouyinRefusal(2190002);
  if (verdict === 'expired') throw new DouyinRefusal(2190008);
}

/** The documentation marks the header as required for every call, also for GET. */
function requireJson(request: DouyinRequest): void {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return;
  throw request.method === 'POST'
    ? new DouyinRefusal(200002)
    : new DouyinRefusal(2100005, 'content-type不合法');
}

/** An account that is named must be the one merchant that authorized the app. */
export function requireOurAccount(world: World, accountId: string | undefined): void {
  if (accountId !== undefined && accountId !== world.merchant.accountId) throw new DouyinRefusal(2119005);
}

/** A query parameter that counts as absent when empty. A repeated one is a bad parameter. */
export function queryText(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new DouyinRefusal(2100005, `${name}不合法`);
  return values[0] === '' ? undefined : values[0];
}

export function requiredQueryText(query: URLSearchParams, name: string): string {
  const value = queryText(query, name);
  if (value === undefined) throw new DouyinRefusal(2100005, `${name}不能为空`);
  return value;
}

/** A whole number within bounds. */
export function queryInteger(
  query: URLSearchParams,
  name: string,
  bounds: { min: number; max: number },
): number | undefined {
  const value = queryText(query, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d{1,15}$/.test(value) || number < bounds.min || number > bounds.max) {
    throw new DouyinRefusal(2100005, `${name}不合法`);
  }
  return number;
}

export function requiredQueryInteger(
  query: URLSearchParams,
  name: string,
  bounds: { min: number; max: number },
): number {
  const number = queryInteger(query, name, bounds);
  if (number === undefined) throw new DouyinRefusal(2100005, `${name}不能为空`);
  return number;
}

/** Lists that come comma-joined, repeated, or as a JSON array of texts. */
export function queryList(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((value) => value.replace(/^\[|\]$/g, '').split(','))
    .map((value) => value.trim().replace(/^"|"$/g, ''))
    .filter((value) => value !== '');
}

export const MAX_SECONDS = 9_999_999_999;
