// Hands Douyin's access token to an app that may have it. Each read is in the audit log before the token is told.
import { AppError } from '../domain/errors.ts';
import type { VerifierApp } from '../domain/verifier-app.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { Clock } from '../ports/clock.ts';
import type { AccessTokens } from '../ports/douyin.ts';

/** A token that ends sooner would end under the caller's hands. */
const MIN_LIFE_MS = 60_000;

export interface ReadAccessTokenDeps {
  readonly db: Database;
  readonly accessTokens: Pick<AccessTokens, 'current'>;
  readonly clock: Clock;
}

export interface ReadableAccessToken {
  readonly accessToken: string;
  readonly expiresAt: Date;
  /** Whole seconds from now. */
  readonly expiresIn: number;
}

/**
 * @throws AppError `app.token_read_not_allowed`, `douyin.unavailable`, `douyin.refused_gateway`,
 *   `gateway.database_unavailable`
 */
export async function readAccessToken(
  deps: ReadAccessTokenDeps,
  app: VerifierApp,
  requestId: string,
): Promise<ReadableAccessToken> {
  if (!app.allowTokenRead) throw new AppError('app.token_read_not_allowed');
  const { token, expiresAt, generation } = await deps.accessTokens.current(MIN_LIFE_MS);
  await deps.db.run(({ auditLog }) =>
    auditLog.insertEntry({
      actor: `app:${app.code}`,
      action: 'access_token.read',
      targetType: 'access_token',
      targetId: String(generation),
      before: null,
      after: { app_id: app.id, expires_at: expiresAt.toISOString() },
      requestId,
    }),
  );
  const lifeMs = expiresAt.getTime() - deps.clock.now().getTime();
  if (lifeMs < MIN_LIFE_MS)
    throw new AppError('douyin.unavailable', { internal: 'the new token hardly lives' });
  return { accessToken: token, expiresAt, expiresIn: Math.floor(lifeMs / 1000) };
}
