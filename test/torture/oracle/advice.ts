// Every sentence that sends a cashier somewhere is held against Douyin's ledger: "used elsewhere" only where somebody else
// used it, "used here" only where a record of ours did, and that very record.
import type { Effect, GatewayRow, Ledgers, ReceivedAnswer, UsedToken } from './ledgers.ts';
import { callerKey, type LedgerIndex } from './ledger-index.ts';
import { isDeniedByOperator } from './operators.ts';

const SAYS_ELSEWHERE = /在别处核销|redeemed elsewhere/;
const SAYS_HERE = /已在本系统核销过|redeemed here before/;
const NAMED_RECORD = /记录号\s*(\d+)|record\s*#?(\d+)/;

export function* wrongAdvice(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const used of ledgers.usedTokens) {
    const key = callerKey(ledgers.appIds[used.app] ?? 0, used.token);
    for (const { heard } of index.exchangesByCallerToken.get(key) ?? []) {
      if (heard?.kind !== 'answer' || !heard.record || heard.record.advice === '') continue;
      const wrong = judge(heard, used, index);
      if (wrong) {
        yield `till ${used.till} was advised, about record #${heard.record.id} (request ${heard.request}), ${wrong}: «${heard.record.advice}»`;
      }
    }
  }
}

function judge(heard: ReceivedAnswer, used: UsedToken, index: LedgerIndex): string | null {
  const record = heard.record;
  if (!record) return null;
  const effects = usesOfItsCoupon(heard, used, index).filter(({ at_ms }) => at_ms <= heard.atMs);
  const ours = effects.filter((effect) => ownersOf(effect, index).some((row) => row.id !== record.id));
  if (SAYS_HERE.test(record.advice)) {
    const named = Number(NAMED_RECORD.exec(record.advice)?.slice(1).find(Boolean) ?? NaN);
    const row = index.rowById.get(named);
    if (!row) return 'that a record used it which is not there';
    if (row.verify_status !== 'success') return `that #${named} used it, which is ${row.verify_status}`;
    if (!effects.some((effect) => effect.verified_by === 'api' && isUseOf(effect, row)))
      return `that #${named} used it, which did not`;
    return null;
  }
  if (SAYS_ELSEWHERE.test(record.advice)) {
    const others = effects.filter(
      (effect) =>
        effect.verified_by !== 'api' ||
        ownersOf(effect, index).length === 0 ||
        // The gateway has an operator's word that it was not ours.
        isDeniedByOperator(effect, index),
    );
    if (others.length > 0) return null;
    return ours.length > 0 ? 'that it was used elsewhere, and we did' : 'that it was used, and nobody did';
  }
  return null;
}

/** Of the coupon that the record names; of any of the order's where it names none. */
function usesOfItsCoupon(heard: ReceivedAnswer, used: UsedToken, index: LedgerIndex): readonly Effect[] {
  const { certificate_id: certificateId = '', order_id: orderId = '' } = heard.record ?? {};
  const effects = index.effectsByOrder.get(orderId || (used.orderId ?? '')) ?? [];
  return certificateId === '' ? effects : effects.filter((effect) => effect.certificate_id === certificateId);
}

function ownersOf(effect: Effect, index: LedgerIndex): readonly GatewayRow[] {
  return effect.verify_token === null ? [] : (index.rowsByDouyinToken.get(effect.verify_token) ?? []);
}

function isUseOf(effect: Effect, row: GatewayRow): boolean {
  return effect.verify_id === row.verify_id || effect.verify_token === row.douyin_verify_token;
}
