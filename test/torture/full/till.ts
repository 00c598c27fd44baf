// A till, as the contract asks tills to behave: one token per coupon, the same request again after an error or silence,
// asking on while the gateway says `processing`. It writes down everything it sends and hears.
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseLosslessly } from '../../../clients/typescript/lossless-json.ts';
import { createNonce, signRequest } from '../../../clients/typescript/sign.ts';
import { isVerdict } from '../oracle/ledger-index.ts';
import type { SeenRecord, SentRequest } from '../oracle/ledgers.ts';
import type { ClientLedger } from './client-ledger.ts';
import type { PlannedTill } from './plan.ts';
import type { AppCredentials } from './system.ts';

/** Longer than the gateway's budget in these runs. */
const REQUEST_TIMEOUT_MS = 6000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 4000;
const MAX_RETRY_AFTER_MS = 2000;

/** How a token names its coupon in a verify request. */
export type CouponName =
  { readonly short_link: string } | { readonly code: string } | { readonly encrypted_code: string };

export type Heard =
  | { readonly kind: 'record'; readonly record: SeenRecord }
  | { readonly kind: 'error'; readonly status: number; readonly code: string; readonly retryAfterMs: number }
  /** Douyin's own words, from the prepare endpoint. */
  | { readonly kind: 'passed_on'; readonly body: unknown }
  | { readonly kind: 'nothing' };

export interface TillDeps {
  readonly apps: readonly [AppCredentials, AppCredentials];
  /** `host:port` of the proxies in front of the API processes. */
  readonly apiAddresses: readonly [string, string];
  readonly ledger: ClientLedger;
  /** Aborted when the run is over: tills stop asking. */
  readonly closing: AbortSignal;
}

export interface Asked {
  readonly till: number;
  /** Position in the apps. */
  readonly app: number;
  readonly token: string;
}

/**
 * Sends the same request until the gateway says how it ended, the till loses patience, or the run is over.
 * @returns whether the till knows how it ended
 */
export async function redeem(
  deps: TillDeps,
  till: PlannedTill,
  token: string,
  coupon: CouponName,
  firstApi: 0 | 1,
): Promise<boolean> {
  const asked: Asked = { till: till.till, app: till.app, token };
  const body = JSON.stringify({
    poi_id: till.poiId,
    ...coupon,
    verify_token: token,
    extra: { device_id: `till-${till.till}` },
  });
  let api = firstApi;
  let isProcessing = false;
  for (let attempt = 1; attempt <= till.patience && !deps.closing.aborted; attempt += 1) {
    const heard: Heard =
      isProcessing && till.follow === 'look_up'
        ? await lookUp(deps, asked, api, 'look_up')
        : await ask(deps, { ...asked, operation: 'verify' }, api, 'POST', '/v1/open/coupons/verify', body);
    if (isOver(heard)) return heard.kind === 'record';
    isProcessing = heard.kind === 'record' && heard.record.verify_status === 'processing';
    // Another process may be well when one is not.
    if (heard.kind === 'nothing') api = api === 0 ? 1 : 0;
    const backoffMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 1.8 ** (attempt - 1));
    const askedToWaitMs = heard.kind === 'error' ? Math.min(heard.retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    await delay(backoffMs + askedToWaitMs, undefined, { signal: deps.closing }).catch(() => undefined);
  }
  return false;
}

/** Errors that say: wait, then the same again. */
const PASSING_CODES: ReadonlySet<string> = new Set(['coupon.sibling_in_doubt', 'verification.not_found']);

function isOver(heard: Heard): boolean {
  // One that was not attempted is asked again: the same token may try again.
  if (heard.kind === 'record') return isVerdict(heard.record);
  return (
    heard.kind === 'error' && heard.status < 500 && heard.status !== 429 && !PASSING_CODES.has(heard.code)
  );
}

export function lookUp(
  deps: TillDeps,
  { till, app, token }: Asked,
  api: 0 | 1,
  operation: 'look_up' | 'closing_look_up',
): Promise<Heard> {
  const path = `/v1/open/coupons/verifications/${encodeURIComponent(token)}`;
  return ask(deps, { till, app, token, operation }, api, 'GET', path, '');
}

/**
 * Prepares through the gateway, as a till in `encrypted_code` mode does before it verifies.
 * @returns null when Douyin lists no coupon, or the till gave up
 */
export async function prepare(
  deps: TillDeps,
  till: PlannedTill,
  coupon: { readonly short_link: string } | { readonly code: string },
  couponIndex: number,
): Promise<{ readonly token: string; readonly encryptedCode: string } | null> {
  const body = JSON.stringify({ poi_id: till.poiId, ...coupon });
  const request = { till: till.till, app: till.app, token: '', operation: 'prepare' } as const;
  let { api } = till;
  for (let attempt = 1; attempt <= Math.min(till.patience, 25) && !deps.closing.aborted; attempt += 1) {
    const heard = await ask(deps, request, api, 'POST', '/v1/open/coupons/prepare', body);
    if (heard.kind === 'passed_on') {
      const prepared = readPrepared(heard.body, couponIndex);
      if (prepared !== 'again') return prepared;
    } else if (isOver(heard)) {
      return null;
    }
    if (heard.kind === 'nothing') api = api === 0 ? 1 : 0;
    await delay(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 1.8 ** (attempt - 1)), undefined, {
      signal: deps.closing,
    }).catch(() => undefined);
  }
  return null;
}

/** Codes with which Douyin says that asking again may help; a bent answer is asked again as well. */
const FINAL_PREPARE_CODES = new Set([
  '1212', '1221', '1228', '1241', '1250', '1263', '1265', '3000002', '3100101', '45005117', '2119006', '2119007',
]); // prettier-ignore

interface ListedCertificate {
  readonly encrypted_code?: unknown;
  readonly status?: unknown;
}

/** Names under which Douyin lists coupons; which of them are filled is its affair. */
const CERTIFICATE_LISTS = ['certificates', 'certificates_v2', 'certificates_v_2'] as const;

function readPrepared(
  body: unknown,
  couponIndex: number,
): { token: string; encryptedCode: string } | null | 'again' {
  const { data } = body as {
    data?: { error_code?: unknown; verify_token?: unknown } & Partial<
      Record<(typeof CERTIFICATE_LISTS)[number], unknown>
    >;
  };
  if (FINAL_PREPARE_CODES.has(String(data?.error_code))) return null;
  const lists = CERTIFICATE_LISTS.map((name) => data?.[name]).filter((list) => Array.isArray(list));
  if (lists.length === 0) return 'again';
  // A coupon may stand in two lists.
  const listed = new Map((lists.flat() as ListedCertificate[]).map((one) => [one.encrypted_code, one]));
  const usable = [...listed.values()].filter((certificate) => String(certificate.status) === '1');
  if (usable.length === 0) return null;
  const chosen = usable[Math.min(couponIndex, usable.length - 1)];
  if (typeof data?.verify_token !== 'string' || data.verify_token === '') return 'again';
  if (typeof chosen?.encrypted_code !== 'string' || chosen.encrypted_code === '') return 'again';
  return { token: data.verify_token, encryptedCode: chosen.encrypted_code };
}

async function ask(
  deps: TillDeps,
  request: Asked & Pick<SentRequest, 'operation'>,
  api: 0 | 1,
  method: 'GET' | 'POST',
  path: string,
  body: string,
): Promise<Heard> {
  const { clientKey, secrets } = deps.apps[request.app === 0 ? 0 : 1];
  const number = deps.ledger.begin({ ...request, api });
  try {
    const answer = await secrets.use(async (secret) => {
      const signed = await signRequest({
        clientKey,
        secret,
        timestamp: String(Math.floor(Date.now() / 1000)),
        nonce: createNonce(),
        method,
        requestTarget: path,
        body,
      });
      return send(deps.apiAddresses[api], method, path, body, signed.headers);
    });
    const parsed = parseLosslessly(answer.text) as {
      data?: Record<string, unknown>;
      error?: { code?: string };
    };
    const code = parsed.error?.code ?? null;
    const isRecord = answer.status === 200 && request.operation !== 'prepare' && parsed.data !== undefined;
    const record = isRecord ? seen(parsed.data ?? {}) : null;
    deps.ledger.end({ kind: 'answer', request: number, status: answer.status, code, record });
    if (answer.status === 200 && request.operation === 'prepare') return { kind: 'passed_on', body: parsed };
    if (record) return { kind: 'record', record };
    return { kind: 'error', status: answer.status, code: code ?? '', retryAfterMs: answer.retryAfterMs };
  } catch (err) {
    const cause = String((err as { code?: unknown }).code ?? (err as { name?: unknown }).name ?? err);
    deps.ledger.end({ kind: 'no_answer', request: number, cause });
    return { kind: 'nothing' };
  }
}

/** Without Douyin's own words, which nobody compares. */
function seen({ douyin_response: _, ...view }: Record<string, unknown>): SeenRecord {
  return { reason: '', ...view } as SeenRecord;
}

function send(
  address: string,
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; text: string; retryAfterMs: number }> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host,
        port,
        method,
        path,
        agent: false,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        headers: {
          ...headers,
          ...(body === ''
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          if (!response.complete) return;
          const retryAfter = Number(response.headers['retry-after'] ?? 0);
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString('utf8'),
            retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : 0,
          });
        });
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}
