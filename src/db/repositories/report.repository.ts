// Reading verifications for reports, exports and operators. The hot path's statements are verification.repository.ts.
import type { EntityManager } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';
import type { ReportPeriod } from '../../domain/report-period.ts';
import type { EventKind, Verification, VerifyStatus } from '../../domain/verification.ts';
import { queryRows } from '../rows.ts';
import { readVerification } from './verification.repository.ts';

export interface VerificationFilter extends ReportPeriod {
  readonly poiId?: string | undefined;
  readonly appId?: number | undefined;
  readonly verifyStatus?: VerifyStatus | undefined;
  readonly certificateId?: string | undefined;
  readonly orderId?: string | undefined;
}

/** A place in the order newest first, ties by id. */
export interface VerificationCursor {
  readonly createdAt: Date;
  readonly id: number;
}

export const SUMMARY_KEYS = ['day', 'poi', 'app', 'status'] as const;
export type SummaryKey = (typeof SUMMARY_KEYS)[number];

/** Counts and amounts (fen, over successes that were not undone) of one group; the keys grouped by are there, the others absent. */
export interface SummaryRow {
  readonly day?: string;
  readonly poiId?: string;
  readonly appId?: number;
  readonly appName?: string;
  readonly verifyStatus?: VerifyStatus;
  readonly totalCount: number;
  readonly successCount: number;
  readonly failedCount: number;
  readonly processingCount: number;
  /** Successes that were undone. */
  readonly cancelledCount: number;
  /** Successes, not undone, that are not in `payAmountFen`, because what they cost is not known, or not yet. */
  readonly amountMissingCount: number;
  readonly payAmountFen: number;
  readonly receiptAmountFen: number;
  readonly discountAmountFen: number;
}

/** Kinds that earlier releases wrote. */
export const FORMER_EVENT_KINDS = ['enrichment_pending'] as const;
type FormerEventKind = (typeof FORMER_EVENT_KINDS)[number];

/** One step of a verification's life. `details` hold no codes or secrets. */
export interface VerificationEvent {
  readonly id: number;
  readonly happenedAt: Date;
  readonly kind: EventKind | FormerEventKind;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Each as columns to select and to group by. */
const SUMMARY_COLUMNS: Readonly<Record<SummaryKey, (timeZone: string) => readonly RawBuilder<unknown>[]>> = {
  day: (timeZone) => [sql`to_char(v.created_at at time zone ${timeZone}, 'YYYY-MM-DD') as day`],
  poi: () => [sql`v.poi_id`],
  app: () => [sql`v.app_id`, sql`a.name as app_name`],
  status: () => [sql`v.verify_status`],
};

/** Redeemed, and not undone since. */
const IS_REDEEMED = sql`v.verify_status = 'success' and v.cancel_status <> 'cancelled'`;
/** As `knownAmounts` in src/domain/amounts.ts decides, for rows of an earlier release too. */
const IS_AMOUNT_KNOWN = sql`coalesce(v.is_amount_known, v.pay_amount > 0 and not v.is_times_card)`;

export class ReportRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Newest first, ties by id, from an offset or after a cursor. */
  async listVerifications(
    filter: VerificationFilter,
    window: { readonly limit: number; readonly offset?: number; readonly after?: VerificationCursor | null },
  ): Promise<readonly Verification[]> {
    const where = conditionOf(filter, window.after ?? null);
    const rows = await queryRows(
      this.#em,
      sql`
        select v.*, now() as as_of from verifications v where ${where}
        order by created_at desc, id desc limit ${window.limit} offset ${window.offset ?? 0}`,
    );
    return this.#read(rows);
  }

  async countVerifications(filter: VerificationFilter): Promise<number> {
    const where = conditionOf(filter, null);
    const rows = await queryRows(this.#em, sql`select count(*) as total from verifications v where ${where}`);
    return Number(rows[0]?.['total']);
  }

  /** When the oldest row of the selection was created; null if it is empty. */
  async findOldestCreatedAt(filter: VerificationFilter): Promise<Date | null> {
    const where = conditionOf(filter, null);
    const rows = await queryRows(
      this.#em,
      sql`select created_at from verifications v where ${where} order by created_at, id limit 1`,
    );
    return rows[0] ? new Date(rows[0]['created_at'] as string) : null;
  }

  /**
   * Counts and sums by group, ordered by the group's keys.
   * @param timeZone IANA name; a day is a day there
   */
  async summarize(
    filter: VerificationFilter,
    keys: readonly SummaryKey[],
    options: { readonly timeZone: string; readonly limit: number },
  ): Promise<readonly SummaryRow[]> {
    const where = conditionOf(filter, null);
    const columns = keys.flatMap((key) => SUMMARY_COLUMNS[key](options.timeZone));
    const positions = sql.join(columns.map((_, position) => sql.lit(position + 1)));
    const rows = await queryRows(
      this.#em,
      sql`select ${sql.join(columns)},
         count(*) as total_count,
         count(*) filter (where v.verify_status = 'success') as success_count,
         count(*) filter (where v.verify_status = 'failed') as failed_count,
         count(*) filter (where v.verify_status = 'processing') as processing_count,
         count(*) filter (where v.cancel_status = 'cancelled') as cancelled_count,
         count(*) filter (where ${IS_REDEEMED} and not ${IS_AMOUNT_KNOWN}) as amount_missing_count,
         coalesce(sum(v.pay_amount) filter (where ${IS_REDEEMED} and ${IS_AMOUNT_KNOWN}), 0) as pay_amount,
         coalesce(sum(v.receipt_amount) filter (where ${IS_REDEEMED}), 0) as receipt_amount,
         coalesce(sum(v.discount_amount) filter (where ${IS_REDEEMED}), 0) as discount_amount
       from verifications v join apps a on a.id = v.app_id
       where ${where} group by ${positions} order by ${positions} limit ${options.limit}`,
    );
    return rows.map(summaryRowOf);
  }

  /** What happened to a verification, in order. */
  async listEvents(verificationId: number, limit: number): Promise<readonly VerificationEvent[]> {
    const rows = await queryRows(
      this.#em,
      sql`
        select id, happened_at, kind, details from verification_events
        where verification_id = ${verificationId} order by id limit ${limit}`,
    );
    return rows.map((row) => ({
      id: Number(row['id']),
      happenedAt: new Date(row['happened_at'] as string),
      kind: row['kind'] as VerificationEvent['kind'],
      details: row['details'] as Record<string, unknown>,
    }));
  }

  /** Successes whose order data is still missing, the oldest first. */
  async listOpenEnrichments(
    status: 'pending' | 'stuck',
    window: { readonly limit: number; readonly offset: number },
  ): Promise<{ readonly verifications: readonly Verification[]; readonly total: number }> {
    // The first two parts are what the partial index asks for.
    const where = sql`
      verify_status = 'success' and enrichment_status in ('pending', 'stuck') and enrichment_status = ${status}`;
    const rows = await queryRows(
      this.#em,
      sql`
        select *, now() as as_of from verifications where ${where}
        order by id limit ${window.limit} offset ${window.offset}`,
    );
    const counted = await queryRows(
      this.#em,
      sql`select count(*) as total from verifications where ${where}`,
    );
    return { verifications: this.#read(rows), total: Number(counted[0]?.['total']) };
  }

  /** Those of the ids that exist, in no order. */
  async findByIds(ids: readonly number[]): Promise<readonly Verification[]> {
    const rows = await queryRows(
      this.#em,
      sql`select *, now() as as_of from verifications where id = any(${ids}::bigint[])`,
    );
    return this.#read(rows);
  }

  #read(rows: readonly Record<string, unknown>[]): readonly Verification[] {
    return rows.map((row) => readVerification(this.#em, row));
  }
}

function conditionOf(filter: VerificationFilter, after: VerificationCursor | null): RawBuilder<unknown> {
  const parts: RawBuilder<unknown>[] = [];
  if (filter.from) parts.push(sql`v.created_at >= ${filter.from}`);
  if (filter.to) parts.push(sql`v.created_at < ${filter.to}`);
  if (filter.poiId !== undefined) parts.push(sql`v.poi_id = ${filter.poiId}`);
  if (filter.appId !== undefined) parts.push(sql`v.app_id = ${filter.appId}`);
  if (filter.verifyStatus !== undefined) parts.push(sql`v.verify_status = ${filter.verifyStatus}`);
  // The second half is what the partial indexes ask for.
  if (filter.certificateId !== undefined)
    parts.push(sql`v.certificate_id = ${filter.certificateId} and v.certificate_id <> ''`);
  if (filter.orderId !== undefined) parts.push(sql`v.order_id = ${filter.orderId} and v.order_id <> ''`);
  if (after) parts.push(sql`(v.created_at, v.id) < (${after.createdAt}::timestamptz, ${after.id}::bigint)`);
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `);
}

function summaryRowOf(row: Record<string, unknown>): SummaryRow {
  return {
    ...(row['day'] === undefined ? {} : { day: row['day'] as string }),
    ...(row['poi_id'] === undefined ? {} : { poiId: row['poi_id'] as string }),
    ...(row['app_id'] === undefined
      ? {}
      : { appId: Number(row['app_id']), appName: row['app_name'] as string }),
    ...(row['verify_status'] === undefined ? {} : { verifyStatus: row['verify_status'] as VerifyStatus }),
    totalCount: Number(row['total_count']),
    successCount: Number(row['success_count']),
    failedCount: Number(row['failed_count']),
    processingCount: Number(row['processing_count']),
    cancelledCount: Number(row['cancelled_count']),
    amountMissingCount: Number(row['amount_missing_count']),
    payAmountFen: Number(row['pay_amount']),
    receiptAmountFen: Number(row['receipt_amount']),
    discountAmountFen: Number(row['discount_amount']),
  };
}
