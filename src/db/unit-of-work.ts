// The only way to the database: forks an EntityManager per call and hands out repositories. Queries are in repositories.
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';
import type { GuardContext } from '../domain/verification.ts';
import { withinTime } from '../timing/within-time.ts';
import { DatabaseAwayError, toAppError } from './constraint-errors.ts';
import { AppRepository } from './repositories/app.repository.ts';
import { AuditLogRepository } from './repositories/audit-log.repository.ts';
import { NonceRepository } from './repositories/nonce.repository.ts';
import { ReportRepository } from './repositories/report.repository.ts';
import { VerificationRepository } from './repositories/verification.repository.ts';

export { DatabaseAwayError, violatesConstraint } from './constraint-errors.ts';

/**
 * What a caller with a customer in front gives a database that does not answer, to be told so within two seconds. The
 * pool waits almost as long for a connection. Milliseconds.
 */
export const CALLER_PATIENCE_MS = 1700;

export interface Repositories {
  readonly apps: AppRepository;
  readonly auditLog: AuditLogRepository;
  readonly nonces: NonceRepository;
  readonly reports: ReportRepository;
  readonly verifications: VerificationRepository;
}

export interface Database {
  /**
   * Runs statements that each commit by themselves.
   * @param timeoutMs how long the caller can wait for a database that does not answer; the pool's own time-outs otherwise
   * @throws AppError `gateway.database_unavailable`, or the code of a violated constraint
   */
  run<T>(work: (repositories: Repositories) => Promise<T>, timeoutMs?: number): Promise<T>;
  /** One short transaction; `work` must not call anything outside the database. Throws as `run` does. */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>;
}

export interface DatabaseOptions {
  /** The times that guard a verification's changes. */
  readonly policy: GuardContext['policy'];
  /** The database's time as SQL, for each statement; tests turn it. */
  readonly now?: () => RawBuilder<Date>;
}

const DATABASE_NOW = sql<Date>`now()`;

/** @param orm open; closing it stays with the caller */
export function createDatabase(orm: MikroORM, options: DatabaseOptions): Database {
  const { policy, now = () => DATABASE_NOW } = options;
  const repositoriesOf = (em: EntityManager): Repositories => ({
    apps: new AppRepository(em),
    auditLog: new AuditLogRepository(em),
    nonces: new NonceRepository(em, now),
    reports: new ReportRepository(em),
    verifications: new VerificationRepository(em, now, policy),
  });
  const translate = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (err) {
      throw toAppError(err);
    }
  };
  return {
    run: (work, timeoutMs) => {
      const running = translate(() => work(repositoriesOf(orm.em.fork())));
      return timeoutMs === undefined
        ? running
        : withinTime(
            timeoutMs,
            running,
            () => new DatabaseAwayError(true, { internal: `no answer in ${timeoutMs} ms` }),
          );
    },
    transaction: (work) => translate(() => orm.em.fork().transactional((em) => work(repositoriesOf(em)))),
  };
}
