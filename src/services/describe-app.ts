// An app as the audit log keeps it. It has no secret to begin with.
import type { VerifierApp } from '../domain/verifier-app.ts';

export function describeApp(app: VerifierApp): Record<string, unknown> {
  return {
    name: app.name,
    code: app.code,
    description: app.description,
    client_key: app.clientKey,
    status: app.status,
    allow_token_read: app.allowTokenRead,
    poi_ids: app.poiIds,
  };
}
