// The verdict on a run: compares what tills saw, what the gateway stored and what Douyin did. Pure; it changes nothing and asks
// nobody. Every finding is a sentence with the ids to look for in the kept ledgers.
import { wrongAdvice } from './advice.ts';
import { wrongData } from './data.ts';
import { unjustified } from './justification.ts';
import { indexOf } from './ledger-index.ts';
import type { Ledgers } from './ledgers.ts';
import { operatorsWork, stillOpen, unanswered, UNDECIDABLE, unenriched } from './liveness.ts';
import { misuses } from './misuse.ts';
import { reversals } from './monotony.ts';
import { countOperators, type OperatorsCount, sentBehindOperators, turnedWords } from './operators.ts';
import { brokenPromises } from './promises.ts';
import { contradictions, doubles, lies, losses, matchSuccesses, takenBack } from './safety.ts';

export const FINDING_KINDS = [
  'double',
  'lost',
  'contradictions',
  'promises',
  'unknown',
  'liveness',
  'unjustified',
  'monotony',
  'data',
  'advice',
  'misuse',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/**
 * - `double`         two bills paid by one redemption, or one by none; a coupon or token redeemed twice
 * - `lost`           a redemption of ours that no record shows as success, a record that is not there
 * - `contradictions` what a till was told as a verdict, and it ended otherwise
 * - `promises`       redeemed behind the back of a till that was told otherwise, or too late for it
 * - `unknown`        verifications that never ended
 * - `liveness`       tills that are not told how it ended, what is never enriched, controls that fail
 * - `unjustified`    a refusal, or a try that did not take place, without a cause
 * - `monotony`       an answer that takes back an earlier one
 * - `data`           stores, ids and amounts that are not Douyin's
 * - `advice`         what a cashier was advised against what is true
 * - `misuse`         answers that the contract does not know, rules for calling Douyin that were broken
 */
export interface Findings extends Readonly<Record<FindingKind, readonly string[]>> {
  /** Of the unknown: those that wait for an operator, with what really became of them. No violation by itself. */
  readonly forOperator: readonly string[];
  /** Redeemed, and refused in Douyin's own words. No violation: the gateway said what it was told. */
  readonly lies: readonly string[];
  /** Redemptions that people took back while their verification was in doubt. No violation: nobody lost anything. */
  readonly takenBack: readonly string[];
  /** Successes credited with another verification's redemption of the same coupon: Douyin does not tell them apart. */
  readonly creditedToTheOther: number;
  readonly operators: OperatorsCount;
}

export function check(ledgers: Ledgers): Findings {
  const index = indexOf(ledgers);
  const matching = matchSuccesses(ledgers, index);
  return {
    double: [...doubles(ledgers, index, matching)],
    lost: [...losses(ledgers, index, matching)],
    contradictions: [...contradictions(ledgers, index), ...turnedWords(ledgers, index)],
    promises: [...brokenPromises(ledgers, index), ...sentBehindOperators(ledgers, index)],
    unknown: [...stillOpen(ledgers)],
    liveness: [...unanswered(ledgers, index), ...unenriched(ledgers, index)],
    unjustified: [...unjustified(ledgers, index)],
    monotony: [...reversals(ledgers, index)],
    data: [...wrongData(ledgers, index)],
    advice: [...wrongAdvice(ledgers, index)],
    misuse: [...misuses(ledgers, index)],
    forOperator: [...operatorsWork(ledgers, index)],
    lies: [...lies(index, matching)],
    takenBack: [...takenBack(index, matching)],
    creditedToTheOther: matching.creditedToTheOther,
    operators: countOperators(ledgers, index),
  };
}

/** @param finding one of `forOperator`: whether nobody could have told by asking Douyin */
export function isUndecidable(finding: string): boolean {
  return finding.endsWith(UNDECIDABLE);
}

/** Whether the run proves what it should. Rows that Douyin made undecidable are an operator's, and no violation. */
export function isClean(findings: Findings): boolean {
  const undecidable = findings.forOperator.filter(isUndecidable).length;
  return FINDING_KINDS.every((kind) => findings[kind].length === (kind === 'unknown' ? undecidable : 0));
}
