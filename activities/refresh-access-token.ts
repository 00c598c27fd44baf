// Keeps Douyin's access token fresh ahead of time. A request that finds it expired refreshes it by itself.
import type { ActivityDeps } from './deps.ts';

export async function refreshAccessToken(
  deps: Pick<ActivityDeps, 'accessTokens'>,
): Promise<{ refreshed: boolean; expiresAt: string }> {
  const { refreshed, expiresAt } = await deps.accessTokens.keepFresh();
  return { refreshed, expiresAt: expiresAt.toISOString() };
}
