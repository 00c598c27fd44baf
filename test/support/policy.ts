// The times that decide, as tests set them: Douyin's schedule in small.
import type { SettlementPolicy } from '../../src/domain/verification.ts';

export const TEST_POLICY: SettlementPolicy = {
  repeatDelaysMs: [5000, 5000, 40_000],
  sendArrivesWithinMs: 40_000,
  unusedIsFinalAfterMs: 3_600_000,
  firstSendWithinMs: 8500,
  sendStartsWithinMs: 1500,
};
