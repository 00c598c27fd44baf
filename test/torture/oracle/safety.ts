// Nothing is redeemed twice, lost or told wrongly: each success has a redemption of its own, each redemption of ours shows as
// a success, and what tills were told as a verdict is how it ended.
import type { Effect, GatewayRow, Ledgers } from './ledgers.ts';
import {
  callerKey,
  type Exchange,
  grouped,
  isNotAttempted,
  isOpen,
  isVerdict,
  type LedgerIndex,
  name,
  wasTakenBackBeforeVerdict,
} from './ledger-index.ts';
import { isDeniedByOperator, isMistaken } from './operators.ts';

const ALREADY_USED_CODES = new Set([1208, 2]);

export interface Matching {
  readonly ownerOf: ReadonlyMap<string, GatewayRow>;
  readonly withoutRedemption: readonly { readonly row: GatewayRow; readonly why: string }[];
  /** Credited with the redemption of another verification of the same coupon: Douyin's reads do not tell them apart. */
  readonly creditedToTheOther: number;
}

/** Gives each success its redemption: first those that name theirs, then the others, by what is left. */
export function matchSuccesses({ rows }: Ledgers, index: LedgerIndex): Matching {
  const ownerOf = new Map<string, GatewayRow>();
  const withoutRedemption: { row: GatewayRow; why: string }[] = [];
  let creditedToTheOther = 0;
  const own = (row: GatewayRow, effect: Effect) => {
    ownerOf.set(effect.verify_id, row);
    if (effect.verify_token !== row.douyin_verify_token) creditedToTheOther += 1;
  };
  const successes = rows.filter((row) => row.verify_status === 'success');
  for (const row of successes.filter(({ verify_id }) => verify_id !== '')) {
    const effect = index.effectByVerifyId.get(row.verify_id);
    const other = effect && ownerOf.get(effect.verify_id);
    if (!effect || (effect.verified_by !== 'api' && !isTwinOfOurs(effect, row)))
      withoutRedemption.push({ row, why: `${row.verify_id} is no redemption of ours` });
    else if (other) withoutRedemption.push({ row, why: `${row.verify_id} is claimed by ${name(other)} too` });
    else own(row, effect);
  }
  // Who has a redemption under its own token takes that one; an operator's word without one takes what is left.
  const rank = (row: GatewayRow) => {
    if (index.effectsByToken.has(row.douyin_verify_token)) return 0;
    return index.resolvedById.has(row.id) ? 2 : 1;
  };
  const unnamed = successes.filter(({ verify_id }) => verify_id === '').sort((a, b) => rank(a) - rank(b));
  for (const row of unnamed) {
    const candidates = index.uses.filter(
      (effect) => effect.verified_by === 'api' && isSameCoupon(effect, row) && !ownerOf.has(effect.verify_id),
    );
    const effect =
      candidates.find(({ verify_token }) => verify_token === row.douyin_verify_token) ?? candidates[0];
    if (effect) own(row, effect);
    else withoutRedemption.push({ row, why: 'Douyin redeemed nothing for it' });
  }
  return { ownerOf, withoutRedemption, creditedToTheOther };
}

/** Douyin's times are whole seconds, and the gateway allows for as much between its machines. Milliseconds. */
const BEFORE_FIRST_SEND_MS = 5000;

/**
 * Made by another system with the same Douyin app, in the same store, while ours was in doubt: nothing that Douyin tells
 * sets it apart from ours.
 */
function isTwinOfOurs(effect: Effect, row: GatewayRow): boolean {
  return (
    effect.verified_by === 'other_app' &&
    effect.poi_id === row.poi_id &&
    effect.at_ms >= Date.parse(row.first_sent_at ?? '') - BEFORE_FIRST_SEND_MS &&
    effect.at_ms <= Date.parse(row.settled_at ?? '')
  );
}

export function isSameCoupon(effect: Effect, row: GatewayRow): boolean {
  return effect.certificate_id === row.certificate_id || effect.encrypted_code === row.encrypted_code;
}

export function* doubles(ledgers: Ledgers, index: LedgerIndex, matching: Matching): Generator<string> {
  for (const { row, why } of matching.withoutRedemption) {
    // An operator who says success of what Douyin did not do errs, and of a token that two apps were handed nobody can say
    // whose redemption it was; one who was right needs a redemption like everybody.
    const isSharedToken = (index.rowsByDouyinToken.get(row.douyin_verify_token) ?? []).length > 1;
    if (index.resolvedById.has(row.id) && (isMistaken(row, index) || isSharedToken)) continue;
    yield `${name(row)} is success, but ${why}`;
  }
  for (const [token, effects] of index.effectsByToken) {
    const beside = effects.filter((effect) => effects.some((other) => stoodBefore(other, effect, index)));
    if (beside.length > 0) yield `Douyin's token ${token} redeemed ${effects.length} times`;
  }
  for (const [certificateId, effects] of grouped(index.uses, ({ certificate_id }) => certificate_id)) {
    const standing = effects.filter((effect) => !index.undoneAtMs.has(effect.verify_id));
    if (standing.length > 1 && standing.every((effect) => effect.serial_number === null))
      yield `coupon ${certificateId} was redeemed ${standing.length} times`;
  }
  for (const order of ledgers.orders) {
    if (order.meals === null) continue;
    const ours = (index.effectsByOrder.get(order.orderId) ?? []).filter(
      (effect) =>
        effect.verified_by === 'api' &&
        !index.undoneAtMs.has(effect.verify_id) &&
        // Who was told by an operator that it did not redeem may scan again.
        !isDeniedByOperator(effect, index),
    );
    // A second scan after the first one's verdict is the shop's own: only while that was in doubt it had to be held.
    const wasInDoubt = ours.some((effect) =>
      ours.some((later) =>
        wasTakenInDoubt(matching.ownerOf.get(effect.verify_id), matching.ownerOf.get(later.verify_id)),
      ),
    );
    if (ours.length > order.meals && wasInDoubt)
      yield `order ${order.orderId} paid for ${order.meals} meals with ${ours.length} redemptions`;
  }
}

/** Whether the other redemption was made earlier, and stood when this one was made. */
function stoodBefore(other: Effect, effect: Effect, index: LedgerIndex): boolean {
  const undoneAtMs = index.undoneAtMs.get(other.verify_id) ?? Infinity;
  return other.sequence < effect.sequence && undoneAtMs > effect.at_ms;
}

/** Whether the later one was sent while the earlier one, sent before it, was not decided: both by the database's clock. */
function wasTakenInDoubt(earlier: GatewayRow | undefined, later: GatewayRow | undefined): boolean {
  if (!earlier || !later) return true;
  if (earlier === later) return false;
  const sentAt = (row: GatewayRow) => Date.parse(row.first_sent_at ?? '');
  const isPicked = later.mode !== 'encrypted_code';
  return (
    isPicked &&
    sentAt(earlier) < sentAt(later) &&
    sentAt(later) < Date.parse(earlier.settled_at ?? '9999-12-31')
  );
}

/** Redeems, and answers with one of its refusals of a first send: nobody who believes its documentation can know. */
const LIE = 'items-refused-after-effect';

/** Redemptions of which Douyin itself said, to the one send there was, that it refused them. */
export function* lies(index: LedgerIndex, matching: Matching): Generator<string> {
  for (const effect of index.uses) {
    const row = deceived(effect, index, matching);
    if (row)
      yield `redemption ${effect.verify_id} of ${name(row)} was refused with ${row.error_code} in words`;
  }
}

/** @returns the verification that failed because Douyin said so, though it had redeemed */
function deceived(effect: Effect, index: LedgerIndex, matching: Matching): GatewayRow | null {
  const token = effect.verify_token;
  if (effect.verified_by !== 'api' || token === null || matching.ownerOf.has(effect.verify_id)) return null;
  const isLie = index.faultedCalls.some(
    ({ endpoint, fault, facts }) => endpoint === 'verify' && fault === LIE && facts.verify_token === token,
  );
  const [row, ...others] = index.rowsByDouyinToken.get(token) ?? [];
  const isBelieved = row?.verify_status === 'failed' && row.send_count === 1 && row.error_code !== 0;
  return isLie && others.length === 0 && isBelieved ? row : null;
}

export function* losses(ledgers: Ledgers, index: LedgerIndex, matching: Matching): Generator<string> {
  for (const effect of index.uses) {
    if (effect.verified_by !== 'api' || matching.ownerOf.has(effect.verify_id)) continue;
    if (deceived(effect, index, matching) || afterTakenBack(effect, index, matching) !== null) continue;
    const holders = index.rowsByDouyinToken.get(effect.verify_token ?? '') ?? [];
    const what = `redemption ${effect.verify_id} of token ${effect.verify_token}`;
    if (holders.length === 0) yield `${what} has no record`;
    else if (!holders.some((row) => isOpen(row) || wasDecidedAfter(row, effect, index)))
      yield `${what} happened, but ${holders.map((row) => `${name(row)} is ${row.verify_status}`).join(', ')}`;
  }
  for (const { request, heard } of index.exchanges) {
    if (heard?.kind !== 'answer' || !heard.record) continue;
    const row = index.rowById.get(heard.record.id);
    if (!row)
      yield `request ${request.request} was answered with record #${heard.record.id}, which is not there`;
    else if (row.verify_token !== request.token || row.app_id !== ledgers.appIds[request.app])
      yield `request ${request.request} was answered with ${name(row)}, which is another till's`;
  }
}

/**
 * Redemptions that people took back while a verify was in doubt. A repeat made some again, for a Douyin that takes the token
 * anew: no read tells that from a verify that did nothing, and the record shows the one that stands. Others ended as failed,
 * with the coupon unused in the customer's hands, as the record says.
 */
export function* takenBack(index: LedgerIndex, matching: Matching): Generator<string> {
  for (const effect of index.uses) {
    const then = afterTakenBack(effect, index, matching);
    if (then !== null) yield `redemption ${effect.verify_id} was taken back by people, and ${then}`;
  }
}

/** @returns what became of it; null where the record had ended before, or shows neither */
function afterTakenBack(effect: Effect, index: LedgerIndex, matching: Matching): string | null {
  if (effect.verified_by !== 'api' || !index.undoneAtMs.has(effect.verify_id)) return null;
  const token = effect.verify_token ?? '';
  const isRedone = (index.effectsByToken.get(token) ?? []).some(
    (other) =>
      other !== effect && matching.ownerOf.has(other.verify_id) && !stoodBefore(effect, other, index),
  );
  if (isRedone) return 'made again by a repeat';
  if (matching.ownerOf.has(effect.verify_id)) return null;
  const row = (index.rowsByDouyinToken.get(token) ?? []).find((one) =>
    wasTakenBackBeforeVerdict(effect, one, index),
  );
  return row ? `then ${name(row)} ended as ${row.verify_status}` : null;
}

/** Whether an operator said, after it had happened, that it had not: a person's mistake. */
function wasDecidedAfter(row: GatewayRow, effect: Effect, index: LedgerIndex): boolean {
  const resolution = index.resolvedById.get(row.id);
  return resolution?.verifyStatus === 'failed' && effect.at_ms <= resolution.answeredAtMs;
}

export function* contradictions(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { app, token, till } of ledgers.usedTokens) {
    const key = callerKey(ledgers.appIds[app] ?? 0, token);
    const row = index.rowByCallerToken.get(key);
    const exchanges = index.exchangesByCallerToken.get(key) ?? [];
    if (!row) continue;
    for (const { heard } of exchanges) {
      if (heard?.kind !== 'answer' || !heard.record || !isVerdict(heard.record)) continue;
      const { record, request } = heard;
      if (record.verify_status !== row.verify_status || isNotAttempted(row))
        yield `till ${till} was told ${record.verify_status} (request ${request}), but ${name(row)} ended as ${row.verify_status} (${row.step})`;
      else if (record.error_code !== row.error_code && !row.reason)
        yield `till ${till} was told error ${record.error_code} (request ${request}), but ${name(row)} ended with ${row.error_code}`;
    }
    if (row.verify_status === 'success' && saysNothingWasDone(exchanges))
      yield `till ${till} was only ever told that nothing was done, but ${name(row)} is success`;
    if (isRefusedAsUsed(row, index)) {
      const others = index.uses.filter(
        (effect) =>
          effect.certificate_id === row.certificate_id && effect.verify_token !== row.douyin_verify_token,
      );
      const isSharedToken = (index.effectsByToken.get(row.douyin_verify_token) ?? []).length > 0;
      if (others.length === 0 && !isSharedToken)
        yield `${name(row)} says that its coupon was used, and nobody else used it`;
    }
  }
}

function isRefusedAsUsed(row: GatewayRow, index: LedgerIndex): boolean {
  return (
    row.verify_status === 'failed' &&
    row.step === 'settled' &&
    row.certificate_id !== '' &&
    ALREADY_USED_CODES.has(row.error_code) &&
    !index.resolvedById.has(row.id)
  );
}

/** Each verify of the token was answered, and each answer promised that nothing was sent. */
function saysNothingWasDone(exchanges: readonly Exchange[]): boolean {
  const verifies = exchanges.filter(({ request }) => request.operation === 'verify');
  return (
    verifies.length > 0 &&
    verifies.every(({ heard }) => heard?.kind === 'answer' && heard.status >= 400 && heard.status !== 500)
  );
}
