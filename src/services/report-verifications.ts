// Reads verifications for administrators: a page, a step of a walk, the whole selection in batches, a summary.
import type { AdviceOptions } from '../domain/advice.ts';
import { AppError } from '../domain/errors.ts';
import { localDay } from '../domain/report-period.ts';
import type { Verification } from '../domain/verification.ts';
import type {
  SummaryKey,
  SummaryRow,
  VerificationCursor,
  VerificationFilter,
} from '../db/repositories/report.repository.ts';
import { adviseOnAll, type AdviseCashierDeps, type AdvisedVerification } from './advise-cashier.ts';
import type { Clock } from '../ports/clock.ts';

export { SUMMARY_KEYS } from '../db/repositories/report.repository.ts';
export type {
  SummaryKey,
  SummaryRow,
  VerificationCursor,
  VerificationFilter,
} from '../db/repositories/report.repository.ts';

const EXPORT_BATCH_ROWS = 500;
const MAX_SUMMARY_ROWS = 50_000;

export interface ReportDeps extends AdviseCashierDeps {
  readonly clock: Clock;
}

export interface ReportPage {
  readonly rows: readonly AdvisedVerification[];
  /** Exact, of the whole selection. */
  readonly total: number;
  /** Where the next step of a walk begins; null at the end. */
  readonly next: VerificationCursor | null;
}

/**
 * @param window either a page from 1, or the place after which to go on
 * @throws AppError `gateway.database_unavailable`
 */
export async function reportVerifications(
  deps: ReportDeps,
  filter: VerificationFilter,
  window: { readonly page: number; readonly pageSize: number; readonly after: VerificationCursor | null },
  options: AdviceOptions,
): Promise<ReportPage> {
  const { page, pageSize, after } = window;
  const { found, total } = await deps.db.run(async ({ reports }) => ({
    // One more than asked for says whether there is a next step.
    found: await reports.listVerifications(filter, {
      limit: pageSize + 1,
      ...(after ? { after } : { offset: (page - 1) * pageSize }),
    }),
    total: await reports.countVerifications(filter),
  }));
  const shown = found.slice(0, pageSize);
  const last = shown.at(-1);
  return {
    rows: await adviseOnAll(deps, shown, options),
    total,
    next: found.length > pageSize && last ? cursorOf(last) : null,
  };
}

export interface VerificationExport {
  /** How many rows there were when it began. */
  readonly total: number;
  /** The first and the last day of the range, `YYYY-MM-DD` in the reports' time zone. */
  readonly firstDay: string;
  readonly lastDay: string;
  /** Newest first. Only one batch is in memory; the first one is read already, so that a database that is away shows. */
  readonly batches: AsyncIterable<readonly AdvisedVerification[]>;
}

/** @throws AppError `gateway.database_unavailable`, also while the batches are read */
export async function exportVerifications(
  deps: ReportDeps,
  filter: VerificationFilter,
  options: AdviceOptions,
): Promise<VerificationExport> {
  const now = deps.clock.now();
  // Bounded by now, so that rows added meanwhile do not belong to it.
  const bounded = { ...filter, to: filter.to ?? new Date(now.getTime() + 1) };
  const { total, oldest } = await deps.db.run(async ({ reports }) => ({
    total: await reports.countVerifications(bounded),
    oldest: filter.from ?? (await reports.findOldestCreatedAt(bounded)),
  }));
  const lastMoment = new Date(bounded.to.getTime() - 1);
  const first = await readBatch(deps, bounded, null);
  return {
    total,
    firstDay: localDay(oldest ?? lastMoment, options.timeZone),
    lastDay: localDay(lastMoment, options.timeZone),
    batches: readBatches(deps, bounded, first, options),
  };
}

async function* readBatches(
  deps: ReportDeps,
  filter: VerificationFilter,
  first: readonly Verification[],
  options: AdviceOptions,
): AsyncGenerator<readonly AdvisedVerification[]> {
  let batch = first;
  for (;;) {
    yield await adviseOnAll(deps, batch, options);
    const last = batch.at(-1);
    if (!last || batch.length < EXPORT_BATCH_ROWS) return;
    batch = await readBatch(deps, filter, cursorOf(last));
  }
}

function readBatch(
  deps: ReportDeps,
  filter: VerificationFilter,
  after: VerificationCursor | null,
): Promise<readonly Verification[]> {
  return deps.db.run(({ reports }) => reports.listVerifications(filter, { limit: EXPORT_BATCH_ROWS, after }));
}

/**
 * @param keys what to group by, at least one
 * @throws AppError `report.too_many_groups`, `gateway.database_unavailable`
 */
export async function summarizeVerifications(
  deps: Pick<ReportDeps, 'db'>,
  filter: VerificationFilter,
  keys: readonly SummaryKey[],
  timeZone: string,
): Promise<readonly SummaryRow[]> {
  const rows = await deps.db.run(({ reports }) =>
    reports.summarize(filter, keys, { timeZone, limit: MAX_SUMMARY_ROWS + 1 }),
  );
  if (rows.length > MAX_SUMMARY_ROWS) {
    throw new AppError('report.too_many_groups', { data: { max_groups: MAX_SUMMARY_ROWS } });
  }
  return rows;
}

function cursorOf(verification: Verification): VerificationCursor {
  return { createdAt: verification.createdAt, id: verification.id };
}
