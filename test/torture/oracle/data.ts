// What tills and reports are told about a redemption is what Douyin's ledger and the order say.
import type { Effect, GatewayRow, Ledgers, SeenRecord, SoldOrder } from './ledgers.ts';
import { callerKey, isOrderMisnamed, type LedgerIndex, name } from './ledger-index.ts';

export function* wrongData(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  yield* wrongWords(ledgers, index);
  for (const row of ledgers.rows) {
    if (row.verify_status !== 'success') continue;
    const effect = index.effectByVerifyId.get(row.verify_id);
    const wrong = effect && misplaced(row, effect, isOrderMisnamed(row, index));
    if (wrong) yield `${name(row)} names redemption ${row.verify_id}, which is of ${wrong}`;
    const order = index.orderById.get(row.order_id);
    if (order && row.enrichment_status === 'success') yield* wrongAmounts(row, order, effect);
  }
}

/** What tills were told, held against the redemption that it names. */
function* wrongWords(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const used of ledgers.usedTokens) {
    const key = callerKey(ledgers.appIds[used.app] ?? 0, used.token);
    for (const { heard } of index.exchangesByCallerToken.get(key) ?? []) {
      if (heard?.kind !== 'answer' || !heard.record) continue;
      const told = `till ${used.till} was told (request ${heard.request})`;
      const { record } = heard;
      if (record.poi_id !== used.poiId) yield `${told} store ${record.poi_id}, and had named ${used.poiId}`;
      if (record.verify_id === '' || record.verify_status !== 'success') continue;
      const effect = index.effectByVerifyId.get(record.verify_id);
      if (!effect) yield `${told} verify id ${record.verify_id}, which Douyin never gave`;
      const row = index.rowById.get(record.id);
      const wrong = effect && misplaced(record, effect, row !== undefined && isOrderMisnamed(row, index));
      if (wrong) yield `${told} a redemption of ${wrong}`;
    }
  }
}

type Placed = Pick<SeenRecord, 'poi_id' | 'order_id' | 'certificate_id'>;

/** @returns what the redemption is of, if it is not of this record's store, order or coupon */
function misplaced(told: Placed, effect: Effect, isMisnamed: boolean): string | null {
  if (told.poi_id !== effect.poi_id) return `store ${effect.poi_id}, not ${told.poi_id}`;
  if (told.order_id !== '' && told.order_id !== effect.order_id && !isMisnamed)
    return `order ${effect.order_id}, not ${told.order_id}`;
  if (told.certificate_id !== '' && told.certificate_id !== effect.certificate_id)
    return `coupon ${effect.certificate_id}, not ${told.certificate_id}`;
  return null;
}

function* wrongAmounts(row: GatewayRow, order: SoldOrder, effect: Effect | undefined): Generator<string> {
  if (order.timesCount !== null && effect?.serial_number == null) return;
  const share = (fen: number) => shareOf(fen, order, effect);
  const payFen = share(order.payFen);
  const discountFen = Math.max(0, share(order.originalFen) - payFen);
  const isSeveral = order.timesCount !== null || order.certificateIds.length > 1;
  // Where neither the coupon nor its order says what is its own it stays unknown, which is 0 outside.
  const mayBeUnknown = isSeveral && !order.isAmountShown;
  if (row.pay_amount !== payFen && !(mayBeUnknown && isUnknown(row.pay_amount)))
    yield `${name(row)} shows ${row.pay_amount} fen paid, and it was ${payFen}`;
  if (row.discount_amount !== discountFen && !(mayBeUnknown && isUnknown(row.discount_amount)))
    yield `${name(row)} shows a discount of ${row.discount_amount} fen, and it was ${discountFen}`;
  // The order alone tells what was received, and not always of which coupon.
  if (row.receipt_amount !== payFen && !(isSeveral && isUnknown(row.receipt_amount)))
    yield `${name(row)} shows ${row.receipt_amount} fen received, and it was ${payFen}`;
}

/** Of a times card an even share, and the last use takes what that leaves over. */
function shareOf(fen: number, { timesCount }: SoldOrder, effect: Effect | undefined): number {
  if (timesCount === null) return fen;
  const even = Math.floor(fen / timesCount);
  return effect?.serial_number === timesCount ? fen - even * (timesCount - 1) : even;
}

function isUnknown(amount: number | null): boolean {
  return amount === null || amount === 0;
}
