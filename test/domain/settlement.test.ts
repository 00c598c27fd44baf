import { describe, expect, it } from '@jest/globals';
import type { Certificate } from '../../src/domain/coupon.ts';
import {
  type Claim,
  judgeLookUp,
  type LookUpEvidence,
  nextSettlementStep,
  otherStoresOfUses,
  REPEAT_WINDOW_MS,
} from '../../src/domain/settlement.ts';
import { buildCertificate, buildUse } from './factories.ts';

const SENT_AT = new Date('2026-03-15T10:00:00Z');
const at = (ms: number) => new Date(SENT_AT.getTime() + ms);
const HOUR = 3_600_000;
const REPEAT_DELAYS_MS = [5000, 5000, 40_000];
const PATIENCE = { repeatDelaysMs: REPEAT_DELAYS_MS, unusedIsFinalAfterMs: HOUR };

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
    lastOutcomeKind: 'unanswered',
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
    ['no repeat of one in review', { lastOutcomeKind: 'in_review' }, 1000, { step: 'look_up', waitMs: 0 }],
    [
      'no repeat of one that was refused, and a look-up once the earlier sends have arrived',
      { lastOutcomeKind: 'refused', lastSentAt: at(8000) },
      9000,
      { step: 'look_up', waitMs: 39_000 },
    ],
    [
      'a look-up at once when they have',
      { lastOutcomeKind: 'refused' },
      40_000,
      { step: 'look_up', waitMs: 0 },
    ],
  ])('asks for %s', (_what, changes, afterMs, next) => {
    expect(nextSettlementStep(buildSent(changes), REPEAT_DELAYS_MS, at(afterMs))).toEqual(next);
  });
});

const USED: Partial<Certificate> = { status: 'USED', lastUse: buildUse() };
const ELSEWHERE = buildUse({ verifyId: 'use-2', poiId: 'store-2' });
const BY_TILL = buildUse({ verifyId: 'use-2', channel: 'other' });
const EARLIER = buildUse({ verifyId: 'use-2', verifyTime: at(-10_001) });

const RIVAL: Claim = { id: 7, poiId: 'store-1', firstSentAt: SENT_AT, settledAt: null, verifyId: '' };

interface Row {
  readonly sent?: Partial<Sent>;
  readonly certificate?: Partial<Certificate> | null;
  readonly evidence?: Partial<LookUpEvidence>;
  readonly afterMs?: number;
  readonly verdict: string;
}

function judge({ sent, certificate, evidence, afterMs = 60_000 }: Omit<Row, 'verdict'>) {
  return judgeLookUp(
    buildSent(sent),
    {
      certificate: certificate === null ? null : buildCertificate(certificate),
      recordedUses: [],
      claims: [],
      rivals: [],
      ...evidence,
    },
    PATIENCE,
    at(afterMs),
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
        'by the verify records, when get lags behind',
        { evidence: { recordedUses: [buildUse()] }, verdict: 'success use-1' },
      ],
      [
        'by the verify records, when get names another store',
        {
          certificate: { status: 'USED', lastUse: buildUse({ poiId: 'store-2' }) },
          evidence: { recordedUses: [buildUse()] },
          verdict: 'success use-1',
        },
      ],
      [
        'by a clock of Douyin’s that is ten seconds behind',
        {
          certificate: { status: 'USED', lastUse: buildUse({ verifyTime: at(-10_000) }) },
          verdict: 'success use-1',
        },
      ],
      ['refunded since', { certificate: { ...USED, status: 'REFUNDED' }, verdict: 'success use-1' }],
      [
        'whatever Douyin said to a repeat',
        { sent: { lastOutcomeKind: 'refused' }, certificate: USED, verdict: 'success use-1' },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });
  });

  describe('a use that is not', () => {
    it.each<[string, Row]>([
      [
        'in another store, by both reads',
        {
          certificate: { status: 'USED', lastUse: ELSEWHERE },
          evidence: { recordedUses: [ELSEWHERE] },
          verdict: 'refused used_elsewhere',
        },
      ],
      [
        'in another store, by one read alone: the answer may be about something else',
        { certificate: { status: 'USED', lastUse: ELSEWHERE }, verdict: 'undecided' },
      ],
      [
        'at a till outside of the API',
        {
          certificate: { status: 'USED', lastUse: BY_TILL },
          evidence: { recordedUses: [BY_TILL] },
          verdict: 'refused used_elsewhere',
        },
      ],
      [
        'before our first send',
        { certificate: { status: 'USED', lastUse: EARLIER }, verdict: 'refused used_elsewhere' },
      ],
      [
        'of another verification of ours',
        {
          certificate: USED,
          evidence: {
            claims: [
              { id: 7, verifyId: 'use-1', poiId: 'store-1', firstSentAt: at(-5000), settledAt: at(1000) },
            ],
          },
          verdict: 'refused used_elsewhere',
        },
      ],
      [
        'of another verification of ours whose success had no id',
        {
          certificate: USED,
          evidence: {
            claims: [{ id: 7, verifyId: '', poiId: 'store-1', firstSentAt: at(-5000), settledAt: at(1000) }],
          },
          verdict: 'refused used_elsewhere',
        },
      ],
      ['without a word on who made it', { certificate: { status: 'USED' }, verdict: 'undecided' }],
      [
        'cancelled since, the coupon being unused again',
        { evidence: { recordedUses: [buildUse({ isCancelled: true })] }, verdict: 'undecided' },
      ],
      [
        'made while every send of ours had certainly done nothing',
        { sent: { openSendCount: 0 }, certificate: USED, verdict: 'undecided' },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });

    it('is left to us when a success without an id was in another store', () => {
      const claims = [{ id: 7, verifyId: '', poiId: 'store-2', firstSentAt: at(-5000), settledAt: at(1000) }];
      expect(verdictOf({ certificate: USED, evidence: { claims } })).toBe('success use-1');
    });

    it('is left to us when a success without an id was settled before it', () => {
      const claims = [
        { id: 7, verifyId: '', poiId: 'store-1', firstSentAt: at(-60_000), settledAt: at(-20_000) },
      ];
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
        { sent: { lastOutcomeKind: 'refused' }, afterMs: 39_999, verdict: 'undecided' },
      ],
      [
        'is final after a refused repeat once the earlier sends have arrived',
        { sent: { lastOutcomeKind: 'refused' }, afterMs: 40_000, verdict: 'refused unused' },
      ],
      [
        'in review may yet be redeemed for two days',
        { sent: { lastOutcomeKind: 'in_review' }, afterMs: 49 * HOUR - 1, verdict: 'undecided' },
      ],
      [
        'in review is given up after that',
        { sent: { lastOutcomeKind: 'in_review' }, afterMs: 49 * HOUR, verdict: 'refused unused' },
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
      ['refunded', { certificate: { status: 'REFUNDED' }, verdict: 'refused refunded' }],
      ['refunding', { certificate: { status: 'REFUNDING' }, verdict: 'refused refunded' }],
      ['cancelled', { certificate: { status: 'CANCELLED' }, verdict: 'refused refunded' }],
      [
        'of a status nobody knows',
        { certificate: { status: 'UNKNOWN' }, afterMs: 9 * HOUR, verdict: 'undecided' },
      ],
      ['of no status', { certificate: { status: '' }, afterMs: 9 * HOUR, verdict: 'undecided' }],
      ['not known to Douyin', { certificate: null, afterMs: 9 * HOUR, verdict: 'undecided' }],
      [
        'not known to Douyin, which refused it too',
        { sent: { lastOutcomeKind: 'refused' }, certificate: null, verdict: 'refused unused' },
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
          evidence: { rivals: [{ ...RIVAL, firstSentAt: at(20_000) }] },
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
          evidence: { rivals: [{ ...RIVAL, firstSentAt: at(-65_000) }] },
          verdict: 'success second',
        },
      ],
    ])('%s', (_what, row) => {
      expect(verdictOf(row)).toBe(row.verdict);
    });

    it('says for whom it waits', () => {
      expect(judge({ certificate: USED, evidence: { rivals: [RIVAL, { ...RIVAL, id: 8 }] } })).toMatchObject({
        reason: expect.stringContaining('#7、#8'),
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
            claims: [{ id: 7, verifyId: 'use-1', poiId: 'store-1', firstSentAt: at(0), settledAt: at(1000) }],
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
          certificate: { ...CARD, timesUsed: 2, uses: [EARLIER] },
          afterMs: 9 * HOUR,
          verdict: 'undecided',
        },
      ],
      [
        'used before we prepared it, as often as now',
        {
          sent: { isTimesCard: true, timesUsedBefore: 2 },
          certificate: { ...CARD, timesUsed: 2 },
          afterMs: HOUR,
          verdict: 'refused unused',
        },
      ],
      [
        'of an unknown count before, all its uses being older',
        {
          sent: { timesUsedBefore: null },
          certificate: { ...CARD, timesUsed: 1, uses: [EARLIER] },
          afterMs: HOUR,
          verdict: 'refused unused',
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

describe('otherStoresOfUses', () => {
  it.each([
    ['none of an unused coupon', {}, []],
    ['none of a use in our store', { lastUse: buildUse() }, []],
    ['none of a use before our first send', { lastUse: { ...ELSEWHERE, verifyTime: at(-60_000) } }, []],
    ['the other store of a use since', { lastUse: ELSEWHERE }, ['store-2']],
    [
      'each other store of a times card’s uses, once',
      {
        uses: [
          ELSEWHERE,
          buildUse({ poiId: 'store-3' }),
          buildUse({ poiId: 'store-2' }),
          buildUse({ poiId: '' }),
        ],
      },
      ['store-2', 'store-3'],
    ],
  ])('names %s', (_what, certificate, poiIds) => {
    expect(otherStoresOfUses(buildSent(), buildCertificate(certificate))).toEqual(poiIds);
  });

  it('names none of a coupon Douyin does not know', () => {
    expect(otherStoresOfUses(buildSent(), null)).toEqual([]);
  });
});
