// A checker that finds nothing proves nothing: here each kind of finding, and each gateway that is broken in a way of its own,
// is planted, one at a time, in clean ledgers.
import { describe, expect, it } from '@jest/globals';
import { check, FINDING_KINDS, type FindingKind, isClean, isUndecidable } from './checker.ts';
import {
  type ClientEntry,
  type Effect,
  type GatewayRow,
  type Ledgers,
  QR_REFRESHED,
  type Resolution,
  type RowEvent,
  type SeenRecord,
  type SoldOrder,
  type Truth,
  type UsedToken,
} from './ledgers.ts';

const STORE = 'store-1';
const PAY_FEN = 7900;
const ORIGINAL_FEN = 9900;

const row = (changes: Partial<GatewayRow> = {}): GatewayRow => ({
  id: 1,
  app_id: 7,
  mode: 'short_link',
  verify_token: 'till-1',
  verify_status: 'success',
  step: 'settled',
  round: 1,
  reason: null,
  error_code: 0,
  error_description: '',
  douyin_verify_token: 'douyin-1',
  poi_id: STORE,
  encrypted_code: 'code-1',
  certificate_id: 'certificate-1',
  verify_id: 'use-1',
  order_id: 'order-1',
  pay_amount: PAY_FEN,
  receipt_amount: PAY_FEN,
  discount_amount: ORIGINAL_FEN - PAY_FEN,
  enrichment_status: 'success',
  send_count: 1,
  open_send_count: 1,
  last_outcome: null,
  last_note: null,
  created_at: '1970-01-01T00:00:01.000Z',
  round_started_at: '1970-01-01T00:00:01.000Z',
  first_sent_at: '1970-01-01T00:00:01.200Z',
  settled_at: '1970-01-01T00:00:02.000Z',
  verify_time: '1970-01-01T00:00:02.000Z',
  product_name: '双人下午茶套餐',
  ...changes,
});

const failedRow = (changes: Partial<GatewayRow> = {}) =>
  row({
    verify_status: 'failed',
    error_code: 1265,
    verify_id: '',
    enrichment_status: 'skipped',
    verify_time: null,
    ...changes,
  });
const closedRow = (changes: Partial<GatewayRow> = {}) =>
  failedRow({
    step: 'not_attempted',
    reason: 'douyin.unavailable',
    error_code: 0,
    send_count: 0,
    open_send_count: 0,
    ...changes,
  });
const openRow = (changes: Partial<GatewayRow> = {}) =>
  row({
    verify_status: 'processing',
    step: 'sent',
    verify_id: '',
    enrichment_status: 'pending',
    settled_at: null,
    verify_time: null,
    ...changes,
  });
const second = {
  id: 2,
  verify_token: 'till-2',
  douyin_verify_token: 'douyin-2',
  verify_id: 'use-2',
  encrypted_code: 'code-2',
  certificate_id: 'certificate-2',
  order_id: 'order-2',
};

const effect = (changes: Partial<Effect> = {}): Effect => ({
  sequence: 1,
  kind: 'verified',
  at_ms: 1500,
  verify_id: 'use-1',
  certificate_id: 'certificate-1',
  encrypted_code: 'code-1',
  order_id: 'order-1',
  poi_id: STORE,
  verify_token: 'douyin-1',
  verified_by: 'api',
  serial_number: null,
  ...changes,
});
const secondEffect = (changes: Partial<Effect> = {}) =>
  effect({
    sequence: 2,
    verify_id: 'use-2',
    certificate_id: 'certificate-2',
    encrypted_code: 'code-2',
    order_id: 'order-2',
    verify_token: 'douyin-2',
    ...changes,
  });
const atTill = (changes: Partial<Effect> = {}) =>
  effect({ verify_id: 'use-till', verify_token: null, verified_by: 'till', at_ms: 500, ...changes });

const truth = (changes: Partial<Truth> = {}): Truth => ({
  verify_token: 'douyin-1',
  order_id: 'order-1',
  effect: 'verified',
  is_in_review: false,
  sends: 1,
  parameter_sets: 1,
  ...changes,
});
const unredeemed = truth({ effect: 'none' });

const order = (changes: Partial<SoldOrder> = {}): SoldOrder => ({
  orderId: 'order-1',
  certificateIds: ['certificate-1'],
  timesCount: null,
  payFen: PAY_FEN,
  originalFen: ORIGINAL_FEN,
  isAmountShown: true,
  poiIds: [STORE],
  flaw: null,
  meals: 1,
  changes: [],
  ...changes,
});
const secondOrder = order({ orderId: 'order-2', certificateIds: ['certificate-2'] });

const used = (changes: Partial<UsedToken> = {}): UsedToken => ({
  till: 1,
  app: 0,
  token: 'till-1',
  poiId: STORE,
  orderId: 'order-1',
  isControl: false,
  ...changes,
});
const secondUsed = used({ till: 2, token: 'till-2', orderId: 'order-2' });

/** What a till is shown of a row. */
const shown = (of: GatewayRow, changes: Partial<SeenRecord> = {}): SeenRecord => ({
  ...of,
  advice: '',
  reason: of.reason ?? '',
  ...changes,
});

const left = (atMs: number, verifyToken = 'douyin-1') => ({ verifyToken, atMs, heldMs: 0 });

const event = (kind: RowEvent['kind'], at_ms: number, verification_id = 1): RowEvent => ({
  verification_id,
  kind,
  at_ms,
});

interface Ask {
  readonly at?: number;
  readonly till?: number;
  readonly app?: number;
  readonly token?: string;
  readonly operation?: 'verify' | 'look_up' | 'closing_look_up';
}
/** One request and what it heard: a record, an error, or nothing. Asked at `at` seconds, answered one second later. */
let requests = 0;
const asked = (heard: SeenRecord | string | null, ask: Ask = {}): ClientEntry[] => {
  requests += 1;
  const { at = 1, till = 1, app = 0, token = 'till-1', operation = 'verify' } = ask;
  const atMs = (at + 1) * 1000;
  const common = { request: requests, atMs };
  return [
    { kind: 'request', ...common, atMs: at * 1000, till, app, operation, token },
    heard === null
      ? { kind: 'no_answer', ...common, cause: 'timeout' }
      : typeof heard === 'string'
        ? {
            kind: 'answer',
            ...common,
            status: Number(heard.split(' ')[0]),
            code: heard.split(' ')[1] ?? null,
            record: null,
          }
        : { kind: 'answer', ...common, status: 200, code: null, record: heard },
  ];
};
const closing = (heard: SeenRecord | string | null, ask: Ask = {}) =>
  asked(heard, { at: 100, operation: 'closing_look_up', ...ask });

/** One till that redeemed one coupon; `rows` and what is told of them go together. */
const ledgers = (changes: Partial<Ledgers> = {}): Ledgers => {
  const rows = changes.rows ?? [row()];
  const [first] = rows;
  const departures = changes.departures ?? [left(1400)];
  return {
    appIds: [7, 8],
    bounds: { budgetMs: 8000, sendSlackMs: 1000, answerSlackMs: 100, isFirstAnswerLost: false },
    usedTokens: [used()],
    orders: [order()],
    client: first ? [...asked(shown(first)), ...closing(shown(first))] : [],
    rows,
    effects: [effect()],
    truths: [truth()],
    calls: [],
    departures,
    // Each send is counted shortly before.
    events: departures.map(({ verifyToken, atMs }) =>
      event('verify_sent', atMs - 100, verifyToken === second.douyin_verify_token ? second.id : 1),
    ),
    disturbed: [],
    resolutions: [],
    ...changes,
  };
};
/** Two tills, each with an order of its own. */
const twoTills = (rows: readonly [GatewayRow, GatewayRow], changes: Partial<Ledgers> = {}): Ledgers =>
  ledgers({
    rows,
    usedTokens: [used(), secondUsed],
    orders: [order(), secondOrder],
    client: [
      ...asked(shown(rows[0])),
      ...asked(shown(rows[1]), { till: 2, token: 'till-2' }),
      ...closing(shown(rows[0])),
      ...closing(shown(rows[1]), { till: 2, token: 'till-2' }),
    ],
    effects: [effect(), secondEffect()],
    truths: [truth(), truth({ verify_token: 'douyin-2', order_id: 'order-2' })],
    departures: [left(1400), left(1400, 'douyin-2')],
    ...changes,
  });
const nothingRedeemed = { effects: [], truths: [unredeemed] };
const neverSent = { effects: [], truths: [truth({ effect: 'none', sends: 0 })], departures: [] };
const fault = (kind: string, endpoint = 'verify') => ({
  sequence: 1,
  endpoint,
  at_ms: 1400,
  facts: { order_id: 'order-1', verify_token: 'douyin-1' },
  fault: kind,
  outcome: 'answered',
});
const elsewhere = '这张券已在别处核销过（不是通过本系统）。';
const here = (record: number) =>
  `这张券已在本系统核销过：2026-03-11 18:35，门店 ${STORE}，记录号 ${record}。请与顾客核对`;
const usedBefore = failedRow({ error_code: 1208 });
const byOperator = { reason: 'verification.resolved_by_operator', error_code: 0 };
const denied = failedRow(byOperator);
const word = (verifyStatus: 'success' | 'failed', changes: Partial<Resolution> = {}): Resolution => ({
  verificationId: 1,
  verifyStatus,
  askedAtMs: 50_000,
  answeredAtMs: 50_100,
  isAccepted: true,
  told: 'taken',
  seen: { atMs: 49_000, isRedeemed: verifyStatus === 'success' },
  ...changes,
});
/** The same order scanned again by another till, whose redemption is `redeemed`. */
const scannedAgain = (first: GatewayRow, redeemed: GatewayRow, changes: Partial<Ledgers> = {}) =>
  twoTills([first, redeemed], {
    orders: [order({ certificateIds: ['certificate-1', 'certificate-2'] })],
    usedTokens: [used(), used({ till: 2, token: 'till-2' })],
    effects: [effect(), secondEffect({ order_id: 'order-1' })],
    ...changes,
  });

describe('check', () => {
  it('finds nothing in ledgers that agree', () => {
    const findings = check(ledgers());
    for (const kind of FINDING_KINDS) expect([kind, findings[kind]]).toEqual([kind, []]);
    expect(isClean(findings)).toBe(true);
  });

  it.each<[string, Ledgers]>([
    ['told 502, asked again, and redeemed then', ledgers({
      client: [
        ...asked('502 douyin.unavailable', { at: 1 }),
        ...asked(shown(openRow()), { at: 3 }),
        ...closing(shown(row())),
      ],
      calls: [fault('cut-before-effect', 'prepare')],
      departures: [left(3500)],
    })],
    ['sent in time for a till that hears nothing', ledgers({ client: [...asked(null), ...closing(shown(row()))] })],
    ['repeated long after, because the first send may have arrived', ledgers({
      client: [...asked(shown(openRow())), ...closing(shown(row()))],
      departures: [1400, 400_000].map((atMs) => left(atMs)),
    })],
    ['a times card used twice', twoTills(
      [row({ order_id: 'order-1' }), row({ ...second, certificate_id: 'certificate-1', order_id: 'order-1' })],
      {
        usedTokens: [used(), used({ till: 2, token: 'till-2' })],
        orders: [order({ timesCount: 2, payFen: 2 * PAY_FEN, originalFen: 2 * ORIGINAL_FEN, meals: null })],
        effects: [
          effect({ serial_number: 1 }),
          effect({ verify_id: 'use-2', verify_token: 'douyin-2', serial_number: 2 }),
        ],
      },
    )],
    ['a refusal of what another till used', ledgers({
      rows: [usedBefore],
      effects: [atTill()],
      truths: [unredeemed],
      client: [...asked(shown(usedBefore, { advice: elsewhere })), ...closing(shown(usedBefore))],
    })],
    ['an operator’s mistaken word', ledgers({ rows: [denied], resolutions: [word('failed')] })],
    ['an operator’s success of what Douyin did not do', ledgers({
      ...nothingRedeemed, rows: [row({ ...byOperator, verify_id: '' })], resolutions: [word('success')],
    })],
    ['scanned again after an operator’s mistaken word', scannedAgain(
      denied,
      row({ ...second, order_id: 'order-1', first_sent_at: '1970-01-01T00:01:00.000Z' }),
      { resolutions: [word('failed')] },
    )],
    ['used elsewhere, as an operator’s mistaken word has it', twoTills(
      [denied, failedRow({ ...second, error_code: 1208, verify_id: '', certificate_id: 'certificate-1', order_id: 'order-1' })],
      {
        orders: [order()],
        usedTokens: [used(), used({ till: 2, token: 'till-2' })],
        effects: [effect()],
        truths: [truth(), truth({ verify_token: 'douyin-2', effect: 'none' })],
        departures: [left(1400), left(60_500, 'douyin-2')],
        resolutions: [word('failed')],
        client: [
          ...asked(shown(denied)),
          ...closing(shown(denied)),
          ...asked(shown(failedRow({ ...second, error_code: 1208, verify_id: '', certificate_id: 'certificate-1', order_id: 'order-1' }), { advice: elsewhere }), { at: 60, till: 2, token: 'till-2' }),
          ...closing(shown(failedRow({ ...second, error_code: 1208, verify_id: '', certificate_id: 'certificate-1', order_id: 'order-1' })), { till: 2, token: 'till-2' }),
        ],
      },
    )],
    ['another order, named by Douyin to a gateway that knew of none', ledgers({
      rows: [row({ mode: 'encrypted_code', order_id: 'order-9', enrichment_status: 'pending' })],
      calls: [fault('answer-for-another-order')],
    })],
    ['repeated before an operator was told to wait', ledgers({
      departures: [1400, 49_900].map((atMs) => left(atMs)),
      resolutions: [word('failed', { isAccepted: false, told: 'send_in_flight' })],
    })],
    ['a redemption that Douyin itself called refused', ledgers({
      rows: [failedRow()],
      calls: [fault('items-refused-after-effect')],
    })],
    ['a QR refused that the customer had refreshed', ledgers({
      rows: [failedRow({ error_code: 45005117 })],
      orders: [order({ changes: [{ atMs: 1200, what: QR_REFRESHED }] })],
      ...nothingRedeemed,
    })],
    ['an order that is shown with a fresh QR, and Douyin lists nothing for the old one', ledgers({
      rows: [failedRow({ reason: 'coupon.none_usable' })],
      orders: [order({ changes: [{ atMs: 1200, what: QR_REFRESHED }] })],
      ...nothingRedeemed,
    })],
    ['taken back by people while in doubt, and made again by a repeat', ledgers({
      rows: [row({ verify_id: 'use-2' })],
      effects: [effect(), effect({ sequence: 2, kind: 'cancelled', at_ms: 1600 }), effect({ sequence: 3, verify_id: 'use-2', at_ms: 1700 })],
    })],
    ['counted in time by a process that died, and sent by the one that repeats it', ledgers({
      client: [...asked(null), ...closing(shown(row()))],
      // The access token was refused, and a fresh one taken.
      departures: [66_000, 66_500].map((atMs) => left(atMs)),
      events: [event('verify_sent', 1300), event('verify_sent', 65_900)],
    })],
    ['repeated after another app, handed the same token, was told that its own send did nothing', twoTills(
      [row(), closedRow({ ...second, app_id: 8, douyin_verify_token: 'douyin-1', verify_id: '', order_id: '' })],
      {
        usedTokens: [used(), used({ till: 2, app: 1, token: 'till-2' })],
        client: [
          ...asked(shown(openRow())),
          ...asked('502 douyin.unavailable', { at: 4, till: 2, app: 1, token: 'till-2' }),
          ...closing(shown(row())),
          ...closing('404 verification.not_found', { till: 2, app: 1, token: 'till-2' }),
        ],
        calls: [fault('token-expired')],
        effects: [effect()],
        truths: [truth()],
        departures: [1400, 4200, 66_000].map((atMs) => left(atMs)),
        events: [
          event('verify_sent', 1300), event('verify_sent', 4100, 2), event('not_sent', 4300, 2),
          event('not_attempted', 4400, 2), event('verify_sent', 65_900),
        ],
      },
    )],
    ['asked for again by the till, after an operator was told to wait and nothing had been sent', ledgers({
      client: [...asked(null, { at: 40 }), ...asked(shown(openRow()), { at: 52 }), ...closing(shown(row()))],
      departures: [left(52_500)],
      events: [
        event('sends_stopped', 50_050), event('not_attempted', 51_900), event('tried_again', 52_000),
        event('verify_sent', 52_400),
      ],
      resolutions: [word('failed', { isAccepted: false, told: 'send_in_flight' })],
    })],
    ['taken back by people while in doubt, and then found unused', ledgers({
      rows: [failedRow()],
      effects: [effect(), effect({ sequence: 2, kind: 'cancelled', at_ms: 1600 })],
      events: [event('verify_sent', 1300), event('found_not_redeemed', 41_600)],
    })],
    ['used by another system of the same Douyin app, in our store, while ours was in doubt', ledgers({
      truths: [truth({ effect: 'none' })],
      effects: [effect({ verified_by: 'other_app', verify_token: null })],
    })],
    ['used, cancelled in Douyin’s app, and used again', ledgers({
      effects: [atTill(), atTill({ kind: 'cancelled', at_ms: 600 }), effect()],
    })],
  ])('finds nothing wrong with: %s', (_what, clean) => {
    const findings = check(clean);
    for (const kind of FINDING_KINDS) expect([kind, findings[kind]]).toEqual([kind, []]);
  }); // prettier-ignore

  it.each<[FindingKind, string, Ledgers]>([
    ['double', 'a coupon redeemed twice', twoTills([row(), row({ ...second, certificate_id: 'certificate-1' })], {
      effects: [effect(), secondEffect({ certificate_id: 'certificate-1' })],
    })],
    ['double', 'one token with two redemptions', ledgers({ effects: [effect(), effect({ sequence: 2, verify_id: 'use-2', serial_number: 2 })] })],
    ['double', 'a second redemption with one token, and one of them undone later', ledgers({
      effects: [effect(), effect({ sequence: 2, verify_id: 'use-2' }), effect({ sequence: 3, kind: 'cancelled', at_ms: 1700 })],
    })],
    ['double', 'one redemption claimed by two rows without ids', twoTills([row({ verify_id: '' }), row({ ...second, douyin_verify_token: 'douyin-1', certificate_id: 'certificate-1', verify_id: '' })], { effects: [effect()] })],
    ['double', 'one verify id claimed by two rows', twoTills([row(), row({ ...second, verify_id: 'use-1' })])],
    ['double', 'a success by the use of another system, made before ours was sent', ledgers({
      effects: [effect({ verified_by: 'other_app', verify_token: null, at_ms: -9000 })],
    })],
    ['double', 'a success that Douyin did not redeem', ledgers(nothingRedeemed)],
    ['double', 'one meal paid with two coupons of its order', twoTills([row(), row({ ...second, order_id: 'order-1', first_sent_at: '1970-01-01T00:00:01.500Z' })], {
      orders: [order({ certificateIds: ['certificate-1', 'certificate-2'] })],
      usedTokens: [used(), used({ till: 2, token: 'till-2' })],
      effects: [effect(), secondEffect({ order_id: 'order-1' })],
    })],
    ['lost', 'a redemption without a record', ledgers({ effects: [effect(), secondEffect()] })],
    ['lost', 'an earlier round’s token that redeemed as well', ledgers({
      rows: [row({ round: 2 })],
      effects: [effect(), effect({ verify_id: 'use-0', verify_token: 'douyin-0', certificate_id: 'certificate-0' })],
      truths: [truth(), truth({ verify_token: 'douyin-0' })],
    })],
    ['lost', 'a redemption whose row says failed', ledgers({ rows: [failedRow()] })],
    ['lost', 'a redemption that people took back after its row had said failed', ledgers({
      rows: [failedRow()],
      effects: [effect(), effect({ sequence: 2, kind: 'cancelled', at_ms: 1800 })],
      events: [event('verify_sent', 1300), event('refused', 1700)],
    })],
    ['lost', 'a lie that was believed although there was another send', ledgers({
      rows: [failedRow({ send_count: 2, open_send_count: 2 })],
      calls: [fault('items-refused-after-effect')],
    })],
    ['lost', 'a redemption after an operator’s word', ledgers({
      rows: [failedRow({ error_code: 0 })],
      resolutions: [{ verificationId: 1, verifyStatus: 'failed', askedAtMs: 1000, answeredAtMs: 1100, isAccepted: true }],
    })],
    ['lost', 'an answer about a record that is not there', ledgers({ rows: [], client: [...asked(shown(row())), ...closing('404 verification.not_found')], effects: [], truths: [] })],
    ['lost', 'an answer about another till’s record', ledgers({ rows: [row({ verify_token: 'till-other' })] })],
    ['contradictions', 'success told, failed stored', ledgers({
      rows: [failedRow()], ...nothingRedeemed,
      client: [...asked(shown(row())), ...closing(shown(failedRow()))],
    })],
    ['contradictions', 'failed told, success stored', ledgers({ client: [...asked(shown(failedRow())), ...closing(shown(row()))] })],
    ['contradictions', 'failed told by a look-up, success stored', ledgers({
      client: [...asked(shown(openRow())), ...asked(shown(failedRow()), { at: 3, operation: 'look_up' }), ...closing(shown(row()))],
    })],
    ['contradictions', 'only ever told that nothing was done', ledgers({
      client: [...asked('503 gateway.database_unavailable'), ...closing(shown(row()))],
    })],
    ['contradictions', 'refused as used, and nobody used it', ledgers({ rows: [usedBefore], ...nothingRedeemed })],
    ['contradictions', 'an operator’s word that was turned', ledgers({ resolutions: [word('failed')] })],
    ['contradictions', 'an operator’s word that was taken and not kept', ledgers({
      resolutions: [word('success', { isAccepted: false })],
    })],
    ['contradictions', 'an operator’s word that was refused and kept', ledgers({
      rows: [row(byOperator)], resolutions: [word('success', { told: 'refused' })],
    })],
    ['double', 'one redemption, an operator’s by good evidence and another’s', scannedAgain(
      row({ ...byOperator, verify_id: '' }),
      row({ ...second, certificate_id: 'certificate-1', order_id: 'order-1', verify_id: '' }),
      { effects: [effect()], resolutions: [word('success')] },
    )],
    ['double', 'one meal paid twice, and an operator’s word was right', scannedAgain(
      row({ ...byOperator, verify_id: '' }),
      row({ ...second, order_id: 'order-1', first_sent_at: '1970-01-01T00:00:01.500Z' }),
      { resolutions: [word('success')] },
    )],
    ['promises', 'sent after an operator was told that nothing is sent any more', ledgers({
      departures: [1400, 55_000].map((atMs) => left(atMs)),
      resolutions: [word('failed', { isAccepted: false, told: 'send_in_flight' })],
    })],
    ['unjustified', 'refused in Douyin’s words, and Douyin saw nothing of it', ledgers({ ...neverSent, rows: [failedRow()] })],
    ['unknown', 'a row that never ended', ledgers({ rows: [openRow()] })],
    ['misuse', 'a 500', ledgers({ client: [...asked('500 internal.unexpected'), ...closing(shown(row()))] })],
    ['misuse', 'other parameters under one token', ledgers({ truths: [truth({ parameter_sets: 2 })] })],
    ['misuse', 'a success whose verify never arrived', ledgers({ truths: [truth({ sends: 0 })] })],
    ['misuse', 'two verdicts', ledgers({ events: [event('verify_sent', 1300), event('verified', 1600), event('refused', 1700)] })],
    ['misuse', 'a verify with a token of nobody', ledgers({
      calls: [{ sequence: 1, endpoint: 'verify', at_ms: 0, facts: { verify_token: 'made-up' }, fault: null, outcome: 'answered' }],
    })],
    ['promises', 'sent after 502, and the till asks again later', ledgers({
      client: [
        ...asked('502 douyin.unavailable', { at: 1 }),
        ...asked(shown(row()), { at: 30 }),
        ...closing(shown(row())),
      ],
      departures: [left(20_000)],
    })],
    ['promises', 'sent before anybody asked', ledgers({ departures: [left(500)] })],
    ['promises', 'sent for the first time long after its till had gone', ledgers({
      client: [...asked(null), ...closing(shown(row()))],
      departures: [left(31_000)],
    })],
    ['promises', 'sent again after the gateway had said that its send did nothing', ledgers({
      client: [...asked('502 douyin.refused_gateway', { at: 1 }), ...closing(shown(row()))],
      departures: [1400, 40_000].map((atMs) => left(atMs)),
    })],
    ['promises', 'sent again after its round had ended, and nobody asked again', ledgers({
      client: [...asked(null), ...closing(shown(row()))],
      departures: [1400, 40_000].map((atMs) => left(atMs)),
      events: [event('verify_sent', 1300), event('not_sent', 1800), event('not_attempted', 1900)],
    })],
    ['promises', 'sent again long after its only send was taken back', ledgers({
      client: [...asked(null), ...closing(shown(row()))],
      departures: [1400, 40_000].map((atMs) => left(atMs)),
      events: [event('verify_sent', 1300), event('not_sent', 1900), event('verify_sent', 39_900)],
    })],
    ['promises', 'counted too late by a process that died, and then repeated', ledgers({
      client: [...asked(null), ...closing(shown(row()))],
      departures: [left(60_100)],
      events: [event('verify_sent', 20_000), event('verify_sent', 60_000)],
    })],
    ['promises', 'sent after an operator was told to wait, in the round that the till had asked for before', ledgers({
      departures: [left(55_000)],
      client: [...asked(shown(openRow()), { at: 48 }), ...closing(shown(row()))],
      events: [event('tried_again', 48_000), event('sends_stopped', 50_050), event('verify_sent', 54_900)],
      resolutions: [word('failed', { isAccepted: false, told: 'send_in_flight' })],
    })],
    ['promises', 'redeemed after an operator was told that it failed', ledgers({
      rows: [failedRow({ error_code: 0 })],
      resolutions: [{ verificationId: 1, verifyStatus: 'failed', askedAtMs: 1000, answeredAtMs: 1100, isAccepted: true }],
    })],
    ['advice', 'used elsewhere, and it was ours', twoTills([row(), failedRow({ ...second, error_code: 1208, verify_id: '', certificate_id: 'certificate-1', order_id: 'order-1' })], {
      effects: [effect()],
      client: [
        ...asked(shown(row())),
        ...asked(shown(failedRow({ ...second, error_code: 1208, verify_id: '', certificate_id: 'certificate-1', order_id: 'order-1' }), { advice: elsewhere }), { at: 5, till: 2, token: 'till-2' }),
      ],
    })],
    ['advice', 'used elsewhere, and nobody did', ledgers({
      rows: [usedBefore], ...nothingRedeemed, client: [...asked(shown(usedBefore, { advice: elsewhere }))],
    })],
    ['advice', 'used here, and it was elsewhere', ledgers({
      rows: [usedBefore], effects: [atTill()], truths: [unredeemed],
      client: [...asked(shown(usedBefore, { advice: here(9) }))],
    })],
    ['data', 'a redemption of another coupon', ledgers({ rows: [row({ certificate_id: 'certificate-9' })] })],
    ['data', 'the whole order’s amount on each coupon', ledgers({ rows: [row({ pay_amount: 2 * PAY_FEN })] })],
    ['data', 'a times card’s price at each use', ledgers({
      orders: [order({ timesCount: 3, meals: null })], effects: [effect({ serial_number: 1 })],
    })],
    ['data', 'another order, though the gateway had prepared it', ledgers({
      rows: [row({ order_id: 'order-9' })], calls: [fault('answer-for-another-order')],
    })],
    ['data', 'a wrong discount', ledgers({ rows: [row({ discount_amount: 0 })] })],
    ['data', 'a wrong share of the receipt', ledgers({ rows: [row({ receipt_amount: 1 })] })],
    ['liveness', 'the final answer is not the row’s', ledgers({
      client: [...asked(shown(row())), ...closing(shown(row(), { product_name: '另一份套餐' }))],
    })],
    ['liveness', 'nothing heard at the end', ledgers({ client: [...asked(shown(row())), ...closing(null)] })],
    ['liveness', 'a control that fails', ledgers({
      usedTokens: [used({ isControl: true })], rows: [failedRow()], ...nothingRedeemed,
    })],
    ['unjustified', '503 with nothing in the way', ledgers({
      client: [...asked('503 gateway.engine_unavailable'), ...asked(shown(row()), { at: 3 }), ...closing(shown(row()))],
    })],
  ])('%s: %s', (kind, _what, broken) => {
    const findings = check(broken);
    expect(findings[kind]).not.toEqual([]);
    expect(isClean(findings)).toBe(false);
  }); // prettier-ignore

  describe('of a gateway that', () => {
    it.each<[string, FindingKind, Ledgers]>([
      ['answers processing for ever', 'liveness', ledgers({
        client: [...asked(shown(openRow())), ...closing(shown(openRow()))],
      })],
      ['answers 503 for ever', 'liveness', ledgers({
        rows: [], ...neverSent,
        client: [...asked('503 gateway.busy'), ...closing('503 gateway.database_unavailable')],
      })],
      ['attempts nothing', 'unjustified', ledgers({
        rows: [closedRow()], ...neverSent,
        client: [...asked('502 douyin.unavailable'), ...closing(shown(closedRow()))],
      })],
      ['refuses good coupons', 'unjustified', ledgers({ rows: [failedRow()], ...nothingRedeemed })],
      ['refuses good coupons whose QR was refreshed', 'unjustified', ledgers({
        rows: [failedRow()],
        orders: [order({ changes: [{ atMs: 1200, what: QR_REFRESHED }] })],
        ...nothingRedeemed,
      })],
      ['redeems in the wrong store', 'data', ledgers({
        rows: [row({ poi_id: 'store-2' })], effects: [effect({ poi_id: 'store-2' })],
      })],
      ['tells another verify id', 'data', ledgers({
        client: [...asked(shown(row(), { verify_id: 'use-9' })), ...closing(shown(row()))],
      })],
      ['says success, then processing', 'monotony', ledgers({
        client: [...asked(shown(row())), ...asked(shown(openRow()), { at: 3 }), ...closing(shown(row()))],
      })],
      ['tells one verify id, then another', 'monotony', ledgers({
        client: [...asked(shown(row())), ...asked(shown(row(), { verify_id: 'use-9' }), { at: 3 }), ...closing(shown(row()))],
      })],
      ['never enriches', 'liveness', ledgers({ rows: [row({ enrichment_status: 'pending' })] })],
      ['gives up enriching', 'liveness', ledgers({ rows: [row({ enrichment_status: 'stuck' })] })],
      ['says 503 and redeems', 'promises', ledgers({
        client: [...asked('503 gateway.database_unavailable'), ...closing(shown(row()))],
        departures: [left(31_000)],
      })],
    ])('%s it finds: %s', (_what, kind, broken) => {
      const findings = check(broken);
      expect(findings[kind]).not.toEqual([]);
      expect(isClean(findings)).toBe(false);
    }); // prettier-ignore
  });

  it('leaves to an operator only what Douyin itself made undecidable', () => {
    const open = openRow({ step: 'unsettled' });
    expect(isClean(check(ledgers({ rows: [open] })))).toBe(false);
    const undecidable = check(ledgers({ rows: [open], calls: [fault('stale-certificate', 'get')] }));
    expect(undecidable.forOperator).toHaveLength(1);
    expect(isClean(undecidable)).toBe(true);
    expect(isClean(check(ledgers({ rows: [open], effects: [effect()] })))).toBe(false);
    const undone = ledgers({ rows: [open], effects: [effect(), effect({ kind: 'cancelled', at_ms: 600 })] });
    expect(isClean(check(undone))).toBe(true);
    const others = { verify_id: 'use-2', verify_token: 'douyin-2' };
    const othersUndone = (at_ms: number) =>
      ledgers({ rows: [open], effects: [effect(others), effect({ ...others, kind: 'cancelled', at_ms })] });
    expect(check(othersUndone(1600)).forOperator.filter(isUndecidable)).toHaveLength(1);
    expect(check(othersUndone(1200)).forOperator.filter(isUndecidable)).toHaveLength(0);
  });
});
