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
        round_started_at)
      select a.id, '', '', 'store', 'code', '', concat_ws('-', a.id, step, sends, age, sent_age, outcome, stopped), step,
        case step when 'settled' then 'success' when 'not_attempted' then 'failed' else 'processing' end,
        sends + 1, sends, ${NOW} - greatest(sent_age, 0) * interval '1 millisecond', case when sent_age < 0 then null else ${NOW} - sent_age * interval '1 millisecond' end,
        outcome, stopped, ${NOW} - age * interval '1 millisecond'
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
    lastOutcome: (row['last_outcome_kind'] as string) || null,
    sendsStoppedBy: row['are_sends_stopped'] ? 'operator' : null,
    roundStartedAt: date('round_started_at'),
    asOf: date('as_of'),
  } as GuardedRow;
}
