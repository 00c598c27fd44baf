// A till on the command line: `npm run pos -- verify --short-link …`. Reads the arguments, calls the gateway through the
// client package, prints the answer, and tells scripts the result by its exit code.
import { readFileSync } from 'node:fs';
import { createNonce, DyGatewayClient, DyGatewayError, signRequest } from '../typescript/index.ts';
import type { VerificationView } from '../typescript/index.ts';
import { parseArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { demoFile, readDemo } from './demo.ts';
import type { Demo } from './demo.ts';
import { curlCommand, isPrepared, showError, showPrepared, showSigning, showVerification } from './show.ts';
import { USAGE } from './usage.ts';

const EXIT = { success: 0, couponFailed: 1, usage: 2, processing: 3, gatewayError: 4 } as const;
const DEFAULT_URL = 'http://127.0.0.1:8080';

/** A mistake of the user's, to be shown with how to put it right. */
class UsageProblem extends Error {
  override readonly name = 'UsageProblem';
}

interface Connection {
  readonly url: string;
  readonly clientKey: string;
  readonly secret: string;
  /** The demo's store, only when the demo's app is used. */
  readonly defaultPoiId: string | undefined;
}

/** Flags win over the environment, the environment over the demo; a key never goes with another source's secret. */
function findConnection(args: Arguments): Connection {
  const say = sayIn(args);
  const flagOrEnvironment = (option: 'url' | 'key' | 'secret', variable: string): string | undefined =>
    args.values[option] || process.env[variable] || undefined;
  const url = flagOrEnvironment('url', 'DYGW_URL');
  const clientKey = flagOrEnvironment('key', 'DYGW_CLIENT_KEY');
  const secret = flagOrEnvironment('secret', 'DYGW_SECRET');
  if (url !== undefined && !(URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) {
    throw new UsageProblem(say('--url 须是 http(s) 地址', '--url must be an http(s) address'));
  }
  if ((clientKey === undefined) !== (secret === undefined)) {
    throw new UsageProblem(
      say(
        '--key 与 --secret 须同时给出（或 DYGW_CLIENT_KEY 与 DYGW_SECRET）',
        '--key and --secret belong together (or DYGW_CLIENT_KEY and DYGW_SECRET)',
      ),
    );
  }
  if (clientKey !== undefined && secret !== undefined) {
    return { url: url ?? DEFAULT_URL, clientKey, secret, defaultPoiId: undefined };
  }

  const file = demoFile(process.env);
  let demo: Demo | null;
  try {
    demo = readDemo(file);
  } catch (error) {
    throw new UsageProblem(say(`读不了 ${file}：${String(error)}`, `cannot read ${file}: ${String(error)}`));
  }
  if (demo === null) {
    throw new UsageProblem(
      say(
        `没有找到演示应用（${file}）。请先用 npm start 启动网关，或用 --key 与 --secret 给出你的应用`,
        `no demo app found (${file}). Start the gateway first with npm start, or give your app with --key and --secret`,
      ),
    );
  }
  return { url: url ?? demo.url, clientKey: demo.client_key, secret: demo.secret, defaultPoiId: demo.poi_id };
}

function sayIn(args: Arguments): (zh: string, en: string) => string {
  return (zh, en) => (args.language === 'zh' ? zh : en);
}

function requirePoiId(args: Arguments, connection: Connection): string {
  const poiId = args.values.poi ?? connection.defaultPoiId;
  if (poiId === undefined) {
    throw new UsageProblem(
      sayIn(args)('缺少 --poi（门店的抖音 poi_id）', '--poi is missing (the store’s Douyin poi_id)'),
    );
  }
  return poiId;
}

function requireCoupon(args: Arguments): { short_link: string } | { code: string } {
  const { 'short-link': shortLink, code } = args.values;
  return shortLink === undefined ? { code: code ?? '' } : { short_link: shortLink };
}

/** Ctrl-C ends the waiting, not the verification: what is said then tells how to ask for it. */
function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  return controller.signal;
}

function exitCodeOf(view: VerificationView): number {
  switch (view.verify_status) {
    case 'success':
      return EXIT.success;
    case 'failed':
      return EXIT.couponFailed;
    case 'processing':
      return EXIT.processing;
  }
}

function exitCodeOfError(error: DyGatewayError): number {
  if (error.isOutcomeUnknown) return EXIT.gatewayError;
  if (error.code.startsWith('coupon.')) return EXIT.couponFailed;
  if (error.code === 'request.invalid' || error.code === 'client.invalid_argument') return EXIT.usage;
  return EXIT.gatewayError;
}

async function callGateway(args: Arguments): Promise<number> {
  const say = sayIn(args);
  const connection = findConnection(args);
  let lastBody = '';
  const client = new DyGatewayClient({
    baseUrl: connection.url,
    clientKey: connection.clientKey,
    secret: connection.secret,
    language: args.language,
    deadlineMs: args.deadlineMs,
    onAnswer: (answer) => {
      lastBody = answer.body;
    },
  });
  const signal = abortOnInterrupt();
  const print = (text: string): void => console.log(args.isJson ? lastBody : text);

  try {
    switch (args.command) {
      case 'verify': {
        const { token, operator, device, note } = args.values;
        const encryptedCode = args.values['encrypted-code'];
        const common = {
          poi_id: requirePoiId(args, connection),
          extra: {
            ...(operator === undefined ? {} : { operator_id: operator }),
            ...(device === undefined ? {} : { device_id: device }),
            ...(note === undefined ? {} : { note }),
          },
        };
        const view = await client.verify(
          encryptedCode === undefined
            ? { ...common, ...requireCoupon(args), ...(token === undefined ? {} : { verify_token: token }) }
            : { ...common, encrypted_code: encryptedCode, verify_token: token ?? '' },
          {
            signal,
            // Before anything is sent: whoever cuts this program short still has the token to ask with.
            onToken: (verifyToken) =>
              console.error(say(`核销令牌 ${verifyToken}`, `verify token ${verifyToken}`)),
          },
        );
        print(showVerification(view, args.language));
        return exitCodeOf(view);
      }
      case 'prepare': {
        const answer = await client.prepare(
          { poi_id: requirePoiId(args, connection), ...requireCoupon(args) },
          { signal },
        );
        print(showPrepared(answer.body, args.language));
        return isPrepared(answer.body) ? EXIT.success : EXIT.couponFailed;
      }
      case 'lookup': {
        const view = await client.findVerification(args.values.token ?? '', { signal });
        if (view === null) {
          print(
            say(
              '❌ 没有这笔核销：网关没有收到过这个令牌',
              '❌ No such verification: the gateway never got this token',
            ),
          );
          return EXIT.gatewayError;
        }
        print(showVerification(view, args.language));
        return exitCodeOf(view);
      }
      case 'sign':
        return await showSign(args, connection);
      case null:
        return EXIT.usage;
    }
  } catch (error) {
    if (!(error instanceof DyGatewayError)) throw error;
    // Without an answer there is nothing raw to print, yet a script still wants JSON.
    const noAnswer = {
      error: {
        code: error.code,
        message: error.message,
        request_id: error.requestId,
        verify_token: error.verifyToken,
      },
    };
    if (args.isJson) console.log(error.status === 0 ? JSON.stringify(noAnswer) : lastBody);
    else console.log(showError(error, args.language));
    return exitCodeOfError(error);
  }
}

async function showSign(args: Arguments, connection: Connection): Promise<number> {
  const say = sayIn(args);
  const { method = '', path = '', body: bodyArgument = '' } = args.values;
  // What is signed must be what curl sends: it would rewrite dot segments, and other characters need percent-encoding.
  if (
    !/^\/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*$/.test(path) ||
    /(^|\/)\.{1,2}(\/|\?|$)/.test(path.split('?')[0] ?? '')
  ) {
    throw new UsageProblem(
      say(
        '--path 须是 / 开头、已做百分号编码的路径与查询串，例如 /v1/open/douyin/stores?page=1',
        '--path must begin with / and be percent-encoded, e.g. /v1/open/douyin/stores?page=1',
      ),
    );
  }
  if (!/^[A-Za-z]+$/.test(method))
    throw new UsageProblem(say('--method 须是 GET、POST 等', '--method is GET, POST …'));

  let body: string | Uint8Array<ArrayBuffer> = bodyArgument;
  if (bodyArgument.startsWith('@')) {
    try {
      body = new Uint8Array(readFileSync(bodyArgument.slice(1)));
    } catch (error) {
      throw new UsageProblem(
        say(`读不了 --body 的文件：${String(error)}`, `cannot read --body’s file: ${String(error)}`),
      );
    }
  }
  const steps = await signRequest({
    clientKey: connection.clientKey,
    secret: connection.secret,
    timestamp: args.values.timestamp ?? String(Math.floor(Date.now() / 1000)),
    nonce: args.values.nonce ?? createNonce(),
    method,
    requestTarget: path,
    body,
  });
  const request = {
    method: method.toUpperCase(),
    url: new URL(connection.url).origin + path,
    body,
    bodyArgument,
  };
  console.log(
    args.isJson
      ? JSON.stringify({
          body_sha256: steps.bodySha256,
          string_to_sign: steps.stringToSign,
          signature: steps.signature,
          headers: steps.headers,
          curl: curlCommand(steps, request),
        })
      : showSigning(steps, request, args.language),
  );
  return EXIT.success;
}

async function main(argv: readonly string[]): Promise<number> {
  const args = parseArguments(argv);
  if (args.isHelp) {
    console.log(USAGE[args.language]);
    return EXIT.success;
  }
  try {
    if (args.problems.length > 0) throw new UsageProblem(args.problems.join('\n'));
    if (args.command === null) throw new UsageProblem(sayIn(args)('请给出命令', 'give a command'));
    return await callGateway(args);
  } catch (error) {
    if (!(error instanceof UsageProblem)) throw error;
    console.error(error.message);
    if (args.problems.length > 0 || args.command === null) console.error(`\n${USAGE[args.language]}`);
    return EXIT.usage;
  }
}

// Not process.exit(): it would cut output that a pipe has not taken yet.
process.exitCode = await main(process.argv.slice(2));
