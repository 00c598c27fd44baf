// Writing and reading the audit log. What is worth an entry is the services' to say.
import type { EntityManager } from '@mikro-orm/postgresql';
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

export class AuditLogRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Call it in the transaction of the change it tells of. */
  async insertEntry(entry: NewAuditEntry): Promise<void> {
    await this.#em.insert(AuditEntryEntity, { ...entry, happenedAt: new Date() });
  }
}
