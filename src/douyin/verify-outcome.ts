// What a verify call came to: one pure function from what the transport and Douyin said to an outcome.
// The rows named in comments are those of the table in test/douyin/verify-outcome.test.ts, first match wins.
import { meaningOf } from '../domain/douyin-codes.ts';
import type {
  UnknownWhy,
  VerifiedAmount,
  VerifiedItem,
  VerifyInput,
  VerifyOutcome,
} from '../ports/douyin.ts';
import { verifyDataSchema, type Answer, type Code, type Received, type WireVerifyItem } from './wire.ts';

export type VerifyAttempt = VerifyInput['attempt'];

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
  exchange: Received,
  attempt: VerifyAttempt,
  sent: SentVerify,
): VerifyOutcome | RetryWithFreshToken {
  switch (exchange.kind) {
    case 'not_sent':
      return notSent(`the request did not leave: ${exchange.cause}`, attempt); // row 1
    case 'lost':
      return unknown({ reason: `no whole answer: ${exchange.cause}` }); // row 2
    case 'answered':
      return judgeAnswered(exchange.status, exchange.answer, attempt, sent);
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
  errorCode: number | 'unreadable',
  attempt: VerifyAttempt,
  sent: SentVerify,
): VerifyOutcome | RetryWithFreshToken {
  const meaning = meaningOf(errorCode, answer.description);
  const reason = `Douyin answered ${errorCode} (${meaning})${withLogid(answer)}`;
  const told = { description: answer.description, response: answer.text };
  // Row 11, for a code that cannot be read as for one that nobody explains: the documentation says to repeat.
  if (errorCode === 'unreadable') return unknown({ ...told, reason });
  const said = { ...told, errorCode };
  switch (meaning) {
    case 'stale_token':
      return { kind: 'retry_with_fresh_token', ...said };
    case 'busy':
    case 'too_frequent':
    case 'unexplained': // row 11
      return unknown({ ...said, reason });
    // Documented as an item's result alone. As a code it decides nothing, but the reads may tell at once.
    case 'already_verified':
      return unknown({ ...said, reason, why: 'unclear' });
    case 'gateway_refused':
      return attempt === 'first' ? { kind: 'refused_gateway', ...said } : unknown({ ...said, reason });
    case 'bad_request':
      if (sent.isCallerSupplied) return refused(said, reason, attempt);
      return attempt === 'first' ? { kind: 'refused_gateway', ...said } : unknown({ ...said, reason });
    case 'in_review':
      return unknown({ ...said, reason, why: 'in_review' });
    case 'not_found':
    case 'coupon_refused':
      return refused(said, reason, attempt);
  }
}

/** Rows 12 to 17: the error codes are 0, the items decide. One coupon was sent, so there must be one item, and its own. */
function judgeItems(answer: Answer, attempt: VerifyAttempt, sent: SentVerify): VerifyOutcome {
  const response = answer.text;
  const where = withLogid(answer);
  const unclear = (what: string) => unknown({ why: 'unclear', reason: `${what}${where}`, response });
  const items = verifyDataSchema.safeParse(answer.data).data?.verify_results;
  const [item, ...more] = items ?? [];
  if (item === undefined) return unclear('error codes 0 without results');
  if (more.length > 0) return unclear(`${more.length + 1} results for one coupon`);
  if (!isAboutSent(item, sent)) return unclear('the result of another coupon');
  // A code that is missing, null or "" stands for 0 only beside complete results: not in one of them.
  if (item.result === null) return unclear('a result without its code');
  return judgeItem(item, item.result, { response, where }, attempt);
}

/**
 * Each id that both sides name must be the same; Douyin leaves some out. One that names a coupon or an order must name
 * something that was sent: else nothing says that it is about that.
 */
function isAboutSent(item: WireVerifyItem, sent: SentVerify): boolean {
  const told = [
    { said: item.code, known: sent.encryptedCode },
    { said: item.certificate_id, known: sent.certificateId ?? '' },
    { said: item.order_id, known: sent.orderId ?? '' },
  ].filter(({ said }) => said !== '');
  const isTied = told.length === 0 || told.some(({ said, known }) => said === known);
  return isTied && told.every(({ said, known }) => known === '' || said === known);
}

function judgeItem(
  item: WireVerifyItem,
  result: NonNullable<Code>,
  { response, where }: { response: string; where: string },
  attempt: VerifyAttempt,
): VerifyOutcome {
  if (result === 0) return { kind: 'verified', item: toVerifiedItem(item), response, isReplay: false }; // row 12
  const meaning = meaningOf(result, item.msg);
  const reason = `Douyin answered the item ${result} (${meaning})${where}`;
  const told = { description: item.msg, response };
  if (result === 'unreadable') return unknown({ ...told, reason, why: 'unclear' }); // row 16
  const said = { ...told, errorCode: result };
  switch (meaning) {
    case 'already_verified':
      return attempt === 'first'
        ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13
        : { kind: 'verified', item: toVerifiedItem(item), response, isReplay: true }; // row 14
    case 'in_review': // row 9
      return unknown({ ...said, reason, why: 'in_review' });
    case 'not_found':
    case 'coupon_refused': // row 10
      return refused(said, reason, attempt);
    // Douyin calls these "may be done, try again" wherever it sends them: as an item's they are no refusal either.
    case 'busy':
    case 'too_frequent':
      return unknown({ ...said, reason });
    // Row 16: Douyin's documentation knows no such result, so whether it redeemed the coupon is not known.
    case 'stale_token':
    case 'gateway_refused':
    case 'bad_request':
    case 'unexplained':
      return unknown({ ...said, reason, why: 'unclear' });
  }
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
    : unknown({ ...said, reason, why: 'refused' });
}

function unknown(told: {
  readonly reason: string;
  readonly why?: UnknownWhy;
  readonly errorCode?: number;
  readonly description?: string;
  readonly response?: string | null;
}): VerifyOutcome {
  const { why = 'unanswered', reason, errorCode = null, description = '', response = null } = told;
  return { kind: 'unknown', why, reason, errorCode, description, response };
}

function toVerifiedItem(item: WireVerifyItem): VerifiedItem {
  return {
    verifyId: item.verify_id,
    certificateId: item.certificate_id,
    orderId: item.order_id,
    originCode: item.origin_code,
    productId: item.product_id,
    verifyTime: item.verify_time,
    amount: toVerifiedAmount(item.verify_amount_info),
  };
}

/** A use's own amount comes before the card's amount for the use, which is told without its number. */
function toVerifiedAmount(wire: WireVerifyItem['verify_amount_info']): VerifiedAmount | null {
  const own = wire?.times_card_serial_amount ?? null;
  const card = wire?.time_card_amount ?? null;
  if (own === null && card === null) return null;
  return {
    payFen: own?.amount.payFen ?? card?.amount.payFen ?? null,
    originalFen: own?.amount.originalFen ?? card?.amount.originalFen ?? null,
    serialNumber: own?.serial_numb ?? null,
  };
}

function withLogid(answer: Answer): string {
  return answer.logid === '' ? '' : `, logid ${answer.logid}`;
}
