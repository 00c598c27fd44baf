// Lists the apps, newest first.
import type { VerifierApp } from '../domain/verifier-app.ts';
import type { Database } from '../db/unit-of-work.ts';

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
}

/** @throws AppError `gateway.database_unavailable` */
export async function listVerifierApps(
  deps: { readonly db: Database },
  page: Page,
): Promise<{ readonly apps: readonly VerifierApp[]; readonly total: number }> {
  return deps.db.run(({ apps }) => apps.listApps(page.pageSize, (page.page - 1) * page.pageSize));
}
