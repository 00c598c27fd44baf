// The hot path's statements on `verifications`: each is one statement that commits what was learned, its event with it.
// Every change names the state it starts from, so a late or repeated caller changes nothing. Reports are elsewhere.
import type { EntityManager } from '@mikro-orm/postgresql';
import type { VerifyMode } from '../../domain/coupon.ts';
import type {
  LastOutcomeKind,
  Verification,
  VerificationRequest,
  VerificationStep,
} from '../../domain/verification.ts';
import { readRows } from '../read-row.ts';
import { rowsOf } from '../statement.ts';
import { VerificationEntity, type VerificationRow } from '../entities/verification.entity.ts';
import { CLAIM_NONCE_SQL, type NonceClaim } from './nonce.repository.ts';

export interface NewVerification extends VerificationRequest {
  readonly appId: number;
  readonly appName: string;
  readonly appCode: string;
  readonly verifyToken: string;
  readonly operatorId: string;
  readonly deviceId: string;
  readonly note: string;
  readonly requestId: string;
}

export type AcceptOutcome =
  | { readonly kind: 'accepted'; readonly verification: Verification }
  | { readonly kind: 'nonce_reused' }
  /** The token names a row already; the nonce is spent. */
  | { readonly kind: 'exists' };

/** One run of one verification: a row that was tried again is no longer this one. */
export interface RoundKey {
  readonly id: number;
  readonly round: number;
}

/**
 * The state a refusal is judged by: still `running` at all, not prepared (`accepted`), or with exactly the sends of
 * `counted`, so that none that was made beside it can have had an effect.
 */
export type SettleCondition =
  'running' | 'accepted' | { readonly counted: Pick<Verification, 'sendCount' | 'openSendCount'> };

type Changes = Partial<Omit<VerificationRow, 'id' | 'createdAt' | 'updatedAt'>>;

interface Advance {
  readonly key: RoundKey;
  /** The state the change starts from, as a condition on the row. */
  readonly from: string;
  readonly changes: Changes;
  /** Column assignments that depend on the row, as SQL. */
  readonly computed?: string;
  readonly event: { readonly kind: string; readonly details?: Record<string, unknown> };
  readonly now: Date;
}

/** In encrypted_code mode the caller has prepared already. */
function firstStepOf(mode: VerifyMode): VerificationStep {
  return mode === 'encrypted_code' ? 'prepared' : 'accepted';
}

/** Clocks of processes, and Douyin's, may differ by this much. Milliseconds. */
const CLOCK_SKEW_MS = 60_000;

const IS_RUNNING = `verify_status = 'processing'`;
const IS_COUPON = `(certificate_id <> '' and certificate_id = ? or encrypted_code <> '' and encrypted_code = ?)`;

export class VerificationRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Spends the nonce and inserts the row: one statement, one commit. */
  async accept(input: NewVerification, nonce: NonceClaim, now: Date): Promise<AcceptOutcome> {
    const rows = await rowsOf(
      this.#em,
      `with fresh_nonce as (${CLAIM_NONCE_SQL}),
       accepted as (
         insert into verifications
           (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, operator_id, device_id, note,
            encrypted_code, douyin_verify_token, step, round_started_at, created_at, updated_at)
         select ?::bigint, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::timestamptz, ?::timestamptz, ?::timestamptz from fresh_nonce
         on conflict (app_id, verify_token) do nothing
         returning *
       ),
       event as (
         insert into verification_events (verification_id, happened_at, kind, details)
         select id, ?::timestamptz, 'accepted', ?::jsonb from accepted
       )
       select exists (select 1 from fresh_nonce) as is_nonce_fresh, accepted.*
       from (select 1) as one left join accepted on true`,
      [
        nonce.clientKey,
        nonce.nonce,
        nonce.expiresAt,
        input.appId,
        input.appName,
        input.appCode,
        input.poiId,
        input.mode,
        input.requestValue,
        input.verifyToken,
        input.operatorId,
        input.deviceId,
        input.note,
        input.mode === 'encrypted_code' ? input.requestValue : '',
        input.mode === 'encrypted_code' ? input.verifyToken : '',
        firstStepOf(input.mode),
        now,
        now,
        now,
        now,
        JSON.stringify({
          request_id: input.requestId,
          operator_id: input.operatorId,
          device_id: input.deviceId,
          mode: input.mode,
        }),
      ],
    );
    const { is_nonce_fresh: isNonceFresh, ...columns } = rows[0] ?? {};
    if (isNonceFresh !== true) return { kind: 'nonce_reused' };
    if (columns['id'] === null) return { kind: 'exists' };
    return { kind: 'accepted', verification: this.#map(columns) };
  }

  async findById(id: number): Promise<Verification | null> {
    return this.#findOne('id = ?', [id]);
  }

  async findByToken(appId: number, verifyToken: string): Promise<Verification | null> {
    return this.#findOne('app_id = ? and verify_token = ?', [appId, verifyToken]);
  }

  /** Our newest success on this coupon; null if it was not redeemed through us. */
  async findSuccessOnCoupon(certificateId: string, encryptedCode: string): Promise<Verification | null> {
    return this.#findOne(`${IS_COUPON} and verify_status = 'success'`, [certificateId, encryptedCode]);
  }

  /** Another verification that was redeemed, or may yet be, under the same token of Douyin's: two apps had it. */
  async findOtherOfDouyinToken(
    verification: Pick<Verification, 'id' | 'encryptedCode' | 'douyinVerifyToken'>,
  ): Promise<Verification | null> {
    return this.#findOne(
      `encrypted_code = ? and encrypted_code <> '' and douyin_verify_token = ? and id <> ?
         and open_send_count > 0 and verify_status <> 'failed'`,
      [verification.encryptedCode, verification.douyinVerifyToken, verification.id],
    );
  }

  /**
   * Every other verification of this coupon that may have redeemed it since this one was first sent, or did. At most
   * `limit`, oldest first.
   */
  async listOthersOnCoupon(
    verification: Pick<Verification, 'id' | 'certificateId' | 'encryptedCode' | 'firstSentAt' | 'createdAt'>,
    limit: number,
  ): Promise<readonly Verification[]> {
    const since = (verification.firstSentAt ?? verification.createdAt).getTime() - CLOCK_SKEW_MS;
    const rows = await rowsOf(
      this.#em,
      `select * from verifications
       where ${IS_COUPON} and id <> ?
         and (verify_status = 'success' and settled_at >= ? or open_send_count > 0 and ${IS_RUNNING})
       order by id limit ?`,
      [verification.certificateId, verification.encryptedCode, verification.id, new Date(since), limit],
    );
    return rows.map((row) => this.#map(row));
  }

  /** Opens a verification that was not attempted for another round. @returns null if it is no longer in that state */
  async reopen(key: RoundKey, mode: VerifyMode, requestId: string, now: Date): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `step = 'not_attempted'`,
      changes: {
        verifyStatus: 'processing',
        step: firstStepOf(mode),
        round: key.round + 1,
        encryptedData: '',
        roundStartedAt: now,
        reason: '',
        errorCode: 0,
        errorDescription: '',
        // Nothing of the earlier round can have had an effect: this one's sends are counted and timed from here.
        sendCount: 0,
        firstSentAt: null,
        lastSentAt: null,
        lastOutcome: '',
        lastOutcomeKind: '',
        settledAt: null,
        enrichmentStatus: 'pending',
      },
      event: { kind: 'tried_again', details: { request_id: requestId } },
      now,
    });
  }

  /** Keeps what the short link named. */
  async storeResolvedLink(key: RoundKey, encryptedData: string, now: Date): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `step = 'accepted'`,
      changes: { encryptedData },
      event: { kind: 'short_link_resolved' },
      now,
    });
  }

  /** Keeps Douyin's token and the chosen coupon. Never once a verify was sent with an earlier token. */
  async storePrepared(key: RoundKey, changes: Changes, now: Date): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `step = 'accepted'`,
      changes: { ...changes, step: 'prepared' },
      event: { kind: 'prepared' },
      now,
    });
  }

  /**
   * Counts a verify before it is sent. A row whose `openSendCount` is 1 afterwards makes a first attempt, a higher
   * one a repeat. What an earlier send was answered says nothing about this one.
   * @returns null if it may not be sent: settled, not prepared, in Douyin's review, or another round
   */
  async countSend(key: RoundKey, now: Date): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `${IS_RUNNING} and step in ('prepared', 'sent', 'unsettled') and douyin_verify_token <> ''
        and last_outcome_kind <> 'in_review'`,
      changes: { step: 'sent', lastSentAt: now, lastOutcomeKind: 'unanswered' },
      computed: `send_count = send_count + 1, open_send_count = open_send_count + 1,
        first_sent_at = case when open_send_count > 0 then first_sent_at else ? end`,
      event: { kind: 'verify_sent' },
      now,
    });
  }

  /**
   * Stores a verdict: final. A success holds whatever else is under way; a refusal holds only in the state that it was
   * judged by, which `onlyIf` names.
   * @returns null if the row is settled already, in another round, or not in that state
   */
  async settle(
    key: RoundKey,
    changes: Changes & { readonly verifyStatus: 'success' | 'failed' },
    details: Record<string, unknown>,
    now: Date,
    onlyIf: SettleCondition = 'running',
  ): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `${IS_RUNNING}${conditionOf(onlyIf)}`,
      changes: {
        ...changes,
        step: 'settled',
        settledAt: now,
        ...(changes.verifyStatus === 'failed' ? { enrichmentStatus: 'skipped' as const } : {}),
      },
      event: { kind: changes.verifyStatus === 'success' ? 'verified' : 'refused', details },
      now,
    });
  }

  /** Whether the row was settled by this very request of an operator. */
  async wasResolvedBy(id: number, actor: string, requestId: string): Promise<boolean> {
    const rows = await rowsOf(
      this.#em,
      `select 1 from verification_events where verification_id = ? and kind in ('verified', 'refused')
         and details ->> 'actor' = ? and details ->> 'request_id' = ?`,
      [id, actor, requestId],
    );
    return rows.length > 0;
  }

  /**
   * Keeps what a send without a verdict told; the row stays in processing. A review stays one, whatever an answer that
   * was under way at the time says.
   */
  async noteUnknown(
    key: RoundKey,
    changes: Changes & { readonly lastOutcome: string },
    kind: Exclude<LastOutcomeKind, ''>,
    details: Record<string, unknown>,
    now: Date,
  ): Promise<Verification | null> {
    return this.#advance({
      key,
      from: IS_RUNNING,
      changes,
      computed: `last_outcome_kind = case when last_outcome_kind = 'in_review' then 'in_review' else '${kind}' end`,
      event: { kind: 'outcome_unknown', details },
      now,
    });
  }

  /**
   * Takes back the count of the send that `counted` shows, which certainly did nothing. Run again, or after somebody
   * else counted another send, it changes nothing: a send that stays counted only makes the next one a repeat.
   */
  async uncountSend(
    counted: Verification,
    outcome: string,
    details: Record<string, unknown>,
    now: Date,
  ): Promise<Verification | null> {
    return this.#advance({
      key: counted,
      from: `${IS_RUNNING} and open_send_count = ${counted.openSendCount} and send_count = ${counted.sendCount}
        and open_send_count > 0`,
      changes: { lastOutcome: outcome },
      computed: `open_send_count = open_send_count - 1`,
      event: { kind: 'not_sent', details: { ...details, outcome } },
      now,
    });
  }

  /** Ends a round in which nothing can have been consumed; the same token may try again. */
  async closeNotAttempted(
    key: RoundKey,
    why: { readonly reason: string; readonly errorCode: number; readonly errorDescription: string },
    now: Date,
  ): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `${IS_RUNNING} and open_send_count = 0`,
      changes: {
        ...why,
        verifyStatus: 'failed',
        step: 'not_attempted',
        settledAt: now,
        enrichmentStatus: 'skipped',
      },
      event: { kind: 'not_attempted', details: { reason: why.reason, error_code: why.errorCode } },
      now,
    });
  }

  /** Marks that repeats and look-ups did not decide. */
  async markUnsettled(key: RoundKey, lastOutcome: string, now: Date): Promise<Verification | null> {
    return this.#advance({
      key,
      from: `step = 'sent'`,
      changes: { step: 'unsettled', lastOutcome },
      event: { kind: 'unsettled', details: { last_outcome: lastOutcome } },
      now,
    });
  }

  /** Order and coupon data; never touches the verdict. */
  async storeEnrichment(
    id: number,
    changes: Changes,
    details: Record<string, unknown>,
    now: Date,
  ): Promise<Verification | null> {
    const kind = changes.enrichmentStatus ? `enrichment_${changes.enrichmentStatus}` : 'enrichment_tried';
    return this.#change(id, `verify_status = 'success' and enrichment_status <> 'success'`, [], {
      changes,
      event: { kind, details },
      now,
    });
  }

  /**
   * Verifications in processing that nothing has touched for `idleMs`, least recently looked at first, each marked
   * as looked at.
   */
  async takeStranded(idleMs: number, limit: number, now: Date): Promise<readonly Verification[]> {
    const before = new Date(now.getTime() - idleMs);
    const rows = await rowsOf(
      this.#em,
      `update verifications set swept_at = ? where id in (
         select id from verifications
         where ${IS_RUNNING} and updated_at < ? and (swept_at is null or swept_at < ?)
         order by swept_at nulls first, id limit ? for update skip locked
       ) returning *`,
      [now, before, before, limit],
    );
    return rows.map((row) => this.#map(row));
  }

  /** Successes whose order data has been pending for `idleMs`, likewise. */
  async takeUnenriched(idleMs: number, limit: number, now: Date): Promise<readonly Verification[]> {
    const before = new Date(now.getTime() - idleMs);
    const rows = await rowsOf(
      this.#em,
      `update verifications set swept_at = ? where id in (
         select id from verifications
         where verify_status = 'success' and enrichment_status = 'pending'
           and updated_at < ? and (swept_at is null or swept_at < ?)
         order by id limit ? for update skip locked
       ) returning *`,
      [now, before, before, limit],
    );
    return rows.map((row) => this.#map(row));
  }

  async #advance(advance: Advance): Promise<Verification | null> {
    return this.#change(advance.key.id, `round = ? and (${advance.from})`, [advance.key.round], advance);
  }

  async #change(
    id: number,
    condition: string,
    conditionParameters: readonly unknown[],
    change: Pick<Advance, 'changes' | 'computed' | 'event' | 'now'>,
  ): Promise<Verification | null> {
    const changes = Object.entries({ ...change.changes, updatedAt: change.now });
    const assignments = changes.map(([property]) => `${columnOf(property)} = ?`);
    const computed = change.computed ? [change.computed] : [];
    const computedParameters = change.computed?.includes('?') ? [change.now] : [];
    const rows = await rowsOf(
      this.#em,
      `with changed as (
         update verifications set ${[...assignments, ...computed].join(', ')}
         where id = ? and ${condition} returning *
       ),
       event as (
         insert into verification_events (verification_id, happened_at, kind, details)
         select id, ?::timestamptz, ?, ?::jsonb from changed
       )
       select * from changed`,
      [
        ...changes.map(([, value]) => value),
        ...computedParameters,
        id,
        ...conditionParameters,
        change.now,
        change.event.kind,
        JSON.stringify(change.event.details ?? {}),
      ],
    );
    return rows[0] ? this.#map(rows[0]) : null;
  }

  async #findOne(condition: string, parameters: readonly unknown[]): Promise<Verification | null> {
    const rows = await rowsOf(
      this.#em,
      `select * from verifications where ${condition} order by id desc limit 1`,
      [...parameters],
    );
    return rows[0] ? this.#map(rows[0]) : null;
  }

  #map(columns: Record<string, unknown>): Verification {
    // Every column is there (`returning *`), which the entity's type cannot know: it has nullable ones as optional.
    const [verification] = readRows(this.#em, VerificationEntity, [columns]);
    return verification as Verification;
  }
}

function conditionOf(onlyIf: SettleCondition): string {
  if (onlyIf === 'running') return '';
  if (onlyIf === 'accepted') return ` and step = 'accepted'`;
  const { sendCount, openSendCount } = onlyIf.counted;
  return ` and send_count = ${sendCount} and open_send_count = ${openSendCount}`;
}

const COLUMN_BY_PROPERTY = new Map(
  Object.keys(VerificationEntity.meta.properties).map((property) => [
    property,
    property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ]),
);

function columnOf(property: string): string {
  const column = COLUMN_BY_PROPERTY.get(property);
  if (!column) throw new Error(`verifications has no property ${property}`);
  return column;
}
