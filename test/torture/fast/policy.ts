// The times that decide, as the gateway has them by default.
import type { SettlementPolicy } from '../../../src/domain/verification.ts';

export const BUDGET_MS = 8000;

export const TORTURE_POLICY: SettlementPolicy = {
  repeatDelaysMs: [1000, ...Array<number>(5).fill(5000), ...Array<number>(8).fill(40_000)],
  sendArrivesWithinMs: 40_000,
  unusedIsFinalAfterMs: 3_600_000,
  firstSendWithinMs: BUDGET_MS + 500,
  sendStartsWithinMs: 1500,
};
