// The envelopes around Douyin's answers, and the refusal that routes and rules throw to produce one.
import { errorText } from './error-codes.ts';
import { hashHex } from './ids.ts';
import { isPlainObject, type JsonObject } from './json.ts';
import type { Settings } from './settings.ts';

/** An answer before it is written to the socket. `code` is the one a reader of the call log sees. */
export interface Answer {
  httpStatus: number;
  headers: Record<string, string>;
  body: JsonObject | string;
  code: number;
}

/** Moment and number of a call: they make its `logid` and `now`. */
export interface CallStamp {
  callId: string;
  atMs: number;
}

/** Douyin refuses the whole call with an error code; over HTTP this is a 200. */
export class DouyinRefusal extends Error {
  readonly code: number;
  readonly subCode: number;
  readonly subDescription: string;

  constructor(
    code: number,
    description = errorText(code),
    sub: { code: number; description: string } = { code: 0, description: '' },
  ) {
    super(description);
    this.name = 'DouyinRefusal';
    this.code = code;
    this.subCode = sub.code;
    this.subDescription = sub.description;
  }
}

/** `{data: {error_code: 0, description: "success", …}, extra: {…}}` */
export function lifeSuccess(data: JsonObject, stamp: CallStamp): Answer {
  return jsonAnswer(0, {
    data: { error_code: 0, description: 'success', ...data },
    extra: extra(0, 'success', stamp),
  });
}

export function lifeRefusal(refusal: DouyinRefusal, stamp: CallStamp): Answer {
  const { code, message } = refusal;
  return jsonAnswer(code, {
    data: { error_code: code, description: message },
    extra: {
      ...extra(code, message, stamp),
      sub_error_code: refusal.subCode,
      sub_description: refusal.subDescription,
    },
  });
}

/** The token endpoints' envelope: no `extra`. */
export function oauthSuccess(data: JsonObject): Answer {
  return jsonAnswer(0, { data: { ...data, error_code: 0, description: '' }, message: 'success' });
}

export function oauthRefusal(refusal: DouyinRefusal, stamp: CallStamp): Answer {
  return jsonAnswer(refusal.code, {
    data: {
      error_code: refusal.code,
      description: refusal.message,
      captcha: '',
      desc_url: '',
      log_id: logId(stamp),
    },
    message: 'error',
  });
}

export function textAnswer(
  httpStatus: number,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): Answer {
  return { httpStatus, headers: { 'content-type': contentType, ...headers }, body, code: 0 };
}

function jsonAnswer(code: number, body: JsonObject): Answer {
  return { httpStatus: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body, code };
}

function extra(code: number, description: string, stamp: CallStamp): JsonObject {
  return {
    error_code: code,
    description,
    sub_error_code: 0,
    sub_description: '',
    logid: logId(stamp),
    now: Math.floor(stamp.atMs / 1000),
  };
}

/** Leaves `extra` out of an answer, or writes its `now` otherwise, where the settings say so. */
export function shapeExtra(answer: Answer, settings: Pick<Settings, 'extra' | 'extraNow'>): Answer {
  if (typeof answer.body === 'string') return answer;
  const { extra: given, ...rest } = answer.body;
  if (!isPlainObject(given)) return answer;
  if (settings.extra === 'absent') return { ...answer, body: rest };
  if (settings.extraNow === 'seconds') return answer;
  const now = Number(given['now']) * 1000;
  const shaped = { ...given, now: settings.extraNow === 'milliseconds' ? now : undefined } as JsonObject;
  return { ...answer, body: { ...rest, extra: shaped } };
}

/** Like Douyin's: the moment to the second, then something unique to the call. */
function logId(stamp: CallStamp): string {
  const moment = new Date(stamp.atMs).toISOString().replace(/\D/g, '').slice(0, 14);
  return `${moment}${hashHex(18, stamp.callId, stamp.atMs).toUpperCase()}`;
}
