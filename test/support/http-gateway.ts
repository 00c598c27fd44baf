// The HTTP surface of a harness on a real socket, and a caller that signs. Nothing here is ahead of the network: what
// a test sends goes out byte for byte.
import { randomBytes } from 'node:crypto';
import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/http/app.ts';
import type { HttpDeps } from '../../src/http/deps.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { Listener } from '../../src/http/surfaces.ts';
import { signatureOf, stringToSign } from '../../src/services/request-signature.ts';
import type { Harness } from './harness.ts';

export interface HttpGateway {
  readonly url: string;
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  /** The body parsed; numbers beyond 2^53 are rounded here, look at `text` for them. */
  json(): unknown;
}

export interface Call {
  readonly method?: string;
  /** The request target, sent exactly so. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

/** Serves the harness's gateway; `overrides` replace parts for the faults a test is about. */
export async function serveHttp(
  harness: Harness,
  overrides: Partial<HttpDeps> = {},
  listener: Listener = 'all',
): Promise<HttpGateway> {
  const { gateway, config } = harness;
  const deps: HttpDeps = {
    ...gateway,
    officeDb: overrides.db ?? harness.office.officeDb,
    budgetMs: config.verification.budgetMs,
    maxInFlight: config.verification.maxInFlight,
    internalTrustedCidrs: config.http.internalTrustedCidrs,
    internalHosts: config.http.internalHosts,
    reportTimeZone: config.report.timeZone,
    environment: config.environment,
    version: 'test',
    isStopping: () => false,
    health: { database: ok, temporal: ok, accessToken: ok },
    ...overrides,
  };
  const server = createHttpServer(createApp(deps, listener));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const ok = () => Promise.resolve();

/** One request as written, and its whole answer. Rejects when the connection ends before that. */
export function call(url: string, { method = 'GET', target, headers = {}, body }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      (typeof value === 'string' ? [value] : value).flatMap((one) => [name, one]),
    );
    const isHostGiven = Object.keys(headers).some((name) => name.toLowerCase() === 'host');
    const length = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))];
    const request = http.request(
      {
        hostname,
        port,
        method,
        path: target,
        headers: [...lines, ...length, ...(isHostGiven ? [] : ['Host', `${hostname}:${port}`])],
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            bytes,
            json: () => JSON.parse(text) as unknown,
          });
        });
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

export interface Credentials {
  readonly clientKey: string;
  readonly secret: string;
}

export interface SignedCall extends Call {
  readonly timestamp?: string;
  readonly nonce?: string;
}

/** The four headers of a request as a client makes them. */
export function signedHeaders(credentials: Credentials, signed: SignedCall): Record<string, string> {
  const timestamp = signed.timestamp ?? String(Math.floor(Date.now() / 1000));
  const nonce = signed.nonce ?? randomBytes(12).toString('hex');
  const text = stringToSign({
    clientKey: credentials.clientKey,
    timestamp,
    nonce,
    method: signed.method ?? 'GET',
    requestTarget: signed.target,
    body: Buffer.from(signed.body ?? ''),
  });
  return {
    'X-Client-Key': credentials.clientKey,
    'X-Timestamp': timestamp,
    'X-Nonce': nonce,
    'X-Signature': signatureOf(credentials.secret, text),
  };
}

const JSON_TYPE = { 'Content-Type': 'application/json' } as const;

/** A signed request to the open surface. */
export function callOpen(url: string, credentials: Credentials, signed: SignedCall): Promise<Reply> {
  return call(url, {
    ...signed,
    headers: {
      ...(signed.body === undefined ? {} : JSON_TYPE),
      ...signedHeaders(credentials, signed),
      ...signed.headers,
    },
  });
}

/** A request to the internal surface, by an acting user. */
export function callInternal(url: string, internal: Call): Promise<Reply> {
  return call(url, {
    ...internal,
    headers: {
      ...(internal.body === undefined ? {} : JSON_TYPE),
      'X-XTJ-UID': 'admin-1',
      ...internal.headers,
    },
  });
}

/** Creates an app as an administrator does. */
export async function createClientApp(
  url: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<Credentials & { readonly id: number; readonly code: string }> {
  const code = `app-${randomBytes(6).toString('hex')}`;
  const reply = await callInternal(url, {
    method: 'POST',
    target: '/v1/internal/apps',
    body: JSON.stringify({ name: '收银台', code, ...body }),
  });
  if (reply.status !== 200) throw new Error(`The app was not created: ${reply.text}`);
  const { data } = reply.json() as {
    data: { app: { id: number; code: string; client_key: string }; secret: string };
  };
  return { id: data.app.id, code: data.app.code, clientKey: data.app.client_key, secret: data.secret };
}

/** What an error answer says, without its texts. */
export function errorOf(reply: Reply): {
  readonly status: number;
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>>;
} {
  const { error } = reply.json() as { error: { code: string; details?: Record<string, unknown> } };
  return { status: reply.status, code: error.code, ...(error.details ? { details: error.details } : {}) };
}
