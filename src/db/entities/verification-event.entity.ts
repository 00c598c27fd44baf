// The table `verification_events`: a verification's timeline, written in the same statement as the change it tells of.
import { defineEntity, p } from '@mikro-orm/core';

export const VerificationEventEntity = defineEntity({
  name: 'VerificationEvent',
  tableName: 'verification_events',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    verificationId: p.bigint('number'),
    happenedAt: p.datetime(3),
    kind: p.text(),
    details: p.json<Record<string, unknown>>(),
  },
});
