// Reads the audit log, newest first.
import type { AuditEntry, AuditFilter } from '../db/repositories/audit-log.repository.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { Page } from './list-verifier-apps.ts';

export type { AuditEntry } from '../db/repositories/audit-log.repository.ts';

/** @throws AppError `gateway.database_unavailable` */
export async function listAuditLog(
  deps: { readonly db: Database },
  filter: AuditFilter,
  { page, pageSize }: Page,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly total: number }> {
  return deps.db.run(({ auditLog }) =>
    auditLog.listEntries(filter, { limit: pageSize, offset: (page - 1) * pageSize }),
  );
}
