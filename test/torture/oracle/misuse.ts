// Answers that the contract does not know for what was asked, and rules for calling Douyin that were broken.
import type { Ledgers, SentRequest } from './ledgers.ts';
import { type LedgerIndex, name, verdictsOf } from './ledger-index.ts';

const NOT_ATTEMPTED = [
  '400 coupon.short_link_invalid',
  '502 douyin.unavailable',
  '502 douyin.refused_gateway',
];
const GATEWAY_AWAY = [
  '503 gateway.database_unavailable',
  '503 gateway.engine_unavailable',
  '503 gateway.stopping',
];

/** Answers a till may get that are not a record. */
const EXPECTED: Readonly<Record<SentRequest['operation'], ReadonlySet<string>>> = {
  verify: new Set([
    ...NOT_ATTEMPTED,
    ...GATEWAY_AWAY,
    '409 coupon.sibling_in_doubt',
    '503 gateway.busy',
    '502 gateway.too_late',
    '503 gateway.too_late',
  ]),
  look_up: new Set([...GATEWAY_AWAY, '503 gateway.busy', '404 verification.not_found']),
  // Whether these are right is liveness's question.
  closing_look_up: new Set([...GATEWAY_AWAY, '404 verification.not_found']),
  prepare: new Set([...NOT_ATTEMPTED, ...GATEWAY_AWAY, '502 douyin.broken_answer', '503 gateway.busy']),
};

export function* misuses({ truths, rows, calls }: Ledgers, index: LedgerIndex): Generator<string> {
  for (const { request, heard } of index.exchanges) {
    if (heard?.kind !== 'answer' || heard.status === 200) continue;
    const said = `${heard.status} ${heard.code}`;
    if (!EXPECTED[request.operation].has(said))
      yield `request ${request.request} (${request.operation}) got ${said}`;
  }
  const truthByToken = new Map(truths.map((truth) => [truth.verify_token, truth]));
  for (const truth of truths) {
    if (truth.parameter_sets > 1)
      yield `token ${truth.verify_token} was sent with ${truth.parameter_sets} different parameters`;
  }
  for (const call of calls) {
    const token = call.facts.verify_token;
    if (call.endpoint !== 'verify' || token === undefined) continue;
    if (!index.rowsByDouyinToken.has(token) && !truthByToken.has(token))
      yield `a verify was sent with token ${token}, which no prepare gave out`;
  }
  for (const row of rows) {
    const verdicts = verdictsOf(row, index);
    if (verdicts.length > 1) yield `${name(row)} was given ${verdicts.length} verdicts`;
    const isOperatorsWord = index.resolvedById.has(row.id);
    if (
      truthByToken.get(row.douyin_verify_token)?.sends === 0 &&
      row.verify_status === 'success' &&
      !isOperatorsWord
    )
      yield `${name(row)} is success, and its verify never arrived`;
  }
}
