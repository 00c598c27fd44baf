// A call that consumes nothing, from sending it to a readable answer or an AppError. verify is not one: see client.ts.
import type { z } from 'zod';
import { meaningOf, type CodeMeaning } from '../domain/douyin-codes.ts';
import { AppError, type AppErrorOptions } from '../domain/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { AccessToken } from '../ports/douyin.ts';
import type { ApiConnection, DouyinEndpoint } from './api-connection.ts';
import type { HarmlessCallEnd } from './error-codes.ts';
import type { Answer, Received } from './wire.ts';

const TOO_MANY_REQUESTS = 429;

export type HarmlessEndpoint = Exclude<DouyinEndpoint, 'verify'>;

export interface HarmlessCall {
  readonly endpoint: HarmlessEndpoint;
  readonly query: Readonly<Record<string, string>>;
  /** What each meaning of an error code ends this call in. */
  readonly ends: Record<CodeMeaning, HarmlessCallEnd>;
  readonly signal: AbortSignal | undefined;
  /** Told when Douyin answers that it is called too often, with its code or the HTTP status. */
  readonly onTooFrequent?: (errorCode: number) => void;
}

/** An answer, after the ends that throw. */
export interface HarmlessAnswer {
  readonly end: 'ok' | 'nothing' | 'refused' | 'broken';
  readonly errorCode: number;
  readonly answer: Answer;
  /** By Douyin's clock; null if it did not say. */
  readonly answeredAt: Date | null;
  readonly body: Buffer;
}

/**
 * Asks once; with a fresh token if Douyin refused the first, and once more if the connection broke, for a kept-alive one
 * may have been closed by the other side just then.
 * @throws AppError `douyin.unavailable`, `douyin.refused_gateway`, `douyin.broken_answer`, or the access token's
 */
export async function askHarmless(
  connection: ApiConnection,
  logger: Logger,
  call: HarmlessCall,
): Promise<HarmlessAnswer> {
  const token = await connection.currentToken(call.signal);
  const ended = judge(call, logger, await send(connection, call, token));
  if (ended !== 'refresh_token') return ended;
  const freshToken = await connection.replacedToken(token, call.signal);
  const endedAgain = judge(call, logger, await send(connection, call, freshToken));
  if (endedAgain !== 'refresh_token') return endedAgain;
  throw refusedGateway(call.endpoint, 'Douyin refused a fresh access token');
}

async function send(connection: ApiConnection, call: HarmlessCall, token: AccessToken): Promise<Received> {
  const sent = await connection.send(call.endpoint, token, call);
  return sent.kind === 'lost' && sent.isConnectionLoss ? connection.send(call.endpoint, token, call) : sent;
}

function judge(call: HarmlessCall, logger: Logger, answered: Received): HarmlessAnswer | 'refresh_token' {
  const { endpoint } = call;
  if (answered.kind !== 'answered') throw unavailable(endpoint, `${answered.kind}: ${answered.cause}`);
  const { status, body, answer, answeredAt } = answered;
  if (status === TOO_MANY_REQUESTS) call.onTooFrequent?.(status);
  if (status === TOO_MANY_REQUESTS || status >= 500) throw unavailable(endpoint, `HTTP ${status}`);
  if (answer === null || answer.errorCode === null) throw broken(endpoint, `HTTP ${status}, no error codes`);
  const { errorCode } = answer;
  if (errorCode === 'unreadable') throw broken(endpoint, `HTTP ${status}, unreadable error code`, answer);
  if (errorCode === 0) {
    if (status !== 200) throw broken(endpoint, `HTTP ${status} with error codes 0`, answer);
    return { end: 'ok', errorCode, answer, answeredAt, body };
  }
  const meaning = meaningOf(errorCode, answer.description);
  alertIfUnlisted(logger, endpoint, errorCode, answer);
  if (meaning === 'too_frequent') call.onTooFrequent?.(errorCode);
  const end = call.ends[meaning];
  switch (end) {
    case 'refresh_token':
      return 'refresh_token';
    case 'unavailable':
      throw unavailable(endpoint, `code ${errorCode}`, answer);
    case 'refused_gateway':
      throw refusedGateway(endpoint, `code ${errorCode}`, answer);
    case 'nothing':
    case 'refused':
    case 'broken':
      return { end, errorCode, answer, answeredAt, body };
  }
}

/** A code nobody has judged yet is judged by what its call may have consumed; somebody should look it up. */
export function alertIfUnlisted(
  logger: Logger,
  endpoint: DouyinEndpoint,
  errorCode: number,
  answer?: Answer,
): void {
  if (meaningOf(errorCode, '') !== 'unexplained') return;
  logger.error(
    {
      endpoint,
      errorCode,
      subErrorCode: answer?.subErrorCode,
      logid: answer?.logid,
      alert: 'douyin.unlisted_code',
    },
    'Douyin answered a code the table does not list',
  );
}

/** The part `data` of an answer. @throws AppError if it does not fit */
export function parseData<Schema extends z.ZodType>(
  schema: Schema,
  answer: Answer,
  endpoint: DouyinEndpoint,
): z.output<Schema> {
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  // The path only: zod's messages can quote what was received.
  throw broken(endpoint, `data does not fit at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`, answer);
}

function unavailable(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
  return new AppError('douyin.unavailable', told(endpoint, what, answer));
}

/** An answer that cannot be used. At prepare, which consumed nothing and may simply be asked again: unavailable. */
export function broken(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
  return endpoint === 'prepare'
    ? unavailable(endpoint, what, answer)
    : new AppError('douyin.broken_answer', told(endpoint, what, answer));
}

function refusedGateway(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppError {
  return new AppError('douyin.refused_gateway', told(endpoint, what, answer));
}

/** Codes and Douyin's log id, but not Douyin's words, which may quote the coupon's code. */
function told(endpoint: DouyinEndpoint, what: string, answer?: Answer): AppErrorOptions {
  const sub = answer?.subErrorCode ? `, sub code ${answer.subErrorCode}` : '';
  const logid = answer?.logid ? `, logid ${answer.logid}` : '';
  return {
    internal: `Douyin ${endpoint}: ${what}${sub}${logid}`,
    ...(typeof answer?.errorCode === 'number' && answer.errorCode !== 0
      ? { data: { douyin_error_code: answer.errorCode } }
      : {}),
  };
}
