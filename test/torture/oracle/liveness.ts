// Everything ends: each till that asks after all is well again is told a verdict, and it is the record's, field by field; what
// was redeemed is enriched; and where nothing was disturbed, what can be redeemed is.
import type { Effect, GatewayRow, Ledgers, SeenRecord, UsedToken } from './ledgers.ts';
import {
  callerKey,
  isNotAttempted,
  isOpen,
  isOrderMisnamed,
  type LedgerIndex,
  name,
  standing,
} from './ledger-index.ts';
import { isSameCoupon } from './safety.ts';

/** Faults after which nobody can tell the truth by asking Douyin. */
const UNDECIDABLE_FAULTS: ReadonlySet<string> = new Set([
  'items-refused-after-effect',
  'risk-review-fails',
  'stale-certificate',
  'amounts-empty',
]);
export const UNDECIDABLE = 'Douyin made it undecidable';

/** Fields of a record that are columns of the row, as text, number or moment. */
const FIELDS = [
  'id', 'app_id', 'poi_id', 'verify_status', 'error_description', 'certificate_id', 'encrypted_code', 'origin_code',
  'coupon_status', 'product_id', 'product_name', 'sku_id', 'sku_name', 'verify_records_count', 'verify_id', 'order_id',
  'source_order_id', 'ext_order_id', 'order_status', 'pay_amount', 'receipt_amount', 'discount_amount',
  'enrichment_status', 'verify_token', 'operator_id', 'device_id', 'note',
] as const; // prettier-ignore
const MOMENTS = ['expire_time', 'verify_time', 'create_order_time', 'pay_time'] as const;

/** Tills to whom the gateway, with nothing in its way, does not say how it ended. */
export function* unanswered(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const used of ledgers.usedTokens) {
    const key = callerKey(ledgers.appIds[used.app] ?? 0, used.token);
    const row = index.rowByCallerToken.get(key);
    const exchanges = index.exchangesByCallerToken.get(key) ?? [];
    const closing = exchanges.filter(({ request }) => request.operation === 'closing_look_up').at(-1);
    if (!closing) {
      yield `till ${used.till} was not asked about at the end`;
      continue;
    }
    const { heard } = closing;
    if (heard?.kind !== 'answer') yield `till ${used.till} hears nothing, with nothing in the way`;
    else if (heard.record) yield* differences(used, heard.record, row);
    else if (row && !isNotAttempted(row))
      yield `till ${used.till} is told ${heard.status} ${heard.code} of ${name(row)}, with nothing in the way`;
    else if (!row && heard.status !== 404)
      yield `till ${used.till}, of whom there is no record, is told ${heard.status} ${heard.code}`;
    if (used.isControl) yield* controlFailures(used, exchanges, row, ledgers);
  }
}

function* differences(used: UsedToken, told: SeenRecord, row: GatewayRow | undefined): Generator<string> {
  if (!row) {
    yield `till ${used.till} is shown record #${told.id}, and there is none`;
    return;
  }
  if (told.verify_status === 'processing' && !isOpen(row))
    yield `till ${used.till} is told processing for ever: ${name(row)} is ${row.verify_status}`;
  // Where Douyin gave no words the gateway has its own, in the reader's language.
  const isInItsWords = (field: string) =>
    field === 'error_description' && (told.reason !== '' || row.error_description === '');
  const differing = [
    ...FIELDS.filter((field) => !isInItsWords(field)).filter(
      (field) => asText(told[field]) !== asText(row[field] ?? zeroOf(told[field])),
    ),
    ...MOMENTS.filter((field) => momentOf(told[field]) !== momentOf(row[field])),
  ];
  for (const field of differing) {
    yield `till ${used.till} is told ${field} ${asText(told[field])} of ${name(row)}, which has ${asText(row[field])}`;
  }
}

function asText(value: unknown): string {
  const known = value ?? '';
  return typeof known === 'string' ? known : JSON.stringify(known);
}

/** A number that is not known is 0 outside. */
function zeroOf(told: unknown): unknown {
  return typeof told === 'number' ? 0 : '';
}

function momentOf(value: unknown): number | null {
  return typeof value === 'string' && value !== '' ? Date.parse(value) : null;
}

function* controlFailures(
  used: UsedToken,
  exchanges: NonNullable<ReturnType<LedgerIndex['exchangesByCallerToken']['get']>>,
  row: GatewayRow | undefined,
  { bounds }: Ledgers,
): Generator<string> {
  const first = exchanges.find(({ request }) => request.operation === 'verify');
  const record = first?.heard?.kind === 'answer' ? first.heard.record : null;
  const isOnItsWay = bounds.isFirstAnswerLost && record?.verify_status === 'processing';
  if ((record?.verify_status !== 'success' && !isOnItsWay) || row?.verify_status !== 'success') {
    const said = first?.heard?.kind === 'answer' ? (record?.verify_status ?? first.heard.code) : 'nothing';
    yield `control ${used.till}, a good coupon with nothing in the way, was told ${said}${row ? ` of ${name(row)}` : ''}`;
  }
}

/** Redeemed, and what was redeemed stays unknown. */
export function* unenriched({ rows }: Ledgers, index: LedgerIndex): Generator<string> {
  for (const row of rows) {
    if (row.verify_status !== 'success' || row.enrichment_status === 'success') continue;
    if (row.enrichment_status === 'skipped' && row.order_id === '') continue;
    if (isOrderMisnamed(row, index)) continue;
    yield `${name(row)} is success, and its enrichment stays ${row.enrichment_status}`;
  }
}

export function* stillOpen({ rows }: Ledgers): Generator<string> {
  for (const row of rows.filter(isOpen)) yield `${name(row)} is still ${standing(row)}`;
}

/** Of those still open the ones that wait for an operator, with what really became of them. */
export function* operatorsWork({ rows }: Ledgers, index: LedgerIndex): Generator<string> {
  for (const row of rows) {
    if (row.step !== 'unsettled' || !isOpen(row)) continue;
    const isUndecidable = index.faultedCalls.some(
      (call) => UNDECIDABLE_FAULTS.has(call.fault ?? '') && call.facts.order_id === row.order_id,
    );
    const isRedeemed = index.effectsByToken.has(row.douyin_verify_token);
    const isUndone = wasUndoneInDoubt(row, index);
    yield `${name(row)} waits for an operator (${standing(row)}); in truth ${
      isRedeemed ? 'it redeemed' : 'nothing was redeemed'
    }; ${isUndecidable || isUndone ? UNDECIDABLE : 'it could have been decided'}`;
  }
}

/**
 * Whether Douyin shows the coupon unused again because people took back its uses: ours, or the one that a verify of ours was
 * refused for. Then what Douyin says now contradicts what it had said.
 */
function wasUndoneInDoubt(row: GatewayRow, index: LedgerIndex): boolean {
  const uses = index.uses.filter((effect) => isSameCoupon(effect, row));
  const sent = (index.eventsByRowId.get(row.id) ?? []).find(({ kind }) => kind === 'verify_sent');
  const undoneAtMs = (effect: Effect) => index.undoneAtMs.get(effect.verify_id);
  return (
    uses.every((effect) => undoneAtMs(effect) !== undefined) &&
    uses.some(
      (effect) =>
        effect.verify_token === row.douyin_verify_token ||
        (undoneAtMs(effect) ?? 0) >= (sent?.at_ms ?? Infinity),
    )
  );
}
