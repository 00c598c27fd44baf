// Creates an app with its first secret. The secret is told here and never again.
import type { AppStatus, VerifierApp } from '../domain/verifier-app.ts';
import type { Database } from '../db/unit-of-work.ts';
import type { SecretBox } from '../ports/secret-box.ts';
import type { Actor } from './actor.ts';
import { generateClientKey, generateSecret, sealSecret } from './app-secret.ts';
import { describeApp } from './describe-app.ts';

export interface CreateVerifierAppDeps {
  readonly db: Database;
  readonly secretBox: SecretBox;
}

export interface CreateVerifierAppInput {
  readonly name: string;
  readonly code: string;
  readonly description?: string | undefined;
  /** Made when absent. */
  readonly clientKey?: string | undefined;
  /** At least 32 characters; made when absent. */
  readonly secret?: string | undefined;
  readonly status?: AppStatus | undefined;
  readonly allowTokenRead?: boolean | undefined;
  readonly poiIds?: readonly string[] | undefined;
}

/** @throws AppError `app.code_taken`, `app.client_key_taken`, `gateway.database_unavailable` */
export async function createVerifierApp(
  deps: CreateVerifierAppDeps,
  input: CreateVerifierAppInput,
  actor: Actor,
): Promise<{ readonly app: VerifierApp; readonly secret: string }> {
  const clientKey = input.clientKey ?? generateClientKey();
  const secret = input.secret ?? generateSecret();
  const app = await deps.db.transaction(async ({ apps, auditLog }) => {
    const created = await apps.insertApp({
      name: input.name,
      code: input.code,
      description: input.description ?? '',
      clientKey,
      status: input.status ?? 'active',
      allowTokenRead: input.allowTokenRead ?? false,
      poiIds: input.poiIds ?? [],
    });
    const secretId = await apps.insertSecret(created.id, sealSecret(deps.secretBox, clientKey, secret));
    await auditLog.insertEntry({
      actor: actor.uid,
      requestId: actor.requestId,
      action: 'app.create',
      targetType: 'app',
      targetId: String(created.id),
      before: null,
      after: { ...describeApp(created), secret_id: secretId },
    });
    return created;
  });
  return { app, secret };
}
