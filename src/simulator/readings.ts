// One reading of everything that Douyin's documentation leaves open, drawn from a seed: a client that is right must be
// right under every one of them.
import { hashFraction } from './ids.ts';
import type { Settings, SettingsChange } from './settings.ts';

const MINUTE_MS = 60_000;

/**
 * Draws the settings of open points. What makes a run slow or hides orders (latency, rates, delays) is not among them,
 * nor is the clock.
 * @param seed the same seed draws the same reading
 */
export function drawReadings(seed: string): SettingsChange {
  const pick = <Name extends keyof Settings>(name: Name, ...choices: readonly Settings[Name][]) => {
    const chosen = choices[Math.floor(hashFraction('reading', seed, name) * choices.length)];
    return { [name]: chosen } as Pick<Settings, Name>;
  };
  return {
    ...pick('dateHeader', 'douyin', 'douyin', 'absent'),
    ...pick('extra', 'present', 'present', 'absent'),
    ...pick('extraNow', 'seconds', 'seconds', 'milliseconds', 'absent'),
    ...pick('replayAnswer', 'same', 'same', '1208', '2', 'error_then_1208'),
    ...pick('replayWindowMs', 0, 5_000, MINUTE_MS, 10 * MINUTE_MS, 'unlimited'),
    ...pick('replayAfterWindow', 'refuse', 'redeem'),
    ...pick('replayAfterCancel', 'same', 'refuse', 'redeem'),
    ...pick('otherPrepares', 'die', 'live'),
    ...pick('refusalAs', 'item', 'error_code'),
    ...pick('alreadyVerifiedResult', 1208, 2),
    ...pick('deadQr', 'error', 'empty'),
    ...pick('listExpired', false, true),
    ...pick('verifyRecordPoiIds', 'any', 'json', 'comma', 'single', 'ignored'),
    ...pick('recordPoiId', false, false, true),
    ...pick('v2Lists', 'none', 'split', 'duplicate', 'only'),
    ...pick('v2Spelling', 'v2', 'v_2'),
    ...pick('itemProductId', false, true),
    ...pick('itemVerifyTime', false, true),
    ...pick('timesCardAmountAs', 'number', 'text'),
    ...pick('resultsOrder', 'sent', 'reversed', 'shuffled'),
    ...pick('cancelledUses', 'dropped', 'kept'),
    ...pick(
      'cancelDeadlinesMs',
      {},
      { times_card: 2 * MINUTE_MS },
      { groupon: 5 * MINUTE_MS, times_card: 0 },
    ),
    ...pick('cancelFlags', {}, { groupon: 'always', times_card: 'always' }, { groupon: 'never' }),
    ...pick('cancelTokenWindowMs', 60 * MINUTE_MS, MINUTE_MS, 0),
    ...pick('cancelTokenPerStore', 'accepted', 'ignored', 'refused'),
    ...pick('plainCodeLists', 'order', 'coupon'),
    ...pick('subOrders', 'per_coupon', 'repeated', 'total', 'absent'),
    ...pick('certificateAmount', 'present', 'present', 'absent'),
  };
}
