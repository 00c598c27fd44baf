// Enrichments that are not complete: which there are, and another try at one.
import { AppError } from '../domain/errors.ts';
import type { Verification } from '../domain/verification.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { EnrichmentRunner } from '../ports/verification-runner.ts';
import type { Actor } from './actor.ts';
import type { Page } from './list-verifier-apps.ts';

/** @throws AppError `gateway.database_unavailable` */
export async function listOpenEnrichments(
  deps: { readonly db: Database },
  query: Page & { readonly status: 'pending' | 'stuck' },
): Promise<{ readonly verifications: readonly Verification[]; readonly total: number }> {
  const { status, page, pageSize } = query;
  return deps.db.run(({ reports }) =>
    reports.listOpenEnrichments(status, { limit: pageSize, offset: (page - 1) * pageSize }),
  );
}

export interface RetryEnrichmentDeps {
  readonly db: Database;
  readonly enrichmentRunner: EnrichmentRunner;
}

/**
 * Wakes an enrichment, or starts it again. The audit entry is there first: what is asked of the engine cannot share
 * its transaction.
 * @returns the record as it was when it was asked for
 * @throws AppError `verification.not_found`, `enrichment.not_open`, `gateway.engine_unavailable`,
 *   `gateway.database_unavailable`
 */
export async function retryEnrichment(
  deps: RetryEnrichmentDeps,
  verificationId: number,
  actor: Actor,
): Promise<Verification> {
  const verification = await deps.db.transaction(async ({ verifications, auditLog }) => {
    const found = await verifications.findById(verificationId);
    if (!found) throw new AppError('verification.not_found');
    const isOpen = found.enrichmentStatus === 'pending' || found.enrichmentStatus === 'stuck';
    if (found.verifyStatus !== 'success' || !isOpen) throw new AppError('enrichment.not_open');
    await auditLog.insertEntry({
      actor: actor.uid,
      requestId: actor.requestId,
      action: 'enrichment.retry',
      targetType: 'verification',
      targetId: String(verificationId),
      before: { enrichment_status: found.enrichmentStatus },
      after: null,
    });
    return found;
  });
  await deps.enrichmentRunner.retryNow({
    verificationId,
    poiId: verification.poiId,
    appCode: verification.appCode,
  });
  return verification;
}
