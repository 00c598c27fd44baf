// GET /v1/internal/audit-log: who changed what, and who read the access token.
import { z } from 'zod';
import { type AuditEntry, listAuditLog } from '../../../services/list-audit-log.ts';
import { data } from '../../answer.ts';
import { moment, text } from '../../fields.ts';
import { pageFields, pageOf } from '../../paging.ts';
import { readPeriod, reportFields } from '../../report-fields.ts';
import { defineRoute } from '../../route.ts';

const MAX_NAME_CHARACTERS = 128;
const name = () => text({ min: 1, max: MAX_NAME_CHARACTERS }).optional();
const state = () => z.record(z.string(), z.unknown()).nullable();

const auditEntrySchema = z
  .object({
    id: z.int(),
    happened_at: moment(),
    actor: z.string(),
    action: z.string(),
    target_type: z.string(),
    target_id: z.string(),
    before: state(),
    after: state(),
    request_id: z.string(),
  })
  .meta({ id: 'AuditEntry' });

function presentAuditEntry(entry: AuditEntry): z.infer<typeof auditEntrySchema> {
  return {
    id: entry.id,
    happened_at: entry.happenedAt.toISOString(),
    actor: entry.actor,
    action: entry.action,
    target_type: entry.targetType,
    target_id: entry.targetId,
    before: entry.before,
    after: entry.after,
    request_id: entry.requestId,
  };
}

export const listAuditLogRoute = defineRoute({
  operationId: 'listAuditLog',
  method: 'GET',
  path: '/v1/internal/audit-log',
  surface: 'internal',
  tag: 'audit',
  summary: { zh: '审计日志', en: 'The audit log' },
  description: {
    zh: '内部接口的每次修改与每次 access token 读取：谁、何时、对什么、改前改后。不含任何密钥。',
    en: 'Every change by the internal endpoints and every read of the access token: who, when, what, before and after. No secrets.',
  },
  query: z.object({
    start_time: reportFields.start_time().optional(),
    end_time: reportFields.end_time().optional(),
    actor: name(),
    action: name(),
    target_type: name(),
    target_id: name(),
    page: pageFields.page(),
    page_size: pageFields.page_size(),
  }),
  responses: {
    200: {
      description: { zh: '一页，新的在前', en: 'One page, newest first' },
      schema: pageOf(auditEntrySchema),
    },
  },
  errorCodes: [],
  async handler(deps, { query, language }) {
    const filter = {
      ...readPeriod(query, deps.reportTimeZone, language),
      actor: query.actor,
      action: query.action,
      targetType: query.target_type,
      targetId: query.target_id,
    };
    const { entries, total } = await listAuditLog(deps, filter, {
      page: query.page,
      pageSize: query.page_size,
    });
    return data({
      data: entries.map(presentAuditEntry),
      total,
      page: query.page,
      page_size: query.page_size,
    });
  },
});
