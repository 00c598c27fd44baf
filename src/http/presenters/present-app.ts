// An app as administrators see it. Secrets have no presenter.
import { z } from 'zod';
import type { VerifierApp } from '../../domain/verifier-app.ts';
import { moment } from '../fields.ts';
import { presentTime } from './present-verification.ts';

export const appViewSchema = z.object({
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
});

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
