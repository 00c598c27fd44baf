// Compares three ledgers of one seed after everything has come to rest: what the tills were told, what the gateway's
// rows say, and what the simulator really did.
import type { Verification } from '../../../src/domain/verification.ts';
import type { SimulatorState } from '../../../src/simulator/state.ts';
import type { LedgerLine } from '../../../src/simulator/views.ts';
import type { Sale } from './sales.ts';

export interface Finding {
  readonly what: string;
  readonly verificationId: number | null;
}

export interface Findings {
  /** Two bills paid by one redemption, or one paid by none. */
  readonly double: Finding[];
  /** A redemption that no success shows. */
  readonly lost: Finding[];
  /** What a till was told as final, or was promised, and the end differs. */
  readonly contradictions: Finding[];
  /** Still in processing. */
  readonly unknown: Finding[];
  /** Promises broken on the way, whatever the end: parameters that changed between repeats, a verdict given twice. */
  readonly broken: Finding[];
  /** Of two verifications of one coupon the other one was credited. Douyin's reads do not tell them apart. */
  creditedToTheOther: number;
}

/** @param verdicts how many verdict events each row has, by its id */
export function check(
  rows: readonly Verification[],
  sales: readonly Sale[],
  state: SimulatorState,
  verdicts: ReadonlyMap<number, number>,
): Findings {
  const findings: Findings = {
    double: [],
    lost: [],
    contradictions: [],
    unknown: [],
    broken: [],
    creditedToTheOther: 0,
  };
  checkLedger(rows, state.ledger({ kind: 'verified', limit: Number.MAX_SAFE_INTEGER }), findings);
  checkAnswers(rows, sales, findings);
  for (const row of rows) {
    if (row.verifyStatus === 'processing') findings.unknown.push(about(row, 'still in processing'));
    if ((verdicts.get(row.id) ?? 0) > 1) findings.broken.push(about(row, 'two verdicts'));
  }
  for (const truth of state.truths({ limit: Number.MAX_SAFE_INTEGER }).items) {
    const owner = rows.find((row) => row.douyinVerifyToken === truth.verifyToken);
    if (truth.parameterSets > 1) {
      findings.broken.push(about(owner, `its token was sent with ${truth.parameterSets} sets of parameters`));
    }
    if (truth.effects.length > 1) {
      findings.broken.push(about(owner, `its token had ${truth.effects.length} effects`));
    }
  }
  return findings;
}

function checkLedger(rows: readonly Verification[], ledger: readonly LedgerLine[], findings: Findings): void {
  const ownerOf = new Map<string, Verification>();
  const byVerifyId = new Map(ledger.map((line) => [line.verifyId, line]));
  const successes = rows.filter((row) => row.verifyStatus === 'success');
  // Those that name their redemption go first; the others must find one that nobody has named.
  const named = successes.filter((row) => row.verifyId !== '');
  const unnamed = successes.filter((row) => row.verifyId === '');
  for (const row of named) {
    const line = byVerifyId.get(row.verifyId);
    if (!line || line.verifiedBy !== 'api') {
      findings.double.push(about(row, 'a success without a redemption of ours'));
    } else if (ownerOf.has(line.verifyId)) {
      findings.double.push(about(row, 'two successes by one redemption'));
    } else {
      ownerOf.set(line.verifyId, row);
      if (line.verifyToken !== row.douyinVerifyToken) findings.creditedToTheOther += 1;
    }
  }
  for (const row of unnamed) {
    const candidates = ledger.filter(
      (line) => line.verifiedBy === 'api' && isSameCoupon(line, row) && !ownerOf.has(line.verifyId),
    );
    const line = candidates.find(({ verifyToken }) => verifyToken === row.douyinVerifyToken) ?? candidates[0];
    if (!line) {
      findings.double.push(about(row, 'a success without a redemption of its own'));
      continue;
    }
    ownerOf.set(line.verifyId, row);
    if (line.verifyToken !== row.douyinVerifyToken) findings.creditedToTheOther += 1;
  }
  for (const line of ledger) {
    if (line.verifiedBy !== 'api' || ownerOf.has(line.verifyId)) continue;
    const row = rows.find((candidate) => candidate.douyinVerifyToken === line.verifyToken);
    // Still in processing is not lost yet: it is counted as unknown.
    if (row?.verifyStatus === 'processing') continue;
    findings.lost.push(about(row, `redeemed at ${new Date(line.atMs).toISOString()} and not shown`));
  }
}

function isSameCoupon(line: LedgerLine, row: Verification): boolean {
  return line.certificateId === row.certificateId || line.encryptedCode === row.encryptedCode;
}

function checkAnswers(rows: readonly Verification[], sales: readonly Sale[], findings: Findings): void {
  const byToken = new Map(rows.map((row) => [`${row.appId} ${row.verifyToken}`, row]));
  for (const sale of sales) {
    const row = byToken.get(`${sale.app.id} ${sale.verifyToken}`);
    for (const answer of sale.answers) {
      if (answer.kind === 'told' && answer.verifyStatus !== 'processing') {
        if (row?.verifyStatus === answer.verifyStatus && row.id === answer.verificationId) continue;
        findings.contradictions.push(
          about(row, `a till was told ${answer.verifyStatus}, and it ended otherwise`),
        );
      }
      if (answer.kind === 'error' && !EXPECTED_ERRORS.has(answer.code)) {
        findings.broken.push(about(row, `a till was answered ${answer.code}`));
      }
    }
  }
}

/** What a till may be told when nothing was consumed. */
const EXPECTED_ERRORS: ReadonlySet<string> = new Set([
  'coupon.short_link_invalid',
  'douyin.unavailable',
  'douyin.refused_gateway',
  'gateway.database_unavailable',
  'gateway.engine_unavailable',
  // A request's own nonce, spent by a statement whose answer was lost.
  'auth.nonce_reused',
]);

function about(row: Verification | undefined, what: string): Finding {
  return row
    ? { what: `${what}: ${describe(row)}`, verificationId: row.id }
    : { what: `${what}: there is no row`, verificationId: null };
}

function describe(row: Verification): string {
  return (
    `#${row.id} ${row.mode} ${row.verifyStatus}/${row.step} round ${row.round} sends ${row.sendCount}/${row.openSendCount} ` +
    `code ${row.errorCode} ${row.lastOutcome} verifyId=${row.verifyId} certificate=${row.certificateId} ` +
    `«${row.reason ?? row.errorDescription} ${row.lastNote?.code ?? ''}»`
  );
}
