import { describe, expect, it } from '@jest/globals';
import {
  answerRepeat,
  FIRST_SEND_DEADLINE_MS,
  isAnswerable,
  isSettled,
  isTooLateToSend,
  type RepeatAnswer,
  type VerificationRequest,
  type VerificationStep,
} from '../../src/domain/verification.ts';

const STEPS: Record<VerificationStep, { repeat: RepeatAnswer; answerable: boolean }> = {
  accepted: { repeat: 'wait', answerable: false },
  prepared: { repeat: 'wait', answerable: false },
  sent: { repeat: 'wait', answerable: false },
  unsettled: { repeat: 'stored_record', answerable: true },
  settled: { repeat: 'stored_record', answerable: true },
  not_attempted: { repeat: 'try_again', answerable: true },
};
const STEP_ROWS = Object.entries(STEPS) as [VerificationStep, (typeof STEPS)[VerificationStep]][];
const REQUEST: VerificationRequest = { mode: 'code', requestValue: '104686126200131', poiId: 'store-1' };

describe('answerRepeat', () => {
  it.each(STEP_ROWS)('of the same request at step %s', (step, { repeat }) => {
    expect(answerRepeat({ ...REQUEST, step }, REQUEST)).toBe(repeat);
  });

  describe.each<[string, Partial<VerificationRequest>]>([
    ['another value', { requestValue: '104686126200132' }],
    ['another store', { poiId: 'store-2' }],
    ['another mode', { mode: 'encrypted_code' }],
  ])('with %s', (_what, change) => {
    it.each(STEP_ROWS)('is another request at step %s, whatever came of the first', (step) => {
      expect(answerRepeat({ ...REQUEST, step }, { ...REQUEST, ...change })).toBe('other_request');
    });
  });
});

describe('a waiting caller', () => {
  it.each(STEP_ROWS)('at step %s', (step, { answerable }) => {
    expect(isAnswerable({ step })).toBe(answerable);
    expect(isSettled({ step, verifyStatus: 'processing' })).toBe(step === 'settled');
  });
});

describe('isTooLateToSend', () => {
  const roundStartedAt = new Date('2026-03-15T10:00:00Z');
  const at = (ms: number) => new Date(roundStartedAt.getTime() + ms);

  it.each([
    ['a first send in time', 0, FIRST_SEND_DEADLINE_MS, false],
    ['a first send a moment too late', 0, FIRST_SEND_DEADLINE_MS + 1, true],
    ['a repeat, however late: the coupon may be redeemed already', 1, 100 * FIRST_SEND_DEADLINE_MS, false],
  ])('judges %s', (_what, openSendCount, afterMs, isTooLate) => {
    expect(isTooLateToSend({ openSendCount, roundStartedAt }, at(afterMs))).toBe(isTooLate);
  });
});
