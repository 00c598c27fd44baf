// One verification with everything that happened to it, for administrators.
import type { AdviceOptions } from '../domain/advice.ts';
import { AppError } from '../domain/errors.ts';
import type { VerificationEvent } from '../db/repositories/report.repository.ts';
import { adviseCashier, type AdviseCashierDeps, type AdvisedVerification } from './advise-cashier.ts';

export type { VerificationEvent } from '../db/repositories/report.repository.ts';

/** More than a verification that is looked at hourly for a month has. */
const MAX_EVENTS = 2000;

export interface ShownVerification extends AdvisedVerification {
  /** In order; at most the first 2000. */
  readonly timeline: readonly VerificationEvent[];
}

/** @throws AppError `verification.not_found`, `gateway.database_unavailable` */
export async function showVerification(
  deps: AdviseCashierDeps,
  id: number,
  options: AdviceOptions,
): Promise<ShownVerification> {
  const { verification, timeline } = await deps.db.run(async ({ verifications, reports }) => ({
    verification: await verifications.findById(id),
    timeline: await reports.listEvents(id, MAX_EVENTS),
  }));
  if (!verification) throw new AppError('verification.not_found');
  return { verification, timeline, advice: await adviseCashier(deps, verification, options) };
}
