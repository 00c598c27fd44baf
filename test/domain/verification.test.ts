import { describe, expect, it } from '@jest/globals';
import {
  answerRepeat,
  EVENT_KINDS,
  type Guard,
  type GuardContext,
  type GuardedRow,
  GUARDS,
  isAnswerable,
  isSettled,
  isTooLateToSend,
  mayTransition,
  REPEAT_WINDOW_MS,
  type RepeatAnswer,
  REVIEW_LASTS_MS,
  STATUS_OF_STEP,
  TRANSITIONS,
  type TransitionName,
  VERIFICATION_STEPS,
  type VerificationRequest,
  type VerificationStep,
} from '../../src/domain/verification.ts';

const STEPS: Record<VerificationStep, { repeat: RepeatAnswer; answerable: boolean }> = {
  accepted: { repeat: 'wait', answerable: false },
  prepared: { repeat: 'wait', answerable: false },
  sent: { repeat: 'wait', answerable: false },
  unsettled: { repeat: 'stored_record', answerable: true },
  settled: { repeat: 'stored_record', answerable: true },
  not_attempted: { repeat: 'try_again', answerable: true },
};
const STEP_ROWS = Object.entries(STEPS) as [VerificationStep, (typeof STEPS)[VerificationStep]][];
const REQUEST: VerificationRequest = { mode: 'code', requestValue: '104686126200131', poiId: 'store-1' };

describe('answerRepeat', () => {
  it.each(STEP_ROWS)('of the same request at step %s', (step, { repeat }) => {
    expect(answerRepeat({ ...REQUEST, step }, REQUEST)).toBe(repeat);
  });

  describe.each<[string, Partial<VerificationRequest>]>([
    ['another value', { requestValue: '104686126200132' }],
    ['another store', { poiId: 'store-2' }],
    ['another mode', { mode: 'encrypted_code' }],
  ])('with %s', (_what, change) => {
    it.each(STEP_ROWS)('is another request at step %s, whatever came of the first', (step) => {
      expect(answerRepeat({ ...REQUEST, step }, { ...REQUEST, ...change })).toBe('other_request');
    });
  });
});

describe('a waiting caller', () => {
  it.each(STEP_ROWS)('at step %s', (step, { answerable }) => {
    expect(isAnswerable({ step })).toBe(answerable);
    expect(isSettled({ step })).toBe(step === 'settled');
  });
});

const FIRST_SEND_MS = 8500;
const ARRIVAL_MS = 40_000;
const POLICY = { firstSendWithinMs: FIRST_SEND_MS, sendArrivesWithinMs: ARRIVAL_MS };
const NOW = new Date('2026-03-15T10:00:00Z');
const ago = (ms: number) => new Date(NOW.getTime() - ms);

/** A row of which everything may be done that its step allows. */
function buildRow(changes: Partial<GuardedRow> = {}): GuardedRow {
  return {
    step: 'accepted',
    verifyStatus: 'processing',
    enrichmentStatus: 'pending',
    sendCount: 0,
    openSendCount: 0,
    firstSentAt: null,
    lastSentAt: null,
    lastLookedUpAt: ago(0),
    lastOutcome: null,
    sendsStoppedBy: null,
    roundStartedAt: ago(100),
    asOf: NOW,
    ...changes,
  };
}

const CONTEXT: GuardContext = {
  seen: { sendCount: 0, openSendCount: 0 },
  policy: POLICY,
  isAppAllowed: true,
  hasSiblingInDoubt: false,
  isTokenShared: false,
};

describe('the table of transitions', () => {
  // Written out a second time: a step that is added to the table by mistake must be added here by intent.
  const LEGAL: Record<TransitionName, readonly VerificationStep[]> = {
    resolve_link: ['accepted'],
    prepare: ['accepted'],
    discard_prepared: ['prepared', 'sent'],
    count_send: ['prepared', 'sent', 'unsettled'],
    uncount_send: ['sent', 'unsettled'],
    note_unknown: ['sent', 'unsettled'],
    mark_unsettled: ['sent'],
    stop_sends: ['accepted', 'prepared', 'sent', 'unsettled'],
    verify_succeeded: ['accepted', 'prepared', 'sent', 'unsettled'],
    look_up_succeeded: ['sent', 'unsettled'],
    prepare_refused: ['accepted'],
    verify_refused: ['sent', 'unsettled'],
    look_up_refused: ['sent', 'unsettled'],
    operator_resolved_success: ['sent', 'unsettled'],
    operator_resolved_failed: ['sent', 'unsettled'],
    end_not_attempted: ['accepted', 'prepared', 'sent', 'unsettled'],
    end_too_late: ['accepted', 'prepared', 'sent', 'unsettled'],
    reopen: ['not_attempted'],
    reopen_prepared: ['not_attempted'],
  };
  // Likewise: a guard that is lost is missed here.
  const GUARDED: Record<TransitionName, readonly Guard[]> = {
    resolve_link: [],
    prepare: [],
    discard_prepared: ['nothing_sent'],
    count_send: [
      'not_in_review',
      'repeat_in_window',
      'sends_not_stopped',
      'first_send_in_time',
      'first_send_allowed',
      'no_sibling_in_doubt',
    ],
    uncount_send: ['something_sent', 'sends_as_seen'],
    note_unknown: [],
    mark_unsettled: ['something_sent'],
    stop_sends: ['sends_not_stopped'],
    verify_succeeded: ['token_is_own'],
    look_up_succeeded: [],
    prepare_refused: ['nothing_sent'],
    verify_refused: ['sends_as_seen'],
    look_up_refused: ['sends_as_seen', 'sends_have_arrived', 'review_is_over'],
    operator_resolved_success: ['something_sent'],
    operator_resolved_failed: [
      'something_sent',
      'sends_as_seen',
      'sends_have_arrived',
      'review_is_over',
      'looked_up_since',
    ],
    end_not_attempted: ['nothing_sent'],
    end_too_late: ['nothing_sent', 'is_too_late'],
    reopen: [],
    reopen_prepared: [],
  };
  const NAMES = Object.keys(TRANSITIONS) as TransitionName[];
  /** A row that passes every guard of the transition, apart from its step. */
  const rowFor = (name: TransitionName, step: VerificationStep): [GuardedRow, GuardContext] => {
    const guards: readonly Guard[] = TRANSITIONS[name].guards;
    const openSendCount = guards.includes('something_sent') ? 1 : 0;
    const roundStartedAt = guards.includes('is_too_late') ? ago(FIRST_SEND_MS + 1) : ago(100);
    const row = buildRow({ step, sendCount: openSendCount, openSendCount, roundStartedAt });
    return [row, { ...CONTEXT, seen: row }];
  };

  it.each(NAMES.flatMap((name) => VERIFICATION_STEPS.map((step) => [name, step] as const)))(
    '%s from %s',
    (name, step) => {
      const [row, context] = rowFor(name, step);
      expect(mayTransition(name, row, context)).toBe(LEGAL[name].includes(step));
    },
  );

  it.each(NAMES)('%s is refused when one of its guards does not hold', (name) => {
    const breaking: Record<Guard, (row: GuardedRow, context: GuardContext) => [GuardedRow, GuardContext]> = {
      nothing_sent: (row, context) => [{ ...row, sendCount: 1, openSendCount: 1 }, context],
      something_sent: (row, context) => [{ ...row, openSendCount: 0 }, context],
      sends_as_seen: (row, context) => [{ ...row, sendCount: row.sendCount + 1 }, context],
      not_in_review: (row, context) => [{ ...row, lastOutcome: 'in_review' }, context],
      repeat_in_window: (row, context) => [
        { ...row, openSendCount: 1, firstSentAt: ago(REPEAT_WINDOW_MS + 1) },
        context,
      ],
      review_is_over: (row, context) => [
        { ...row, lastOutcome: 'in_review', lastSentAt: ago(REVIEW_LASTS_MS - 1) },
        context,
      ],
      sends_not_stopped: (row, context) => [{ ...row, sendsStoppedBy: 'operator' }, context],
      first_send_in_time: (row, context) => [{ ...row, roundStartedAt: ago(FIRST_SEND_MS + 1) }, context],
      first_send_allowed: (row, context) => [row, { ...context, isAppAllowed: false }],
      no_sibling_in_doubt: (row, context) => [row, { ...context, hasSiblingInDoubt: true }],
      sends_have_arrived: (row, context) => [{ ...row, lastSentAt: ago(ARRIVAL_MS - 1) }, context],
      looked_up_since: (row, context) => [
        { ...row, lastSentAt: ago(2 * ARRIVAL_MS), lastLookedUpAt: ago(ARRIVAL_MS + 1) },
        context,
      ],
      token_is_own: (row, context) => [row, { ...context, isTokenShared: true }],
      is_too_late: (row, context) => [{ ...row, roundStartedAt: ago(FIRST_SEND_MS) }, context],
    };
    expect(TRANSITIONS[name].guards).toEqual(GUARDED[name]);
    for (const guard of GUARDED[name]) {
      const [row, context] = breaking[guard](...rowFor(name, LEGAL[name][0]!));
      expect({ guard, may: mayTransition(name, row, context) }).toEqual({ guard, may: false });
    }
  });

  it('ends nothing that is settled', () => {
    for (const name of NAMES) expect(TRANSITIONS[name].from).not.toContain('settled');
  });

  it('refuses nothing while a send that the judgement has not seen may have redeemed', () => {
    for (const name of ['verify_refused', 'look_up_refused', 'operator_resolved_failed'] as const) {
      expect(TRANSITIONS[name].guards).toContain('sends_as_seen');
    }
    for (const name of [
      'end_not_attempted',
      'end_too_late',
      'prepare_refused',
      'discard_prepared',
    ] as const) {
      expect(TRANSITIONS[name].guards).toContain('nothing_sent');
    }
  });

  it('tells of every change by a kind of event that timelines know', () => {
    for (const name of NAMES) expect(EVENT_KINDS).toContain(TRANSITIONS[name].event);
  });

  it('leads to a step that its status fits', () => {
    for (const name of NAMES) {
      const { to } = TRANSITIONS[name];
      if (to !== 'same' && to !== 'settled') expect(STATUS_OF_STEP[to]).not.toBeNull();
    }
  });
});

describe('guards', () => {
  it.each<[Guard, Partial<GuardedRow>, Partial<GuardContext>, boolean]>([
    ['first_send_in_time', { roundStartedAt: ago(FIRST_SEND_MS) }, {}, true],
    ['first_send_in_time', { roundStartedAt: ago(FIRST_SEND_MS + 1) }, {}, false],
    ['first_send_in_time', { roundStartedAt: ago(3_600_000), openSendCount: 1 }, {}, true],
    ['repeat_in_window', { openSendCount: 1, firstSentAt: ago(REPEAT_WINDOW_MS) }, {}, true],
    ['repeat_in_window', { openSendCount: 0, firstSentAt: ago(REPEAT_WINDOW_MS + 1) }, {}, true],
    ['review_is_over', { lastOutcome: 'in_review', lastSentAt: ago(REVIEW_LASTS_MS) }, {}, true],
    ['review_is_over', { lastOutcome: 'refused', lastSentAt: ago(1) }, {}, true],
    ['first_send_allowed', { openSendCount: 1 }, { isAppAllowed: false }, true],
    ['no_sibling_in_doubt', { openSendCount: 1 }, { hasSiblingInDoubt: true }, true],
    ['sends_have_arrived', { lastSentAt: ago(ARRIVAL_MS - 1) }, {}, false],
    ['sends_have_arrived', { lastSentAt: ago(ARRIVAL_MS) }, {}, true],
    ['sends_as_seen', {}, { seen: null }, false],
    [
      'sends_as_seen',
      { sendCount: 2, openSendCount: 1 },
      { seen: { sendCount: 2, openSendCount: 2 } },
      false,
    ],
    ['sends_as_seen', { sendCount: 2, openSendCount: 1 }, { seen: { sendCount: 2, openSendCount: 1 } }, true],
  ])('%s of %j with %j is %s', (guard, row, context, holds) => {
    expect(GUARDS[guard](buildRow(row), { ...CONTEXT, ...context })).toBe(holds);
  });
});

describe('isTooLateToSend', () => {
  it.each<[string, Partial<GuardedRow>, boolean]>([
    ['a first send in time', { roundStartedAt: ago(FIRST_SEND_MS) }, false],
    ['a first send a moment too late', { roundStartedAt: ago(FIRST_SEND_MS + 1) }, true],
    ['a repeat, however late', { roundStartedAt: ago(3_600_000), openSendCount: 1, step: 'sent' }, false],
    ['what is settled', { roundStartedAt: ago(3_600_000), step: 'settled' }, false],
  ])('judges %s', (_what, row, isTooLate) => {
    expect(isTooLateToSend(buildRow(row), POLICY)).toBe(isTooLate);
  });
});
