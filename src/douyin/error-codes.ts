// What each call that consumes nothing ends in, by what Douyin's code means. The codes and their meanings are
// src/domain/douyin-codes.ts; what a verify does with a meaning is verify-outcome.ts.
import type { CodeMeaning } from '../domain/douyin-codes.ts';

/** What a call that consumes nothing ends in. */
export type HarmlessCallEnd =
  /** Refresh the token and ask once more. */
  | 'refresh_token'
  /** AppError `douyin.unavailable`. */
  | 'unavailable'
  /** AppError `douyin.refused_gateway`. */
  | 'refused_gateway'
  /** AppError `douyin.broken_answer`. */
  | 'broken'
  /** Douyin knows no such thing: null or an empty list. */
  | 'nothing'
  /** Douyin's word on the coupon. */
  | 'refused';

/**
 * prepare consumes nothing, so even a code that it does not explain is Douyin's word on this coupon: the till sees Douyin's own text
 * and may scan again. Bad parameters are ours here; prepare by a plain code turns them into `refused` (client.ts).
 */
export const PREPARE_ENDS: Record<CodeMeaning, HarmlessCallEnd> = {
  stale_token: 'refresh_token',
  busy: 'unavailable',
  too_frequent: 'unavailable',
  gateway_refused: 'refused_gateway',
  bad_request: 'refused_gateway',
  in_review: 'refused',
  not_found: 'refused',
  already_verified: 'refused',
  coupon_refused: 'refused',
  unexplained: 'refused',
};

/** Look-ups decide about money already spent: what they do not say clearly, they have not said. */
export const READ_ENDS: Record<CodeMeaning, HarmlessCallEnd> = {
  stale_token: 'refresh_token',
  busy: 'unavailable',
  too_frequent: 'unavailable',
  gateway_refused: 'refused_gateway',
  bad_request: 'refused_gateway',
  in_review: 'unavailable',
  not_found: 'nothing',
  already_verified: 'broken',
  coupon_refused: 'broken',
  unexplained: 'broken',
};
