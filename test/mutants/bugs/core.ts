// Bugs planted in the settlement core: what an answer means, what may be sent, what ends a verification.
import { beyondWalk, type Mutant, mutant, mutantOf } from '../mutant.ts';

const OUTCOME = 'src/douyin/verify-outcome.ts';
const SETTLEMENT = 'src/domain/settlement.ts';
const VERIFICATION = 'src/domain/verification.ts';
const REPOSITORY = 'src/db/repositories/verification.repository.ts';
const COLUMNS = 'src/db/repositories/verification-columns.ts';
const CONDITIONS = 'src/db/repositories/verification-conditions.ts';
const PREPARE = 'activities/prepare-coupon.ts';
const SEND = 'activities/send-verify.ts';
const APPLY = 'activities/apply-outcome.ts';
const LOOK_UP = 'activities/look-up.ts';
const RUN = 'activities/run.ts';
const SWEEP = 'activities/sweep-stranded.ts';
const FENCE = 'src/services/fence-unsent.ts';
/** The till waits where the database shows it nothing: only the verdict board answers it. */
const TILL_TESTS = ['test/services/verify-coupon.test.ts'];
const FENCE_TESTS = ['test/services/fence-unsent.test.ts'];

export const CORE_BUGS: readonly Mutant[] = [
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
    'a record that names no store is of the store that was asked for',
    'src/douyin/mapping.ts',
    'poiId: wire.poi_id,\n    serialNumber: wire.verify_amount_info',
    "poiId: wire.poi_id || '7182937465123456789',\n    serialNumber: wire.verify_amount_info",
  ),

  // The table of changes.
  mutant(
    'a review is sent again',
    VERIFICATION,
    "    guards: [\n      'not_in_review',\n",
    '    guards: [\n',
  ),
  mutant('a token is repeated for ever', VERIFICATION, "      'repeat_in_window',\n", ''),
  mutant(
    'an operator who decides does not stop the repeats',
    VERIFICATION,
    "      'sends_not_stopped',\n",
    '',
  ),
  mutant('a first send has no deadline', VERIFICATION, "      'first_send_in_time',\n", ''),
  mutant('a disabled app’s coupon is sent', VERIFICATION, "      'first_send_allowed',\n", ''),
  mutant('a sibling in doubt holds nothing', VERIFICATION, "      'no_sibling_in_doubt',\n    ],", '    ],'),
  mutant(
    'a send that did nothing takes back another one’s count',
    VERIFICATION,
    "uncount_send: { from: SENT, to: 'same', guards: ['something_sent', 'sends_as_seen'], event: 'not_sent' },",
    "uncount_send: { from: SENT, to: 'same', guards: ['something_sent'], event: 'not_sent' },",
  ),
  mutant(
    'a refused first attempt is final although another runner has sent',
    VERIFICATION,
    "verify_refused: { from: SENT, to: 'settled', guards: ['sends_as_seen'], event: 'refused' },",
    "verify_refused: { from: SENT, to: 'settled', guards: [], event: 'refused' },",
  ),
  mutant(
    'one redemption answered to two apps pays two bills',
    VERIFICATION,
    "verify_succeeded: { from: OPEN, to: 'settled', guards: ['token_is_own'], event: 'verified' },",
    "verify_succeeded: { from: OPEN, to: 'settled', guards: [], event: 'verified' },",
  ),
  mutant(
    'a verdict replaces an earlier one',
    VERIFICATION,
    "look_up_succeeded: { from: SENT, to: 'settled',",
    "look_up_succeeded: { from: [...SENT, 'settled'], to: 'settled',",
  ),
  mutant(
    'a refused prepare is final although another runner has prepared',
    VERIFICATION,
    "prepare_refused: { from: ['accepted'], to: 'settled', guards: ['nothing_sent'], event: 'refused' },",
    "prepare_refused: { from: OPEN, to: 'settled', guards: [], event: 'refused' },",
  ),
  beyondWalk(
    'three troubles: a refused repeat, a second runner, and a pause of it between its read and its count',
    mutant(
      'a look-up’s refusal ignores a send that was made meanwhile',
      VERIFICATION,
      "look_up_refused: {\n    from: SENT,\n    to: 'settled',\n    guards: ['sends_as_seen', 'sends_have_arrived', 'review_is_over'],",
      "look_up_refused: {\n    from: SENT,\n    to: 'settled',\n    guards: [],",
    ),
  ),
  mutant(
    'an operator’s “failed” does not wait for a send under way',
    VERIFICATION,
    "operator_resolved_failed: {\n    from: SENT,\n    to: 'settled',\n    guards: ['something_sent', 'sends_as_seen', 'sends_have_arrived', 'review_is_over', 'looked_up_since'],",
    "operator_resolved_failed: {\n    from: SENT,\n    to: 'settled',\n    guards: ['something_sent', 'sends_as_seen'],",
  ),
  mutant(
    'a round is closed as not attempted although something was sent',
    VERIFICATION,
    "end_not_attempted: { from: OPEN, to: 'not_attempted', guards: ['nothing_sent'],",
    "end_not_attempted: { from: OPEN, to: 'not_attempted', guards: [],",
  ),
  mutant(
    'another request with the same token is answered the stored record',
    VERIFICATION,
    'stored.requestValue !== asked.requestValue ||\n',
    '',
  ),

  // Preparing.
  mutant('a step that runs again prepares again', PREPARE, "if (row.step !== 'accepted') return OPEN;", ''),
  mutant(
    'the first coupon is taken blindly',
    PREPARE,
    'const certificate = pickUsableCertificate(supported, now);',
    'const certificate = (pickUsableCertificate([], now), supported[0] ?? null);',
  ),
  mutant(
    'a stored-value card is sent',
    PREPARE,
    'const supported = order.certificates.filter(isSupportedKind);',
    'const supported = order.certificates.filter((one) => isSupportedKind(one) || true);',
  ),
  mutant(
    'a sibling in doubt is not waited for',
    PREPARE,
    'const sibling = await findSibling(run, row, order);\n    if (sibling) {',
    'const sibling = await findSibling(run, row, order);\n    if (sibling && sibling.id < 0) {',
  ),

  // Sending and storing.
  mutant(
    'every attempt is a first one',
    SEND,
    "attempt: counted.openSendCount === 1 ? 'first' : 'repeat',",
    "attempt: 'first',",
  ),
  mutant(
    'a repeat goes out under another token',
    SEND,
    'douyinVerifyToken: counted.douyinVerifyToken,',
    "douyinVerifyToken: counted.douyinVerifyToken + (counted.openSendCount > 1 ? '-2' : ''),",
  ),
  mutant(
    'a repeat goes out with another store',
    SEND,
    'poiId: counted.poiId,',
    "poiId: counted.openSendCount > 1 ? '' : counted.poiId,",
  ),
  mutant(
    'the send is counted after it was made',
    SEND,
    'const counted = await count(run);',
    'const counted: Verification | null = { ...row, openSendCount: 1 };\n  void count;',
  ),
  mutant(
    'a process that stood still sends all the same',
    SEND,
    'performance.now() + deps.policy.sendStartsWithinMs;',
    'Infinity;',
  ),
  mutant(
    '“already verified” on a repeat is a success without a look',
    APPLY,
    'return outcome.isReplay\n        ? lookUpReplay(run, outcome.response, outcome.item)\n        : settleVerified(run, counted, outcome);',
    'return settleVerified(run, counted, outcome);',
  ),
  mutant(
    'a review is kept as an answer like any other',
    APPLY,
    "in_review: { lastOutcome: 'in_review', code:",
    "in_review: { lastOutcome: 'unanswered', code:",
  ),
  mutant(
    'a card’s second use is counted as its first',
    APPLY,
    'recordsCount: (counted.timesUsedBefore ?? 0) + 1,',
    'recordsCount: 1,',
  ),
  mutant(
    'what contradicts how a verification had ended is kept from people',
    RUN,
    'if (!isContradicted(ended, word)) return;',
    'if (!isContradicted(ended, word) || ended.id > 0) return;',
  ),
  mutant(
    'a send that did nothing stays counted',
    APPLY,
    'await run.store((verifications) => verifications.uncountSend(counted, note, refusal?.errorCode ?? 0));',
    '',
  ),
  mutant(
    'a coupon that we redeemed is not found when Douyin refuses it as used',
    APPLY,
    'outcome.isAlreadyUsed ? await verifications.findRelatedOnCoupon(counted) : null',
    'outcome.isAlreadyUsed && counted.id < 0 ? await verifications.findRelatedOnCoupon(counted) : null',
  ),
  mutantOf(
    TILL_TESTS,
    'a verdict is not told to the waiting till',
    RUN,
    '    this.deps.board.publish(row);\n    return closedProgress(row);',
    '    return closedProgress(row);',
  ),
  mutant(
    'a late step of an earlier round works on the row',
    RUN,
    'row.round === this.key.round && row.roundKey === this.key.roundKey && ',
    '',
  ),

  // Statements.
  mutant(
    'a late step of an earlier round changes the row',
    REPOSITORY,
    'v.round = ${key.round} and v.round_key',
    'v.round >= ${key.round} and v.round_key',
    {
      file: REPOSITORY,
      from: 'v.round_key is not distinct from ${key.roundKey}',
      to: '${key.roundKey}::text is not null',
    },
    {
      file: RUN,
      from: 'row.round === this.key.round && row.roundKey === this.key.roundKey && ',
      to: '',
    },
  ),
  mutant(
    'a second round is timed from the first one’s send',
    REPOSITORY,
    'firstSentAt: sql`case when v.open_send_count > 0 then v.first_sent_at else ${this.#now} end`,',
    'firstSentAt: sql`coalesce(v.first_sent_at, ${this.#now})`,',
    {
      file: REPOSITORY,
      from: '      firstSentAt: null,\n      lastSentAt: null,\n',
      to: '      lastSentAt: null,\n',
    },
  ),
  mutant(
    'a review is forgotten by a late answer',
    REPOSITORY,
    'lastOutcome: keepReview(lastOutcome),',
    'lastOutcome,',
  ),
  mutant(
    'what Douyin says of the time of use is replaced by the moment it arrived',
    COLUMNS,
    'verifyTime: redemption?.verifyTime ?? now,',
    'verifyTime: now,',
  ),
  mutant(
    'an operator’s success has no time of use',
    COLUMNS,
    'verifyTime: redemption?.verifyTime ?? now,',
    'verifyTime: redemption ? (redemption.verifyTime ?? now) : null,',
  ),
  mutant(
    'order data is stored whatever the state',
    REPOSITORY,
    "sql`v.verify_status = 'success' and v.enrichment_status in ('pending', 'stuck')`,",
    'sql`true`,',
  ),
  mutant(
    'the sweep takes the newest first',
    REPOSITORY,
    'order by v.swept_at nulls first, v.id limit',
    'order by v.swept_at nulls first, v.id desc limit',
  ),
  mutant(
    'the sweep takes the same ones every time',
    REPOSITORY,
    'order by v.swept_at nulls first, v.id limit',
    'order by v.id limit',
  ),
  mutant(
    'a token is shared by a sibling that was never sent',
    CONDITIONS,
    "    and s.open_send_count > 0 and s.verify_status <> 'failed')`;",
    "    and s.verify_status <> 'failed')`;",
  ),
  mutant(
    'a token is shared by a sibling that failed',
    CONDITIONS,
    "    and s.open_send_count > 0 and s.verify_status <> 'failed')`;",
    '    and s.open_send_count > 0)`;',
  ),
  mutant(
    'a coupon in doubt holds nobody',
    CONDITIONS,
    "s.verify_status = 'processing' and s.open_send_count > 0 and s.id <> v.id`;",
    "s.verify_status = 'processing' and s.open_send_count < 0 and s.id <> v.id`;",
  ),
  mutant(
    'an app’s stores are not looked at when its coupon is sent',
    CONDITIONS,
    '(cardinality(a.poi_ids) = 0 or v.poi_id = any(a.poi_ids))',
    'true',
  ),

  // Looking up.
  mutant(
    'an unused coupon is final at once',
    SETTLEMENT,
    'return sinceLastSendMs >= policy.unusedIsFinalAfterMs;',
    'return sinceLastSendMs >= 0;',
  ),
  mutant(
    'an unused coupon is final right after a refused repeat',
    SETTLEMENT,
    "    case 'refused':\n      return untilSendsHaveArrivedMs(verification, policy) === 0;",
    "    case 'refused':\n      return true;",
  ),
  mutant(
    'a review is given up after an hour',
    SETTLEMENT,
    'return sinceLastSendMs >= REVIEW_LASTS_MS + policy.unusedIsFinalAfterMs;',
    'return sinceLastSendMs >= policy.unusedIsFinalAfterMs;',
  ),
  mutant(
    'any use of the coupon is ours',
    SETTLEMENT,
    "use.channel === 'open_api' &&\n    !use.isContradictory &&\n    use.poiId === verification.poiId &&",
    '!use.isContradictory &&',
  ),
  mutant(
    'a use of another store is ours',
    SETTLEMENT,
    '    use.poiId === verification.poiId &&\n    use.verifyTime !== null &&',
    '    use.verifyTime !== null &&',
  ),
  mutant(
    'a use before our first send is ours',
    SETTLEMENT,
    'notBefore !== null &&\n    !isBefore(use, notBefore)',
    'notBefore !== null',
  ),
  beyondWalk(
    'three troubles in one story of two scans: a use from before, and the answers of both lost',
    mutant(
      'another verification may have made a use from before it was sent',
      SETTLEMENT,
      'atMs >= (notBefore?.getTime() ?? -Infinity) - DOUYIN_TIME_MARGIN_MS &&',
      '',
    ),
  ),
  mutant(
    'a use that the two reads tell differently is another’s',
    SETTLEMENT,
    'return !use.isContradictory && isMadeElsewhere(',
    'return isMadeElsewhere(',
  ),
  mutant(
    'a times card is judged by its status',
    SETTLEMENT,
    "if (verification.isTimesCard || certificate.kind === 'times_card') {",
    "if (verification.isTimesCard && certificate.kind === 'unknown') {",
  ),
  beyondWalk(
    'four troubles: another’s use, its cancelling, our answer lost, and reads that show “used” without our use',
    mutant(
      'a cancelled use of another ends a doubt',
      SETTLEMENT,
      'const latest = latestUse(uses.filter((use) => !use.isCancelled));',
      'const latest = latestUse(uses);',
    ),
  ),
  mutant(
    'our own use that was cancelled is no use',
    SETTLEMENT,
    "if (uses.some((use) => use.isCancelled && mayBeOurs(use))) return undecided('look_up_own_use_cancelled');",
    '',
  ),
  mutant(
    'a refund under way ends a doubt at once',
    SETTLEMENT,
    "return unusedOr('look_up_refunding', 'refunded');",
    "return { kind: 'refused', reason: 'refunded' };",
  ),
  mutant(
    'another’s use is final while one of ours is under way',
    SETTLEMENT,
    'return isTooLateForOurs\n        ?',
    'return isTooLateForOurs || !isTooLateForOurs\n        ?',
  ),
  beyondWalk(
    'two troubles in one story of two scans: the answers of both are lost',
    mutant(
      'a rival’s use is taken for ours',
      SETTLEMENT,
      'const taken = claimedVerifyIds(uses, [...claims, ...rivals]);',
      'const taken = claimedVerifyIds(uses, [...claims]);',
    ),
  ),
  mutant(
    'records that were cut show that there is no use of ours',
    SETTLEMENT,
    "if (!evidence.areRecordsWhole) return undecided('look_up_records_cut');",
    '',
  ),
  mutant(
    'what an operator has stopped is taken for what Douyin called used',
    SETTLEMENT,
    "verification.sendsStoppedBy === 'said_used';",
    'verification.sendsStoppedBy !== null;',
  ),
  mutant(
    'what is only looked up is left alone for an hour',
    SETTLEMENT,
    'if (!isOnlyLookedUp(verification)) return null;',
    'if (isOnlyLookedUp(verification)) return null;',
  ),
  mutant(
    'a look-up teaches the row another coupon’s certificate',
    LOOK_UP,
    'if (certificate && !isAboutCoupon(certificate, row)) {',
    'if (certificate && !isAboutCoupon(certificate, row) && row.id < 0) {',
  ),
  mutant(
    'a certificate that the row knows is replaced',
    COLUMNS,
    "return sql`case when ${known} = '' then ${told} else ${known} end`;",
    "return sql`case when ${told} <> '' then ${told} else ${known} end`;",
  ),
  mutant(
    'a repeat follows a refusal',
    SETTLEMENT,
    "if (isOnlyLookedUp(verification)) {\n    return { step: 'look_up',",
    "if (isOnlyLookedUp(verification)) {\n    return { step: 'repeat',",
  ),
  mutant(
    'other verifications of the coupon are not waited for',
    LOOK_UP,
    'others.filter((other) => comesFirst(run, row, other))',
    'others.filter((other) => comesFirst(run, row, other) && other.id < 0)',
  ),
  mutant(
    'redemptions of other verifications are not respected',
    LOOK_UP,
    "others.filter((other) => other.verifyStatus === 'success')",
    'others.filter((other) => other.id < 0)',
  ),
  mutant(
    'a look-up’s success is stamped with the moment it was found',
    LOOK_UP,
    'verifyTime: verdict.use.verifyTime,',
    'verifyTime: null,',
  ),
  mutantOf(
    TILL_TESTS,
    'one that waits for an operator is not told to the waiting till',
    LOOK_UP,
    '  run.deps.board.publish(marked);\n',
    '',
  ),

  // Around the steps.
  mutantOf(
    ['test/activities/heartbeat.test.ts'],
    'a running activity does not say that it runs',
    'activities/index.ts',
    'const heartbeat = setInterval(() => context?.heartbeat(), HEARTBEAT_MS);',
    'const heartbeat = setInterval(() => void context, HEARTBEAT_MS);',
  ),
  mutantOf(
    ['test/workflows/continue-as-new.test.ts'],
    'an operator’s “try again” goes on where the tries had ended',
    'workflows/enrich-order.ts',
    'if (await condition(() => isWoken, delayMs ?? DAILY)) failedTries = 0;',
    'await condition(() => isWoken, delayMs ?? DAILY);',
  ),

  // Sweeping, waiting, fencing.
  mutant(
    'what was never sent is started by the sweep',
    SWEEP,
    'if (row.openSendCount === 0) {',
    'if (row.openSendCount < 0) {',
  ),
  mutantOf(
    TILL_TESTS,
    'an operator’s verdict by the API is not told to the waiting till',
    'src/services/resolve-verification.ts',
    'deps.board.publish(outcome.verification);',
    '',
  ),
  mutantOf(
    TILL_TESTS,
    'an operator’s verdict by Temporal is not told to the waiting till',
    'activities/resolve-verification.ts',
    'run.deps.board.publish(outcome.verification);',
    '',
  ),
  mutantOf(
    TILL_TESTS,
    'a till is answered by an older round',
    'src/services/verify-coupon.ts',
    'if (published.round >= verification.round && isAnswerable(published)) return published;',
    'if (isAnswerable(published)) return published;',
  ),
  mutantOf(
    FENCE_TESTS,
    'the fence closes a round that somebody else began',
    FENCE,
    'if (stored !== null && (isOwn || isEarlier)) {',
    'if (stored !== null) {',
  ),
  mutantOf(
    FENCE_TESTS,
    'a repeat that was refused leaves its token’s earlier round to be sent',
    FENCE,
    'if (stored !== null && (isOwn || isEarlier)) {',
    'if (stored !== null && isOwn) {',
  ),
  mutantOf(
    TILL_TESTS,
    'a till that comes back is told how the earlier round ended',
    'src/services/verify-coupon.ts',
    'return isAnswerable(opened) ? opened :',
    'return isAnswerable(stored) ? stored :',
  ),
  mutantOf(
    FENCE_TESTS,
    'the fence gives up while its round may still be sent',
    FENCE,
    'refusedAt + deps.policy.firstSendWithinMs + STATEMENT_OUTLIVES_MS',
    'refusedAt + STATEMENT_OUTLIVES_MS',
  ),
];
