// Douyin's error codes → what they mean to us: one table, and per call what each meaning leads to.
// What a verify does with a meaning is verify-outcome.ts; our own error codes are src/domain/errors.ts.

/** What a code of Douyin's says, whichever call it answers. */
export type CodeMeaning =
  /** The access token is invalid or has ended; the call did nothing. */
  | 'stale_token'
  /** Busy or an internal error; a verify may have been done all the same. */
  | 'busy'
  /** Called too often; as `busy`, and Douyin wants to be left alone for a while. */
  | 'too_frequent'
  /** Permission, IP list, platform control or quota: the gateway is refused, not the coupon. */
  | 'gateway_refused'
  /** The request itself is wrong: types, empty values, ids that do not exist. */
  | 'bad_request'
  /** In risk review; it may yet be verified within 48 hours. */
  | 'in_review'
  /** Douyin knows no such coupon or order, or cannot decrypt the code that names it. */
  | 'not_found'
  /** Douyin's word on the coupon: wrong store, cancelled, being given away, expired code … */
  | 'coupon_refused'
  /** Anything the table does not list, 3000001 (business error, may be retried) included. */
  | 'unlisted';

const CODES_BY_MEANING = {
  stale_token: [2190002, 2190008, 28001003, 28001008],
  busy: [2100001, 2100004, 2119002, 28001005, 28001006, 5000001, 6001001],
  too_frequent: [2119003, 28001052, 28003018],
  gateway_refused: [
    2100007, 2100009, 2119005, 2119008, 2119010, 2190001, 2190003, 2190004, 2190015, 1508, 28001012, 28001013,
    28001014, 28001015, 28001016, 28001017, 28001018, 28001019, 28001056, 28003017,
  ],
  bad_request: [2100005, 2119001, 28001007, 200002, 1502, 4000001],
  in_review: [1229],
  not_found: [1212, 1221, 1263, 3100101, 1033000519],
  coupon_refused: [1228, 1241, 1250, 1265, 3000002, 45005117, 2119006, 2119007],
} as const satisfies Record<Exclude<CodeMeaning, 'unlisted'>, readonly number[]>; // prettier-ignore

const MEANING_BY_CODE = new Map<number, CodeMeaning>(
  Object.entries(CODES_BY_MEANING).flatMap(([meaning, codes]) =>
    codes.map((code) => [code, meaning as CodeMeaning] as const),
  ),
);

/** @param code Douyin's, not 0 */
export function meaningOfCode(code: number): CodeMeaning {
  return MEANING_BY_CODE.get(code) ?? 'unlisted';
}

/** The item results with which Douyin says that the coupon is verified already. */
export const ALREADY_VERIFIED_RESULTS: ReadonlySet<number> = new Set([1208, 2]);

/** The words beside a code that say "try again later", whatever its number. */
const RETRY_TEXTS = {
  '服务器错误，请稍后重试': 'busy',
  '您的访问过于频繁，请稍后重试': 'too_frequent',
} as const;

/** @returns what the words beside a code say, or null if they leave it to the code */
export function meaningOfText(description: string): 'busy' | 'too_frequent' | null {
  const found = Object.entries(RETRY_TEXTS).find(([text]) => description.includes(text));
  return found ? found[1] : null;
}

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
 * prepare consumes nothing, so even an unlisted code is Douyin's word on this coupon: the till sees Douyin's own text
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
  coupon_refused: 'refused',
  unlisted: 'refused',
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
  coupon_refused: 'broken',
  unlisted: 'broken',
};
