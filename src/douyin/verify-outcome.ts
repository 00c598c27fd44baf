// What a verify call came to: one pure function from what the transport and Douyin said to an outcome.
// The rows named in comments are those of the table in test/douyin/verify-outcome.test.ts, first match wins.
import type { VerifiedItem, VerifyInput, VerifyOutcome } from '../ports/douyin.ts';
import { ALREADY_VERIFIED_RESULTS, meaningOfCode, meaningOfText, type CodeMeaning } from './error-codes.ts';
import type { Exchange } from './http-exchange.ts';
import { meaningOfAnswer, readAnswer, verifyDataSchema, type Answer, type WireVerifyItem } from './wire.ts';

export type VerifyAttempt = VerifyInput['attempt'];

const ALREADY_VERIFIED = 1208;

/** What was sent, as far as the judgement depends on it. */
export type SentVerify = Pick<
  VerifyInput,
  'encryptedCode' | 'certificateId' | 'orderId' | 'isCallerSupplied'
>;

/** Douyin refused the access token and did nothing: refresh once, send once more. */
export interface RetryWithFreshToken {
  readonly kind: 'retry_with_fresh_token';
  readonly errorCode: number;
  readonly description: string;
  readonly response: string;
}

/**
 * Judges one verify call. Pure.
 * @param attempt `first` only if no earlier send of this Douyin token can have had an effect; one that Douyin refused
 *   for its access token had none
 */
export function judgeVerify(
  exchange: Exchange,
  attempt: VerifyAttempt,
  sent: SentVerify,
): VerifyOutcome | RetryWithFreshToken {
  switch (exchange.kind) {
    case 'not_sent':
      return notSent(`the request did not leave: ${exchange.cause}`, attempt); // row 1
    case 'lost':
      return unknown({ reason: `no whole answer: ${exchange.cause}` }); // row 2
    case 'answered':
      return judgeAnswered(exchange.status, readAnswer(exchange.body), attempt, sent);
  }
}

/**
 * Nothing left for Douyin. That settles a first attempt; on a repeat the earlier one is as unknown as before.
 * @param reason for operators
 */
export function notSent(reason: string, attempt: VerifyAttempt): VerifyOutcome {
  return attempt === 'first' ? { kind: 'not_sent', reason } : unknown({ reason });
}

/** Douyin refused the fresh token too: the gateway is refused, unless an earlier attempt may have had an effect. */
export function judgeTokenRefusedAgain(judged: RetryWithFreshToken, attempt: VerifyAttempt): VerifyOutcome {
  return attempt === 'first'
    ? { ...judged, kind: 'refused_gateway' }
    : unknown({ ...judged, reason: `Douyin refused a fresh access token with ${judged.errorCode}` });
}

function judgeAnswered(
  status: number,
  answer: Answer | null,
  attempt: VerifyAttempt,
  sent: SentVerify,
): VerifyOutcome | RetryWithFreshToken {
  const response = answer?.text ?? null;
  // Row 3: Douyin reports its errors with 200; something between us and it answered, and may have passed it on before.
  if (status === 429 || status >= 500) return unknown({ reason: `HTTP ${status}`, response });
  // Row 4.
  if (answer === null) return unknown({ reason: `HTTP ${status}, not a JSON object` });
  if (answer.errorCode === null) return unknown({ reason: `HTTP ${status}, no error codes`, response });
  if (answer.errorCode !== 0) return judgeErrorCode(answer, answer.errorCode, attempt, sent);
  if (status !== 200) return unknown({ reason: `HTTP ${status} with error codes 0`, response }); // row 3
  return judgeItems(answer, attempt, sent);
}

/** Rows 5 to 11. */
function judgeErrorCode(
  answer: Answer,
  errorCode: number,
  attempt: VerifyAttempt,
  sent: SentVerify,
): VerifyOutcome | RetryWithFreshToken {
  const said = { errorCode, description: answer.description, response: answer.text };
  const meaning = meaningOfAnswer(errorCode, answer.description);
  const reason = `Douyin answered ${errorCode} (${meaning})${withLogid(answer)}`;
  switch (meaning) {
    case 'stale_token':
      return { kind: 'retry_with_fresh_token', ...said };
    case 'busy':
    case 'too_frequent':
      return unknown({ ...said, reason });
    // Row 11: the documentation says to repeat. Whether it recurs is for whoever counts the repeats. "Already verified"
    // is documented as an item's result alone; as a code it decides nothing, but repeating it for minutes tells no more
    // than the reads tell at once.
    case 'unlisted':
      return unknown({ ...said, reason, isRefusalOfRepeat: errorCode === ALREADY_VERIFIED });
    case 'gateway_refused':
      return attempt === 'first' ? { kind: 'refused_gateway', ...said } : unknown({ ...said, reason });
    case 'bad_request':
      if (sent.isCallerSupplied) return refused(said, reason, attempt);
      return attempt === 'first' ? { kind: 'refused_gateway', ...said } : unknown({ ...said, reason });
    case 'in_review':
      return unknown({ ...said, reason, next: 'look_up' });
    case 'not_found':
    case 'coupon_refused':
      return refused(said, reason, attempt);
  }
}

/** Rows 12 to 17: the error codes are 0, the items decide. One coupon was sent, so there must be one item, and its own. */
function judgeItems(answer: Answer, attempt: VerifyAttempt, sent: SentVerify): VerifyOutcome {
  const response = answer.text;
  const where = withLogid(answer);
  const items = verifyDataSchema.safeParse(answer.data).data?.verify_results;
  const [item, ...more] = items ?? [];
  if (item === undefined) return unknown({ reason: `error codes 0 without results${where}`, response });
  if (more.length > 0) {
    return unknown({ reason: `${more.length + 1} results for one coupon${where}`, response });
  }
  if (item.result === null) return unknown({ reason: `a result without its code${where}`, response });
  if (!isAboutSent(item, sent)) return unknown({ reason: `the result of another coupon${where}`, response });
  // A code that is missing, null or "" stands for 0 only here, beside a complete result and the other code's 0.
  return judgeItem(item, item.result, { response, where }, attempt);
}

/** Each id that both sides name must be the same; Douyin leaves some out. */
function isAboutSent(item: WireVerifyItem, sent: SentVerify): boolean {
  const isSame = (told: string, known = '') => told === '' || known === '' || told === known;
  return (
    isSame(item.code, sent.encryptedCode) &&
    isSame(item.certificate_id, sent.certificateId) &&
    isSame(item.order_id, sent.orderId)
  );
}

function judgeItem(
  item: WireVerifyItem,
  result: number,
  { response, where }: { response: string; where: string },
  attempt: VerifyAttempt,
): VerifyOutcome {
  if (result === 0) return { kind: 'verified', item: toVerifiedItem(item), response, isReplay: false }; // row 12
  const said = { errorCode: result, description: item.msg, response };
  if (ALREADY_VERIFIED_RESULTS.has(result)) {
    return attempt === 'first'
      ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13
      : { kind: 'verified', item: toVerifiedItem(item), response, isReplay: true }; // row 14
  }
  const meaning: CodeMeaning = meaningOfText(item.msg) ?? meaningOfCode(result);
  const reason = `Douyin answered the item ${result} (${meaning})${where}`;
  if (meaning === 'in_review') return unknown({ ...said, reason, next: 'look_up' }); // row 9
  // Douyin calls these "may be done, try again" wherever it sends them: as an item's they are no refusal either.
  if (meaning === 'busy' || meaning === 'too_frequent') return unknown({ ...said, reason });
  return refused(said, reason, attempt); // rows 10 and 16
}

interface Said {
  readonly errorCode: number;
  readonly description: string;
  readonly response: string;
}

/** Douyin's word on the coupon: final on a first attempt; on a repeat it may be our own effect, so get decides. */
function refused(said: Said, reason: string, attempt: VerifyAttempt): VerifyOutcome {
  return attempt === 'first'
    ? { kind: 'refused', ...said, isAlreadyUsed: false }
    : unknown({ ...said, reason, isRefusalOfRepeat: true });
}

function unknown(
  known: Partial<Omit<Extract<VerifyOutcome, { kind: 'unknown' }>, 'kind'>> & { readonly reason: string },
): VerifyOutcome {
  const {
    reason,
    errorCode = 0,
    description = '',
    response = null,
    next = 'repeat',
    isRefusalOfRepeat = false,
  } = known;
  return { kind: 'unknown', reason, errorCode, description, response, next, isRefusalOfRepeat };
}

function toVerifiedItem(item: WireVerifyItem): VerifiedItem {
  return {
    verifyId: item.verify_id,
    certificateId: item.certificate_id,
    orderId: item.order_id,
    originCode: item.origin_code,
    productId: item.product_id,
    verifyTime: item.verify_time,
  };
}

function withLogid(answer: Answer): string {
  return answer.logid === '' ? '' : `, logid ${answer.logid}`;
}
