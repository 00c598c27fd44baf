import { describe, expect, it } from '@jest/globals';
import { slownessBetween } from './machine.ts';
import { type Measured, RECOVERY_BOUNDS_MS, tooSlow } from './recovery.ts';

const recovered = (nextSuccess: Measured) => ({
  part: 'api' as const,
  killedAtMs: 0,
  nextSuccess,
  inFlightSettled: null,
  inFlight: 0,
});
const ms = RECOVERY_BOUNDS_MS.api + 1;

describe('tooSlow', () => {
  it('holds a recovery that nothing disturbed to its bound', () => {
    const late = recovered({ ms, isDisturbed: false, slowness: 1 });
    expect(tooSlow([late])).toEqual([late]);
    expect(tooSlow([recovered({ ms: ms - 1, isDisturbed: false, slowness: 1 })])).toEqual([]);
    expect(tooSlow([recovered({ ms, isDisturbed: true, slowness: 1 })])).toEqual([]);
  });

  it('gives a busy machine so much more time, and no more', () => {
    expect(tooSlow([recovered({ ms, isDisturbed: false, slowness: 1.5 })])).toEqual([]);
    const late = recovered({ ms: 2 * ms, isDisturbed: false, slowness: 1.5 });
    expect(tooSlow([late])).toEqual([late]);
  });
});

describe('slownessBetween', () => {
  it('is the mean of what was sampled meanwhile', () => {
    const samples = [1, 2, 4, 9].map((factor, position) => ({ atMs: position * 1000, factor }));
    expect(slownessBetween(samples, 1000, 2000)).toBe(3);
    expect(slownessBetween(samples, 5000, 6000)).toBe(1);
  });
});
