// Nothing is refused without a cause: each `failed` has one in Douyin's ledger, in the order, or in what Douyin answered; each
// round without an attempt, and each error, has something that stood in its way.
import { type Disturbed, type GatewayRow, type Ledgers, QR_REFRESHED, type SoldOrder } from './ledgers.ts';
import {
  callerKey,
  isNotAttempted,
  type LedgerIndex,
  name,
  standing,
  wasTakenBackBeforeVerdict,
} from './ledger-index.ts';

/** A fault of one call holds everybody up for this long: a pause for "too frequent", an ended access token. Milliseconds. */
const FAULT_REACHES_MS = 60_000;
/** What holds up more than the order it was about. */
const FAULTS_OF_ALL: ReadonlySet<string> = new Set([
  'too-frequent',
  'quota-used-up',
  'token-expired',
  'token-invalid',
  'refuse-connections',
  'http-429-before-effect',
  'http-429-after-effect',
  'retry-text-before-effect',
  'retry-text-after-effect',
]);
/** A disturbance shows in what was asked this long after its end: connections are made again, caches filled. Milliseconds. */
const DISTURBANCE_REACHES_MS = 15_000;

/** The dynamic code has expired. */
const DEAD_QR = 45005117;

/** Douyin says so, or lists nothing for it. */
function isOfDeadQr(row: GatewayRow): boolean {
  return row.error_code === DEAD_QR || row.reason === 'coupon.none_usable';
}

export function* unjustified(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const row of ledgers.rows) {
    if (row.verify_status !== 'failed') continue;
    if (isNotAttempted(row)) {
      if (!hasObstacle(row, ledgers, index))
        yield `${name(row)} was not attempted (${row.reason}), and nothing stood in its way`;
    } else if (!mayBeRefused(row, ledgers, index)) {
      yield `${name(row)}, on a good coupon, was refused with ${row.error_code} «${row.error_description}» ${standing(row)}`;
    }
  }
  yield* needlessErrors(ledgers, index);
}

function mayBeRefused(row: GatewayRow, { usedTokens }: Ledgers, index: LedgerIndex): boolean {
  const used = index.tokenByRowId.get(row.id);
  const order = used?.orderId == null ? undefined : index.orderById.get(used.orderId);
  // A code that nobody sold.
  if (!order || order.flaw !== null) return true;
  if (!order.poiIds.includes(row.poi_id)) return true;
  if (index.resolvedById.get(row.id)?.verifyStatus === 'failed') return true;
  const isUsedByAnother = (index.effectsByOrder.get(order.orderId) ?? []).some(
    (effect) => effect.verify_token !== row.douyin_verify_token,
  );
  if (isUsedByAnother) return true;
  if (order.changes.some(({ what }) => what !== QR_REFRESHED)) return true;
  // The customer has shown the order with a fresh QR, which ends the one that was scanned before.
  const isScannedAgain =
    order.changes.length > 0 || usedTokens.filter(({ orderId }) => orderId === order.orderId).length > 1;
  if (isScannedAgain && isOfDeadQr(row)) return true;
  const isTakenBack = (index.effectsByToken.get(row.douyin_verify_token) ?? []).some((effect) =>
    wasTakenBackBeforeVerdict(effect, row, index),
  );
  if (isTakenBack) return true;
  const isSharedToken = (index.rowsByDouyinToken.get(row.douyin_verify_token) ?? []).length > 1;
  return isSharedToken || faultsAbout(row, order, index).length > 0 || neverArrived(row, index);
}

/** Counted as sent, and Douyin saw nothing of it: then the gateway may end it in its own words, and not in Douyin's. */
function neverArrived(row: GatewayRow, index: LedgerIndex): boolean {
  const isInOurWords = row.reason !== null && row.reason !== '';
  return isInOurWords && row.open_send_count > 0 && !index.verifyTokensAtDouyin.has(row.douyin_verify_token);
}

function faultsAbout(row: GatewayRow, order: SoldOrder, index: LedgerIndex) {
  return index.faultedCalls.filter(
    ({ facts }) =>
      facts.order_id === order.orderId ||
      facts.verify_token === row.douyin_verify_token ||
      facts.certificate_ids?.some((id) => order.certificateIds.includes(id)) === true,
  );
}

/** Whether something stood between this round and Douyin. */
function hasObstacle(row: GatewayRow, ledgers: Ledgers, index: LedgerIndex): boolean {
  const used = index.tokenByRowId.get(row.id);
  const order = used?.orderId == null ? undefined : index.orderById.get(used.orderId);
  if (row.reason === 'coupon.short_link_invalid') {
    const isBent = index.faultedCalls.some(
      ({ endpoint, facts }) => endpoint === 'short_link' && facts.order_id === order?.orderId,
    );
    return isBent || order === undefined || order.flaw !== null;
  }
  if (order && (order.flaw !== null || faultsAbout(row, order, index).length > 0)) return true;
  const verifies = exchangesOf(row, index);
  if (row.reason === 'coupon.sibling_in_doubt') return hasSibling(row, index);
  return verifies.some(({ request, heard }) =>
    isDisturbed(request.atMs, heard?.atMs ?? request.atMs + ledgers.bounds.budgetMs, ledgers, index),
  );
}

function exchangesOf(row: GatewayRow, index: LedgerIndex) {
  return (index.exchangesByCallerToken.get(callerKey(row.app_id, row.verify_token)) ?? []).filter(
    ({ request }) => request.operation === 'verify',
  );
}

/** Whether another verification of the same order was ever sent. */
function hasSibling(row: GatewayRow, index: LedgerIndex): boolean {
  const used = index.tokenByRowId.get(row.id);
  return [...index.rowById.values()].some(
    (other) =>
      other.id !== row.id &&
      other.send_count > 0 &&
      index.tokenByRowId.get(other.id)?.orderId === used?.orderId,
  );
}

function isDisturbed(fromMs: number, toMs: number, { disturbed }: Ledgers, index: LedgerIndex): boolean {
  return (
    disturbed.some((one) => overlaps(one, fromMs - DISTURBANCE_REACHES_MS, toMs)) ||
    index.faultedCalls.some(
      ({ fault, endpoint, at_ms }) =>
        (holdsAllUp(fault ?? '') || endpoint.endsWith('_token')) &&
        at_ms >= fromMs - FAULT_REACHES_MS &&
        at_ms <= toMs,
    )
  );
}

/** Codes such as "too frequent" slow every call down, whatever it is about. */
function holdsAllUp(fault: string): boolean {
  return FAULTS_OF_ALL.has(fault) || fault.startsWith('error-code');
}

function overlaps(one: Disturbed, fromMs: number, toMs: number): boolean {
  return one.fromMs <= toMs && one.toMs >= fromMs;
}

/** 502 and 503 to which nothing led. */
function* needlessErrors(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { request, heard } of index.exchanges) {
    if (heard?.kind !== 'answer' || heard.status < 500 || request.operation === 'closing_look_up') continue;
    if (isDisturbed(request.atMs, heard.atMs, ledgers, index)) continue;
    const row = index.rowByCallerToken.get(callerKey(ledgers.appIds[request.app] ?? 0, request.token));
    const used = ledgers.usedTokens.find(
      ({ till, token }) => till === request.till && token === request.token,
    );
    const order = used?.orderId == null ? undefined : index.orderById.get(used.orderId);
    if (!order || order.flaw !== null) continue;
    const isFaulted = row
      ? faultsAbout(row, order, index).length > 0
      : index.faultedCalls.some(({ facts }) => facts.order_id === order.orderId);
    if (!isFaulted)
      yield `request ${request.request} (${request.operation}) got ${heard.status} ${heard.code}${row ? ` about ${name(row)}` : ''} (${heard.detail ?? ''}), and nothing stood in its way`;
  }
}
