// The table `audit_log`: every change made through the internal endpoints and every token read.
import { defineEntity, p } from '@mikro-orm/core';

export const AuditEntryEntity = defineEntity({
  name: 'AuditEntry',
  tableName: 'audit_log',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    happenedAt: p.datetime(3).onCreate(() => new Date()),
    actor: p.text(),
    action: p.text(),
    targetType: p.text(),
    targetId: p.text(),
    before: p.json<Record<string, unknown>>().nullable(),
    after: p.json<Record<string, unknown>>().nullable(),
    requestId: p.text(),
  },
});
