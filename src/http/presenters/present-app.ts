// An app as administrators see it. The value of a secret has no presenter.
import { z } from 'zod';
import type { AppSecret, VerifierApp } from '../../domain/verifier-app.ts';
import { moment } from '../fields.ts';
import { presentTime } from './present-verification.ts';

export const appViewSchema = z
  .object({
    id: z.int(),
    created_at: moment(),
    updated_at: moment(),
    name: z.string(),
    code: z.string(),
    description: z.string(),
    client_key: z.string(),
    status: z.enum(['active', 'disabled']),
    allow_token_read: z.boolean(),
    last_used_at: moment().nullable(),
    poi_ids: z.array(z.string()),
  })
  .meta({ id: 'VerifierApp' });

export type AppView = z.infer<typeof appViewSchema>;

export function presentApp(app: VerifierApp): AppView {
  return {
    id: app.id,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
    name: app.name,
    code: app.code,
    description: app.description,
    client_key: app.clientKey,
    status: app.status,
    allow_token_read: app.allowTokenRead,
    last_used_at: presentTime(app.lastUsedAt),
    poi_ids: [...app.poiIds],
  };
}

export const appSecretViewSchema = z
  .object({
    id: z.int(),
    app_id: z.int(),
    created_at: moment(),
    ended_at: moment().nullable(),
  })
  .meta({ id: 'AppSecret' });

export function presentAppSecret(secret: AppSecret): z.infer<typeof appSecretViewSchema> {
  return {
    id: secret.id,
    app_id: secret.appId,
    created_at: secret.createdAt.toISOString(),
    ended_at: presentTime(secret.endedAt),
  };
}
