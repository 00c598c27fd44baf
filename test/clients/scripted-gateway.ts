// A gateway on a real socket that plays scripted answers. It checks every signature by its own reading of the API's rules,
// on the raw bytes and the raw request line, so that a mistake in the client cannot hide in shared code.
import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const CLIENT_KEY = 'ck_test_till';
export const SECRET = '密钥-scripted-0123456789abcdef0123456789';

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Whether signature, timestamp and nonce are good; `null` when they are, else the error code the API gives. */
  readonly authProblem: string | null;
}

/** Answers one request; returning nothing means the play has written to the response itself. */
export type Play = (request: SeenRequest, response: ServerResponse) => void;

export interface ScriptedGateway {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Plays for the next requests, in order; a request without one is answered 500. */
  readonly script: Play[];
  /** The server's clock, Unix milliseconds. */
  wallMs: () => number;
  readonly stop: () => Promise<void>;
}

export async function startScriptedGateway(): Promise<ScriptedGateway> {
  const requests: SeenRequest[] = [];
  const script: Play[] = [];
  const usedNonces = new Set<string>();

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const request: SeenRequest = {
        method: incoming.method ?? '',
        target: incoming.url ?? '',
        headers: incoming.headers,
        body: body.toString('utf8'),
        authProblem: findAuthProblem(incoming, body, usedNonces, gateway.wallMs()),
      };
      requests.push(request);
      const play = script.shift();
      if (request.authProblem !== null) {
        answerError(401, request.authProblem, { server_time: new Date(gateway.wallMs()).toISOString() })(
          request,
          response,
        );
      } else if (play === undefined) {
        answerError(500, 'test.script_is_over')(request, response);
      } else {
        play(request, response);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway: ScriptedGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script,
    wallMs: () => Date.now(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gateway;
}

function findAuthProblem(
  incoming: IncomingMessage,
  body: Buffer,
  usedNonces: Set<string>,
  nowMs: number,
): string | null {
  const header = (name: string): string => String(incoming.headers[name] ?? '');
  const timestamp = header('x-timestamp');
  const nonce = header('x-nonce');
  if (!/^(\d{10}|\d{13})$/.test(timestamp)) return 'auth.bad_timestamp';
  const sentAtMs = timestamp.length === 13 ? Number(timestamp) : Number(timestamp) * 1000;
  if (Math.abs(nowMs - sentAtMs) > 300_000) return 'auth.timestamp_out_of_window';
  if (!/^[A-Za-z0-9_-]{8,64}$/.test(nonce)) return 'auth.bad_nonce';
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const signed = `DYGW-HMAC-SHA256\n${header('x-client-key')}\n${timestamp}\n${nonce}\n${incoming.method}\n${incoming.url}\n${bodyHash}`;
  const expected = createHmac('sha256', Buffer.from(SECRET, 'utf8')).update(signed, 'utf8').digest('hex');
  if (header('x-client-key') !== CLIENT_KEY || header('x-signature') !== expected)
    return 'auth.bad_signature';
  if (usedNonces.has(nonce)) return 'auth.nonce_reused';
  usedNonces.add(nonce);
  return null;
}

export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Play {
  return (_request, response) => {
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'X-Request-Id': 'req-test-1',
      ...headers,
    });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

export function answerError(
  status: number,
  code: string,
  details?: Record<string, unknown>,
  headers: Record<string, string> = {},
): Play {
  const error = {
    code,
    message: `text of ${code}`,
    request_id: 'req-test-1',
    ...(details ? { details } : {}),
  };
  return answer(status, { error }, headers);
}

/** Answers with the record of the verification that was asked for. */
export function answerRecord(fields: Record<string, unknown> = {}): Play {
  return (request, response) => {
    const verifyToken =
      request.method === 'GET'
        ? decodeURIComponent(request.target.split('/').at(-1) ?? '')
        : String((JSON.parse(request.body) as { verify_token: unknown }).verify_token);
    answer(200, { data: buildRecord({ verify_token: verifyToken, ...fields }) })(request, response);
  };
}

/** Ends the connection without an answer, after the request was read. */
export const cutConnection: Play = (_request, response) => {
  response.destroy();
};

/** Takes the request and never answers. */
export const stayMute: Play = () => undefined;

function buildRecord(fields: Record<string, unknown>): Record<string, unknown> {
  return {
    id: 8123,
    app_id: 1,
    app_name: '测试应用',
    poi_id: '7182937465123456789',
    verify_status: 'success',
    error_code: 0,
    error_description: '',
    certificate_id: '7372594810362817586',
    encrypted_code: 'CgYIASAHKAESLgos8Xk2/bQ+aA==',
    origin_code: '104686126200131',
    coupon_status: 'USED',
    product_id: '1790440745530001',
    product_name: '双人下午茶套餐',
    sku_id: '1790440745530376',
    sku_name: '双人下午茶套餐',
    verify_records_count: 1,
    verify_id: '7372601122334455667',
    order_id: '1086312045673319463',
    source_order_id: '',
    ext_order_id: '',
    order_status: 201,
    pay_amount: 7900,
    receipt_amount: 7905,
    discount_amount: 7,
    enrichment_status: 'success',
    enrichment_retry_count: 0,
    douyin_response: { data: { error_code: 0 } },
    expire_time: '2026-06-13T15:59:59Z',
    verify_time: '2026-03-15T10:31:08Z',
    create_order_time: '2026-03-15T02:00:00Z',
    pay_time: '2026-03-15T02:00:08Z',
    created_at: '2026-03-15T10:31:07Z',
    updated_at: '2026-03-15T10:31:09Z',
    verify_token: '',
    operator_id: '',
    device_id: '',
    note: '',
    advice: '',
    ...fields,
  };
}
