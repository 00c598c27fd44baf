// The verdict on a run: compares what tills saw, what the gateway stored and what Douyin did. Pure; it changes nothing and asks
// nobody. Every finding is a sentence with the ids to look for in the kept ledgers.
import type { ClientEntry, ReceivedAnswer, SentRequest } from './client-ledger.ts';
import type { GatewayRow, Ledgers } from './ledgers.ts';
import type { Effect } from './simulator-control.ts';

export interface Findings {
  /** A coupon redeemed twice, one effect claimed twice, or one verification with two effects. */
  readonly double: readonly string[];
  /** An effect of ours that no record shows as success, a success without an effect, a record that is not there. */
  readonly lost: readonly string[];
  /** What a till was told against another answer or the end state. */
  readonly contradictions: readonly string[];
  /** Verifications that never ended. */
  readonly unknown: readonly string[];
  /** Of the unknown: those that wait for an operator, with what really became of them. */
  readonly forOperator: readonly string[];
  /** Answers that the contract does not know for what was asked, and rules for calling Douyin that were broken. */
  readonly misuse: readonly string[];
}

const ALREADY_USED_CODES = new Set([1208, 2]);
/** Faults after which nobody can tell the truth by asking Douyin. */
const UNDECIDABLE_FAULTS = new Set([
  'items-refused-after-effect',
  'risk-review-fails',
  'stale-certificate',
  'amounts-empty',
]);

export function check(ledgers: Ledgers): Findings {
  const index = indexOf(ledgers);
  return {
    double: [...doubles(ledgers, index)],
    lost: [...losses(ledgers, index)],
    contradictions: [...contradictions(ledgers, index)],
    unknown: ledgers.rows
      .filter(isOpen)
      .map((row) => `${name(row)} is still ${row.step}: ${row.last_outcome}`),
    forOperator: [...operatorsWork(ledgers, index)],
    misuse: [...misuses(ledgers, index)],
  };
}

/** Whether the run proves what it should. Rows that Douyin made undecidable are an operator's, and no violation. */
export function isClean(findings: Findings): boolean {
  return (
    [findings.double, findings.lost, findings.contradictions, findings.misuse].every(
      (list) => list.length === 0,
    ) && findings.unknown.length === findings.forOperator.filter((text) => text.endsWith(UNDECIDABLE)).length
  );
}

interface Index {
  readonly effectsByToken: ReadonlyMap<string, readonly Effect[]>;
  readonly effectsByCertificate: ReadonlyMap<string, readonly Effect[]>;
  readonly rowsByDouyinToken: ReadonlyMap<string, readonly GatewayRow[]>;
  readonly rowByCallerToken: ReadonlyMap<string, GatewayRow>;
  readonly rowById: ReadonlyMap<number, GatewayRow>;
}

function indexOf(ledgers: Ledgers): Index {
  const verified = ledgers.effects.filter((effect) => effect.kind === 'verified');
  return {
    effectsByToken: grouped(
      verified.filter((effect) => effect.verify_token !== null),
      (effect) => effect.verify_token ?? '',
    ),
    effectsByCertificate: grouped(verified, (effect) => effect.certificate_id),
    rowsByDouyinToken: grouped(
      ledgers.rows.filter((row) => row.douyin_verify_token !== ''),
      (row) => row.douyin_verify_token,
    ),
    rowByCallerToken: new Map(ledgers.rows.map((row) => [callerKey(row.app_id, row.verify_token), row])),
    rowById: new Map(ledgers.rows.map((row) => [row.id, row])),
  };
}

function* doubles({ rows, truths }: Ledgers, index: Index): Generator<string> {
  for (const [token, effects] of index.effectsByToken) {
    if (effects.length > 1) yield `Douyin's token ${token} redeemed ${effects.length} times`;
    const claiming = (index.rowsByDouyinToken.get(token) ?? []).filter(
      (row) => row.verify_status === 'success',
    );
    if (claiming.length > 1) yield `one effect of ${token} is claimed by ${claiming.map(name).join(' and ')}`;
  }
  for (const [certificateId, effects] of index.effectsByCertificate) {
    const isTimesCard = effects.some((effect) => effect.serial_number !== null);
    if (effects.length > 1 && !isTimesCard)
      yield `coupon ${certificateId} was redeemed ${effects.length} times`;
    const successes = rows.filter(
      (row) => row.certificate_id === certificateId && row.verify_status === 'success',
    );
    const ours = effects.filter((effect) => effect.verified_by === 'api');
    if (successes.length > ours.length) {
      yield `coupon ${certificateId} has ${ours.length} effects of ours and ${successes.length} successes: ${successes.map(name).join(', ')}`;
    }
  }
  const claims = grouped(
    rows.filter((row) => row.verify_id !== '' && row.verify_status === 'success'),
    (row) => row.verify_id,
  );
  for (const [verifyId, claiming] of claims) {
    if (claiming.length > 1) yield `verify id ${verifyId} is claimed by ${claiming.map(name).join(' and ')}`;
  }
  // One verification whose rounds had an effect each would show as effects of tokens that rows no longer name.
  const effectiveTokens = new Set(index.effectsByToken.keys());
  for (const row of rows) {
    const ofItsOrder = truths.filter(
      (truth) => truth.order_id === row.order_id && effectiveTokens.has(truth.verify_token),
    );
    const unclaimed = ofItsOrder.filter((truth) => !index.rowsByDouyinToken.has(truth.verify_token));
    if (row.verify_status === 'success' && unclaimed.length > 0 && row.round > 1) {
      yield `${name(row)}, in round ${row.round}, may have redeemed twice: token ${unclaimed[0]?.verify_token} had an effect as well`;
    }
  }
}

function* losses({ rows, usedTokens, appIds, client }: Ledgers, index: Index): Generator<string> {
  for (const [token, effects] of index.effectsByToken) {
    const holders = index.rowsByDouyinToken.get(token) ?? [];
    const what = `effect ${effects[0]?.verify_id} of token ${token}`;
    if (holders.length === 0) yield `${what} has no record`;
    else if (!holders.some((row) => row.verify_status === 'success' || isOpen(row)))
      yield `${what} happened, but ${holders.map((row) => `${name(row)} is ${row.verify_status}`).join(', ')}`;
  }
  for (const row of rows) {
    if (row.verify_status !== 'success') continue;
    const effects = index.effectsByToken.get(row.douyin_verify_token) ?? [];
    if (effects.length === 0) yield `${name(row)} is success, but Douyin redeemed nothing under its token`;
    else if (row.verify_id !== '' && !effects.some((effect) => effect.verify_id === row.verify_id))
      yield `${name(row)} is success by verify id ${row.verify_id}, which is not the effect of its token`;
  }
  // Whatever a till was told about, or was told was accepted, must be there.
  const requests = requestsByNumber(client);
  for (const entry of client) {
    if (entry.kind !== 'answer' || !entry.record) continue;
    const request = requests.get(entry.request);
    const row = index.rowById.get(entry.record.id);
    if (!row)
      yield `request ${entry.request} was answered with record #${entry.record.id}, which is not there`;
    else if (request && (row.verify_token !== request.token || row.app_id !== appIds[request.app]))
      yield `request ${entry.request} was answered with ${name(row)}, which is another till's`;
  }
  for (const { app, token, till } of usedTokens) {
    const answers = answersTo(client, requests, app, token);
    const wasAccepted = answers.some((answer) => answer.record !== null);
    if (wasAccepted && !index.rowByCallerToken.has(callerKey(appIds[app] ?? 0, token)))
      yield `till ${till} was shown a record for ${token}, and there is none`;
  }
}

function* contradictions({ usedTokens, appIds, client }: Ledgers, index: Index): Generator<string> {
  const requests = requestsByNumber(client);
  for (const { app, token, till } of usedTokens) {
    const row = index.rowByCallerToken.get(callerKey(appIds[app] ?? 0, token));
    const answers = answersTo(client, requests, app, token);
    for (const answer of answers) {
      const { record } = answer;
      if (!record || record.verify_status === 'processing' || !row) continue;
      if (record.verify_status !== row.verify_status)
        yield `till ${till} was told ${record.verify_status} (request ${answer.request}), but ${name(row)} ended as ${row.verify_status}`;
      else if (record.error_code !== row.error_code)
        yield `till ${till} was told error ${record.error_code} (request ${answer.request}), but ${name(row)} ended with ${row.error_code}`;
    }
    if (row?.verify_status === 'success' && saysNothingWasDone(client, requests, app, token))
      yield `till ${till} was only ever told that nothing was done, but ${name(row)} is success`;
    if (row?.verify_status === 'failed' && row.step === 'settled' && ALREADY_USED_CODES.has(row.error_code)) {
      const others = (index.effectsByCertificate.get(row.certificate_id) ?? []).filter(
        (effect) => effect.verify_token !== row.douyin_verify_token,
      );
      const byAnotherRow = (index.effectsByToken.get(row.douyin_verify_token) ?? []).length > 0;
      if (others.length === 0 && !byAnotherRow && row.certificate_id !== '')
        yield `${name(row)} says that its coupon was used, and nobody else used it`;
    }
  }
}

/** Each request of the token was answered, and each answer promised that nothing was sent. */
function saysNothingWasDone(
  client: readonly ClientEntry[],
  requests: ReadonlyMap<number, SentRequest>,
  app: number,
  token: string,
): boolean {
  const verifies = [...requests.values()].filter(
    (request) => request.app === app && request.token === token && request.operation === 'verify',
  );
  const answers = new Map(
    client.flatMap((entry) => (entry.kind === 'request' ? [] : [[entry.request, entry] as const])),
  );
  return (
    verifies.length > 0 &&
    verifies.every(({ request }) => {
      const answer = answers.get(request);
      return (
        answer?.kind === 'answer' && (answer.status === 502 || answer.status === 503 || answer.status === 429)
      );
    })
  );
}

const UNDECIDABLE = 'Douyin made it undecidable';

function* operatorsWork({ rows, calls }: Ledgers, index: Index): Generator<string> {
  for (const row of rows) {
    if (row.step !== 'unsettled') continue;
    const isUndecidable = calls.some(
      (call) =>
        call.fault !== null && UNDECIDABLE_FAULTS.has(call.fault) && call.facts.order_id === row.order_id,
    );
    const effects = index.effectsByToken.get(row.douyin_verify_token) ?? [];
    yield `${name(row)} waits for an operator (${row.last_outcome}); in truth ${
      effects.length > 0 ? 'it redeemed' : 'nothing was redeemed'
    }; ${isUndecidable ? UNDECIDABLE : 'it could have been decided'}`;
  }
}

/** Answers a till may get that are not a record. */
const EXPECTED: Readonly<Record<SentRequest['operation'], ReadonlySet<string>>> = {
  verify: new Set([
    '400 coupon.short_link_invalid',
    '502 douyin.unavailable',
    '502 douyin.refused_gateway',
    '503 gateway.busy',
    '503 gateway.database_unavailable',
    '503 gateway.engine_unavailable',
    '503 gateway.stopping',
  ]),
  look_up: new Set([
    '400 coupon.short_link_invalid',
    '404 verification.not_found',
    '502 douyin.unavailable',
    '502 douyin.refused_gateway',
    '503 gateway.database_unavailable',
    '503 gateway.engine_unavailable',
    '503 gateway.stopping',
  ]),
  prepare: new Set([
    '400 coupon.short_link_invalid',
    '502 douyin.unavailable',
    '502 douyin.refused_gateway',
    '502 douyin.broken_answer',
    '503 gateway.busy',
    '503 gateway.database_unavailable',
    '503 gateway.stopping',
  ]),
};

function* misuses({ client, truths, rows, calls }: Ledgers, index: Index): Generator<string> {
  const requests = requestsByNumber(client);
  for (const entry of client) {
    if (entry.kind !== 'answer' || entry.status === 200) continue;
    const operation = requests.get(entry.request)?.operation;
    const said = `${entry.status} ${entry.code}`;
    if (operation && !EXPECTED[operation].has(said))
      yield `request ${entry.request} (${operation}) got ${said}`;
  }
  for (const truth of truths) {
    if (truth.parameter_sets > 1)
      yield `token ${truth.verify_token} was sent with ${truth.parameter_sets} different parameters`;
  }
  for (const call of calls) {
    if (call.endpoint !== 'verify' || call.facts.verify_token === undefined) continue;
    if (!index.rowsByDouyinToken.has(call.facts.verify_token) && !isKnown(truths, call.facts.verify_token))
      yield `a verify was sent with token ${call.facts.verify_token}, which no prepare gave out`;
  }
  for (const row of rows) {
    const token = truths.find((truth) => truth.verify_token === row.douyin_verify_token);
    if (token?.sends === 0 && row.verify_status === 'success')
      yield `${name(row)} is success, and its verify never arrived`;
  }
}

function isKnown(truths: Ledgers['truths'], token: string): boolean {
  return truths.some((truth) => truth.verify_token === token);
}

function isOpen(row: GatewayRow): boolean {
  return row.verify_status === 'processing';
}

function name(row: GatewayRow): string {
  return `#${row.id}`;
}

function callerKey(appId: number, token: string): string {
  return `${appId} ${token}`;
}

function requestsByNumber(client: readonly ClientEntry[]): ReadonlyMap<number, SentRequest> {
  return new Map(
    client.flatMap((entry) => (entry.kind === 'request' ? [[entry.request, entry] as const] : [])),
  );
}

function answersTo(
  client: readonly ClientEntry[],
  requests: ReadonlyMap<number, SentRequest>,
  app: number,
  token: string,
): readonly ReceivedAnswer[] {
  return client.filter((entry): entry is ReceivedAnswer => {
    const request = requests.get(entry.request);
    return entry.kind === 'answer' && request?.app === app && request.token === token;
  });
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
