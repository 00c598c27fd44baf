// The tables `apps` and `app_secrets`. What an app may do is src/domain/verifier-app.ts.
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { TextArray } from '../text-array.ts';

export const AppEntity = defineEntity({
  name: 'App',
  tableName: 'apps',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    name: p.text(),
    code: p.text().unique(),
    description: p.text().default(''),
    clientKey: p.text().unique(),
    status: p.enum(['active', 'disabled'] as const).default('active'),
    allowTokenRead: p.boolean().default(false),
    poiIds: p.type(TextArray).columnType('text[]').$type<string[]>(),
    lastUsedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
    updatedAt: p
      .datetime(3)
      .onCreate(() => new Date())
      .onUpdate(() => new Date()),
  },
});

/** An app's secret, sealed. Several may be live at once while a client changes over. */
export const AppSecretEntity = defineEntity({
  name: 'AppSecret',
  tableName: 'app_secrets',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    appId: p.bigint('number'),
    sealedSecret: p.text(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
    endedAt: p.datetime(3).nullable(),
  },
});

export type AppSecretRow = InferEntity<typeof AppSecretEntity>;
