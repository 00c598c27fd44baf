// The same ledgers by what one looks for in them.
import type { EventKind } from '../../../src/domain/verification.ts';
import type {
  ClientEntry,
  DouyinCall,
  Effect,
  GatewayRow,
  Ledgers,
  NoAnswer,
  ReceivedAnswer,
  Resolution,
  RowEvent,
  SentRequest,
  SoldOrder,
  UsedToken,
} from './ledgers.ts';

/** One request of a till with what it heard; null when the run ended first. */
export interface Exchange {
  readonly request: SentRequest;
  readonly heard: ReceivedAnswer | NoAnswer | null;
}

export interface LedgerIndex {
  /** Uses at Douyin, cancelled ones included, in the order they happened. */
  readonly uses: readonly Effect[];
  /** When a use was taken back at Douyin, by its id. */
  readonly undoneAtMs: ReadonlyMap<string, number>;
  readonly effectsByToken: ReadonlyMap<string, readonly Effect[]>;
  readonly effectsByOrder: ReadonlyMap<string, readonly Effect[]>;
  readonly effectByVerifyId: ReadonlyMap<string, Effect>;
  readonly rowsByDouyinToken: ReadonlyMap<string, readonly GatewayRow[]>;
  readonly rowByCallerToken: ReadonlyMap<string, GatewayRow>;
  readonly rowById: ReadonlyMap<number, GatewayRow>;
  readonly eventsByRowId: ReadonlyMap<number, readonly RowEvent[]>;
  readonly tokenByRowId: ReadonlyMap<number, UsedToken>;
  readonly orderById: ReadonlyMap<string, SoldOrder>;
  /** Requests of one caller's token, in the order they were asked. */
  readonly exchangesByCallerToken: ReadonlyMap<string, readonly Exchange[]>;
  readonly exchanges: readonly Exchange[];
  readonly faultedCalls: readonly DouyinCall[];
  /** Tokens of verifies that arrived at Douyin. */
  readonly verifyTokensAtDouyin: ReadonlySet<string>;
  /** What an operator decided and the gateway took, by verification. */
  readonly resolvedById: ReadonlyMap<number, Resolution>;
}

export function callerKey(appId: number, token: string): string {
  return `${appId} ${token}`;
}

export function indexOf(ledgers: Ledgers): LedgerIndex {
  const uses = ledgers.effects.filter((effect) => effect.kind === 'verified');
  const rowByCallerToken = new Map(ledgers.rows.map((row) => [callerKey(row.app_id, row.verify_token), row]));
  const exchanges = exchangesOf(ledgers.client);
  return {
    uses,
    undoneAtMs: new Map(
      ledgers.effects
        .filter(({ kind }) => kind === 'cancelled')
        .map(({ verify_id, at_ms }) => [verify_id, at_ms]),
    ),
    effectsByToken: grouped(
      uses.filter(({ verify_token }) => verify_token !== null),
      ({ verify_token }) => verify_token ?? '',
    ),
    effectsByOrder: grouped(uses, ({ order_id }) => order_id),
    effectByVerifyId: new Map(uses.map((effect) => [effect.verify_id, effect])),
    rowsByDouyinToken: grouped(
      ledgers.rows.filter((row) => row.douyin_verify_token !== ''),
      (row) => row.douyin_verify_token,
    ),
    rowByCallerToken,
    rowById: new Map(ledgers.rows.map((row) => [row.id, row])),
    eventsByRowId: grouped(ledgers.events, ({ verification_id }) => verification_id),
    tokenByRowId: new Map(
      ledgers.usedTokens.flatMap((used) => {
        const row = rowByCallerToken.get(callerKey(ledgers.appIds[used.app] ?? 0, used.token));
        return row ? [[row.id, used] as const] : [];
      }),
    ),
    orderById: new Map(ledgers.orders.map((order) => [order.orderId, order])),
    exchangesByCallerToken: grouped(exchanges, ({ request }) =>
      callerKey(ledgers.appIds[request.app] ?? 0, request.token),
    ),
    exchanges,
    faultedCalls: ledgers.calls.filter((call) => call.fault !== null),
    verifyTokensAtDouyin: new Set(
      ledgers.truths.filter(({ sends }) => sends > 0).map(({ verify_token }) => verify_token),
    ),
    resolvedById: new Map(
      ledgers.resolutions.filter((one) => one.isAccepted).map((one) => [one.verificationId, one]),
    ),
  };
}

function exchangesOf(client: readonly ClientEntry[]): readonly Exchange[] {
  const heard = new Map(
    client.flatMap((entry) => (entry.kind === 'request' ? [] : [[entry.request, entry] as const])),
  );
  return client.flatMap((entry) =>
    entry.kind === 'request' ? [{ request: entry, heard: heard.get(entry.request) ?? null }] : [],
  );
}

export function grouped<T, Key extends string | number>(
  items: readonly T[],
  keyOf: (item: T) => Key,
): ReadonlyMap<Key, readonly T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/**
 * Whether Douyin named another order in its answer to a verify of which the gateway knew no order: the caller had prepared,
 * and nothing else in the answer, or in any later one, tells which order it is.
 */
export function isOrderMisnamed(row: GatewayRow, index: LedgerIndex): boolean {
  return (
    row.mode === 'encrypted_code' &&
    index.faultedCalls.some(
      ({ endpoint, fault, facts }) =>
        endpoint === 'verify' &&
        fault === 'answer-for-another-order' &&
        facts.verify_token === row.douyin_verify_token,
    )
  );
}

export function isOpen(row: GatewayRow): boolean {
  return row.verify_status === 'processing';
}

/** Nothing was sent in its last round; the same token may try again. */
export function isNotAttempted(row: GatewayRow): boolean {
  return row.step === 'not_attempted';
}

const VERDICTS: ReadonlySet<EventKind> = new Set([
  'verified',
  'refused',
  'found_redeemed',
  'found_not_redeemed',
  'resolved',
]);

export function verdictsOf(row: GatewayRow, index: LedgerIndex): readonly RowEvent[] {
  return (index.eventsByRowId.get(row.id) ?? []).filter(({ kind }) => VERDICTS.has(kind));
}

/** Whether people had given the customer this use back before Douyin's word ended the record without it. */
export function wasTakenBackBeforeVerdict(effect: Effect, row: GatewayRow, index: LedgerIndex): boolean {
  const undoneAtMs = index.undoneAtMs.get(effect.verify_id);
  return (
    undoneAtMs !== undefined &&
    row.verify_id !== effect.verify_id &&
    verdictsOf(row, index).some(({ kind, at_ms }) => kind !== 'resolved' && at_ms >= undoneAtMs)
  );
}

/** For people who look into the kept ledgers. */
export function name(row: GatewayRow): string {
  return `#${row.id}`;
}

/** What the gateway knows of one that is open, or why it ended it. */
export function standing(row: GatewayRow): string {
  return [row.step, row.reason, row.last_outcome, row.last_note && JSON.stringify(row.last_note)]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(' ');
}

/** Reasons of the gateway's own with which a verification is over for good, though Douyin did not refuse it. */
const FINAL_REASONS: ReadonlySet<string> = new Set([
  '',
  'coupon.none_usable',
  'coupon.not_enough',
  'coupon.kind_not_supported',
]);

/** Whether what a till was told is a verdict: `failed` with a passing reason of ours is none. */
export function isVerdict(record: { readonly verify_status: string; readonly reason: string }): boolean {
  if (record.verify_status === 'processing') return false;
  return record.verify_status === 'success' || FINAL_REASONS.has(record.reason);
}

/** An answer that promises that nothing was, or will be, sent to Douyin for its request. */
export function isPromise(heard: Exchange['heard']): heard is ReceivedAnswer {
  return heard?.kind === 'answer' && heard.status >= 400 && heard.status !== 500;
}
