// The planted bugs of the decision logic, and with them all others.

import { DATABASE_BUGS } from './bugs/database.ts';
import { DOMAIN_BUGS } from './bugs/domain.ts';
import { DOUYIN_BUGS } from './bugs/douyin.ts';
import { HTTP_BUGS } from './bugs/http.ts';
import { SERVICE_BUGS } from './bugs/services.ts';
import { type Mutant, mutant } from './mutant.ts';

const OUTCOME = 'src/douyin/verify-outcome.ts';
const SETTLEMENT = 'src/domain/settlement.ts';
const VERIFICATION = 'src/domain/verification.ts';
const REPOSITORY = 'src/db/repositories/verification.repository.ts';
const PREPARE = 'activities/prepare-coupon.ts';
const VERIFY = 'activities/verify-coupon.ts';
const LOOK_UP = 'activities/look-up.ts';
const SETTLE = 'activities/settle-verification.ts';

export const MUTANTS: readonly Mutant[] = [
  // What an answer means.
  mutant(
    'a time-out or cut connection is a failure',
    OUTCOME,
    'return unknown({ reason: `no whole answer: ${exchange.cause}` }); // row 2',
    "return { kind: 'refused', errorCode: -1, description: '', response: '', isAlreadyUsed: false };",
  ),
  mutant(
    'a 5xx refuses the gateway, and so was not attempted',
    OUTCOME,
    'return unknown({ reason: `HTTP ${status}`, response });',
    "return { kind: 'refused_gateway', errorCode: status, description: '', response: '' };",
  ),
  mutant(
    'an answer that is no JSON is a failure',
    OUTCOME,
    'return unknown({ reason: `HTTP ${status}, not a JSON object` });',
    "return { kind: 'refused', errorCode: -1, description: '', response: '', isAlreadyUsed: false };",
  ),
  mutant(
    '1208 on a first attempt is a success',
    OUTCOME,
    "return attempt === 'first'\n        ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13",
    "return attempt !== 'first' && attempt !== 'repeat'\n        ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13",
  ),
  mutant(
    '1208 on a repeat is a failure',
    OUTCOME,
    "return attempt === 'first'\n        ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13",
    "return attempt === 'first' || attempt === 'repeat'\n        ? { kind: 'refused', ...said, isAlreadyUsed: true } // row 13",
  ),
  mutant(
    'the item’s result is not looked at',
    OUTCOME,
    "if (result === 0) return { kind: 'verified',",
    "if (result !== -99) return { kind: 'verified',",
  ),
  mutant(
    'an answer about another coupon or order is taken for ours',
    OUTCOME,
    'if (!isAboutSent(item, sent)) return',
    'if (!isAboutSent(item, sent) && !sent) return',
  ),
  mutant(
    'a refused repeat is final',
    OUTCOME,
    "return attempt === 'first'\n    ? { kind: 'refused', ...said, isAlreadyUsed: false }",
    "return attempt === 'first' || attempt === 'repeat'\n    ? { kind: 'refused', ...said, isAlreadyUsed: false }",
  ),
  mutant(
    'a repeat that did not leave was no attempt at all',
    OUTCOME,
    "return attempt === 'first' ? { kind: 'not_sent', reason } : unknown({ reason });",
    "return attempt === 'first' || attempt === 'repeat' ? { kind: 'not_sent', reason } : unknown({ reason });",
  ),
  mutant(
    'a token that is refused twice counts as a send',
    OUTCOME,
    "return attempt === 'first'\n    ? { ...judged, kind: 'refused_gateway' }",
    "return attempt === 'first' && judged.errorCode === 0\n    ? { ...judged, kind: 'refused_gateway' }",
  ),
  mutant(
    'a review is an outcome like any other unknown',
    OUTCOME,
    "case 'in_review': // row 9\n      return unknown({ ...said, reason, why: 'in_review' });",
    "case 'in_review': // row 9\n      return unknown({ ...said, reason });",
  ),
  mutant(
    'a result that no documentation knows is a refusal',
    OUTCOME,
    "case 'unexplained':\n      return unknown({ ...said, reason, why: 'unclear' });",
    "case 'unexplained':\n      return refused(said, reason, attempt);",
  ),
  mutant(
    'a verify may start as late as it likes',
    'src/douyin/http-exchange.ts',
    'if (this.#request.mayStart?.() === false) this.#settle(',
    'if (this.#request.mayStart?.() === null) this.#settle(',
  ),
  mutant(
    'each coupon of an order of several has the order’s amounts',
    'src/domain/amounts.ts',
    'return order.couponCount === 1 ? order : null;',
    'return order.couponCount === 0 ? null : order;',
  ),
  mutant(
    'a use of a times card costs the card’s price',
    'src/domain/amounts.ts',
    'isOfCard ? priceOfUse(use, certificate)',
    'isOfCard ? { payFen: certificate.payAmountFen, originalFen: certificate.originalAmountFen }',
  ),
  mutant(
    'a discount is the list price',
    'src/domain/amounts.ts',
    'Math.max(0, originalFen - payFen)',
    'Math.max(0, originalFen)',
  ),
  mutant(
    'one sub-order stands for the coupon whose number it has, whoever else it is of',
    'src/douyin/mapping.ts',
    'if (!isToldApart) return [];',
    'if (!isToldApart && items.length === 0) return [];',
  ),
  mutant(
    'enrichment writes whatever the state',
    REPOSITORY,
    "and enrichment_status <> 'success'`, [], {",
    '`, [], {',
  ),
  mutant(
    'a record that names no store is of the store that was asked for',
    'src/douyin/mapping.ts',
    'poiId: wire.poi_id,\n    serialNumber: wire.verify_amount_info',
    "poiId: wire.poi_id || '7182937465123456789',\n    serialNumber: wire.verify_amount_info",
  ),

  // Preparing.
  mutant(
    'a step that runs again prepares again',
    PREPARE,
    "if (verification.step !== 'accepted') return OPEN;",
    '',
  ),
  mutant(
    'the first coupon is taken blindly',
    PREPARE,
    'const certificate = pickUsableCertificate(prepared.order.certificates, now);',
    'const certificate = (pickUsableCertificate([], now), prepared.order.certificates[0] ?? null);',
  ),
  mutant(
    'a refused prepare is final although another runner has verified',
    PREPARE,
    "      'accepted',\n",
    '',
  ),

  // Sending and storing.
  mutant(
    'every attempt is a first one',
    VERIFY,
    "attempt: counted.openSendCount === 1 ? 'first' : 'repeat',",
    "attempt: 'first',",
  ),
  mutant(
    'a repeat goes out under another token',
    VERIFY,
    'douyinVerifyToken: counted.douyinVerifyToken,',
    "douyinVerifyToken: counted.douyinVerifyToken + (counted.openSendCount > 1 ? '-2' : ''),",
  ),
  mutant(
    'the verdict is stored before the call',
    VERIFY,
    'const outcome = await deps.douyin.verify({',
    `await deps.db.run(({ verifications }) =>
    verifications.settle(row, { verifyStatus: 'success' }, {}, deps.clock.now()),
  );
  const outcome = await deps.douyin.verify({`,
  ),
  mutant(
    'the send is counted after it was made',
    VERIFY,
    `  const counted = await deps.db.run((repositories) =>
    repositories.verifications.countSend(row, deps.clock.now()),
  );
`,
    '  const counted = { ...verification, openSendCount: 1, lastSentAt: deps.clock.now() };\n',
  ),
  mutant('a process that stood still sends all the same', VERIFY, '> SEND_START_LIMIT_MS)', '> 1e12)'),
  mutant(
    'a refused first attempt is final although another runner has sent',
    VERIFY,
    '      { counted },\n    ),\n  );\n  const progress',
    '    ),\n  );\n  const progress',
  ),
  mutant(
    '“already verified” on a repeat is a success without a look',
    VERIFY,
    'return outcome.isReplay\n        ?',
    "return outcome.isReplay && outcome.response === ''\n        ?",
  ),
  mutant(
    'one redemption answered to two apps pays two bills',
    VERIFY,
    "if (counted.mode !== 'encrypted_code') return false;",
    "if (counted.mode !== 'short_link') return false;",
  ),
  mutant(
    'a first send has no deadline',
    VERIFICATION,
    'verification.openSendCount === 0 &&\n',
    'verification.openSendCount < 0 &&\n',
  ),

  // The row's guards.
  mutant(
    'a send that did nothing takes back another one’s count',
    REPOSITORY,
    'and open_send_count = ${counted.openSendCount} and send_count = ${counted.sendCount}',
    '',
  ),
  mutant(
    'a late step of an earlier round changes the row',
    REPOSITORY,
    'return this.#change(advance.key.id, `round = ? and (${advance.from})`, [advance.key.round], advance);',
    'return this.#change(advance.key.id, `round >= ? and (${advance.from})`, [advance.key.round], advance);',
    {
      file: 'activities/verification-progress.ts',
      from: "isOpen: verification.round === key.round && verification.verifyStatus === 'processing'",
      to: "isOpen: verification.verifyStatus === 'processing'",
    },
  ),
  mutant(
    'a verdict replaces an earlier one',
    REPOSITORY,
    'from: `${IS_RUNNING}${conditionOf(onlyIf)}`,',
    'from: `true${conditionOf(onlyIf)}`,',
  ),
  mutant('a review is sent again', REPOSITORY, "\n        and last_outcome_kind <> 'in_review'`,", '`,', {
    file: SETTLEMENT,
    from: "    verification.lastOutcomeKind === 'in_review' ||\n",
    to: '',
  }),
  mutant(
    'a second round is timed from the first one’s send',
    REPOSITORY,
    'first_sent_at = case when open_send_count > 0 then first_sent_at else ? end`,',
    'first_sent_at = coalesce(first_sent_at, ?)`,',
    { file: REPOSITORY, from: '        firstSentAt: null,\n', to: '' },
  ),

  // Looking up.
  mutant(
    'an unused coupon is final at once',
    SETTLEMENT,
    'return sinceLastSendMs >= patience.unusedIsFinalAfterMs;',
    'return sinceLastSendMs >= 0;',
  ),
  mutant(
    'an unused coupon is final right after a refused repeat',
    SETTLEMENT,
    'return untilSendsHaveArrivedMs(verification, patience.repeatDelaysMs, now) === 0;',
    'return true;',
  ),
  mutant(
    'a review is given up after an hour',
    SETTLEMENT,
    'return sinceLastSendMs >= REVIEW_LASTS_MS + patience.unusedIsFinalAfterMs;',
    'return sinceLastSendMs >= patience.unusedIsFinalAfterMs;',
  ),
  mutant(
    'any use of the coupon is ours',
    SETTLEMENT,
    "use.channel === 'open_api' &&\n    !use.isCancelled &&\n    use.poiId === verification.poiId &&",
    '!use.isCancelled &&',
  ),
  mutant(
    'a use before our first send is ours',
    SETTLEMENT,
    'verification.openSendCount > 0 &&\n    !isBeforeFirstSend(verification, use)',
    'verification.openSendCount > 0',
  ),
  mutant(
    'another verification may have made a use from before it was sent',
    SETTLEMENT,
    'atMs >= (claim.firstSentAt?.getTime() ?? -Infinity) - CLOCK_SKEW_MS &&',
    '',
  ),
  mutant(
    'our clock is taken for Douyin’s',
    LOOK_UP,
    'const sent = inDouyinTime(verification);',
    'const sent = verification;',
  ),
  mutant(
    'times are compared although Douyin does not tell its own',
    LOOK_UP,
    'if (clockOffsetMs === null && isUsed) {',
    'if (clockOffsetMs === undefined && isUsed) {',
  ),
  mutant(
    'times are compared however wrong our clock is',
    LOOK_UP,
    'Math.abs(clockOffsetMs) > MAX_CLOCK_OFFSET_MS',
    'Math.abs(clockOffsetMs) > Infinity',
  ),
  mutant(
    'a use in another store is believed on one read alone',
    SETTLEMENT,
    'recordedUses.some(\n      (recorded) =>\n        recorded.verifyId === use.verifyId &&',
    '[use].some(\n      (recorded) =>\n        recorded.verifyId === use.verifyId &&',
  ),
  mutant(
    'a times card is judged by its status',
    SETTLEMENT,
    "if (verification.isTimesCard || certificate.kind === 'times_card') {",
    "if (verification.isTimesCard && certificate.kind === 'unknown') {",
  ),
  mutant(
    'a token is repeated for ever',
    SETTLEMENT,
    'now.getTime() - verification.firstSentAt.getTime() > REPEAT_WINDOW_MS',
    'now.getTime() - verification.firstSentAt.getTime() > 1e12',
  ),
  mutant(
    'other verifications of the coupon are not waited for',
    LOOK_UP,
    '.filter((other) => comesFirst(deps, verification, other, now))',
    '.filter((other) => comesFirst(deps, verification, other, now) && other.id < 0)',
  ),
  mutant(
    'redemptions of other verifications are not respected',
    LOOK_UP,
    ".filter((other) => other.verifyStatus === 'success')",
    '.filter((other) => other.id < 0)',
  ),
  mutant(
    'other verifications are listed before Douyin is read',
    LOOK_UP,
    '    const certificate = await deps.douyin.getCertificate(',
    `    const others = await deps.db.run((repositories) =>
      repositories.verifications.listOthersOnCoupon({ ...verification, certificateId }, MAX_OTHERS),
    );
    const certificate = await deps.douyin.getCertificate(`,
    {
      file: LOOK_UP,
      from: `    const others = await deps.db.run((repositories) =>
      repositories.verifications.listOthersOnCoupon({ ...verification, certificateId }, MAX_OTHERS),
    );
    const now`,
      to: '    const now',
    },
  ),
  mutant(
    'a look-up’s refusal ignores a send that was made meanwhile',
    LOOK_UP,
    '      { counted: verification },\n',
    '',
  ),
  mutant(
    'an operator’s decision that runs twice is refused',
    SETTLE,
    'const wasOurs = await verifications.wasResolvedBy(input.verificationId, input.actor, input.requestId);',
    'const wasOurs = input.verificationId < 0;',
  ),

  ...DOMAIN_BUGS,
  ...DOUYIN_BUGS,
  ...SERVICE_BUGS,
  ...DATABASE_BUGS,
  ...HTTP_BUGS,
];
