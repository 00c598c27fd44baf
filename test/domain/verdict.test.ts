import { describe, expect, it } from '@jest/globals';
import { ALREADY_VERIFIED } from '../../src/domain/douyin-codes.ts';
import { type Ended, isContradicted, type LateWord } from '../../src/domain/verdict.ts';

const SUCCESS: Ended = { verifyStatus: 'success', verifyId: 'use-1', errorCode: 0 };
/** By an operator, or by a verify whose answer named nothing. */
const NAMELESS: Ended = { ...SUCCESS, verifyId: '' };
const FAILED: Ended = { verifyStatus: 'failed', verifyId: '', errorCode: 0 };
const USED_ELSEWHERE: Ended = { ...FAILED, errorCode: ALREADY_VERIFIED };
const NEXT_ROUND: Ended = { ...FAILED, verifyStatus: 'processing' };
const redeemed = (verifyId: string): LateWord => ({ kind: 'redeemed', verifyId });
const SAID_USED: LateWord = { kind: 'said_used' };
const REFUSED: LateWord = { kind: 'refused', errorCode: 1265 };
const ELSEWHERE: LateWord = { kind: 'used_elsewhere' };

describe('isContradicted', () => {
  it.each<[string, Ended, LateWord, boolean]>([
    ['a failure, by a redemption', FAILED, redeemed('use-1'), true],
    ['a use elsewhere, by a redemption', USED_ELSEWHERE, redeemed('use-1'), true],
    ['another round, by a redemption of the earlier one', NEXT_ROUND, redeemed('use-1'), true],
    ['a success, by a redemption of another name', SUCCESS, redeemed('use-2'), true],
    ['a success, by the same redemption', SUCCESS, redeemed('use-1'), false],
    ['a success, by a redemption without a name', SUCCESS, redeemed(''), false],
    ['a success without a name, by a redemption', NAMELESS, redeemed('use-1'), false],
    ['a failure, by "used"', FAILED, SAID_USED, true],
    ['a use elsewhere, by "used"', USED_ELSEWHERE, SAID_USED, false],
    ['a success, by "used"', SUCCESS, SAID_USED, false],
    ['a success that nobody but a person vouches for, by a refusal', NAMELESS, REFUSED, true],
    ['a success that Douyin has named, by a refusal', SUCCESS, REFUSED, false],
    ['a failure, by a review that may yet redeem', FAILED, { kind: 'in_review' }, true],
    ['a success, by a review', SUCCESS, { kind: 'in_review' }, false],
    ['a failure, by a refusal', FAILED, REFUSED, false],
    ['a success, by a use elsewhere', SUCCESS, ELSEWHERE, true],
    ['a failure, by a use elsewhere', FAILED, ELSEWHERE, false],
  ])('%s', (_what, ended, word, expected) => {
    expect(isContradicted(ended, word)).toBe(expected);
  });
});
