// The control side over HTTP: /_simulator/… as JSON. Every route is one method of the state; loopback callers only.
import { z } from 'zod';
import { LIMITS } from './defaults.ts';
import { DOUYIN_ERROR_TEXTS } from './error-codes.ts';
import { FAULT_KINDS } from './fault-kinds.ts';
import type { FaultInput, FaultPlanInput } from './faults.ts';
import { readJsonObject } from './json.ts';
import { camelKeys, snakeKey, snakeKeys } from './naming.ts';
import { drawReadings } from './readings.ts';
import { ENDPOINTS } from './settings.ts';
import { ControlError, couponChangeSchema, type SimulatorState, USE_CHANNELS } from './state.ts';
import type { World } from './world.ts';

export const CONTROL_PREFIX = '/_simulator';

export interface ControlRequest {
  method: string;
  url: URL;
  contentType: string | undefined;
  bodyText: string;
}

export interface ControlAnswer {
  status: number;
  body: unknown;
}

interface RouteInput {
  state: SimulatorState;
  world: World;
  /** The ids in the path, in order. */
  ids: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}

interface Route {
  method: string;
  /** `:id` stands for one path part. */
  path: string;
  run(input: RouteInput): unknown;
}

const page = z.strictObject({
  page: z.coerce.number().int().min(1).default(1),
  pageSize: z.coerce.number().int().min(1).max(LIMITS.controlPageSize).default(50),
});
const after = z.coerce.number().int().min(0);
const limit = z.coerce.number().int().min(1).max(LIMITS.controlPageSize).default(100);
const text = z.string().min(1).max(256).optional();

const ledgerQuery = z.strictObject({
  after: after.default(0),
  limit,
  kind: z.enum(['verified', 'cancelled']).optional(),
  verifyToken: text,
  certificateId: text,
  orderId: text,
});
const usesQuery = ledgerQuery.omit({ kind: true });
const seedBody = z.strictObject({ seed: z.union([z.string().max(128), z.int()]).transform(String) });
const callsQuery = z.strictObject({
  after: after.default(0),
  limit,
  endpoint: z.enum(ENDPOINTS).optional(),
  verifyToken: text,
  orderId: text,
  encryptedCode: text,
});
const truthQuery = z.strictObject({ verifyToken: text, after: after.default(0), limit });
const truthBody = z.strictObject({ verifyTokens: z.array(z.string().max(256)).max(LIMITS.controlPageSize) });
const tokenBody = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('expire') }),
  z.strictObject({ action: z.literal('revoke') }),
  z.strictObject({ action: z.literal('replace'), graceMs: z.int().min(0).max(300_000).optional() }),
]);
const listenerBody = z.strictObject({ refuseForMs: z.int().min(0).max(LIMITS.delayMs) });
const atTillBody = z.strictObject({
  action: z.literal('use_at_till'),
  poiId: z.string(),
  atMs: z.int().min(0).optional(),
  channel: z.enum(USE_CHANNELS).optional(),
});
const cancelAtTillBody = z.strictObject({ action: z.literal('cancel_at_till'), verifyId: text });
const couponBody = z.discriminatedUnion('action', [
  atTillBody,
  cancelAtTillBody,
  ...couponChangeSchema.options,
]);
const newOrdersBody = z.looseObject({ count: z.int().min(1).max(LIMITS.ordersPerRequest).optional() });
const done = { ok: true };

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/',
    run: () => ({ routes: routes.map((route) => `${route.method} ${CONTROL_PREFIX}${route.path}`) }),
  },
  {
    method: 'GET',
    path: '/merchant',
    run: ({ world }) => {
      const { clientKey, accountId, accountName, stores } = world.merchant;
      return { clientKey, accountId, accountName, stores };
    },
  },
  {
    method: 'POST',
    path: '/orders',
    run: ({ state, body }) => {
      const { count = 1, ...order } = newOrdersBody.parse(body);
      return { orders: state.createOrders(order, count) };
    },
  },
  {
    method: 'GET',
    path: '/orders',
    run: ({ state, query }) => state.listOrders(page.parse(fromQuery(query))),
  },
  { method: 'GET', path: '/orders/:id', run: ({ state, ids }) => state.getOrder(first(ids)) },
  {
    method: 'PATCH',
    path: '/orders/:id',
    run: ({ state, ids, body }) => state.changeOrder(first(ids), body),
  },
  { method: 'POST', path: '/orders/:id/qr', run: ({ state, ids }) => state.refreshQr(first(ids)) },
  {
    method: 'GET',
    path: '/coupons',
    run: ({ state, query }) => state.listCoupons(page.parse(fromQuery(query))),
  },
  { method: 'GET', path: '/coupons/:id', run: ({ state, ids }) => state.getCoupon(first(ids)) },
  {
    method: 'PATCH',
    path: '/coupons/:id',
    run: ({ state, ids, body }) => {
      const change = couponBody.parse(body);
      switch (change.action) {
        case 'use_at_till':
          return state.useCouponAtTill(first(ids), change);
        case 'cancel_at_till':
          return state.cancelCouponAtTill(first(ids), change);
        default:
          return state.changeCoupon(first(ids), change);
      }
    },
  },
  {
    method: 'GET',
    path: '/ledger',
    run: ({ state, query }) => ({ ledger: state.ledger(ledgerQuery.parse(fromQuery(query))) }),
  },
  {
    method: 'GET',
    path: '/uses',
    run: ({ state, query }) => ({ uses: state.uses(usesQuery.parse(fromQuery(query))) }),
  },
  {
    method: 'GET',
    path: '/calls',
    run: ({ state, query }) => state.callPage(callsQuery.parse(fromQuery(query))),
  },
  { method: 'GET', path: '/calls/latest', run: ({ state }) => ({ calls: state.latestCalls(30) }) },
  { method: 'GET', path: '/counters', run: ({ state }) => state.counters() },
  {
    method: 'GET',
    path: '/truth',
    run: ({ state, query }) => {
      const { verifyToken, ...rest } = truthQuery.parse(fromQuery(query));
      if (verifyToken === undefined) return state.truths(rest);
      const truth = state.truth(verifyToken);
      if (truth === undefined) throw new ControlError('not_found', 'no prepare gave out this verify_token');
      return truth;
    },
  },
  {
    method: 'POST',
    path: '/truth',
    run: ({ state, body }) => ({
      truths: truthBody.parse(body).verifyTokens.map((verifyToken) => state.truth(verifyToken) ?? null),
    }),
  },
  { method: 'GET', path: '/faults', run: ({ state }) => ({ faults: state.listFaults() }) },
  { method: 'POST', path: '/faults', run: ({ state, body }) => state.addFault(body as FaultInput) },
  {
    method: 'DELETE',
    path: '/faults',
    run: ({ state }) => {
      state.clearFaults();
      return done;
    },
  },
  {
    method: 'DELETE',
    path: '/faults/:id',
    run: ({ state, ids }) => {
      state.removeFault(first(ids));
      return done;
    },
  },
  {
    method: 'GET',
    path: '/fault-kinds',
    run: () => ({ faultKinds: FAULT_KINDS, errorCodes: DOUYIN_ERROR_TEXTS, endpoints: ENDPOINTS }),
  },
  { method: 'GET', path: '/fault-plan', run: ({ state }) => ({ plan: state.faultPlan }) },
  {
    method: 'PUT',
    path: '/fault-plan',
    run: ({ state, body }) => {
      state.setFaultPlan(body as FaultPlanInput);
      return { plan: state.faultPlan };
    },
  },
  {
    method: 'DELETE',
    path: '/fault-plan',
    run: ({ state }) => {
      state.setFaultPlan(null);
      return done;
    },
  },
  { method: 'GET', path: '/settings', run: ({ state }) => state.settings },
  {
    method: 'PATCH',
    path: '/settings',
    run: ({ state, body }) => state.changeSettings(body),
  },
  {
    method: 'POST',
    path: '/settings/draw',
    run: ({ state, body }) => state.changeSettings(drawReadings(seedBody.parse(body).seed)),
  },
  {
    method: 'POST',
    path: '/access-tokens',
    run: ({ state, body }) => {
      const change = tokenBody.parse(body);
      if (change.action === 'expire') state.expireTokens();
      else if (change.action === 'revoke') state.revokeTokens();
      else state.replaceToken(change.graceMs);
      return done;
    },
  },
  {
    method: 'POST',
    path: '/listener',
    run: ({ state, body }) => {
      state.refuseConnections(listenerBody.parse(body).refuseForMs);
      return done;
    },
  },
  {
    method: 'POST',
    path: '/reset',
    run: ({ state }) => {
      state.reset();
      return done;
    },
  },
];

/** Answers one call of the control side; a bad one gets 400 or 404 with the reason. */
export function handleControlCall(
  state: SimulatorState,
  world: World,
  request: ControlRequest,
): ControlAnswer {
  try {
    const path = request.url.pathname.slice(CONTROL_PREFIX.length).replace(/(.)\/$/, '$1') || '/';
    const found = findRoute(request.method, path);
    if (found === undefined)
      throw new ControlError('not_found', `no ${request.method} ${request.url.pathname}`);
    const body = readControlBody(request);
    const result = found.route.run({ state, world, ids: found.ids, query: request.url.searchParams, body });
    return { status: 200, body: snakeKeys(result) };
  } catch (error) {
    if (error instanceof ControlError) {
      return refusal(error.kind === 'not_found' ? 404 : 400, error.message);
    }
    if (error instanceof z.ZodError) return refusal(400, explain(error));
    throw error;
  }
}

function findRoute(method: string, path: string): { route: Route; ids: string[] } | undefined {
  const parts = path.split('/');
  for (const route of routes) {
    const wanted = route.path.split('/');
    const isMatch =
      route.method === method &&
      wanted.length === parts.length &&
      wanted.every((part, index) => part === ':id' || part === parts[index]);
    if (isMatch) return { route, ids: parts.filter((_part, index) => wanted[index] === ':id') };
  }
  return undefined;
}

/** A JSON content type keeps foreign web pages out: browsers ask first before they send it across origins. */
function readControlBody(request: ControlRequest): Record<string, unknown> {
  if (request.method === 'GET') return {};
  if (request.contentType?.toLowerCase().startsWith('application/json') !== true) {
    throw new ControlError('invalid', 'content-type must be application/json');
  }
  if (request.bodyText === '') return {};
  const body = readJsonObject(request.bodyText);
  if (body === undefined) throw new ControlError('invalid', 'the body must be a JSON object');
  return camelKeys(body) as Record<string, unknown>;
}

function fromQuery(query: URLSearchParams): unknown {
  return camelKeys(Object.fromEntries(query));
}

function refusal(status: number, message: string): ControlAnswer {
  return { status, body: { error: { message } } };
}

/** Every problem by the name the caller wrote. */
function explain(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const where = issue.path.map((part) => snakeKey(String(part))).join('.') || 'body';
      return issue.code === 'unrecognized_keys'
        ? `${where}: unknown ${issue.keys.map(snakeKey).join(', ')}`
        : `${where}: ${issue.message}`;
    })
    .join('; ');
}

function first(ids: string[]): string {
  return ids[0] ?? '';
}
