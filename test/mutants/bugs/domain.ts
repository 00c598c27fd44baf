// Bugs planted in the rules around a verification: which coupon, which day, which advice.
import { type Mutant, mutantOf } from '../mutant.ts';

const COUPON = 'src/domain/coupon.ts';
const COUPON_TESTS = ['test/domain/coupon.test.ts'];
const ADVICE = 'src/domain/advice.ts';
const ADVICE_TESTS = ['test/domain/advice.test.ts'];
const PERIOD = 'src/domain/report-period.ts';
const PERIOD_TESTS = ['test/domain/report-period.test.ts'];

export const DOMAIN_BUGS: readonly Mutant[] = [
  mutantOf(
    COUPON_TESTS,
    'an expired coupon is picked',
    COUPON,
    "if (certificate.expireTime && certificate.expireTime <= now) return 'expired';",
    '',
  ),
  mutantOf(
    COUPON_TESTS,
    'a coupon is picked at the moment it expires',
    COUPON,
    'certificate.expireTime <= now',
    'certificate.expireTime < now',
  ),
  mutantOf(
    COUPON_TESTS,
    'a coupon is picked before it is valid',
    COUPON,
    "if (certificate.startTime && certificate.startTime > now) return 'not_yet_valid';",
    '',
  ),
  mutantOf(
    COUPON_TESTS,
    'a coupon under refund is picked',
    COUPON,
    "case 'REFUNDING':\n      return 'refunding';\n    case 'REFUNDED':",
    "case 'REFUNDED':",
  ),
  mutantOf(
    ADVICE_TESTS,
    'a cashier of another app is named',
    ADVICE,
    "related.appId === verification.appId ? related.operatorId : ''",
    'related.operatorId',
  ),
  mutantOf(
    ADVICE_TESTS,
    'an unknown outcome is advised as a failure',
    ADVICE,
    "if (verification.verifyStatus === 'processing') {",
    "if (verification.verifyStatus === 'processing' && verification.lastOutcomeKind === 'in_review') {",
  ),
  mutantOf(
    ADVICE_TESTS,
    'a coupon that we redeemed is advised as redeemed elsewhere',
    ADVICE,
    "case 'success':\n      return 'used_here';",
    "case 'success':\n      return reason;",
  ),
  mutantOf(
    ADVICE_TESTS,
    'a coupon of ours in doubt is advised as redeemed elsewhere',
    ADVICE,
    "case 'processing':\n      return 'earlier_in_doubt';",
    "case 'processing':\n      return reason;",
  ),
  mutantOf(
    PERIOD_TESTS,
    'an end date does not include its day',
    PERIOD,
    'startOfLocalDay(text, timeZone, 1)',
    'startOfLocalDay(text, timeZone, 0)',
  ),
  mutantOf(
    PERIOD_TESTS,
    'a day that does not exist is another one',
    PERIOD,
    'named.getUTCMonth() === month - 1 &&\n    named.getUTCDate() === date',
    'named.getUTCMonth() >= 0',
  ),
];
