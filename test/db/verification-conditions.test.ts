import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { conditionOf, GUARD_CONTEXT_COLUMNS } from '../../src/db/repositories/verification-conditions.ts';
import {
  type GuardContext,
  type GuardedRow,
  mayTransition,
  REPEAT_WINDOW_MS,
  REVIEW_LASTS_MS,
  TRANSITIONS,
  type TransitionName,
  VERIFICATION_STEPS,
} from '../../src/domain/verification.ts';
import { TEST_POLICY } from '../support/policy.ts';
import { openTestOrm } from '../support/test-orm.ts';

let database: Awaited<ReturnType<typeof openTestOrm>>;
beforeAll(async () => {
  database = await openTestOrm();
}, 60_000);
afterAll(() => database.close());

/** Whole milliseconds around every limit. */
const AGES_MS = [
  0,
  TEST_POLICY.firstSendWithinMs,
  TEST_POLICY.firstSendWithinMs + 1,
  TEST_POLICY.sendArrivesWithinMs - 1,
  TEST_POLICY.sendArrivesWithinMs,
];
const SENT_AGES_MS = [REPEAT_WINDOW_MS, REPEAT_WINDOW_MS + 1, REVIEW_LASTS_MS - 1, REVIEW_LASTS_MS];
const NOW = sql<Date>`'2026-03-15T10:00:00Z'::timestamptz`;

describe('the conditions of the database', () => {
  it('are the guards of the table of transitions, for every kind of row', async () => {
    const kysely = database.orm.em.fork().getKysely();
    const run = (statement: ReturnType<typeof sql>) => statement.execute(kysely);
    await run(sql`insert into apps (name, code, client_key, status, poi_ids) values
      ('a', 'active', 'k1', 'active', '{}'), ('b', 'disabled', 'k2', 'disabled', '{}'),
      ('c', 'fenced', 'k3', 'active', '{other-store}'), ('d', 'fenced-in', 'k4', 'active', '{store}')`);
    // Every combination of what guards look at, in the states that the table of the database allows.
    await run(sql`
      insert into verifications (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, step,
        verify_status, send_count, open_send_count, first_sent_at, last_sent_at, last_outcome_kind, are_sends_stopped,
        round_started_at, last_looked_up_at)
      select a.id, '', '', 'store', 'code', '', concat_ws('-', a.id, step, sends, age, sent_age, outcome, stopped), step,
        case step when 'settled' then 'success' when 'not_attempted' then 'failed' else 'processing' end,
        sends + 1, sends, ${NOW} - greatest(sent_age, 0) * interval '1 millisecond', case when sent_age < 0 then null else ${NOW} - sent_age * interval '1 millisecond' end,
        outcome, stopped, ${NOW} - age * interval '1 millisecond',
        case when age = 0 then ${NOW} when sends = 2 then ${NOW} - interval '1 millisecond' end
      from apps a, unnest(${[...VERIFICATION_STEPS]}::text[]) step, unnest('{0,1,2}'::int[]) sends,
        unnest(${AGES_MS}::int[]) age, unnest(${[-1, ...AGES_MS, ...SENT_AGES_MS]}::int[]) sent_age,
        unnest(${['', 'in_review', 'refused']}::text[]) outcome, unnest('{true,false}'::bool[]) stopped
      where step <> 'not_attempted' or sends = 0`);
    const seenOf = (name: TransitionName) =>
      (TRANSITIONS[name].guards as readonly string[]).includes('sends_as_seen')
        ? { sendCount: 2, openSendCount: 1 }
        : null;
    const names = Object.keys(TRANSITIONS) as TransitionName[];
    const { rows } = await sql<Record<string, unknown>>`
      select v.*, ${NOW} as as_of, ${GUARD_CONTEXT_COLUMNS}, ${sql.join(
        names.map(
          (name) =>
            sql`${conditionOf(name, { seen: seenOf(name), policy: TEST_POLICY, now: NOW })} as ${sql.ref(`may_${name}`)}`,
        ),
      )} from verifications v`.execute(kysely);
    expect(rows.length).toBeGreaterThan(5000);
    const differing: unknown[] = [];
    for (const row of rows) {
      const verification = readRow(row);
      for (const name of names) {
        const context: GuardContext = {
          seen: seenOf(name),
          policy: TEST_POLICY,
          isAppAllowed: row['is_app_allowed'] === true,
          hasSiblingInDoubt: row['has_sibling_in_doubt'] === true,
          isTokenShared: row['is_token_shared'] === true,
        };
        const expected = mayTransition(name, verification, context);
        if (row[`may_${name}`] !== expected) differing.push({ name, token: row['verify_token'], expected });
      }
    }
    expect(differing).toEqual([]);
    const allowed = new Set(rows.filter((row) => row['is_app_allowed']).map((row) => row['app_id']));
    expect([...allowed].toSorted()).toEqual(['1', '4']);
  }, 120_000);
});

describe('another verification', () => {
  let cases = 0;

  const OWN = {
    certificate_id: 'certificate',
    encrypted_code: 'encrypted',
    order_id: 'order',
    token: 'token',
  };
  const SENT = { ...OWN, step: 'sent', verify_status: 'processing', open_send_count: 1 };

  /** What the database tells of a row beside another one. */
  async function beside(other: Partial<typeof SENT>): Promise<{ inDoubt: unknown; isShared: unknown }> {
    const kysely = database.orm.em.fork().getKysely();
    const run = (statement: ReturnType<typeof sql>) => statement.execute(kysely);
    await run(sql`insert into apps (name, code, client_key, status) values ('e', 'beside', 'k5', 'active')
      on conflict do nothing`);
    // Ids of its own for each case: rows stay.
    const prefix = `case-${(cases += 1)}-`;
    const insert = (name: string, row: typeof SENT) => {
      const verifyToken = prefix + name;
      const [certificate, code, order, token] = [
        row.certificate_id,
        row.encrypted_code,
        row.order_id,
        row.token,
      ].map((id) => prefix + id);
      const sentAt = row.open_send_count > 0 ? new Date('2026-03-15T09:59:00Z') : null;
      return run(sql`
        insert into verifications (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, step,
          verify_status, send_count, open_send_count, certificate_id, encrypted_code, order_id, douyin_verify_token,
          certificate_claim, order_claim, round_started_at, first_sent_at, last_sent_at)
        select id, '', '', 'store', 'short_link', ${verifyToken}, ${verifyToken}, ${row.step}, ${row.verify_status},
          ${row.open_send_count}, ${row.open_send_count}, ${certificate}, ${code},
          ${order}, ${token}, ${`claim-${verifyToken}`}, ${`claim-${verifyToken}`}, ${NOW},
          ${sentAt}::timestamptz, ${sentAt}::timestamptz
        from apps where code = 'beside'`);
    };
    await insert('own', { ...SENT, step: 'prepared', open_send_count: 0 });
    await insert('other', { ...SENT, ...other });
    const { rows } = await sql<Record<string, unknown>>`select ${GUARD_CONTEXT_COLUMNS}
      from verifications v where v.verify_token = ${`${prefix}own`}`.execute(kysely);
    return { inDoubt: rows[0]?.['has_sibling_in_doubt'], isShared: rows[0]?.['is_token_shared'] };
  }

  const NONE = {
    certificate_id: 'another',
    encrypted_code: 'another',
    order_id: 'another',
    token: 'another',
  };
  it.each<[string, Partial<typeof SENT>, { inDoubt: boolean; isShared: boolean }]>([
    ['of everything, sent and not decided', {}, { inDoubt: true, isShared: true }],
    [
      'of the same certificate alone',
      { ...NONE, certificate_id: 'certificate' },
      { inDoubt: true, isShared: false },
    ],
    ['of the same code alone', { ...NONE, encrypted_code: 'encrypted' }, { inDoubt: true, isShared: false }],
    ['of the same order alone', { ...NONE, order_id: 'order' }, { inDoubt: true, isShared: false }],
    [
      'of the same code under the token',
      { ...NONE, encrypted_code: 'encrypted', token: 'token' },
      { inDoubt: true, isShared: true },
    ],
    ['of the token for another code', { ...NONE, token: 'token' }, { inDoubt: false, isShared: false }],
    ['of nothing the same', NONE, { inDoubt: false, isShared: false }],
    ['that was never sent', { step: 'prepared', open_send_count: 0 }, { inDoubt: false, isShared: false }],
    ['that is a success', { step: 'settled', verify_status: 'success' }, { inDoubt: false, isShared: true }],
    ['that failed', { step: 'settled', verify_status: 'failed' }, { inDoubt: false, isShared: false }],
  ])('%s', async (_what, other, expected) => {
    expect(await beside(other)).toEqual(expected);
  });
});

function readRow(row: Record<string, unknown>): GuardedRow {
  const date = (column: string) => (row[column] === null ? null : new Date(row[column] as string));
  return {
    step: row['step'],
    verifyStatus: row['verify_status'],
    enrichmentStatus: row['enrichment_status'],
    sendCount: row['send_count'],
    openSendCount: row['open_send_count'],
    firstSentAt: date('first_sent_at'),
    lastSentAt: date('last_sent_at'),
    lastLookedUpAt: date('last_looked_up_at'),
    lastOutcome: (row['last_outcome_kind'] as string) || null,
    sendsStoppedBy: row['are_sends_stopped'] ? 'operator' : null,
    roundStartedAt: date('round_started_at'),
    asOf: date('as_of'),
  } as GuardedRow;
}
