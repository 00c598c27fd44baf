// The table `access_tokens`: Douyin's token, sealed, one row per Douyin client key, with the lease of who fetches the next.
import { defineEntity, p } from '@mikro-orm/core';

export const AccessTokenEntity = defineEntity({
  name: 'AccessToken',
  tableName: 'access_tokens',
  properties: {
    clientKey: p.text().primary(),
    generation: p.integer().default(0),
    sealedToken: p.text().default(''),
    obtainedAt: p.datetime(3).nullable(),
    expiresAt: p.datetime(3).nullable(),
    leaseOwner: p.text().nullable(),
    leaseUntil: p.datetime(3).nullable(),
  },
});
