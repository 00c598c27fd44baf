// Starts the Douyin simulator: a real HTTP server that plays Douyin's coupon API with Douyin's rules, tells the truth
// about what was redeemed, and goes wrong on request. See docs/simulator.md.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CallLog } from './call-log.ts';
import { CONTROL_PREFIX, handleControlCall } from './control.ts';
import { type Merchant, SIMULATOR_DEFAULTS } from './defaults.ts';
import { cut } from './delivery.ts';
import { CallRates, type DouyinSide, handleDouyinCall } from './douyin-side.ts';
import { FaultBook } from './faults.ts';
import { writeJson, type JsonValue } from './json.ts';
import { listen, readBody } from './listener.ts';
import { createDemoOrders } from './demo.ts';
import { SIMULATOR_PAGE } from './page.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { SimulatorState } from './state.ts';
import { World } from './world.ts';

export { SIMULATOR_DEFAULTS, type Merchant, type Store } from './defaults.ts';
export { FAULT_KINDS, type FaultKind } from './fault-kinds.ts';
export type { FaultInput, FaultPlanInput, ListedFault } from './faults.ts';
export type { OrderInput, ShortLinkVariant } from './order-spec.ts';
export { drawReadings } from './readings.ts';
export { ENDPOINTS, type EndpointName, type Settings } from './settings.ts';
export type { SimulatorState } from './state.ts';
export type { CallEntry } from './call-log.ts';
export type { CouponView, LedgerLine, OrderView, Truth, Use } from './views.ts';

export interface SimulatorOptions {
  /** Loopback only, unless `allowNonLoopback`. */
  host?: string;
  /** 0 takes a free one. */
  port?: number;
  /** Append-only journal; a start on the same file finds every order, token and effect. None keeps nothing. */
  dataFile?: string;
  /** Everything that looks random follows from it. */
  seed?: string;
  /** Milliseconds since 1970. */
  clock?: () => number;
  /** Told about mistakes of the simulator itself. */
  log?: (message: string, error: unknown) => void;
  settings?: Partial<Settings>;
  merchant?: Partial<Merchant>;
  /** Creates a few coupons of different kinds when there are none yet. */
  demo?: boolean;
  /** Lets the Douyin side be reached from other machines; the control side stays with loopback callers. */
  allowNonLoopback?: boolean;
}

export interface Simulator {
  /** `http://host:port`, without a slash at the end. */
  url: string;
  state: SimulatorState;
  /** Cuts every connection and closes the journal. Calls still waiting do nothing more. Closing twice is harmless. */
  close(): Promise<void>;
}

const LOOPBACK_HOSTS = ['127.0.0.1', '::1', 'localhost'];

/**
 * Starts a simulator.
 * @throws Error for a host that is not loopback, a port that is taken, or a damaged journal
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, clock = Date.now, log = () => undefined } = options;
  if (!LOOPBACK_HOSTS.includes(host) && options.allowNonLoopback !== true) {
    throw new Error(`the simulator listens on loopback only, not on ${host}`);
  }
  const world = new World({
    merchant: { ...SIMULATOR_DEFAULTS, ...options.merchant },
    seed: options.seed ?? 'simulator',
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    dataFile: options.dataFile,
    clock,
  });
  const closing = new AbortController();
  const calls = new CallLog();
  const faults = new FaultBook();
  const listener = await listen({
    host,
    port,
    handle: (message, response) => {
      answer(message, response).catch((error: unknown) => {
        // A call still waiting when the simulator closed, or never sent to its end, ends with its connection.
        if (closing.signal.aborted || !message.complete) return;
        log('simulator failed to answer', error);
        cut(response);
      });
    },
    onError: (error) => {
      log('simulator cannot listen again', error);
    },
  }).catch((error: unknown) => {
    world.close();
    throw error;
  });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(listener.port)}`;
  const refuseConnections = (durationMs: number) => {
    listener.refuseConnections(durationMs);
  };
  const side: DouyinSide = {
    world,
    calls,
    faults,
    rates: new CallRates(),
    refuseConnections,
    closing: closing.signal,
  };
  const state = new SimulatorState({ world, calls, faults, baseUrl: () => url, refuseConnections });
  if (options.demo === true) createDemoOrders(state);

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestUrl = URL.parse(message.url ?? '', 'http://simulator');
    if (requestUrl === null) {
      sendText(response, 400, 'text/plain; charset=utf-8', 'not a URL', { connection: 'close' });
      return;
    }
    const bodyText = await readBody(message);
    if (bodyText === undefined) {
      sendText(response, 413, 'text/plain; charset=utf-8', 'the body is too large', { connection: 'close' });
      return;
    }
    const { pathname } = requestUrl;
    const isControl = pathname === CONTROL_PREFIX || pathname.startsWith(`${CONTROL_PREFIX}/`);
    if (!isControl && pathname !== '/') {
      await handleDouyinCall(side, { message, response, url: requestUrl, bodyText });
      return;
    }
    if (!isLoopback(message.socket.remoteAddress)) {
      sendText(response, 403, 'text/plain; charset=utf-8', 'the control side is for this machine only');
      return;
    }
    if (!isControl) {
      sendText(response, 200, 'text/html; charset=utf-8', SIMULATOR_PAGE, {
        'content-security-policy':
          "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
      });
      return;
    }
    const result = handleControlCall(state, world, {
      method: message.method ?? '',
      url: requestUrl,
      contentType: message.headers['content-type'],
      bodyText,
    });
    sendText(response, result.status, 'application/json; charset=utf-8', writeJson(result.body as JsonValue));
  };

  return {
    url,
    state,
    close: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await listener.close();
      world.close();
    },
  };
}

function sendText(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(127\.|::1$|::ffff:127\.)/.test(address);
}
