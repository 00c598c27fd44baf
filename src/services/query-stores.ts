// Asks Douyin for the merchant's stores. An app that is fenced in sees its own stores alone.
import { AppError } from '../domain/errors.ts';
import { requirePoiAllowed, type VerifierApp } from '../domain/verifier-app.ts';
import type { Douyin, RawAnswer } from '../ports/douyin.ts';
import type { Page } from './list-verifier-apps.ts';

export interface QueryStoresDeps {
  readonly douyin: Pick<Douyin, 'queryStoresRaw'>;
  /** How long a caller waits, milliseconds. */
  readonly budgetMs: number;
}

/**
 * @returns Douyin's JSON as it came
 * @throws AppError `app.poi_not_allowed` (also for a fenced app that names no store), `douyin.unavailable`,
 *   `douyin.refused_gateway`, `douyin.broken_answer`
 */
export async function queryStores(
  deps: QueryStoresDeps,
  app: VerifierApp,
  query: Page & { readonly poiId?: string | undefined },
): Promise<RawAnswer> {
  const { poiId, page, pageSize } = query;
  if (poiId !== undefined) requirePoiAllowed(app, poiId);
  else if (app.poiIds.length > 0)
    throw new AppError('app.poi_not_allowed', { data: { poi_ids: app.poiIds } });
  return deps.douyin.queryStoresRaw(
    { ...(poiId === undefined ? {} : { poiId }), page, pageSize },
    AbortSignal.timeout(deps.budgetMs),
  );
}
