// Changes an app: its names, whether it is active, its stores, its right to read the access token. Each change is
// audited with what was before, in one transaction; it holds from the app's next request.
import { AppError } from '../domain/errors.ts';
import type { VerifierApp } from '../domain/verifier-app.ts';
import type { AppChanges } from '../db/repositories/app.repository.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { Actor } from './actor.ts';
import { describeApp } from './describe-app.ts';

/** @throws AppError `app.not_found`, `gateway.database_unavailable` */
export async function updateVerifierApp(
  deps: { readonly db: Database },
  id: number,
  changes: AppChanges,
  actor: Actor,
): Promise<VerifierApp> {
  return deps.db.transaction(async ({ apps, auditLog }) => {
    const before = await apps.findAppForUpdate(id);
    if (!before) throw new AppError('app.not_found');
    const after = await apps.updateApp(id, changes);
    await auditLog.insertEntry({
      actor: actor.uid,
      requestId: actor.requestId,
      action: 'app.update',
      targetType: 'app',
      targetId: String(id),
      before: describeApp(before),
      after: describeApp(after),
    });
    return after;
  });
}
