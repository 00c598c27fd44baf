// Readings of what Douyin leaves open under which a gateway can be right at all. Both tiers draw theirs here.
import { drawReadings } from '../../src/simulator/readings.ts';
import type { SettingsChange } from '../../src/simulator/settings.ts';

/** Longer than the gateway repeats with one token, and than a request is on its way. */
const LONG_REPLAY_WINDOW_MS = 20 * 60_000;

/**
 * Left out are a Douyin that forgets a token soon and then redeems a times card anew for it, for it could never be repeated
 * to, and one that never tells its time in any way, for then nobody but a person can say which use was whose.
 */
export function drawBearableReadings(seed: string): SettingsChange {
  const readings = drawReadings(seed);
  const isForgetful = readings.replayAfterWindow === 'redeem' && readings.replayWindowMs !== 'unlimited';
  const isTimeless =
    readings.dateHeader === 'absent' && (readings.extra === 'absent' || readings.extraNow === 'absent');
  return {
    ...readings,
    ...(isForgetful ? { replayWindowMs: LONG_REPLAY_WINDOW_MS } : {}),
    ...(isTimeless ? { dateHeader: 'douyin' } : {}),
  };
}
