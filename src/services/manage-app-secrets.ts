// A client changes its secret without a pause: a second one is made, the client moves over, the first one is ended.
import { AppError } from '../domain/errors.ts';
import type { AppSecret } from '../domain/verifier-app.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { Clock } from '../ports/clock.ts';
import type { SecretBox } from '../ports/secret-box.ts';
import type { Actor } from './actor.ts';
import { generateSecret, MAX_LIVE_SECRETS, sealSecret } from './app-secret.ts';

const MAX_LISTED = 200;

export interface ManageAppSecretsDeps {
  readonly db: Database;
  readonly secretBox: SecretBox;
  readonly clock: Clock;
}

/**
 * @param given at least 32 characters; made when absent
 * @returns the secret's value, told here and never again
 * @throws AppError `app.not_found`, `app.secret_limit`, `gateway.database_unavailable`
 */
export async function addAppSecret(
  deps: ManageAppSecretsDeps,
  appId: number,
  given: string | undefined,
  actor: Actor,
): Promise<{ readonly id: number; readonly appId: number; readonly secret: string }> {
  const secret = given ?? generateSecret();
  return deps.db.transaction(async ({ apps, auditLog }) => {
    const app = await apps.findAppForUpdate(appId);
    if (!app) throw new AppError('app.not_found');
    if ((await apps.countLiveSecrets(appId)) >= MAX_LIVE_SECRETS) throw new AppError('app.secret_limit');
    const id = await apps.insertSecret(appId, sealSecret(deps.secretBox, app.clientKey, secret));
    await auditLog.insertEntry({
      actor: actor.uid,
      requestId: actor.requestId,
      action: 'app.secret.add',
      targetType: 'app',
      targetId: String(appId),
      before: null,
      after: { secret_id: id },
    });
    return { id, appId, secret };
  });
}

/**
 * Ends a secret: it signs nothing from the next request on.
 * @throws AppError `app.not_found`, `app.secret_not_found`, `app.last_secret`, `gateway.database_unavailable`
 */
export async function endAppSecret(
  deps: ManageAppSecretsDeps,
  appId: number,
  secretId: number,
  actor: Actor,
): Promise<AppSecret> {
  return deps.db.transaction(async ({ apps, auditLog }) => {
    if (!(await apps.findAppForUpdate(appId))) throw new AppError('app.not_found');
    const ended = await apps.endSecret(appId, secretId, deps.clock.now());
    if (!ended) throw new AppError('app.secret_not_found');
    // Thrown here it undoes the ending.
    if ((await apps.countLiveSecrets(appId)) === 0) throw new AppError('app.last_secret');
    await auditLog.insertEntry({
      actor: actor.uid,
      requestId: actor.requestId,
      action: 'app.secret.end',
      targetType: 'app',
      targetId: String(appId),
      before: { secret_id: secretId, ended_at: null },
      after: { secret_id: secretId, ended_at: ended.endedAt?.toISOString() },
    });
    return ended;
  });
}

/** @throws AppError `app.not_found`, `gateway.database_unavailable` */
export async function listAppSecrets(
  deps: { readonly db: Database },
  appId: number,
): Promise<readonly AppSecret[]> {
  return deps.db.run(async ({ apps }) => {
    if (!(await apps.findAppById(appId))) throw new AppError('app.not_found');
    return apps.listSecrets(appId, MAX_LISTED);
  });
}
