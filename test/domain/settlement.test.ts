import { describe, expect, it } from '@jest/globals';
import type { Certificate } from '../../src/domain/coupon.ts';
import {
  type Claim,
  firstSendByDouyin,
  judgeLookUp,
  type LookUpEvidence,
  nextSettlementStep,
  untilNextLookUpMs,
  untilOperatorMayRefuseMs,
} from '../../src/domain/settlement.ts';
import { REPEAT_WINDOW_MS, REVIEW_LASTS_MS } from '../../src/domain/verification.ts';
import { TEST_POLICY } from '../support/policy.ts';
import { buildCertificate, buildUse } from './factories.ts';

const SENT_AT = new Date('2026-03-15T10:00:00Z');
const at = (ms: number) => new Date(SENT_AT.getTime() + ms);
const HOUR = 3_600_000;

type Sent = Parameters<typeof judgeLookUp>[0];

function buildSent(changes: Partial<Sent> = {}): Sent {
  return {
    poiId: 'store-1',
    isTimesCard: false,
    timesUsedBefore: null,
    sendCount: 1,
    openSendCount: 1,
    firstSentAt: SENT_AT,
    lastSentAt: SENT_AT,
    lastOutcome: 'unanswered',
    sendsStoppedBy: null,
    douyinFirstSentAt: SENT_AT,
    douyinPreparedAt: null,
    asOf: SENT_AT,
    ...changes,
  };
}

describe('nextSettlementStep', () => {
  it.each<[string, Partial<Sent>, number, { step: string; waitMs: number }]>([
    ['the first repeat after the first delay', { sendCount: 1 }, 1000, { step: 'repeat', waitMs: 5000 }],
    ['the third after the third', { sendCount: 3 }, 1000, { step: 'repeat', waitMs: 40_000 }],
    ['no repeat after the schedule’s last', { sendCount: 4 }, 1000, { step: 'look_up', waitMs: 0 }],
    [
      'a repeat at the end of the window',
      { sendCount: 1 },
      REPEAT_WINDOW_MS,
      { step: 'repeat', waitMs: 5000 },
    ],
    [
      'none later: the token may be forgotten',
      { sendCount: 1 },
      REPEAT_WINDOW_MS + 1,
      { step: 'look_up', waitMs: 0 },
    ],
    [
      'a repeat of sends that all did nothing, however old the first',
      { sendCount: 1, openSendCount: 0 },
      REPEAT_WINDOW_MS + 1,
      { step: 'repeat', waitMs: 5000 },
    ],
    ['no repeat of one in review', { lastOutcome: 'in_review' }, 1000, { step: 'look_up', waitMs: 0 }],
    [
      'no repeat of one that was refused, and a look-up once the earlier sends have arrived',
      { lastOutcome: 'refused', lastSentAt: at(8000) },
      9000,
      { step: 'look_up', waitMs: 39_000 },
    ],
    ['a look-up at once when they have', { lastOutcome: 'refused' }, 40_000, { step: 'look_up', waitMs: 0 }],
    [
      'no repeat of one that an operator is about to decide',
      { sendsStoppedBy: 'operator' },
      1000,
      { step: 'look_up', waitMs: 39_000 },
    ],
  ])('asks for %s', (_what, changes, afterMs, next) => {
    expect(nextSettlementStep(buildSent({ asOf: at(afterMs), ...changes }), TEST_POLICY)).toEqual(next);
  });
});

describe('untilNextLookUpMs', () => {
  it.each<[string, Partial<Sent>, number, number | null]>([
    ['a run’s own pause, of one that its repeats did not decide', {}, 60_000, null],
    ['what sends still need to arrive', { sendsStoppedBy: 'operator' }, 1000, 39_000],
    ['the longest delay of repeats, of one that is stopped', { sendsStoppedBy: 'operator' }, 40_000, 40_000],
    ['the same of one that was answered "used"', { sendsStoppedBy: 'said_used' }, 60_000, 40_000],
    ['the same of one that was refused', { lastOutcome: 'refused' }, REPEAT_WINDOW_MS, 40_000],
    ['the run’s own pause later', { sendsStoppedBy: 'operator' }, REPEAT_WINDOW_MS + 1, null],
  ])('is %s', (_what, changes, afterMs, expected) => {
    expect(untilNextLookUpMs(buildSent({ asOf: at(afterMs), ...changes }), TEST_POLICY)).toBe(expected);
  });
});

const USED: Partial<Certificate> = { status: 'USED', lastUse: buildUse() };
const ELSEWHERE = buildUse({ verifyId: 'use-2', poiId: 'store-2' });
const BY_TILL = buildUse({ verifyId: 'use-2', channel: 'other' });
const EARLIER = buildUse({ verifyId: 'use-2', verifyTime: at(-3001) });
const LONG_BEFORE = buildUse({ verifyId: 'use-2', verifyTime: at(-300_001) });

const RIVAL: Claim = {
  id: 7,
  poiId: 'store-1',
  verifyStatus: 'processing',
  douyinFirstSentAt: SENT_AT,
  douyinPreparedAt: null,
  verifyTime: null,
  verifyId: '',
};
const claim = (changes: Partial<Claim>): Claim => ({ ...RIVAL, verifyStatus: 'success', ...changes });

interface Row {
  readonly sent?: Partial<Sent>;
  readonly certificate?: Partial<Certificate> | null;
  readonly evidence?: Partial<LookUpEvidence>;
  readonly afterMs?: number;
  readonly verdict: string;
}

function judge({ sent, certificate, evidence, afterMs = 30_000 }: Omit<Row, 'verdict'>) {
  return judgeLookUp(
    buildSent({ asOf: at(afterMs), ...sent }),
    {
      certificate: certificate === null ? null : buildCertificate(certificate),
      recordedUses: [],
      areRecordsWhole: true,
      notBefore: SENT_AT,
      claims: [],
      rivals: [],
      ...evidence,
    },
    TEST_POLICY,
  );
}

function verdictOf(row: Omit<Row, 'verdict'>): string {
  const verdict = judge(row);
  if (verdict.kind === 'success') return `success ${verdict.use.verifyId}`;
  return verdict.kind === 'refused' ? `refused ${verdict.reason}` : 'undecided';
}

describe('judgeLookUp', () => {
  describe('a use that is ours', () => {
    it.each<[string, Row]>([
      ['by certificate/get', { certificate: USED, verdict: 'success use-1' }],
      [
        'by a verify record that names our store, when get lags behind',
        { evidence: { recordedUses: [buildUse()] }, verdict: 'success use-1' },
      ],
      [
        'by certificate/get, when the records name no store',
        {
          certificate: USED,
          evidence: { recordedUses: [buildUse({ poiId: '' })] },
          verdict: 'success use-1',
        },
      ],
      [
        'by Douyin’s whole seconds',
        {
          certificate: { status: 'USED', lastUse: buildUse({ verifyTime: at(-3000) }) },
          verdict: 'success use-1',
        },
      ],
      ['refunded since', { certificate: { ...USED, status: 'REFUNDED' }, verdict: 'success use-1' }],
      [
        'whatever Douyin said to a repeat',
        { sent: { lastOutcome: 'refused' }, certificate: USED, verdict: 'success use-1' },
      ],
      [
        'after somebody else’s, which was cancelled',
        {
          certificate: { ...USED, uses: [{ ...ELSEWHERE, verifyTime: at(-5000), isCancelled: true }] },
          verdict: 'success use-1',
        },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });
  });

  describe('a use that nobody can tell whose it is', () => {
    it.each<[string, Row]>([
      [
        'by a verify record that names no store, when get lags behind',
        { evidence: { recordedUses: [buildUse({ poiId: '' })] }, verdict: 'undecided' },
      ],
      [
        'of which the reads name different stores',
        {
          certificate: { status: 'USED', lastUse: buildUse({ poiId: 'store-2' }) },
          evidence: { recordedUses: [buildUse()] },
          verdict: 'undecided',
        },
      ],
      ['before our first send', { certificate: { status: 'USED', lastUse: EARLIER }, verdict: 'undecided' }],
      [
        'where Douyin never told its time',
        { certificate: USED, evidence: { notBefore: null }, verdict: 'undecided' },
      ],
      ['without a word on who made it', { certificate: { status: 'USED' }, verdict: 'undecided' }],
      [
        'through an unknown channel',
        { certificate: { status: 'USED', lastUse: buildUse({ channel: 'unknown' }) }, verdict: 'undecided' },
      ],
      [
        'which is not known to be the latest',
        {
          certificate: {
            status: 'USED',
            lastUse: ELSEWHERE,
            uses: [buildUse({ verifyId: 'use-3', verifyTime: null, poiId: '' })],
          },
          verdict: 'undecided',
        },
      ],
      [
        'of ours, cancelled since: only people know what the shop did about it',
        {
          evidence: { recordedUses: [buildUse({ isCancelled: true })] },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'made while every send of ours had certainly done nothing',
        { sent: { openSendCount: 0 }, certificate: USED, verdict: 'undecided' },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf({ afterMs: 9 * HOUR, ...row })).toBe('undecided');
    });
  });

  describe('a use that is another’s ends it once every send has arrived', () => {
    it.each<[string, Omit<Row, 'verdict'>]>([
      ['in another store', { certificate: { status: 'USED', lastUse: ELSEWHERE } }],
      ['at a till outside of the API', { certificate: { status: 'USED', lastUse: BY_TILL } }],
      [
        'of another verification of ours',
        { certificate: USED, evidence: { claims: [claim({ verifyId: 'use-1' })] } },
      ],
      [
        'of another verification of ours whose success had no id',
        { certificate: USED, evidence: { claims: [claim({ verifyTime: at(1000) })] } },
      ],
      [
        'the latest of several',
        {
          certificate: {
            status: 'USED',
            lastUse: { ...BY_TILL, verifyTime: at(5000) },
            uses: [buildUse({ verifyId: 'use-3', isCancelled: true, verifyTime: at(-60_000) })],
          },
        },
      ],
    ])('%s', (_what, row) => {
      expect(judge({ ...row, afterMs: 39_999 })).toMatchObject({ kind: 'undecided', isUsedByAnother: true });
      expect(verdictOf({ ...row, afterMs: 40_000 })).toBe('refused used_elsewhere');
    });

    it('not when it was cancelled: the coupon is unused again, and ours may have arrived since', () => {
      const row = { certificate: { lastUse: null, uses: [{ ...ELSEWHERE, isCancelled: true }] } };
      expect(verdictOf({ ...row, afterMs: HOUR - 1 })).toBe('undecided');
      expect(verdictOf({ ...row, afterMs: HOUR })).toBe('refused unused');
    });

    it('not when it was cancelled and the coupon is used again: by a use that the reads do not show yet', () => {
      const certificate = {
        status: 'USED' as const,
        lastUse: null,
        uses: [{ ...ELSEWHERE, isCancelled: true }],
      };
      expect(verdictOf({ certificate, afterMs: 9 * HOUR })).toBe('undecided');
    });
  });

  describe('claims of others', () => {
    it('is left to us when a success without an id was in another store', () => {
      const claims = [claim({ poiId: 'store-2', verifyTime: at(1000) })];
      expect(verdictOf({ certificate: USED, evidence: { claims } })).toBe('success use-1');
    });

    it('is left to us when a success without an id was settled before it', () => {
      const claims = [claim({ douyinFirstSentAt: at(-60_000), verifyTime: at(-20_000) })];
      expect(verdictOf({ certificate: USED, evidence: { claims } })).toBe('success use-1');
    });
  });

  describe('an unused coupon', () => {
    it.each<[string, Row]>([
      ['is undecided: the send may still be on its way', { afterMs: HOUR - 1, verdict: 'undecided' }],
      ['is final an hour after the last send', { afterMs: HOUR, verdict: 'refused unused' }],
      [
        'counts from the last send, not from the first',
        { sent: { lastSentAt: at(1000) }, afterMs: HOUR, verdict: 'undecided' },
      ],
      [
        'is not final right after a refused repeat: an earlier send may still be on its way',
        { sent: { lastOutcome: 'refused' }, afterMs: 39_999, verdict: 'undecided' },
      ],
      [
        'is final after a refused repeat once the earlier sends have arrived',
        { sent: { lastOutcome: 'refused' }, afterMs: 40_000, verdict: 'refused unused' },
      ],
      [
        'in review may yet be redeemed for two days',
        { sent: { lastOutcome: 'in_review' }, afterMs: 49 * HOUR - 1, verdict: 'undecided' },
      ],
      [
        'in review is given up after that',
        { sent: { lastOutcome: 'in_review' }, afterMs: 49 * HOUR, verdict: 'refused unused' },
      ],
      [
        'that has expired is as unused',
        { certificate: { status: 'EXPIRED' }, afterMs: HOUR, verdict: 'refused unused' },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });
  });

  describe('a coupon that is neither', () => {
    it.each<[string, Row]>([
      ['refunded', { certificate: { status: 'REFUNDED' }, afterMs: HOUR, verdict: 'refused refunded' }],
      ['refunding', { certificate: { status: 'REFUNDING' }, afterMs: HOUR, verdict: 'refused refunded' }],
      ['cancelled', { certificate: { status: 'CANCELLED' }, afterMs: HOUR, verdict: 'refused refunded' }],
      [
        'refunding, too early to be sure',
        { certificate: { status: 'REFUNDING' }, afterMs: HOUR - 1, verdict: 'undecided' },
      ],
      [
        'refunded, after a refused repeat',
        {
          sent: { lastOutcome: 'refused' },
          certificate: { status: 'REFUNDED' },
          afterMs: 40_000,
          verdict: 'refused refunded',
        },
      ],
      [
        'of a status nobody knows',
        { certificate: { status: 'UNKNOWN' }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      ['of no status', { certificate: { status: '' }, afterMs: 9 * HOUR, verdict: 'undecided' }],
      ['not known to Douyin', { certificate: null, afterMs: 9 * HOUR, verdict: 'undecided' }],
      [
        'not known to Douyin, which refused it too: a used code may be dead',
        { sent: { lastOutcome: 'refused' }, certificate: null, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      [
        'unused, as records that were cut show it',
        { evidence: { areRecordsWhole: false }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      [
        'unused, after an operator has stopped the sends',
        { sent: { sendsStoppedBy: 'operator' }, afterMs: HOUR, verdict: 'refused unused' },
      ],
      [
        'unused, after a use of another that was taken back',
        { sent: { sendsStoppedBy: 'shown_used' }, afterMs: HOUR, verdict: 'refused unused' },
      ],
      [
        'unused, after a use of another that was taken back, too early to be sure',
        { sent: { sendsStoppedBy: 'shown_used' }, afterMs: HOUR - 1, verdict: 'undecided' },
      ],
      [
        'unused, though a verify was answered "used", and refused later',
        {
          sent: { sendsStoppedBy: 'said_used', lastOutcome: 'refused' },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'unused, though the verify was answered "used"',
        { sent: { sendsStoppedBy: 'said_used' }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      [
        'refunded, though the verify was answered "used"',
        {
          sent: { sendsStoppedBy: 'said_used' },
          certificate: { status: 'REFUNDED' },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });
  });

  describe('with rivals whose outcome is unknown too', () => {
    it.each<[string, Row]>([
      [
        'waits for the one that comes first',
        { certificate: USED, evidence: { rivals: [RIVAL] }, verdict: 'undecided' },
      ],
      [
        'does not wait when there is nothing to share',
        { evidence: { rivals: [RIVAL] }, afterMs: HOUR, verdict: 'refused unused' },
      ],
      [
        'leaves each of those before it a use of a times card, the earliest first',
        {
          sent: { isTimesCard: true, timesUsedBefore: 0 },
          certificate: {
            kind: 'times_card',
            timesUsed: 2,
            uses: [buildUse({ verifyId: 'second', verifyTime: at(2000) }), buildUse({ verifyId: 'first' })],
          },
          evidence: { rivals: [RIVAL] },
          verdict: 'success second',
        },
      ],
      [
        'leaves one that was sent later nothing from before it was sent',
        {
          sent: { isTimesCard: true, timesUsedBefore: 0 },
          certificate: {
            kind: 'times_card',
            timesUsed: 2,
            uses: [buildUse({ verifyId: 'second', verifyTime: at(30_000) }), buildUse({ verifyId: 'first' })],
          },
          evidence: { rivals: [{ ...RIVAL, douyinFirstSentAt: at(20_000) }] },
          verdict: 'success first',
        },
      ],
      [
        'leaves one that was sent earlier what was before its own send',
        {
          sent: { isTimesCard: true, timesUsedBefore: 0 },
          certificate: {
            kind: 'times_card',
            timesUsed: 2,
            uses: [
              buildUse({ verifyId: 'second' }),
              buildUse({ verifyId: 'first', verifyTime: at(-60_000) }),
            ],
          },
          evidence: { rivals: [{ ...RIVAL, douyinFirstSentAt: at(-65_000) }] },
          verdict: 'success second',
        },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });

    it('says for whom it waits', () => {
      expect(judge({ certificate: USED, evidence: { rivals: [RIVAL, { ...RIVAL, id: 8 }] } })).toMatchObject({
        note: { code: 'look_up_rival', data: { rivals: '#7、#8' } },
      });
    });
  });

  describe('a times card', () => {
    const CARD: Partial<Certificate> = { kind: 'times_card', timesCount: 5, timesUsed: 0 };
    const sent = { isTimesCard: true, timesUsedBefore: 0 };

    it.each<[string, Row]>([
      [
        'with a use of ours',
        { sent, certificate: { ...CARD, timesUsed: 1, uses: [buildUse()] }, verdict: 'success use-1' },
      ],
      [
        'with a use of ours, known to be a times card only now',
        { certificate: { ...CARD, timesUsed: 1, uses: [buildUse()] }, verdict: 'success use-1' },
      ],
      ['not used since: its status does not tell', { sent, certificate: CARD, verdict: 'undecided' }],
      [
        'not used since, an hour later',
        { sent, certificate: CARD, afterMs: HOUR, verdict: 'refused unused' },
      ],
      [
        'used once more, and the use is another verification’s of ours',
        {
          sent,
          certificate: { ...CARD, timesUsed: 1, uses: [buildUse()] },
          evidence: {
            claims: [claim({ verifyId: 'use-1' })],
          },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
      [
        'used once more in another store, by both reads',
        {
          sent,
          certificate: { ...CARD, timesUsed: 1, uses: [ELSEWHERE] },
          evidence: { recordedUses: [ELSEWHERE] },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
      [
        'used once more, and Douyin does not list by whom',
        { sent, certificate: { ...CARD, timesUsed: 1 }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      [
        'used once more by one use that is listed and one that is not',
        {
          sent,
          certificate: { ...CARD, timesUsed: 2, uses: [LONG_BEFORE] },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'used as often as when it was prepared, and Douyin does not list by whom: a cancelled use may hide ours',
        {
          sent: { isTimesCard: true, timesUsedBefore: 2 },
          certificate: { ...CARD, timesUsed: 2 },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'used before we prepared it, as often as now, by uses that are listed',
        {
          sent: { isTimesCard: true, timesUsedBefore: 1 },
          certificate: { ...CARD, timesUsed: 1, uses: [LONG_BEFORE] },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
      [
        'of an unknown count before, all its uses being older',
        {
          sent: { timesUsedBefore: null },
          certificate: { ...CARD, timesUsed: 1, uses: [LONG_BEFORE] },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
      [
        'with more uses from before than prepare had counted: the clock is off, and one may be ours',
        {
          sent: { isTimesCard: true, timesUsedBefore: 0 },
          certificate: { ...CARD, timesUsed: 1, uses: [LONG_BEFORE] },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'of an unknown count before, with a use shortly before: the clock may be off, and it may be ours',
        {
          sent: { timesUsedBefore: null },
          certificate: { ...CARD, timesUsed: 1, uses: [buildUse({ verifyTime: at(-60_000) })] },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'whose count Douyin does not tell',
        { sent, certificate: { ...CARD, timesUsed: null }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      [
        'used up by others while its status says used',
        {
          sent,
          certificate: { ...CARD, status: 'USED', timesUsed: 1, uses: [BY_TILL] },
          evidence: { recordedUses: [BY_TILL] },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });
  });
});

describe('a use elsewhere of a coupon in review', () => {
  const row = {
    sent: { lastOutcome: 'in_review' },
    certificate: { status: 'USED', lastUse: ELSEWHERE },
  } as const;

  it('ends nothing while the review may pass: that use may be cancelled, and ours redeemed after it', () => {
    expect(verdictOf({ ...row, afterMs: 49 * HOUR - 1 })).toBe('undecided');
    expect(verdictOf({ ...row, afterMs: 49 * HOUR })).toBe('refused used_elsewhere');
  });
});

describe('untilOperatorMayRefuseMs', () => {
  it.each<[string, Partial<Sent>, number]>([
    ['nothing was sent', { lastSentAt: null }, 0],
    ['a send may arrive', { asOf: at(10_000) }, 30_000],
    ['every send has arrived', { asOf: at(40_000) }, 0],
    ['a review is open', { asOf: at(40_000), lastOutcome: 'in_review' }, REVIEW_LASTS_MS - 40_000],
  ])('while %s', (_what, changes, waitMs) => {
    expect(untilOperatorMayRefuseMs(buildSent(changes), TEST_POLICY)).toBe(waitMs);
  });
});

describe('firstSendByDouyin', () => {
  const asOf = at(30_000);

  it('is what was stamped when it was sent', () => {
    const row = buildSent({ asOf, douyinFirstSentAt: at(7), douyinPreparedAt: at(-500) });
    expect(firstSendByDouyin(row, at(3_600_000))).toEqual(at(7));
  });

  it('is when prepare showed the coupon unused, where the sender did not know Douyin’s time', () => {
    const row = buildSent({ asOf, douyinFirstSentAt: null, douyinPreparedAt: at(-500) });
    expect(firstSendByDouyin(row, at(3_600_000))).toEqual(at(-500));
  });

  it('is measured backwards from Douyin’s time now by the database’s clock alone', () => {
    const row = buildSent({ asOf, douyinFirstSentAt: null });
    expect(firstSendByDouyin(row, at(3_600_000))).toEqual(at(3_570_000));
  });

  it('is not known where Douyin never told its time', () => {
    expect(firstSendByDouyin(buildSent({ asOf, douyinFirstSentAt: null }), null)).toBeNull();
  });
});
