// What can be switched while the simulator runs. Where Douyin's documentation leaves a point open the choice is here,
// so that a client can be tried against every reading.
import { z } from 'zod';
import { LIMITS } from './defaults.ts';

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

const milliseconds = z
  .int()
  .min(0)
  .max(30 * 86_400_000);
const delay = z.int().min(0).max(LIMITS.delayMs);

const settingsSchema = z.strictObject({
  /** Time every Douyin call takes before it does anything, drawn evenly from this range. */
  latencyMinMs: delay,
  latencyMaxMs: delay,
  tokenLifetimeSeconds: z.int().min(1).max(86_400),
  /** How long the same verify token with the same parameters gets the first answer again; unpublished. */
  replayWindowMs: milliseconds,
  refusalAs: z.enum(['item', 'error_code']),
  alreadyVerifiedResult: z.union([z.literal(1208), z.literal(2)]),
  /** What prepare says to a QR code that is used up: 45005117, or success with an empty list. */
  deadQr: z.enum(['error', 'empty']),
  /** Expired coupons stay in prepare's list until Douyin cleans up. */
  listExpired: z.boolean(),
  /** An order is missing from order queries for this long after its last change. */
  orderDataDelayMs: milliseconds,
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
  replayWindowMs: 600_000,
  refusalAs: 'item',
  alreadyVerifiedResult: 1208,
  deadQr: 'error',
  listExpired: false,
  orderDataDelayMs: 0,
  callsPerSecond: {},
};
