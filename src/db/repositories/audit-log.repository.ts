// Writing and reading the audit log. What is worth an entry is the services' to say.
import type { EntityManager } from '@mikro-orm/postgresql';
import type { ReportPeriod } from '../../domain/report-period.ts';
import { AuditEntryEntity } from '../entities/audit-entry.entity.ts';

/** One change or token read. `before` and `after` hold no secrets. */
export interface NewAuditEntry {
  readonly actor: string;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
  readonly requestId: string;
}

export interface AuditEntry extends NewAuditEntry {
  readonly id: number;
  readonly happenedAt: Date;
}

export interface AuditFilter extends ReportPeriod {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly targetType?: string | undefined;
  readonly targetId?: string | undefined;
}

export class AuditLogRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Call it in the transaction of the change it tells of. */
  async insertEntry(entry: NewAuditEntry): Promise<void> {
    await this.#em.insert(AuditEntryEntity, { ...entry, happenedAt: new Date() });
  }

  /** Newest first, with the exact number of all that match. */
  async listEntries(
    filter: AuditFilter,
    window: { readonly limit: number; readonly offset: number },
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly total: number }> {
    const { from, to, ...exact } = filter;
    const given = Object.fromEntries(Object.entries(exact).filter(([, value]) => value !== undefined));
    const [entries, total] = await this.#em.findAndCount(
      AuditEntryEntity,
      {
        ...given,
        ...(from || to
          ? { happenedAt: { ...(from ? { $gte: from } : {}), ...(to ? { $lt: to } : {}) } }
          : {}),
      },
      { orderBy: { happenedAt: 'desc', id: 'desc' }, ...window },
    );
    return { entries: entries as AuditEntry[], total };
  }
}
