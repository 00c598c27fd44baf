// A checker that finds nothing proves nothing: here each kind of finding is planted, one at a time, in clean ledgers.
import { describe, expect, it } from '@jest/globals';
import { check, type Findings, isClean } from './checker.ts';
import type { ClientEntry } from './client-ledger.ts';
import type { GatewayRow, Ledgers } from './ledgers.ts';
import type { Effect, Truth } from './simulator-control.ts';

const row = (changes: Partial<GatewayRow> = {}): GatewayRow => ({
  id: 1,
  app_id: 7,
  verify_token: 'till-1',
  verify_status: 'success',
  step: 'settled',
  round: 1,
  reason: '',
  error_code: 0,
  error_description: '',
  douyin_verify_token: 'douyin-1',
  poi_id: 'store-1',
  encrypted_code: 'code-1',
  certificate_id: 'certificate-1',
  verify_id: 'use-1',
  order_id: 'order-1',
  enrichment_status: 'success',
  send_count: 1,
  open_send_count: 1,
  last_outcome: '',
  created_at: '2026-01-01T00:00:00.000Z',
  round_started_at: '2026-01-01T00:00:00.000Z',
  settled_at: '2026-01-01T00:00:01.000Z',
  ...changes,
});

const effect = (changes: Partial<Effect> = {}): Effect => ({
  sequence: 1,
  kind: 'verified',
  at_ms: 0,
  verify_id: 'use-1',
  certificate_id: 'certificate-1',
  encrypted_code: 'code-1',
  order_id: 'order-1',
  poi_id: 'store-1',
  verify_token: 'douyin-1',
  verified_by: 'api',
  serial_number: null,
  ...changes,
});

const truth = (changes: Partial<Truth> = {}): Truth => ({
  verify_token: 'douyin-1',
  order_id: 'order-1',
  effect: 'verified',
  is_in_review: false,
  sends: 1,
  parameter_sets: 1,
  ...changes,
});

const request = (number: number, operation: 'verify' | 'look_up' = 'verify'): ClientEntry => ({
  kind: 'request',
  request: number,
  atMs: number,
  till: 1,
  app: 0,
  operation,
  token: 'till-1',
  api: 0,
});

const answer = (
  number: number,
  status: number,
  /** The record's status, or the error's code. */
  told: string,
): ClientEntry => ({
  kind: 'answer',
  request: number,
  atMs: number,
  status,
  code: status === 200 ? null : told,
  record:
    status === 200
      ? {
          id: 1,
          verify_status: told as 'success',
          verify_token: 'till-1',
          error_code: 0,
          verify_id: 'use-1',
          certificate_id: 'certificate-1',
        }
      : null,
});

const ledgers = (changes: Partial<Ledgers> = {}): Ledgers => ({
  appIds: [7, 8],
  usedTokens: [{ till: 1, app: 0, token: 'till-1' }],
  client: [request(1), answer(1, 200, 'success')],
  rows: [row()],
  effects: [effect()],
  truths: [truth()],
  calls: [],
  counters: { calls: {}, in_flight: 0, faults: {} },
  ...changes,
});

const failedRow = (changes: Partial<GatewayRow> = {}) =>
  row({ verify_status: 'failed', error_code: 1265, verify_id: '', ...changes });
const otherRow = (changes: Partial<GatewayRow> = {}) =>
  row({
    id: 2,
    verify_token: 'till-2',
    douyin_verify_token: 'douyin-2',
    verify_id: 'use-2',
    certificate_id: 'certificate-2',
    ...changes,
  });

describe('check', () => {
  it('finds nothing in ledgers that agree', () => {
    const findings = check(ledgers());
    expect(findings).toEqual({
      double: [],
      lost: [],
      contradictions: [],
      unknown: [],
      forOperator: [],
      misuse: [],
    });
    expect(isClean(findings)).toBe(true);
  });

  it('finds nothing wrong with a till told 502 that then succeeds, or with a times card used twice', () => {
    expect(
      isClean(
        check(
          ledgers({
            client: [
              request(1),
              answer(1, 502, 'douyin.unavailable'),
              request(2),
              answer(2, 200, 'processing'),
              request(3, 'look_up'),
              answer(3, 200, 'success'),
            ],
          }),
        ),
      ),
    ).toBe(true);
    expect(
      isClean(
        check(
          ledgers({
            rows: [row(), otherRow({ certificate_id: 'certificate-1' })],
            effects: [
              effect({ serial_number: 1 }),
              effect({ verify_id: 'use-2', verify_token: 'douyin-2', serial_number: 2 }),
            ],
            truths: [truth(), truth({ verify_token: 'douyin-2' })],
          }),
        ),
      ),
    ).toBe(true);
  });

  it.each<[keyof Findings, string, Partial<Ledgers>]>([
    ['double', 'a coupon redeemed twice', {
      rows: [row(), otherRow({ certificate_id: 'certificate-1' })],
      effects: [effect(), effect({ verify_id: 'use-2', verify_token: 'douyin-2' })],
      truths: [truth(), truth({ verify_token: 'douyin-2' })],
    }],
    ['double', 'one token with two effects', { effects: [effect(), effect({ verify_id: 'use-2', serial_number: 2 })] }],
    ['double', 'one effect claimed by two rows without ids', {
      rows: [row({ verify_id: '' }), otherRow({ douyin_verify_token: 'douyin-1', verify_id: '' })],
    }],
    ['double', 'one verify id claimed by two rows', {
      rows: [row(), otherRow({ verify_id: 'use-1' })],
      effects: [effect(), effect({ verify_id: 'use-2', certificate_id: 'certificate-2', verify_token: 'douyin-2' })],
      truths: [truth(), truth({ verify_token: 'douyin-2' })],
    }],
    ['double', 'a round whose earlier token redeemed as well', {
      rows: [row({ round: 2 })],
      effects: [effect(), effect({ verify_id: 'use-0', verify_token: 'douyin-0', certificate_id: 'certificate-0' })],
      truths: [truth(), truth({ verify_token: 'douyin-0' })],
    }],
    ['lost', 'an effect without a record', {
      effects: [effect(), effect({ verify_id: 'use-9', verify_token: 'douyin-9', certificate_id: 'certificate-9' })],
    }],
    ['lost', 'an effect whose row says failed', { rows: [failedRow()], client: [request(1)] }],
    ['lost', 'a success without an effect', { effects: [] }],
    ['lost', 'a success by the use of another', { rows: [row({ verify_id: 'use-other' })] }],
    ['lost', 'an answer about a record that is not there', { rows: [], effects: [], truths: [] }],
    ['lost', 'an answer about another till’s record', {
      rows: [row({ verify_token: 'till-other' })],
    }],
    ['contradictions', 'success told, failed stored', { rows: [failedRow()], effects: [], truths: [truth({ effect: 'none' })] }],
    ['contradictions', 'failed told, success stored', { client: [request(1), answer(1, 200, 'failed')] }],
    ['contradictions', 'failed told by a look-up, success stored', {
      client: [request(1), answer(1, 200, 'processing'), request(2, 'look_up'), answer(2, 200, 'failed')],
    }],
    ['contradictions', 'only ever told that nothing was done', {
      client: [request(1), answer(1, 503, 'gateway.database_unavailable')],
    }],
    ['contradictions', 'refused as used, and nobody used it', {
      rows: [failedRow({ error_code: 1208 })],
      client: [request(1)],
      effects: [],
      truths: [truth({ effect: 'none' })],
    }],
    ['unknown', 'a row that never ended', {
      rows: [row({ verify_status: 'processing', step: 'sent', settled_at: null })],
      client: [request(1)],
    }],
    ['misuse', 'a 500', { client: [request(1), answer(1, 500, 'internal.unexpected')] }],
    ['misuse', 'other parameters under one token', { truths: [truth({ parameter_sets: 2 })] }],
    ['misuse', 'a success whose verify never arrived', { truths: [truth({ sends: 0 })] }],
    ['misuse', 'a verify with a token of nobody', {
      calls: [
        { sequence: 1, endpoint: 'verify', at_ms: 0, facts: { verify_token: 'made-up' }, fault: null, outcome: 'answered' },
      ],
    }],
  ])('%s: %s', (kind, _what, changes) => {
    const findings = check(ledgers(changes));
    expect(findings[kind]).not.toEqual([]);
    expect(isClean(findings)).toBe(false);
  }); // prettier-ignore

  it('leaves to an operator only what Douyin itself made undecidable', () => {
    const open: Partial<Ledgers> = {
      rows: [row({ verify_status: 'processing', step: 'unsettled', settled_at: null })],
      client: [request(1)],
    };
    expect(isClean(check(ledgers(open)))).toBe(false);
    const fault = {
      sequence: 1,
      endpoint: 'get',
      at_ms: 0,
      facts: { order_id: 'order-1' },
      outcome: 'answered',
    };
    const undecidable = check(ledgers({ ...open, calls: [{ ...fault, fault: 'stale-certificate' }] }));
    expect(undecidable.forOperator).toHaveLength(1);
    expect(isClean(undecidable)).toBe(true);
  });
});
