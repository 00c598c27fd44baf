// The Douyin port over HTTP: which calls there are, what each sends and what its answer becomes.
// Reading JSON is wire.ts, translating it mapping.ts, judging a verify verify-outcome.ts, the token access-token.ts.
import type { ShownCertificate } from '../domain/coupon.ts';
import { meaningOf } from '../domain/douyin-codes.ts';
import type { OrderDetails } from '../domain/enrichment.ts';
import { AppError } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type {
  AccessToken,
  CertificateReadPurpose,
  Douyin,
  PrepareBy,
  PrepareOutcome,
  RawAnswer,
  VerifyInput,
  VerifyOutcome,
  VerifyRecordList,
} from '../ports/douyin.ts';
import { ApiConnection, type ApiConnectionOptions, type DouyinEndpoint } from './api-connection.ts';
import type { CallBudget, CallPurpose } from './call-budget.ts';
import { PREPARE_ENDS, READ_ENDS } from './error-codes.ts';
import {
  alertIfUnlisted,
  askHarmless,
  broken,
  parseData,
  type HarmlessAnswer,
  type HarmlessEndpoint,
} from './harmless-call.ts';
import {
  isSameCoupon,
  mergeCertificates,
  mergeRecords,
  toCertificate,
  toCertificates,
  toOrderDetails,
  toVerifyRecord,
} from './mapping.ts';
import { judgeTokenRefusedAgain, judgeVerify, notSent } from './verify-outcome.ts';
import {
  getCertificateDataSchema,
  ordersDataSchema,
  prepareDataSchema,
  verifyRecordsDataSchema,
  type WireCertificate,
  type WireVerifyRecord,
} from './wire.ts';

const MAX_RECORDS_PER_PAGE = 20;
const TOO_MANY_REQUESTS = 429;

export interface DouyinCall {
  readonly endpoint: DouyinEndpoint;
  readonly durationMs: number;
  /** A VerifyOutcome's kind, `ok`, or the AppError's code. */
  readonly outcome: string;
}

export interface HttpDouyinOptions extends ApiConnectionOptions {
  readonly logger: Logger;
  /** Without one, calls are neither paced nor held back. */
  readonly budget?: CallBudget;
  readonly onCall?: (call: DouyinCall) => void;
  /** Whether prepare and verify name the merchant's root account too, as cloud chains (云连锁) need it. */
  readonly sendsAccountId?: boolean;
  /** What `mustStartBy` of a verify is measured by; `performance.now()` unless given. */
  readonly monotonicMs?: () => number;
}

export class HttpDouyin implements Douyin {
  readonly #options: HttpDouyinOptions;
  readonly #connection: ApiConnection;
  readonly #monotonicMs: () => number;

  constructor(options: HttpDouyinOptions) {
    this.#options = options;
    this.#connection = new ApiConnection(options);
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** Waits for the calls under way, then closes the connections. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async prepare(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<PrepareOutcome> {
    return this.#made('prepare', 'prepare', async (): Promise<PrepareOutcome> => {
      const ended = await this.#askPrepare(by, poiId, signal);
      if (ended.end !== 'ok') {
        return { kind: 'refused', errorCode: ended.errorCode, description: ended.answer.description };
      }
      const data = parseData(prepareDataSchema, ended.answer, 'prepare');
      const certificates = toCertificates(data, 'prepare');
      if (certificates.length > 0 && data.verify_token === '') throw broken('prepare', 'no verify_token');
      // Without its order nobody can tell whether another coupon of it is in doubt just now.
      if (certificates.length > 0 && data.order_id === '') throw broken('prepare', 'no order_id');
      return {
        kind: 'prepared',
        order: {
          orderId: data.order_id,
          verifyToken: data.verify_token,
          certificates,
          shownAt: ended.answeredAt,
        },
      };
    });
  }

  async prepareRaw(by: PrepareBy, poiId: string, signal?: AbortSignal): Promise<RawAnswer> {
    return this.#made('prepare', 'prepare', async () => ({
      body: (await this.#askPrepare(by, poiId, signal)).body,
    }));
  }

  async verify(input: VerifyInput, signal?: AbortSignal): Promise<VerifyOutcome> {
    return this.#made(
      'verify',
      'verify',
      () => this.#verify(input, signal),
      (outcome) => outcome.kind,
    );
  }

  async getCertificate(
    encryptedCode: string,
    purpose: CertificateReadPurpose,
    signal?: AbortSignal,
  ): Promise<ShownCertificate | null> {
    return this.#made('get_certificate', purpose, async () => {
      const query = { encrypted_code: encryptedCode };
      const ended = await this.#read('get_certificate', purpose, query, signal);
      if (ended === null) return null;
      const data = parseData(getCertificateDataSchema, ended.answer, 'get_certificate');
      const told = [data.certificate, data.certificate_v2, data.certificate_v_2].filter(
        (wire) => wire != null && (wire.encrypted_code !== '' || wire.certificate_id !== ''),
      ) as readonly WireCertificate[];
      const [first, ...others] = told;
      if (!first) return null;
      const isAnothers = told.some(
        (wire) => wire.encrypted_code !== '' && wire.encrypted_code !== encryptedCode,
      );
      if (isAnothers) throw broken('get_certificate', 'it is about another coupon');
      // One that has the code and one that has the id are told of the same code; two ids are two coupons.
      const wire = others.reduce((merged, other) => {
        const isContrary = merged.certificate_id !== '' && other.certificate_id !== '';
        if (isContrary && !isSameCoupon(merged, other)) throw broken('get_certificate', 'two coupons');
        return mergeCertificates(merged, other);
      }, first);
      return { ...toCertificate(wire, 'look_up'), shownAt: ended.answeredAt };
    });
  }

  async queryVerifyRecords(
    input: { readonly poiId: string; readonly from: Date; readonly to: Date; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<VerifyRecordList> {
    return this.#made('query_verify_records', 'look_up', async () => {
      const { poiId, ...period } = input;
      try {
        return await this.#walkRecords(period, { poi_ids: poiId }, signal);
      } catch (err) {
        // How stores are named is not settled; without any, Douyin lists those of all stores.
        if (!isBadRequest(err)) throw err;
        return this.#walkRecords(period, {}, signal);
      }
    });
  }

  async #walkRecords(
    input: { readonly from: Date; readonly to: Date; readonly limit: number },
    stores: { readonly poi_ids?: string },
    signal: AbortSignal | undefined,
  ): Promise<VerifyRecordList> {
    let walked: readonly WireVerifyRecord[] = [];
    let cursor = '0';
    let isWhole = false;
    // Douyin's order is not documented, so all pages up to the limit are walked before they are sorted.
    for (let page = 0; page * MAX_RECORDS_PER_PAGE < input.limit; page += 1) {
      const query = {
        cursor,
        size: String(MAX_RECORDS_PER_PAGE),
        start_time: String(Math.floor(input.from.getTime() / 1000)),
        end_time: String(Math.ceil(input.to.getTime() / 1000)),
        ...stores,
      };
      const ended = await this.#read('query_verify_records', 'look_up', query, signal);
      // Douyin knows none; after a page of them it has lost its place.
      if (ended === null) {
        isWhole = page === 0;
        break;
      }
      const data = parseData(verifyRecordsDataSchema, ended.answer, 'query_verify_records');
      const longer = data.records_v2.length < data.records.length ? data.records : data.records_v2;
      const listed = mergeRecords(data.records, data.records_v2);
      walked = mergeRecords(walked, listed);
      const next = longer.at(-1)?.cursor ?? '';
      // A full page may be told apart into both lists.
      isWhole = Math.max(longer.length, listed.length) < MAX_RECORDS_PER_PAGE;
      // A cursor that is missing or repeats leads no further.
      if (isWhole || next === '' || next === cursor) break;
      cursor = next;
    }
    const records = walked
      .map(toVerifyRecord)
      .sort((a, b) => (a.verifyTime?.getTime() ?? 0) - (b.verifyTime?.getTime() ?? 0));
    return { records: records.slice(0, input.limit), isWhole: isWhole && records.length <= input.limit };
  }

  async findOrder(orderId: string, signal?: AbortSignal): Promise<OrderDetails | null> {
    return this.#made('query_order', 'enrichment', async () => {
      const query = { order_id: orderId, page_num: '1', page_size: '1' };
      const ended = await this.#read('query_order', 'enrichment', query, signal);
      if (ended === null) return null;
      const { orders } = parseData(ordersDataSchema, ended.answer, 'query_order');
      if (orders.length === 0) return null;
      const order = orders.find((candidate) => candidate.order_id === orderId);
      if (!order) throw broken('query_order', 'it is about another order');
      return toOrderDetails(order);
    });
  }

  async queryStoresRaw(
    input: { readonly poiId?: string; readonly page: number; readonly pageSize: number },
    signal?: AbortSignal,
  ): Promise<RawAnswer> {
    return this.#made('query_stores', 'look_up', async () => {
      const query = {
        account_id: this.#options.accountId,
        page: String(input.page),
        size: String(input.pageSize),
        ...(input.poiId === undefined ? {} : { poi_id: input.poiId }),
      };
      const { body } = await askHarmless(this.#connection, this.#options.logger, {
        endpoint: 'query_stores',
        query,
        // The caller chose store and page, and sees Douyin's own words about them.
        ends: { ...READ_ENDS, bad_request: 'refused' },
        signal,
        onTooFrequent: this.#tooFrequent('query_stores', 'look_up'),
      });
      return { body };
    });
  }

  async #verify(input: VerifyInput, signal: AbortSignal | undefined): Promise<VerifyOutcome> {
    const body = JSON.stringify({
      verify_token: input.douyinVerifyToken,
      poi_id: input.poiId,
      encrypted_codes: [input.encryptedCode],
      ...this.#namedAccount(),
    });
    const { attempt, mustStartBy = Infinity } = input;
    const mayStart = (): boolean => this.#monotonicMs() <= mustStartBy;
    const send = async (token: AccessToken) => {
      const answered = await this.#connection.send('verify', token, { body, signal, mayStart });
      if (answered.kind === 'answered' && answered.status === TOO_MANY_REQUESTS) {
        this.#tooFrequent('verify', 'verify')(TOO_MANY_REQUESTS);
      }
      return answered;
    };

    let token: AccessToken;
    try {
      token = await this.#connection.currentToken(signal);
    } catch (err) {
      return notSent(`no access token: ${describe(err)}`, attempt);
    }
    const judged = judgeVerify(await send(token), attempt, input);
    if (judged.kind !== 'retry_with_fresh_token') return this.#noted(judged);

    try {
      token = await this.#connection.replacedToken(token, signal);
    } catch (err) {
      return notSent(
        `Douyin refused the access token with ${judged.errorCode}, no fresh one: ${describe(err)}`,
        attempt,
      );
    }
    const judgedAgain = judgeVerify(await send(token), attempt, input);
    return this.#noted(
      judgedAgain.kind === 'retry_with_fresh_token'
        ? judgeTokenRefusedAgain(judgedAgain, attempt)
        : judgedAgain,
    );
  }

  #noted(outcome: VerifyOutcome): VerifyOutcome {
    if ((outcome.kind === 'refused' || outcome.kind === 'unknown') && outcome.errorCode !== null) {
      alertIfUnlisted(this.#options.logger, 'verify', outcome.errorCode);
      if (meaningOf(outcome.errorCode, outcome.description) === 'too_frequent') {
        this.#tooFrequent('verify', 'verify')(outcome.errorCode);
      }
    }
    return outcome;
  }

  #askPrepare(by: PrepareBy, poiId: string, signal: AbortSignal | undefined): Promise<HarmlessAnswer> {
    const isPlainCode = 'code' in by;
    return askHarmless(this.#connection, this.#options.logger, {
      endpoint: 'prepare',
      query: {
        ...(isPlainCode ? { code: by.code } : { encrypted_data: by.encryptedData }),
        poi_id: poiId,
        ...this.#namedAccount(),
      },
      // A plain code is what the cashier typed or scanned: if Douyin cannot read it, it is not the gateway's fault.
      ends: isPlainCode ? { ...PREPARE_ENDS, bad_request: 'refused' } : PREPARE_ENDS,
      signal,
      onTooFrequent: this.#tooFrequent('prepare', 'prepare'),
    });
  }

  #namedAccount(): { account_id?: string } {
    const { sendsAccountId = false, accountId } = this.#options;
    return sendsAccountId ? { account_id: accountId } : {};
  }

  /** @returns null if Douyin knows no such thing */
  async #read(
    endpoint: Exclude<HarmlessEndpoint, 'prepare'>,
    purpose: CallPurpose,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<HarmlessAnswer | null> {
    const ended = await askHarmless(this.#connection, this.#options.logger, {
      endpoint,
      query: { account_id: this.#options.accountId, ...query },
      ends: READ_ENDS,
      signal,
      onTooFrequent: this.#tooFrequent(endpoint, purpose),
    });
    if (ended.end === 'nothing') return null;
    if (ended.end === 'ok') return ended;
    throw broken(endpoint, `code ${ended.errorCode}`, ended.answer);
  }

  #tooFrequent(endpoint: DouyinEndpoint, purpose: CallPurpose): (errorCode: number) => void {
    return (errorCode) => this.#options.budget?.noteTooFrequent(endpoint, purpose, errorCode);
  }

  /** Within the budget, and measured. */
  async #made<T>(
    endpoint: DouyinEndpoint,
    purpose: CallPurpose,
    call: () => Promise<T>,
    outcomeOf = (_: T) => 'ok',
  ): Promise<T> {
    const { budget } = this.#options;
    const startedAt = performance.now();
    let outcome = 'error';
    try {
      const result = await (budget ? budget.run(endpoint, purpose, call) : call());
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

function describe(err: unknown): string {
  return err instanceof AppError
    ? `${err.code} (${err.message})`
    : ((err as { name?: string }).name ?? 'error');
}

/** Whether Douyin found fault with the request itself. */
function isBadRequest(err: unknown): boolean {
  if (!(err instanceof AppError) || err.code !== 'douyin.refused_gateway') return false;
  const errorCode = err.data?.['douyin_error_code'];
  return typeof errorCode === 'number' && meaningOf(errorCode, '') === 'bad_request';
}
