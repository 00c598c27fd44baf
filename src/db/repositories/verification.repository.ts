// The hot path's statements on `verifications`: each is one statement that commits what was learned, its event with it.
// Every change is one of the table of transitions and starts from its states, so a late or repeated caller changes
// nothing. Times and ages are the database's. Reports are elsewhere.
import type { EntityManager } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';
import type { VerifyMode } from '../../domain/coupon.ts';
import type { OutcomeNote } from '../../domain/outcome-notes.ts';
import {
  type NotAttempted,
  type OperatorDecision,
  type PreparedCoupon,
  type Redemption,
  type Settlement,
  transitionOf,
} from '../../domain/verdict.ts';
import {
  type EventKind,
  type GuardContext,
  type LastOutcome,
  type RoundKey,
  type SeenSends,
  type SendsStop,
  STATUS_OF_STEP,
  type TransitionName,
  TRANSITIONS,
  type Verification,
  type VerificationRequest,
  type VerificationStep,
} from '../../domain/verification.ts';
import { VerificationEntity, type VerificationRow } from '../entities/verification.entity.ts';
import { assignments, queryRows, readRows } from '../rows.ts';
import {
  couponValues,
  detailsOf,
  learn,
  NO_COUPON,
  settlementValues,
  type Values,
} from './verification-columns.ts';
import { conditionOf, GUARD_CONTEXT_COLUMNS } from './verification-conditions.ts';
import { claimNonce, type NonceClaim } from './nonce.repository.ts';

export interface NewVerification extends VerificationRequest {
  readonly appId: number;
  readonly appName: string;
  readonly appCode: string;
  readonly verifyToken: string;
  readonly operatorId: string;
  readonly deviceId: string;
  readonly note: string;
  readonly requestId: string;
  /** A new one for each round. */
  readonly roundKey: string;
  /** How long its request had been here before, milliseconds: the round began with it. */
  readonly waitedMs: number;
}

export type AcceptOutcome =
  | { readonly kind: 'accepted'; readonly verification: Verification }
  | { readonly kind: 'nonce_reused' }
  /** The token names a row already; the nonce is spent. */
  | { readonly kind: 'exists' };

/** What prepare chose, and what it claims while it is in doubt. */
export interface PreparedRound {
  readonly coupon: PreparedCoupon;
  readonly orderId: string;
  readonly douyinVerifyToken: string;
  readonly douyinPreparedAt: Date | null;
  /** The coupon was picked from the order's list, and not named by the request. */
  readonly isPicked: boolean;
}

/** What a send without a verdict told. */
export interface UnknownOutcome {
  readonly lastOutcome: LastOutcome;
  readonly note: OutcomeNote;
  readonly errorCode: number;
  readonly errorDescription: string;
  /** Douyin's answer, or null where it is not to be kept. */
  readonly response: string | null;
  /** Why nothing is to be sent any more, null where it may be repeated. */
  readonly stop: Exclude<SendsStop, 'operator'> | null;
  /** Which coupon of which order the answer names, '' where it does not: the row learns what it does not know yet. */
  readonly told: Pick<Redemption, 'certificateId' | 'orderId'>;
}

interface Change {
  readonly values: Values;
  readonly event: { readonly kind: EventKind; readonly details: Readonly<Record<string, unknown>> };
}

/** A verification with what the guards are told beside it. */
export type GuardedVerification = Verification & Omit<GuardContext, 'seen' | 'policy'>;

/** In encrypted_code mode the caller has prepared already. */
function firstStepOf(mode: VerifyMode): VerificationStep {
  return mode === 'encrypted_code' ? 'prepared' : 'accepted';
}

const NEVER_SENT: Pick<GuardContext, 'seen'> = { seen: null };
const MAY_HAVE_REDEEMED = sql`v.verify_status = 'processing' and v.open_send_count > 0`;

export class VerificationRepository {
  readonly #em: EntityManager;
  readonly #clock: () => RawBuilder<Date>;
  readonly #policy: GuardContext['policy'];

  /** @param clock the database's time, asked for each statement; tests turn it */
  constructor(em: EntityManager, clock: () => RawBuilder<Date>, policy: GuardContext['policy']) {
    this.#em = em;
    this.#clock = clock;
    this.#policy = policy;
  }

  get #now(): RawBuilder<Date> {
    return this.#clock();
  }

  #before(ms: number): RawBuilder<Date> {
    return sql`${this.#now} - ${ms} * interval '1 millisecond'`;
  }

  /** Spends the nonce and inserts the row: one statement, one commit. */
  async accept(input: NewVerification, nonce: NonceClaim): Promise<AcceptOutcome> {
    const isPrepared = input.mode === 'encrypted_code';
    const details = {
      request_id: input.requestId,
      operator_id: input.operatorId,
      device_id: input.deviceId,
      mode: input.mode,
    };
    const rows = await this.#rows(sql`
      with fresh_nonce as (${claimNonce(nonce, this.#now)}),
      accepted as (
        insert into verifications
          (app_id, app_name, app_code, poi_id, mode, request_value, verify_token, operator_id, device_id, note,
           encrypted_code, douyin_verify_token, step, round_key, round_started_at, created_at, updated_at)
        select ${input.appId}::bigint, ${input.appName}, ${input.appCode}, ${input.poiId}, ${input.mode},
          ${input.requestValue}, ${input.verifyToken}, ${input.operatorId}, ${input.deviceId}, ${input.note},
          ${isPrepared ? input.requestValue : ''}, ${isPrepared ? input.verifyToken : ''},
          ${firstStepOf(input.mode)}, ${input.roundKey}, ${this.#before(input.waitedMs)}, ${this.#now}, ${this.#now}
        from fresh_nonce
        on conflict (app_id, verify_token) do nothing
        returning *
      ),
      event as (${this.#eventOf('accepted', { kind: 'accepted', details })})
      select exists (select 1 from fresh_nonce) as is_nonce_fresh, ${this.#now} as as_of, accepted.*
      from (select 1) as one left join accepted on true`);
    const row = rows[0] ?? {};
    if (row['is_nonce_fresh'] !== true) return { kind: 'nonce_reused' };
    if (row['id'] === null) return { kind: 'exists' };
    return { kind: 'accepted', verification: this.#read(row) };
  }

  async findById(id: number): Promise<Verification | null> {
    return this.#findOne(sql`v.id = ${id}`);
  }

  async findByToken(appId: number, verifyToken: string): Promise<Verification | null> {
    return this.#findOne(sql`v.app_id = ${appId} and v.verify_token = ${verifyToken}`);
  }

  /** The row with what a change of it depends on beside it: to say why one was refused. */
  async findGuarded(id: number): Promise<GuardedVerification | null> {
    const rows = await this.#rows(
      sql`select v.*, ${this.#now} as as_of, ${GUARD_CONTEXT_COLUMNS} from verifications v where v.id = ${id}`,
    );
    const row = rows[0];
    if (!row) return null;
    return {
      ...this.#read(row),
      isAppAllowed: row['is_app_allowed'] === true,
      hasSiblingInDoubt: row['has_sibling_in_doubt'] === true,
      isTokenShared: row['is_token_shared'] === true,
    };
  }

  /**
   * Our own newest verification that redeemed the coupon or may have, the redeemed first; null if there is none.
   * Douyin no longer lists a used coupon, so that may be found by nothing but what the till scanned, or the order.
   */
  async findRelatedOnCoupon(
    asked: Pick<Verification, 'id' | 'mode' | 'requestValue' | 'certificateId' | 'encryptedCode' | 'orderId'>,
  ): Promise<Verification | null> {
    return this.#findOne(
      sql`v.id <> ${asked.id} and (v.verify_status = 'success' or ${MAY_HAVE_REDEEMED}) and (
        ${isCoupon(asked)}
        or (v.verify_status = 'success' and md5(v.request_value) = md5(${asked.requestValue})
            and v.request_value = ${asked.requestValue} and v.mode = ${asked.mode})
        or (${MAY_HAVE_REDEEMED} and v.request_value = ${asked.requestValue} and v.mode = ${asked.mode})
        or (${asked.mode} = 'code' and v.origin_code <> '' and v.origin_code = ${asked.requestValue})
        or (${asked.certificateId} = '' and ${asked.orderId} <> '' and v.order_id <> ''
            and v.order_id = ${asked.orderId})
      )`,
      sql`(v.verify_status = 'success') desc, v.id desc`,
    );
  }

  /**
   * Another verification in doubt that keeps a coupon of this order from being picked: of the order, or of any coupon
   * that prepare lists.
   */
  async findSiblingInDoubt(
    row: Pick<Verification, 'id' | 'mode' | 'requestValue'>,
    prepared: {
      readonly orderId: string;
      /** The request is a plain code that lists one coupon: it may be that coupon's own. */
      readonly isOneListed: boolean;
      readonly certificateIds: readonly string[];
      readonly encryptedCodes: readonly string[];
    },
  ): Promise<Verification | null> {
    const isOfOrder = sql`v.order_id <> '' and v.order_id = ${prepared.orderId}`;
    // A code that lists one coupon is its own only where another code in doubt listed one too, and another.
    const isAnotherCouponsOwnCode = sql`v.mode = 'code' and v.certificate_claim is not null and v.order_claim is null
      and v.request_value <> ${row.requestValue}`;
    return this.#findOne(
      sql`v.id <> ${row.id} and ${MAY_HAVE_REDEEMED} and (
        (${isOfOrder} and ${prepared.isOneListed ? sql`not (${isAnotherCouponsOwnCode})` : sql`true`})
        or (v.certificate_id <> '' and v.certificate_id = any(${prepared.certificateIds}::text[]))
        or (v.encrypted_code <> '' and v.encrypted_code = any(${prepared.encryptedCodes}::text[])))`,
    );
  }

  /**
   * Every other verification of this coupon that redeemed it, or may have: also one of long ago, whose use Douyin still
   * lists. At most `limit`, the newest.
   */
  async listOthersOnCoupon(
    verification: Pick<Verification, 'id' | 'certificateId' | 'encryptedCode'>,
    limit: number,
  ): Promise<readonly Verification[]> {
    const rows = await this.#rows(sql`
      select v.*, ${this.#now} as as_of from verifications v
      where ${isCoupon(verification)} and v.id <> ${verification.id}
        and (v.verify_status = 'success' or ${MAY_HAVE_REDEEMED})
      order by v.id desc limit ${limit}`);
    return rows.map((row) => this.#read(row)).reverse();
  }

  /** Opens a verification that was not attempted for another round. @returns null if it is no longer in that state */
  async reopen(
    key: RoundKey,
    opened: Pick<NewVerification, 'mode' | 'requestId' | 'roundKey' | 'waitedMs'>,
  ): Promise<Verification | null> {
    const values: Values = {
      round: key.round + 1,
      roundKey: opened.roundKey,
      ...(firstStepOf(opened.mode) === 'prepared' ? {} : NO_COUPON),
      encryptedData: '',
      roundStartedAt: this.#before(opened.waitedMs),
      reason: '',
      reasonDetail: null,
      errorCode: 0,
      errorDescription: '',
      // Nothing of the earlier round can have had an effect: this one's sends are counted and timed from here.
      sendCount: 0,
      firstSentAt: null,
      lastSentAt: null,
      lastLookedUpAt: null,
      douyinPreparedAt: null,
      douyinFirstSentAt: null,
      areSendsStopped: false,
      sendsStoppedBy: null,
      lastOutcome: '',
      lastNote: null,
      douyinResponse: null,
      relatedVerificationId: null,
      settledAt: null,
      enrichmentStatus: 'pending',
    };
    const transition = firstStepOf(opened.mode) === 'prepared' ? 'reopen_prepared' : 'reopen';
    return this.#transition(transition, key, NEVER_SENT, values, { request_id: opened.requestId });
  }

  /** Keeps what the short link named. */
  async storeResolvedLink(key: RoundKey, encryptedData: string): Promise<Verification | null> {
    return this.#transition('resolve_link', key, NEVER_SENT, { encryptedData }, {});
  }

  /** Keeps Douyin's token and the chosen coupon. Never once a verify was sent with an earlier token. */
  async storePrepared(key: RoundKey, prepared: PreparedRound): Promise<Verification | null> {
    const { coupon, orderId, douyinVerifyToken, douyinPreparedAt, isPicked } = prepared;
    const values: Values = {
      ...couponValues(coupon),
      orderId,
      douyinVerifyToken,
      douyinPreparedAt,
      orderClaim: isPicked && orderId !== '' ? orderId : null,
      certificateClaim: coupon.certificateId || coupon.encryptedCode,
    };
    return this.#transition('prepare', key, NEVER_SENT, values, {});
  }

  /** Forgets the prepared coupon, so that it is prepared anew. */
  async discardPrepared(key: RoundKey): Promise<Verification | null> {
    const values: Values = { ...NO_COUPON, douyinVerifyToken: '', orderClaim: null, certificateClaim: null };
    return this.#transition('discard_prepared', key, NEVER_SENT, values, {});
  }

  /**
   * Counts a verify before it is sent. A row whose `openSendCount` is 1 afterwards makes a first attempt, a higher
   * one a repeat. What an earlier send was answered says nothing about this one.
   * @param douyinNow Douyin's time, a lower bound, or null if this process does not know it
   * @returns null if it may not be sent: `findGuarded` tells why
   * @throws AppError `coupon.sibling_in_doubt` when another verification of the order counted at the same moment
   */
  async countSend(key: RoundKey, douyinNow: Date | null): Promise<Verification | null> {
    const values: Values = {
      lastSentAt: this.#now,
      lastOutcome: 'unanswered',
      sendCount: sql`v.send_count + 1`,
      openSendCount: sql`v.open_send_count + 1`,
      firstSentAt: sql`case when v.open_send_count > 0 then v.first_sent_at else ${this.#now} end`,
      douyinFirstSentAt: sql`case when v.open_send_count > 0 then v.douyin_first_sent_at
        else ${douyinNow}::timestamptz end`,
    };
    return this.#transition('count_send', key, NEVER_SENT, values, {});
  }

  /**
   * Takes back the count of the send that `counted` shows, which certainly did nothing. Run again, or after somebody
   * else counted another send, it changes nothing: a send that stays counted only makes the next one a repeat.
   */
  async uncountSend(
    counted: RoundKey & SeenSends,
    note: OutcomeNote,
    errorCode: number,
  ): Promise<Verification | null> {
    const values: Values = { openSendCount: sql`v.open_send_count - 1`, lastNote: note };
    const details = { note: note.code, ...note.data, error_code: errorCode };
    return this.#transition('uncount_send', counted, { seen: counted }, values, details);
  }

  /**
   * Keeps what a send without a verdict told; the row stays in processing. A review stays one, whatever an answer that
   * was under way at the time says.
   */
  async noteUnknown(key: RoundKey, outcome: UnknownOutcome): Promise<Verification | null> {
    const { lastOutcome, note, errorCode, errorDescription, response, stop, told } = outcome;
    const values: Values = {
      lastOutcome: keepReview(lastOutcome),
      lastNote: note,
      errorCode,
      errorDescription,
      ...(response === null ? {} : { douyinResponse: response }),
      ...stopValues(stop),
      certificateId: learn('certificate_id', told.certificateId),
      orderId: learn('order_id', told.orderId),
    };
    const details = { note: note.code, ...note.data, error_code: errorCode };
    return this.#transition('note_unknown', key, NEVER_SENT, values, details);
  }

  /**
   * Keeps when a look-up that did not decide was begun, by the database's clock. Nothing changes by it but who may
   * decide, so that it leaves no event, and the row is as idle as before.
   */
  async noteLookedUp(key: RoundKey, begunAt: Date): Promise<void> {
    await this.#rows(sql`
      update verifications v set last_looked_up_at = greatest(v.last_looked_up_at, ${begunAt}::timestamptz)
      where v.id = ${key.id} and ${isRound(key)}
        and v.verify_status = 'processing'
      returning v.id`);
  }

  /** Keeps what a look-up said that did not decide. */
  async noteLookUp(
    key: RoundKey,
    { note, stop, certificateId }: Pick<UnknownOutcome, 'note' | 'stop'> & Pick<Redemption, 'certificateId'>,
  ): Promise<Verification | null> {
    const values: Values = {
      lastNote: note,
      ...stopValues(stop),
      certificateId: learn('certificate_id', certificateId),
    };
    return this.#transition('note_unknown', key, NEVER_SENT, values, { note: note.code, ...note.data });
  }

  /** Marks that repeats and look-ups did not decide. */
  async markUnsettled(key: RoundKey, note: OutcomeNote): Promise<Verification | null> {
    const details = { note: note.code, ...note.data };
    return this.#transition('mark_unsettled', key, NEVER_SENT, { lastNote: note }, details);
  }

  /** From here on nothing is sent any more, only looked up. @returns null if it is decided, or stopped already */
  async stopSends(key: RoundKey, actor: string): Promise<Verification | null> {
    return this.#transition('stop_sends', key, NEVER_SENT, stopValues('operator'), { actor });
  }

  /**
   * Stores a verdict: final. A success holds whatever else is under way; a refusal holds only in the state that it was
   * judged by.
   * @param row the row it was judged by, for what the settlement leaves as it is
   * @returns null if the row is settled already, in another round, or not in that state
   * @throws AppError `verification.redeemed_by_another`
   */
  async settle(
    row: RoundKey & Pick<Verification, 'originCode' | 'productId'>,
    settlement: Settlement,
  ): Promise<Verification | null> {
    const seen = 'seen' in settlement ? settlement.seen : null;
    const values: Values = { ...settlementValues(settlement, row, this.#now), settledAt: this.#now };
    return this.#transition(transitionOf(settlement), row, { seen }, values, detailsOf(settlement));
  }

  /** Whether the row was settled by this very request of an operator. */
  async wasResolvedBy(id: number, decision: OperatorDecision): Promise<boolean> {
    const rows = await this.#rows(sql`
      select 1 from verification_events where verification_id = ${id} and kind = 'resolved'
        and details ->> 'actor' = ${decision.actor} and details ->> 'request_id' = ${decision.requestId}`);
    return rows.length > 0;
  }

  /** Ends a round in which nothing can have been consumed; the same token may try again. */
  async endNotAttempted(key: RoundKey, end: NotAttempted): Promise<Verification | null> {
    return this.#end('end_not_attempted', key, end);
  }

  /** Ends it only if it has become too old to be sent for the first time. */
  async endTooLate(key: RoundKey): Promise<Verification | null> {
    return this.#end('end_too_late', key, {
      reason: 'gateway.too_late',
      douyin: null,
      relatedVerificationId: null,
    });
  }

  /**
   * Tells on the timeline that Douyin's late word differs from how the verification ended.
   * @returns whether it was not told before
   */
  async noteContradiction(id: number, details: Readonly<Record<string, unknown>>): Promise<boolean> {
    const told = sql`${JSON.stringify(details)}::jsonb`;
    const rows = await this.#rows(sql`
      insert into verification_events (verification_id, happened_at, kind, details)
      select ${id}, ${this.#now}, 'contradicted', ${told}
      where not exists (select 1 from verification_events
                        where verification_id = ${id} and kind = 'contradicted' and details = ${told})
      returning verification_id`);
    return rows.length > 0;
  }

  /** Order and coupon data; never touches the verdict. */
  async storeEnrichment(
    id: number,
    values: Values,
    event: {
      readonly kind: Extract<EventKind, `enrichment_${string}`>;
      readonly details: Readonly<Record<string, unknown>>;
    },
  ): Promise<Verification | null> {
    return this.#change(
      id,
      sql`v.verify_status = 'success' and v.enrichment_status in ('pending', 'stuck')`,
      { values, event },
    );
  }

  /**
   * Verifications in processing that nothing has touched for `idleMs`, least recently looked at first, each marked
   * as looked at.
   */
  async takeStranded(idleMs: number, limit: number): Promise<readonly Verification[]> {
    return this.#takeIdle(sql`v.verify_status = 'processing'`, idleMs, limit);
  }

  /** Successes whose order data has been pending for `idleMs`, likewise. */
  async takeUnenriched(idleMs: number, limit: number): Promise<readonly Verification[]> {
    return this.#takeIdle(
      sql`v.verify_status = 'success' and v.enrichment_status = 'pending'`,
      idleMs,
      limit,
    );
  }

  async #takeIdle(
    isOpen: RawBuilder<unknown>,
    idleMs: number,
    limit: number,
  ): Promise<readonly Verification[]> {
    const before = sql`${this.#now} - ${idleMs} * interval '1 millisecond'`;
    const rows = await this.#rows(sql`
      update verifications set swept_at = ${this.#now} where id in (
        select v.id from verifications v
        where ${isOpen} and v.updated_at < ${before} and (v.swept_at is null or v.swept_at < ${before})
        order by v.swept_at nulls first, v.id limit ${limit} for update skip locked
      ) returning *, ${this.#now} as as_of`);
    return rows.map((row) => this.#read(row));
  }

  #end(
    transition: Extract<TransitionName, `end_${string}`>,
    key: RoundKey,
    end: NotAttempted,
  ): Promise<Verification | null> {
    const values: Values = {
      reason: end.reason,
      reasonDetail: null,
      errorCode: end.douyin?.errorCode ?? 0,
      errorDescription: end.douyin?.description ?? '',
      relatedVerificationId: end.relatedVerificationId,
      settledAt: this.#now,
      enrichmentStatus: 'skipped',
    };
    const details = { reason: end.reason, error_code: end.douyin?.errorCode ?? 0 };
    return this.#transition(transition, key, NEVER_SENT, values, details);
  }

  #transition(
    name: TransitionName,
    key: RoundKey,
    context: Pick<GuardContext, 'seen'>,
    values: Values,
    details: Readonly<Record<string, unknown>>,
  ): Promise<Verification | null> {
    const { to, event } = TRANSITIONS[name];
    const status = to === 'same' ? null : STATUS_OF_STEP[to];
    const condition = sql`${isRound(key)}
      and ${conditionOf(name, { ...context, now: this.#now, policy: this.#policy })}`;
    return this.#change(key.id, condition, {
      values: {
        ...values,
        ...(to === 'same' ? {} : { step: to }),
        ...(status === null ? {} : { verifyStatus: status }),
      },
      event: { kind: event, details },
    });
  }

  async #change(id: number, condition: RawBuilder<unknown>, change: Change): Promise<Verification | null> {
    const values = { ...change.values, updatedAt: this.#now };
    const rows = await this.#rows(sql`
      with changed as (
        update verifications v set ${assignments(this.#em, VerificationEntity, values)}
        where v.id = ${id} and ${condition} returning v.*
      ),
      event as (${this.#eventOf('changed', change.event)})
      select changed.*, ${this.#now} as as_of from changed`);
    return rows[0] ? this.#read(rows[0]) : null;
  }

  #eventOf(source: 'accepted' | 'changed', event: Change['event']): RawBuilder<unknown> {
    return sql`insert into verification_events (verification_id, happened_at, kind, details)
      select id, ${this.#now}, ${event.kind}, ${JSON.stringify(event.details)}::jsonb from ${sql.table(source)}`;
  }

  async #findOne(
    condition: RawBuilder<unknown>,
    order: RawBuilder<unknown> = sql`v.id desc`,
  ): Promise<Verification | null> {
    const rows = await this.#rows(
      sql`select v.*, ${this.#now} as as_of from verifications v where ${condition} order by ${order} limit 1`,
    );
    return rows[0] ? this.#read(rows[0]) : null;
  }

  #rows(statement: RawBuilder<unknown>): Promise<Record<string, unknown>[]> {
    return queryRows(this.#em, statement);
  }

  #read(columns: Record<string, unknown>): Verification {
    return readVerification(this.#em, columns);
  }
}

/** A row of `verifications`, every column given, with `as_of` beside them. */
export function readVerification(em: EntityManager, columns: Record<string, unknown>): Verification {
  const [row] = readRows(em, VerificationEntity, [columns]);
  const { reason, lastOutcome, areSendsStopped, sendsStoppedBy, ...others } = row as unknown as Verification &
    Pick<VerificationRow, 'areSendsStopped'>;
  return {
    ...others,
    // The release before this one names no cause, and forgets none: what only people may end is the careful reading.
    sendsStoppedBy: areSendsStopped ? (sendsStoppedBy ?? 'said_used') : null,
    // The columns say "none" by an empty text.
    reason: reason || null,
    lastOutcome: lastOutcome || null,
    asOf: new Date(columns['as_of'] as string),
  };
}

/** That a verify was answered "used" is never forgotten: it outlives whatever stops the sends beside it. */
function stopValues(stop: SendsStop | null): Values {
  if (stop === null) return {};
  return {
    areSendsStopped: true,
    sendsStoppedBy: sql`case when v.are_sends_stopped and coalesce(v.sends_stopped_by, 'said_used') = 'said_used'
      then 'said_used' else ${stop} end`,
  };
}

/** Whether the row is still in the round. */
function isRound(key: RoundKey): RawBuilder<unknown> {
  return sql`v.round = ${key.round} and v.round_key is not distinct from ${key.roundKey}`;
}

function keepReview(lastOutcome: LastOutcome): RawBuilder<unknown> {
  return sql`case when v.last_outcome_kind = 'in_review' then 'in_review' else ${lastOutcome} end`;
}

function isCoupon(coupon: Pick<Verification, 'certificateId' | 'encryptedCode'>): RawBuilder<unknown> {
  return sql`(v.certificate_id <> '' and v.certificate_id = ${coupon.certificateId}
    or v.encrypted_code <> '' and v.encrypted_code = ${coupon.encryptedCode})`;
}
