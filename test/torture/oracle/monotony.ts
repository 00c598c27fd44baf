// No answer about one token takes back what an earlier one said.
import type { Ledgers, ReceivedAnswer, SeenRecord } from './ledgers.ts';
import { callerKey, type Exchange, isVerdict, type LedgerIndex } from './ledger-index.ts';

/** Once told these stay. */
const LASTING = ['id', 'verify_id', 'order_id'] as const;

interface Told {
  readonly answer: ReceivedAnswer;
  readonly record: SeenRecord;
}

export function* reversals(ledgers: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { app, token, till } of ledgers.usedTokens) {
    const exchanges = index.exchangesByCallerToken.get(callerKey(ledgers.appIds[app] ?? 0, token)) ?? [];
    const answered = exchanges.flatMap((exchange) => toldBy(exchange));
    for (const { told, askedAtMs } of answered) {
      // Only what was asked after the earlier answer had arrived must know of it.
      for (const { told: earlier } of answered) {
        if (earlier.answer.atMs >= askedAtMs) continue;
        const turn = turnBetween(earlier, told);
        if (turn) {
          yield `till ${till} was told ${turn} (requests ${earlier.answer.request} and ${told.answer.request}, record #${told.record.id})`;
        }
      }
    }
  }
}

function toldBy({ request, heard }: Exchange): readonly { told: Told; askedAtMs: number }[] {
  if (heard?.kind !== 'answer' || !heard.record || request.operation === 'prepare') return [];
  return [{ told: { answer: heard, record: heard.record }, askedAtMs: request.atMs }];
}

function turnBetween({ record: before }: Told, { record: after }: Told): string | null {
  if (isVerdict(before) && before.verify_status !== after.verify_status) {
    return `${before.verify_status}, then ${after.verify_status}`;
  }
  for (const field of LASTING) {
    if (before[field] !== '' && before[field] !== after[field]) {
      return `${field} ${before[field]}, then ${String(after[field])}`;
    }
  }
  return null;
}
