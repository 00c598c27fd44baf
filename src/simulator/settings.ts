// What can be switched while the simulator runs. Where Douyin's documentation leaves a point open the choice is here,
// so that a client can be tried against every reading.
import { z } from 'zod';
import { LIMITS } from './defaults.ts';
import { COUPON_KINDS } from './order-spec.ts';

const LIFE_ENDPOINTS = [
  'prepare',
  'verify',
  'cancel',
  'get',
  'query',
  'verify_record',
  'order_query',
  'poi_query',
] as const;
export const ENDPOINTS = ['client_token', 'stable_token', 'short_link', ...LIFE_ENDPOINTS] as const;
/** The calls the simulator answers; `client_token` and `stable_token` are the two ways to a token. */
export type EndpointName = (typeof ENDPOINTS)[number];

const MONTH_MS = 30 * 86_400_000;
const milliseconds = z.int().min(0).max(MONTH_MS);
const delay = z.int().min(0).max(LIMITS.delayMs);

const settingsSchema = z.strictObject({
  /** Time every Douyin call takes before it does anything, drawn evenly from this range. */
  latencyMinMs: delay,
  latencyMaxMs: delay,
  tokenLifetimeSeconds: z.int().min(1).max(86_400),
  /** How far Douyin's clock is ahead of this machine's. A change is a jump; windows and deadlines do not jump along. */
  clockOffsetMs: z.int().min(-MONTH_MS).max(MONTH_MS),
  dateHeader: z.enum(['douyin', 'absent']),
  /** `extra` is no required field, and its `now` has been seen in seconds, in milliseconds and not at all. */
  extra: z.enum(['present', 'absent']),
  extraNow: z.enum(['seconds', 'milliseconds', 'absent']),
  /**
   * What the same verify token with the same parameters is answered while its window lasts: the first answer, or items
   * that say 1208 or 2. With `error_then_1208` the call that redeems is answered 2119002 and every repeat 1208.
   */
  replayAnswer: z.enum(['same', '1208', '2', 'error_then_1208']),
  replayWindowMs: z.union([milliseconds, z.literal('unlimited')]),
  /** After the window a token is used up, or is judged as if it were new: a times card then loses one more use. */
  replayAfterWindow: z.enum(['refuse', 'redeem']),
  /** What a replay does once a use of its token was cancelled; `same` is as if it had not been, then 1250. */
  replayAfterCancel: z.enum(['same', 'refuse', 'redeem']),
  /** Whether a verification ends the other prepares of its QR code: their usable coupons then answer 45005117. */
  otherPrepares: z.enum(['die', 'live']),
  refusalAs: z.enum(['item', 'error_code']),
  alreadyVerifiedResult: z.union([z.literal(1208), z.literal(2)]),
  /** What prepare says to a QR code that is used up: 45005117, or success with an empty list. */
  deadQr: z.enum(['error', 'empty']),
  /** Expired coupons stay in prepare's list until Douyin cleans up. */
  listExpired: z.boolean(),
  /** An order is missing from order queries for this long after its last change. */
  orderDataDelayMs: milliseconds,
  /** The form of `poi_ids` that verify_record/query understands. `ignored`: it answers for all stores. */
  verifyRecordPoiIds: z.enum(['any', 'json', 'comma', 'single', 'ignored']),
  /** Whether records carry a `poi_id`. */
  recordPoiId: z.boolean(),
  /** Which coupons and records stand in the lists for combination packages: some, all of them too, or all only there. */
  v2Lists: z.enum(['none', 'split', 'duplicate', 'only']),
  v2Spelling: z.enum(['v2', 'v_2']),
  /** Whether the items of a verify answer carry `product_id` and `verify_time`. */
  itemProductId: z.boolean(),
  itemVerifyTime: z.boolean(),
  /** How `time_card_amount.amount` is written. */
  timesCardAmountAs: z.enum(['number', 'text']),
  /** The order of a verify answer's items. */
  resultsOrder: z.enum(['sent', 'reversed', 'shuffled']),
  /** Whether a certificate's `verify_records` keep a cancelled use. */
  cancelledUses: z.enum(['dropped', 'kept']),
  /** How long after a verification it can be cancelled, by kind of coupon; an hour for a kind that is not named. */
  cancelDeadlinesMs: z.partialRecord(z.enum(COUPON_KINDS), milliseconds),
  /** What `can_cancel` says, by kind of coupon: the truth unless named. */
  cancelFlags: z.partialRecord(z.enum(COUPON_KINDS), z.enum(['honest', 'always', 'never'])),
  /** How long a repeat with the same `cancel_token` gets the first answer again. */
  cancelTokenWindowMs: milliseconds,
  /** What becomes of a `cancel_token` where stores settle by themselves; the documentation rules it out. */
  cancelTokenPerStore: z.enum(['accepted', 'ignored', 'refused']),
  /** What prepare by a plain code lists: the whole order's usable coupons, or that one. */
  plainCodeLists: z.enum(['order', 'coupon']),
  /** How an order splits its amounts: one part per coupon, two with its id that differ, one for all, or none. */
  subOrders: z.enum(['per_coupon', 'repeated', 'total', 'absent']),
  /** Whether certificates show the coupon's own amounts. */
  certificateAmount: z.enum(['present', 'absent']),
  /** Calls of `client_token` in five minutes before 10020. */
  tokenFetchLimit: z.int().min(0).max(100_000),
  /** Calls per second before 2119003; an endpoint that is not named has no limit. */
  callsPerSecond: z.partialRecord(z.enum(LIFE_ENDPOINTS), z.int().min(1).max(100_000)),
});
export type Settings = z.output<typeof settingsSchema>;

export const settingsChangeSchema = settingsSchema.partial();
export type SettingsChange = Partial<Settings>;

export const DEFAULT_SETTINGS: Settings = {
  latencyMinMs: 0,
  latencyMaxMs: 0,
  tokenLifetimeSeconds: 7_200,
  clockOffsetMs: 0,
  dateHeader: 'douyin',
  extra: 'present',
  extraNow: 'seconds',
  replayAnswer: 'same',
  replayWindowMs: 600_000,
  replayAfterWindow: 'refuse',
  replayAfterCancel: 'same',
  otherPrepares: 'die',
  refusalAs: 'item',
  alreadyVerifiedResult: 1208,
  deadQr: 'error',
  listExpired: false,
  orderDataDelayMs: 0,
  verifyRecordPoiIds: 'any',
  recordPoiId: false,
  v2Lists: 'none',
  v2Spelling: 'v2',
  itemProductId: false,
  itemVerifyTime: false,
  timesCardAmountAs: 'number',
  resultsOrder: 'sent',
  cancelledUses: 'dropped',
  cancelDeadlinesMs: {},
  cancelFlags: {},
  cancelTokenWindowMs: 3_600_000,
  cancelTokenPerStore: 'accepted',
  plainCodeLists: 'order',
  subOrders: 'per_coupon',
  certificateAmount: 'present',
  tokenFetchLimit: 500,
  callsPerSecond: {},
};
