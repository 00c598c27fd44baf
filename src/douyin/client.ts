// Douyin over HTTP: addresses, headers, time-outs, which calls may be repeated. Each call's JSON is read by wire.ts,
// translated by mapping.ts and judged by error-codes.ts or verify-outcome.ts; the access token is access-token.ts.
import type { Pool } from 'undici';
import type { z } from 'zod';
import type { Certificate } from '../domain/coupon.ts';
import type { OrderDetails } from '../domain/enrichment.ts';
import { AppError } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type {
  AccessToken,
  AccessTokens,
  Douyin,
  PrepareBy,
  PrepareOutcome,
  RawAnswer,
  VerifyInput,
  VerifyOutcome,
  VerifyRecord,
} from '../ports/douyin.ts';
import { PREPARE_ENDS, READ_ENDS, type CodeMeaning, type HarmlessCallEnd } from './error-codes.ts';
import { createDouyinPool, exchange, MAX_ANSWER_BYTES, type Exchange } from './http-exchange.ts';
import { toCertificate, toCertificates, toOrderDetails, toVerifyRecord } from './mapping.ts';
import { judgeTokenRefusedAgain, judgeVerify, notSent } from './verify-outcome.ts';
import {
  getCertificateDataSchema,
  meaningOfAnswer,
  ordersDataSchema,
  prepareDataSchema,
  queryCertificatesDataSchema,
  readAnswer,
  verifyRecordsDataSchema,
  type Answer,
} from './wire.ts';

const DEFAULT_CONNECTIONS = 100;
/** A token must outlive the call that carries it, and a little clock difference. */
const TOKEN_LIFE_BEYOND_CALL_MS = 5_000;
const MAX_RECORDS_PER_PAGE = 20;
const ORDER_PAGE_SIZE = 1;

/** Names a call in logs and metrics. */
export type DouyinEndpoint =
  | 'prepare'
  | 'verify'
  | 'get_certificate'
  | 'query_certificates'
  | 'query_verify_records'
  | 'query_order'
  | 'query_stores';

const PATHS: Record<DouyinEndpoint, string> = {
  prepare: '/goodlife/v1/fulfilment/certificate/prepare/',
  verify: '/goodlife/v1/fulfilment/certificate/verify/',
  get_certificate: '/goodlife/v1/fulfilment/certificate/get/',
  query_certificates: '/goodlife/v1/fulfilment/certificate/query/',
  query_verify_records: '/goodlife/v1/fulfilment/certificate/verify_record/query/',
  query_order: '/goodlife/v1/trade/order/query/',
  query_stores: '/goodlife/v1/shop/poi/query/',
};

export interface DouyinCall {
  readonly endpoint: DouyinEndpoint;
  readonly durationMs: number;
  /** A VerifyOutcome's kind, `ok`, or the AppError's code. */
  readonly outcome: string;
}

export interface HttpDouyinOptions {
  readonly baseUrl: string;
  /** The merchant's root account. */
  readonly accountId: string;
  /** Bound of one HTTP exchange, milliseconds. A call makes one; a second only as its method says. */
  readonly timeoutMs: number;
  readonly tokens: AccessTokens;
  readonly logger: Logger;
  /** Connections to Douyin at the same time; further calls wait for one within their time-out. */
  readonly connections?: number;
  readonly onCall?: (call: DouyinCall) => void;
}

interface HarmlessRequest {
  readonly endpoint: Exclude<DouyinEndpoint, 'verify'>;
  readonly query: Readonly<Record<string, string>>;
  readonly ends: Record<CodeMeaning, HarmlessCallEnd>;
  readonly signal: AbortSignal | undefined;
}

/** An answer to a call that consumes nothing, after the ends that throw. */
interface HarmlessEnd {
  readonly end: 'ok' | 'nothing' | 'refused' | 'broken';
  readonly errorCode: number;
  readonly answer: Answer;
  readonly body: Buffer;
}

export class HttpDouyin implements Douyin {
  readonly #options: HttpDouyinOptions;
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #basePath: string;

  constructor(options: HttpDouyinOptions) {
    const baseUrl = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = baseUrl.origin;
    this.#basePath = baseUrl.pathname.replace(/\/+$/, '');
    this.#pool = createDouyinPool(
      baseUrl.origin,
      options.timeoutMs,
      options.connections ?? DEFAULT_CONNECTIONS,
    );
  }

  /** Waits for the calls under way, then closes the connections. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  async prepare(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<PrepareOutcome> {
    return this.#measured('prepare', async (): Promise<PrepareOutcome> => {
      const ended = await this.#askPrepare(by, poiId, signal);
      if (ended.end !== 'ok') {
        return { kind: 'refused', errorCode: ended.errorCode, description: ended.answer.description };
      }
      const data = this.#parse(prepareDataSchema, ended.answer, 'prepare');
      const certificates = toCertificates(data, 'prepare');
      if (certificates.length > 0 && data.verify_token === '')
        throw this.#broken('prepare', 'no verify_token');
      return {
        kind: 'prepared',
        order: { orderId: data.order_id, verifyToken: data.verify_token, certificates },
      };
    });
  }

  async prepareRaw(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<RawAnswer> {
    return this.#measured('prepare', async () => ({
      body: (await this.#askPrepare(by, poiId, signal)).body,
    }));
  }

  async verify(input: VerifyInput, signal?: AbortSignal): Promise<VerifyOutcome> {
    return this.#measured(
      'verify',
      () => this.#verify(input, signal),
      (outcome) => outcome.kind,
    );
  }

  async getCertificate(encryptedCode: string, signal?: AbortSignal): Promise<Certificate | null> {
    return this.#measured('get_certificate', async () => {
      const answer = await this.#read('get_certificate', { encrypted_code: encryptedCode }, signal);
      if (answer === null) return null;
      const data = this.#parse(getCertificateDataSchema, answer, 'get_certificate');
      const wire = data.certificate ?? data.certificate_v2 ?? data.certificate_v_2;
      if (!wire) return null;
      if (wire.encrypted_code !== '' && wire.encrypted_code !== encryptedCode) {
        throw this.#broken('get_certificate', 'it is about another coupon');
      }
      return toCertificate(wire, 'look_up');
    });
  }

  async queryCertificatesOfOrder(orderId: string, signal?: AbortSignal): Promise<readonly Certificate[]> {
    return this.#measured('query_certificates', async () => {
      const answer = await this.#read('query_certificates', { order_id: orderId }, signal);
      if (answer === null) return [];
      return toCertificates(
        this.#parse(queryCertificatesDataSchema, answer, 'query_certificates'),
        'look_up',
      );
    });
  }

  async queryVerifyRecords(
    input: { readonly poiId: string; readonly from: Date; readonly to: Date; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<readonly VerifyRecord[]> {
    return this.#measured('query_verify_records', async () => {
      const records = new Map<string, VerifyRecord>();
      let cursor = '0';
      // Douyin's order is not documented, so all pages up to the limit are walked before they are sorted.
      for (let page = 0; page * MAX_RECORDS_PER_PAGE < input.limit; page += 1) {
        const query = {
          cursor,
          size: String(MAX_RECORDS_PER_PAGE),
          start_time: String(Math.floor(input.from.getTime() / 1000)),
          end_time: String(Math.ceil(input.to.getTime() / 1000)),
          poi_ids: input.poiId,
        };
        const answer = await this.#read('query_verify_records', query, signal);
        if (answer === null) break;
        const data = this.#parse(verifyRecordsDataSchema, answer, 'query_verify_records');
        const listed = data.records_v2.length > 0 ? data.records_v2 : data.records;
        for (const wire of listed) records.set(wire.verify_id, toVerifyRecord(wire, input.poiId));
        const next = listed.at(-1)?.cursor ?? '';
        // A cursor that repeats would walk in circles.
        if (listed.length < MAX_RECORDS_PER_PAGE || next === '' || next === cursor) break;
        cursor = next;
      }
      return [...records.values()]
        .filter((record) => record.poiId === input.poiId)
        .sort((a, b) => (a.verifyTime?.getTime() ?? 0) - (b.verifyTime?.getTime() ?? 0))
        .slice(0, input.limit);
    });
  }

  async findOrder(orderId: string, signal?: AbortSignal): Promise<OrderDetails | null> {
    return this.#measured('query_order', async () => {
      const query = { order_id: orderId, page_num: '1', page_size: String(ORDER_PAGE_SIZE) };
      const answer = await this.#read('query_order', query, signal);
      if (answer === null) return null;
      const { orders } = this.#parse(ordersDataSchema, answer, 'query_order');
      if (orders.length === 0) return null;
      const order = orders.find((candidate) => candidate.order_id === orderId);
      if (!order) throw this.#broken('query_order', 'it is about another order');
      return toOrderDetails(order);
    });
  }

  async queryStoresRaw(
    input: { readonly poiId?: string; readonly page: number; readonly pageSize: number },
    signal?: AbortSignal,
  ): Promise<RawAnswer> {
    return this.#measured('query_stores', async () => {
      const query = {
        account_id: this.#options.accountId,
        page: String(input.page),
        size: String(input.pageSize),
        ...(input.poiId === undefined ? {} : { poi_id: input.poiId }),
      };
      const { body } = await this.#askHarmless({ endpoint: 'query_stores', query, ends: READ_ENDS, signal });
      return { body };
    });
  }

  async #verify(input: VerifyInput, signal: AbortSignal | undefined): Promise<VerifyOutcome> {
    const body = JSON.stringify({
      verify_token: input.douyinVerifyToken,
      poi_id: input.poiId,
      encrypted_codes: [input.encryptedCode],
    });
    const send = (token: AccessToken) =>
      this.#exchange('verify', token, { method: 'POST', query: {}, body, signal });
    const { attempt } = input;

    let token: AccessToken;
    try {
      token = await this.#currentToken(signal);
    } catch (err) {
      return notSent(`no access token: ${describe(err)}`, attempt);
    }
    const judged = judgeVerify(await send(token), attempt, input);
    if (judged.kind !== 'retry_with_fresh_token') return this.#alerted(judged);

    try {
      token = await this.#replacedToken(token, signal);
    } catch (err) {
      return notSent(
        `Douyin refused the access token with ${judged.errorCode}, no fresh one: ${describe(err)}`,
        attempt,
      );
    }
    const judgedAgain = judgeVerify(await send(token), attempt, input);
    return this.#alerted(
      judgedAgain.kind === 'retry_with_fresh_token'
        ? judgeTokenRefusedAgain(judgedAgain, attempt)
        : judgedAgain,
    );
  }

  /** Logs what operators must act upon; a verdict on a coupon is none of it. */
  #alerted(outcome: VerifyOutcome): VerifyOutcome {
    if (outcome.kind === 'refused_gateway') {
      this.#options.logger.error(
        { endpoint: 'verify', errorCode: outcome.errorCode },
        'douyin refused the gateway, not the coupon',
      );
    } else if (outcome.kind === 'unknown') {
      this.#options.logger.warn(
        { endpoint: 'verify', reason: outcome.reason },
        'outcome of a verify is unknown',
      );
    }
    return outcome;
  }

  #askPrepare(by: PrepareBy, poiId: string, signal: AbortSignal | undefined): Promise<HarmlessEnd> {
    const isPlainCode = 'code' in by;
    return this.#askHarmless({
      endpoint: 'prepare',
      query: { ...(isPlainCode ? { code: by.code } : { encrypted_data: by.encryptedData }), poi_id: poiId },
      // A plain code is what the cashier typed or scanned: if Douyin cannot read it, it is not the gateway's fault.
      ends: isPlainCode ? { ...PREPARE_ENDS, bad_request: 'refused' } : PREPARE_ENDS,
      signal,
    });
  }

  /** @returns null if Douyin knows no such thing */
  async #read(
    endpoint: Exclude<DouyinEndpoint, 'verify' | 'prepare'>,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Answer | null> {
    const ended = await this.#askHarmless({
      endpoint,
      query: { account_id: this.#options.accountId, ...query },
      ends: READ_ENDS,
      signal,
    });
    if (ended.end === 'nothing') return null;
    if (ended.end === 'ok') return ended.answer;
    throw this.#broken(endpoint, `code ${ended.errorCode}`, ended.answer);
  }

  /**
   * Asks something that consumes nothing: with a fresh token if the first was refused, and once more if the connection
   * broke, for a kept-alive one may have been closed by the other side just then.
   * @throws AppError
   */
  async #askHarmless(request: HarmlessRequest): Promise<HarmlessEnd> {
    const first = await this.#currentToken(request.signal);
    const ended = this.#judgeHarmless(request, await this.#exchangeTwice(request, first));
    if (ended !== 'refresh_token') return ended;
    const fresh = await this.#replacedToken(first, request.signal);
    const endedAgain = this.#judgeHarmless(request, await this.#exchangeTwice(request, fresh));
    if (endedAgain !== 'refresh_token') return endedAgain;
    throw this.#refusedGateway(request.endpoint, 'Douyin refused a fresh access token');
  }

  async #exchangeTwice(request: HarmlessRequest, token: AccessToken): Promise<Exchange> {
    const { endpoint, query, signal } = request;
    const first = await this.#exchange(endpoint, token, { method: 'GET', query, signal });
    if (first.kind !== 'lost' || !first.isConnectionLoss) return first;
    return this.#exchange(endpoint, token, { method: 'GET', query, signal });
  }

  #judgeHarmless(request: HarmlessRequest, answered: Exchange): HarmlessEnd | 'refresh_token' {
    const { endpoint } = request;
    if (answered.kind !== 'answered') throw unavailable(endpoint, `${answered.kind}: ${answered.cause}`);
    const { status, body } = answered;
    if (status === 429 || status >= 500) throw unavailable(endpoint, `HTTP ${status}`);
    const answer = readAnswer(body);
    if (answer === null || answer.errorCode === null)
      throw this.#broken(endpoint, `HTTP ${status}, no error codes`);
    const { errorCode } = answer;
    if (errorCode === 0) {
      if (status !== 200) throw this.#broken(endpoint, `HTTP ${status} with error codes 0`, answer);
      return { end: 'ok', errorCode, answer, body };
    }
    const meaning = meaningOfAnswer(errorCode, answer.description);
    if (meaning === 'unlisted') {
      this.#options.logger.error(
        { endpoint, errorCode, subErrorCode: answer.subErrorCode, logid: answer.logid },
        'douyin answered a code the table does not list',
      );
    }
    const end = request.ends[meaning];
    switch (end) {
      case 'refresh_token':
        return 'refresh_token';
      case 'unavailable':
        throw unavailable(endpoint, `code ${errorCode}`, answer);
      case 'refused_gateway':
        throw this.#refusedGateway(endpoint, `code ${errorCode}`, answer);
      case 'nothing':
      case 'refused':
      case 'broken':
        return { end, errorCode, answer, body };
    }
  }

  async #exchange(
    endpoint: DouyinEndpoint,
    token: AccessToken,
    request: {
      readonly method: 'GET' | 'POST';
      readonly query: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<Exchange> {
    const { accountId, timeoutMs } = this.#options;
    return exchange(this.#pool, {
      origin: this.#origin,
      method: request.method,
      path: this.#basePath + PATHS[endpoint] + encodeQuery(request.query),
      headers: {
        'access-token': token.token,
        'content-type': 'application/json',
        'rpc-transit-life-account': accountId,
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      timeoutMs,
      maxBodyBytes: MAX_ANSWER_BYTES,
      signal: request.signal,
    });
  }

  #currentToken(signal: AbortSignal | undefined): Promise<AccessToken> {
    const { tokens, timeoutMs } = this.#options;
    return withSignal(tokens.current(timeoutMs + TOKEN_LIFE_BEYOND_CALL_MS), signal);
  }

  #replacedToken(refused: AccessToken, signal: AbortSignal | undefined): Promise<AccessToken> {
    return withSignal(this.#options.tokens.replace(refused.generation), signal);
  }

  #parse<Schema extends z.ZodType>(
    schema: Schema,
    answer: Answer,
    endpoint: DouyinEndpoint,
  ): z.output<Schema> {
    const parsed = schema.safeParse(answer.data);
    if (parsed.success) return parsed.data;
    // The path only: zod's messages can quote what was received.
    throw this.#broken(
      endpoint,
      `data does not fit at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`,
      answer,
    );
  }

  /** An answer that cannot be used. At prepare, which consumed nothing and may simply be asked again: unavailable. */
  #broken(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
    if (endpoint === 'prepare') return unavailable(endpoint, what, answer);
    return new AppError('douyin.broken_answer', { internal: internalText(endpoint, what, answer) });
  }

  #refusedGateway(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
    this.#options.logger.error(
      { endpoint, errorCode: answer?.errorCode ?? 0, logid: answer?.logid ?? '' },
      'douyin refused the gateway, not the coupon',
    );
    return new AppError('douyin.refused_gateway', { internal: internalText(endpoint, what, answer) });
  }

  async #measured<T>(
    endpoint: DouyinEndpoint,
    call: () => Promise<T>,
    outcomeOf = (_: T) => 'ok',
  ): Promise<T> {
    const startedAt = performance.now();
    let outcome = 'error';
    try {
      const result = await call();
      outcome = outcomeOf(result);
      return result;
    } catch (err) {
      if (err instanceof AppError) outcome = err.code;
      throw err;
    } finally {
      this.#options.onCall?.({ endpoint, durationMs: performance.now() - startedAt, outcome });
    }
  }
}

/** Each value is encoded exactly once; a blank becomes %20, never "+". */
function encodeQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`,
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function unavailable(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
  return new AppError('douyin.unavailable', { internal: internalText(endpoint, what, answer) });
}

/** For the log: codes and Douyin's log id, but not Douyin's words, which may quote the coupon's code. */
function internalText(endpoint: DouyinEndpoint, what: string, answer?: Answer): string {
  const sub = answer?.subErrorCode ? `, sub code ${answer.subErrorCode}` : '';
  const logid = answer?.logid ? `, logid ${answer.logid}` : '';
  return `Douyin ${endpoint}: ${what}${sub}${logid}`;
}

function describe(err: unknown): string {
  return err instanceof AppError
    ? `${err.code} (${err.message})`
    : ((err as { name?: string }).name ?? 'error');
}

/** Stops waiting when the signal fires; what is waited for goes on, since others may wait for it too. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const given = Promise.withResolvers<never>();
  const onAbort = (): void =>
    given.reject(new AppError('douyin.unavailable', { internal: 'cancelled by the caller' }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
