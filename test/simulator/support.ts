// A simulator per test and a caller that speaks Douyin's wire format by hand. It shares no code with the gateway's client.
import { afterEach, expect } from '@jest/globals';
import {
  type OrderView,
  type Simulator,
  SIMULATOR_DEFAULTS,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.ts';

export const [STORE, OTHER_STORE, THIRD_STORE] = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId) as [
  string,
  string,
  string,
];
export const ACCOUNT_ID = SIMULATOR_DEFAULTS.accountId;
const CERTIFICATE = '/goodlife/v1/fulfilment/certificate';
const JSON_HEADERS = { 'content-type': 'application/json' };

/** What came back; `json` has ids that a double cannot hold as bigints. */
export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  // Answers are looked at field by field; their shape is what the tests are about.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json: any;
}

const running: Simulator[] = [];
const mistakes: unknown[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
  // Whatever a test was about: the simulator itself must not have failed on the way.
  expect(mistakes.splice(0)).toEqual([]);
});

/** A clock that stands still until it is told to go on. */
export function standingClock(startMs = 1_790_000_000_000) {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance: (byMs: number) => {
      nowMs += byMs;
    },
  };
}

/** Starts a simulator that is closed after the test. */
export async function start(
  options: SimulatorOptions = {},
): Promise<{ simulator: Simulator; douyin: Caller }> {
  const simulator = await startSimulator({
    log: (message, error) => {
      mistakes.push(message, error);
    },
    ...options,
  });
  running.push(simulator);
  return { simulator, douyin: new Caller(simulator.url) };
}

/** Calls Douyin's side; fetches an access token once when none is given. */
export class Caller {
  readonly url: string;
  /** Set it to call with another one. */
  token: string | undefined;
  #fetching: Promise<string> | undefined;

  constructor(url: string) {
    this.url = url;
  }

  async send(path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(`${this.url}${path}`, { redirect: 'manual', ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  fetchToken(
    kind: 'client_token' | 'stable_client_token' = 'client_token',
    change: object = {},
  ): Promise<Reply> {
    const body = {
      client_key: SIMULATOR_DEFAULTS.clientKey,
      client_secret: SIMULATOR_DEFAULTS.clientSecret,
      grant_type: 'client_credential',
      ...change,
    };
    return this.send(`/oauth/${kind}/`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: JSON.stringify(body),
    });
  }

  async accessToken(): Promise<string> {
    if (this.token !== undefined) return this.token;
    this.#fetching ??= this.fetchToken().then(
      (reply) => (reply.json as { data: { access_token: string } }).data.access_token,
    );
    this.token = await this.#fetching;
    this.#fetching = undefined;
    return this.token;
  }

  async get(path: string, query: Record<string, string> = {}, init: RequestInit = {}): Promise<Reply> {
    const headers = { ...JSON_HEADERS, 'access-token': await this.accessToken() };
    return this.send(`${path}?${new URLSearchParams(query).toString()}`, { headers, ...init });
  }

  async post(path: string, body: unknown, init: RequestInit = {}): Promise<Reply> {
    const headers = { ...JSON_HEADERS, 'access-token': await this.accessToken() };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.send(path, { method: 'POST', headers, body: text, ...init });
  }

  prepare(query: Record<string, string>, init?: RequestInit): Promise<Reply> {
    return this.get(`${CERTIFICATE}/prepare/`, query, init);
  }

  /** Prepares an order by its QR value and gives the verify token. */
  async prepared(order: OrderView): Promise<string> {
    const reply = await this.prepare({ encrypted_data: order.encryptedData, poi_id: STORE });
    return (reply.json as { data: { verify_token: string } }).data.verify_token;
  }

  verify(body: unknown, init?: RequestInit): Promise<Reply> {
    return this.post(`${CERTIFICATE}/verify/`, body, init);
  }

  cancel(body: unknown): Promise<Reply> {
    return this.post(`${CERTIFICATE}/cancel/`, body);
  }

  getCertificate(encryptedCode: string, init?: RequestInit): Promise<Reply> {
    return this.get(`${CERTIFICATE}/get/`, { encrypted_code: encryptedCode }, init);
  }

  queryCertificates(query: Record<string, string>): Promise<Reply> {
    return this.get(`${CERTIFICATE}/query/`, query);
  }

  verifyRecords(query: Record<string, string> = {}): Promise<Reply> {
    return this.get(`${CERTIFICATE}/verify_record/query/`, {
      account_id: ACCOUNT_ID,
      cursor: '0',
      size: '20',
      ...query,
    });
  }

  orders(query: Record<string, string> = {}): Promise<Reply> {
    return this.get('/goodlife/v1/trade/order/query/', {
      account_id: ACCOUNT_ID,
      page_num: '1',
      page_size: '20',
      ...query,
    });
  }

  stores(query: Record<string, string> = {}): Promise<Reply> {
    return this.get('/goodlife/v1/shop/poi/query/', {
      account_id: ACCOUNT_ID,
      page: '1',
      size: '50',
      ...query,
    });
  }
}

/** The body of a verify call for the first coupons of an order. */
export function verifyBody(order: OrderView, verifyToken: string, count = 1, poiId = STORE) {
  return {
    verify_token: verifyToken,
    poi_id: poiId,
    encrypted_codes: order.coupons.slice(0, count).map((coupon) => coupon.encryptedCode),
  };
}

/** The error codes of an answer: both places and the sub code. */
export function codesOf(reply: Reply): { data: unknown; extra: unknown; sub: unknown } {
  const { data, extra } = reply.json as {
    data: { error_code: unknown };
    extra: { error_code: unknown; sub_error_code: unknown };
  };
  return { data: data.error_code, extra: extra.error_code, sub: extra.sub_error_code };
}

export const refusedWith = (code: number, sub = 0) => ({ data: code, extra: code, sub });

/** The items of a verify answer: just what was decided about each. */
export function resultsOf(reply: Reply): number[] {
  const { data } = reply.json as { data: { verify_results: { result: number }[] } };
  return data.verify_results.map((item) => item.result);
}

/** A coupon's only row, for orders of one. */
export function only<T>(items: readonly T[]): T {
  if (items.length !== 1) throw new Error(`expected one, found ${String(items.length)}`);
  return items[0] as T;
}

function parse(text: string): unknown {
  try {
    const reviver = (_key: string, value: unknown, context: { source?: string }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(context.source ?? '')
        ? BigInt(context.source ?? '')
        : value;
    // TypeScript's library lacks the reviver's third parameter.
    return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
  } catch {
    // Tests of broken answers look at the text.
    return undefined;
  }
}
