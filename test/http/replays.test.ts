// Ten thousand replayed or altered signed requests against two API processes, one of which is restarted: none is
// accepted. The alterations are made of requests that were not sent yet, so that a nonce which is spent anyway does not
// hide an alteration nobody noticed; each original is accepted afterwards, once.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { COMPILE_CACHE } from '../support/compile-cache.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import {
  callOpen,
  createClientApp,
  type Credentials,
  errorOf,
  signedHeaders,
  type SignedCall,
} from '../support/http-gateway.ts';
import { SimulatorControl } from '../support/simulator-control.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const WANTED_REQUESTS = 10_000;
const CONNECTIONS = 12;
/** A busy machine's database may be away for a moment: that request was not judged, and is sent again. */
const MAX_TRIES = 5;
const poiId = SIMULATOR_DEFAULTS.stores[0].poiId;

/** One request as it goes out. */
interface Attempt {
  readonly what: string;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer | null;
}

interface Answered {
  readonly attempt: Attempt;
  readonly status: number;
  readonly code: string;
}

/** An API process as a deployment runs it. */
interface ApiProcess {
  readonly url: string;
  stop(): Promise<void>;
}

let harness: Harness;
let control: SimulatorControl;
let processes: ApiProcess[] = [];
let app: Credentials;
let other: Credentials;
let agent: http.Agent;
let sent = 0;

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  control = new SimulatorControl(harness.simulator.url);
  agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  processes = await Promise.all([startApi(), startApi()]);
  app = await createClientApp(urlOf(0));
  other = await createClientApp(urlOf(0));
}, 120_000);
afterAll(async () => {
  agent.destroy();
  await Promise.all(processes.map((running) => running.stop()));
  await harness.close();
}, 60_000);

const urlOf = (position: number) => processes[position % processes.length]?.url ?? '';

async function startApi(): Promise<ApiProcess> {
  const { PATH, HOME } = process.env;
  const child: ChildProcess = fork(MAIN, ['api'], {
    env: { PATH, HOME, ...COMPILE_CACHE, ...harness.env, PORT: '0', METRICS_PORT: '0' },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('the API process ended'))),
  ])) as [{ url: string }];
  return {
    url: message.url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Sends all over kept connections, evenly to the processes. */
async function sendAll(attempts: readonly Attempt[]): Promise<readonly Answered[]> {
  const answers: Answered[] = [];
  let next = 0;
  const worker = async () => {
    while (next < attempts.length) {
      const position = next;
      next += 1;
      answers.push(await sendUntilJudged(urlOf(position), attempts[position] as Attempt));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  sent += attempts.length;
  return answers;
}

async function sendUntilJudged(url: string, attempt: Attempt): Promise<Answered> {
  for (let tries = 1; ; tries += 1) {
    const answered = await send(url, attempt);
    if (answered.status !== 503 || tries === MAX_TRIES) return answered;
  }
}

function send(url: string, attempt: Attempt): Promise<Answered> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        agent,
        hostname,
        port,
        method: attempt.method,
        path: attempt.target,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': attempt.body?.length ?? 0,
          ...attempt.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString();
          const code = /"error":\{"code":"([^"]+)"/.exec(text)?.[1] ?? '';
          resolve({ attempt, status: response.statusCode ?? 0, code });
        });
      },
    );
    request.once('error', reject);
    request.end(attempt.body);
  });
}

/** How many answers there were of each status and code. */
function tally(answers: readonly Answered[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of answers)
    counts[`${status} ${code}`] = (counts[`${status} ${code}`] ?? 0) + 1;
  return counts;
}

function signed(call: SignedCall, credentials: Credentials = app): Attempt {
  return {
    what: 'the original',
    method: call.method ?? 'GET',
    target: call.target,
    headers: signedHeaders(credentials, call),
    body: call.body === undefined ? null : Buffer.from(call.body),
  };
}

const KEY = 'X-Client-Key';
const TIMESTAMP = 'X-Timestamp';
const NONCE = 'X-Nonce';
const SIGNATURE = 'X-Signature';

function headerOf(attempt: Attempt, name: string): string {
  return attempt.headers[name] as string;
}

/** The text with one character replaced by each of the given ones, at each position. */
function* substitutions(text: string, characters: string): Generator<string> {
  for (const [position, present] of [...text].entries()) {
    for (const character of characters) {
      if (character !== present) yield text.slice(0, position) + character + text.slice(position + 1);
    }
  }
}

function* cuts(text: string): Generator<string> {
  for (let length = 1; length < text.length; length += 1) yield text.slice(0, length);
}

/** Everything that can be altered about one signed request without signing it again. */
function* alterations(original: Attempt, foreign: Credentials): Generator<Attempt> {
  const withHeader = (name: string, value: string | string[]): Attempt => ({
    ...original,
    what: name,
    headers: { ...original.headers, [name]: value },
  });
  const signature = headerOf(original, SIGNATURE);
  for (const value of substitutions(signature, '0123456789abcdef')) yield withHeader(SIGNATURE, value);
  for (const value of cuts(signature)) yield withHeader(SIGNATURE, value);
  for (const value of [
    signature.toUpperCase(),
    signature.replace(/[a-f]/, (letter) => letter.toUpperCase()),
    `${signature}0`,
    `0x${signature}`,
    `"${signature}"`,
    `${signature},${signature}`,
    `sha256=${signature}`,
    `${signature.slice(0, 32)} ${signature.slice(32)}`,
    Buffer.from(signature, 'hex').toString('base64'),
    Buffer.from(signature, 'hex')
      .toString('latin1')
      .replaceAll(/[^\u0021-\u007e\u00a0-\u00ff]/g, '?'),
    '0'.repeat(64),
  ])
    yield withHeader(SIGNATURE, value);
  for (const name of [KEY, TIMESTAMP, NONCE, SIGNATURE]) {
    const value = headerOf(original, name);
    yield withHeader(name, [value, value]);
    yield withHeader(name, [`${value}0`, value]);
    const { [name]: _, ...rest } = original.headers;
    yield { ...original, what: `no ${name}`, headers: rest };
    yield { ...original, what: `empty ${name}`, headers: { ...rest, [name]: '' } };
  }
  const key = headerOf(original, KEY);
  for (const value of substitutions(key, 'c0~')) yield withHeader(KEY, value);
  for (const value of [...cuts(key), key.toUpperCase(), `${key}%00`, `${key}'--`, '*', foreign.clientKey])
    yield withHeader(KEY, value);
  const nonce = headerOf(original, NONCE);
  for (const value of substitutions(nonce, 'A0_-')) yield withHeader(NONCE, value);
  for (const value of [...cuts(nonce), nonce.toUpperCase(), `${nonce}-`, nonce.padEnd(65, '0')])
    yield withHeader(NONCE, value);
  const timestamp = headerOf(original, TIMESTAMP);
  for (const value of substitutions(timestamp, '0123456789')) yield withHeader(TIMESTAMP, value);
  for (let second = 1; second <= 150; second += 1) {
    yield withHeader(TIMESTAMP, String(Number(timestamp) + second));
    yield withHeader(TIMESTAMP, String(Number(timestamp) - second));
  }
  for (const value of [
    `${timestamp}000`,
    `${timestamp}.0`,
    `+${timestamp}`,
    `-${timestamp}`,
    `0${timestamp}`,
    `00${timestamp}`,
    `${timestamp}e0`,
    `0x${Number(timestamp).toString(16)}`,
    new Date(Number(timestamp) * 1000).toISOString(),
    new Date(Number(timestamp) * 1000).toUTCString(),
    'NaN',
    'Infinity',
    String(Number.MAX_SAFE_INTEGER),
  ])
    yield withHeader(TIMESTAMP, value);
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND', 'M-SEARCH']) {
    if (method !== original.method) yield { ...original, what: 'method', method };
  }
  for (const target of otherTargets(original.target)) yield { ...original, what: 'target', target };
  for (const body of otherBodies(original.body)) yield { ...original, what: 'body', body };
}

/** Paths and queries that name the same to a careless reader. */
function* otherTargets(target: string): Generator<string> {
  const [path = '', query] = target.split('?');
  // Below the surface's prefix: elsewhere nothing is signed at all.
  const prefix = '/v1/open/';
  for (const rest of substitutions(path.slice(prefix.length), 'a%')) {
    yield prefix + rest + (query === undefined ? '' : `?${query}`);
  }
  yield `${path}/${query === undefined ? '' : `?${query}`}`;
  yield `${prefix}.${path.slice(prefix.length - 1)}`;
  yield `${prefix}../open/${path.slice(prefix.length)}`;
  yield prefix + path.slice(prefix.length).replace(/[a-z]/, (letter) => letter.toUpperCase());
  yield (
    prefix + path.slice(prefix.length).replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
  );
  yield `http://gateway.example${target}`;
  if (query === undefined) {
    yield `${path}?`;
    yield `${path}?a=1`;
    return;
  }
  for (const changed of substitutions(query, '1&')) yield `${path}?${changed}`;
  for (const changed of cuts(query)) yield `${path}?${changed}`;
  yield path;
  yield `${path}?${query}&`;
  yield `${path}?&${query}`;
  yield `${path}?${query.split('&').toReversed().join('&')}`;
  yield `${path}?${query.replace('=', '%3D')}`;
  yield `${path}?${query.replace('_', '%5F')}`;
}

/** Bodies that differ by a byte, or mean the same as JSON. */
function* otherBodies(body: Buffer | null): Generator<Buffer | null> {
  if (body === null) {
    yield Buffer.from(' ');
    yield Buffer.from('{}');
    yield Buffer.from('null');
    return;
  }
  for (let position = 0; position < body.length; position += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Buffer.from(body);
      changed[position] = (body[position] ?? 0) ^ (1 << bit);
      yield changed;
    }
    yield body.subarray(0, position);
    yield Buffer.concat([body.subarray(0, position), Buffer.from(' '), body.subarray(position)]);
  }
  yield null;
  yield Buffer.concat([body, Buffer.from('\n')]);
  yield Buffer.concat([Buffer.from('\ufeff'), body]);
  yield Buffer.concat([body, body]);
  const parsed = JSON.parse(body.toString()) as Record<string, unknown>;
  yield Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(parsed).toReversed())));
  yield Buffer.from(JSON.stringify(parsed, null, 2));
  yield Buffer.from(JSON.stringify({ ...parsed, unknown: 1 }));
  yield Buffer.from(body.toString().replace('poi_id', 'poi\\u005fid'));
}

async function newVerify(): Promise<{ readonly attempt: Attempt; readonly verifyToken: string }> {
  const order = await control.createOrder();
  const verifyToken = randomUUID();
  const body = JSON.stringify({ poi_id: poiId, code: order.coupons[0]?.code, verify_token: verifyToken });
  return {
    attempt: signed({ method: 'POST', target: '/v1/open/coupons/verify', body }),
    verifyToken,
  };
}

describe('of ten thousand replayed or altered requests', () => {
  let verification: { readonly attempt: Attempt; readonly verifyToken: string };

  it('no altered one is accepted, and the original still is', async () => {
    verification = await newVerify();
    const stores = signed({ target: '/v1/open/douyin/stores?page=1&page_size=20' });
    const lookUp = signed({ target: '/v1/open/coupons/verifications/%E5%88%B8%2F1%20a' });
    const before = await control.calls();
    const originals = [verification.attempt, stores, lookUp];
    const answers = await sendAll(originals.flatMap((original) => [...alterations(original, other)]));

    const accepted = answers.filter(({ status, code }) => status !== 401 || !code.startsWith('auth.'));
    // An answer to HEAD has no body to name the reason.
    expect(accepted.filter(({ status, attempt }) => !(status === 401 && attempt.method === 'HEAD'))).toEqual(
      [],
    );
    expect(await control.calls()).toEqual(before);
    const token = encodeURIComponent(verification.verifyToken);
    const target = `/v1/open/coupons/verifications/${token}`;
    expect(errorOf(await callOpen(urlOf(1), app, { target }))).toMatchObject({ status: 404 });

    // A refused alteration spends no nonce, or a thief could keep the till from working.
    expect(tally(await sendAll(originals))).toEqual({ '200 ': 2, '404 verification.not_found': 1 });
  }, 150_000);

  it('no replay is accepted by either process, before and after one is restarted', async () => {
    const { attempt } = verification;
    expect(tally(await sendAll(Array<Attempt>(1500).fill(attempt)))).toEqual({
      '401 auth.nonce_reused': 1500,
    });
    await processes[0]?.stop();
    processes[0] = await startApi();
    agent.destroy();
    expect(tally(await sendAll(Array<Attempt>(1500).fill(attempt)))).toEqual({
      '401 auth.nonce_reused': 1500,
    });
    expect((await control.ledger()).length).toBe(1);
  }, 150_000);

  it('of one request sent to both processes at the same moment, one is accepted', async () => {
    const effectsBefore = (await control.ledger()).length;
    for (let round = 0; round < 5; round += 1) {
      const { attempt } = await newVerify();
      const counts = tally(await sendAll(Array<Attempt>(40).fill(attempt)));
      expect(counts).toEqual({ '200 ': 1, '401 auth.nonce_reused': 39 });
    }
    expect((await control.ledger()).length).toBe(effectsBefore + 5);
  }, 150_000);

  it('none with a correct signature and a wrong time, nonce or key is accepted', async () => {
    const target = '/v1/open/douyin/stores?page=1&page_size=20';
    const now = Math.floor(Date.now() / 1000);
    const expired = Array.from({ length: 400 }, (_, round) => String(now - 320 - round * round));
    const future = Array.from({ length: 400 }, (_, round) => String(now + 320 + round * round));
    const milliseconds = [...expired.slice(0, 50), ...future.slice(0, 50)].map((text) => `${text}000`);
    const outside = [...expired, ...future, ...milliseconds].map((timestamp) =>
      signed({ target, timestamp }),
    );
    expect(tally(await sendAll(outside))).toEqual({ '401 auth.timestamp_out_of_window': outside.length });

    const notTimes = [
      '',
      '-1',
      '1.5',
      '1e9',
      `${now}.0`,
      `+${now}`,
      `0x${now.toString(16)}`,
      `${now}0`,
      `${now}00`,
    ];
    const badTimes = notTimes.filter((text) => text !== '').map((timestamp) => signed({ target, timestamp }));
    for (const { code } of await sendAll(badTimes)) {
      expect(['auth.bad_timestamp', 'auth.timestamp_out_of_window']).toContain(code);
    }
    const notNonces = ['short', 'x'.repeat(65), 'has space', 'semi;colon', 'émigré-1234', '../../etc'];
    const badNonces = notNonces.map((nonce) => signed({ target, nonce }));
    expect(tally(await sendAll(badNonces))).toEqual({ '401 auth.bad_nonce': notNonces.length });

    const strangers = [
      { clientKey: app.clientKey, secret: other.secret },
      { clientKey: other.clientKey, secret: app.secret },
      { clientKey: 'ck_nobody', secret: app.secret },
      { clientKey: app.clientKey, secret: randomBytes(32).toString('base64url') },
      { clientKey: app.clientKey, secret: app.secret.slice(0, -1) },
      { clientKey: app.clientKey, secret: `${app.secret}\n` },
    ].flatMap((credentials) => Array.from({ length: 100 }, () => signed({ target }, credentials)));
    expect(tally(await sendAll(strangers))).toEqual({ '401 auth.bad_signature': strangers.length });
  }, 150_000);

  it('were ten thousand', () => {
    expect(sent).toBeGreaterThanOrEqual(WANTED_REQUESTS);
  });
});
