// What a database failure means to a caller: constraint name → error code, and which failures say "the database is away".
import { AppError, type ErrorCode } from '../domain/errors.ts';

/** The database is away. */
export class DatabaseAwayError extends AppError {
  /** Whether the statement may have been carried out all the same, or may yet be. */
  readonly mayHaveRun: boolean;

  constructor(mayHaveRun: boolean, options: { readonly cause?: unknown; readonly internal?: string }) {
    super('gateway.database_unavailable', options);
    this.mayHaveRun = mayHaveRun;
  }
}

const CODE_BY_CONSTRAINT: Readonly<Record<string, ErrorCode>> = {
  apps__code: 'app.code_taken',
  apps__client_key: 'app.client_key_taken',
  verifications__certificate_in_doubt: 'coupon.sibling_in_doubt',
  verifications__order_in_doubt: 'coupon.sibling_in_doubt',
  verifications__verify_id: 'verification.redeemed_by_another',
};

// PostgreSQL's classes 08 (connection), 53 (resources) and 57P (stopping, starting), and Node's network codes.
const AWAY =
  /^(08...|53...|57P..|25006|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/;
const AWAY_MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|statement timeout|Cannot use a pool after calling end|connection error and is not queryable/i;

/** Of those, the ones that came before a connection was to be had. */
const NOT_REACHED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT|53300|57P03)$/;
const NOT_REACHED_MESSAGES = /timeout exceeded when trying to connect|Cannot use a pool after calling end/i;

/** Follows a driver error through the layers that wrapped it. */
function causes(err: unknown): readonly Record<string, unknown>[] {
  const chain: Record<string, unknown>[] = [];
  let current: unknown = err;
  while (typeof current === 'object' && current !== null && chain.length < 10) {
    const link = current as Record<string, unknown>;
    chain.push(link, ...(Array.isArray(link['errors']) ? (link['errors'] as Record<string, unknown>[]) : []));
    current = link['cause'];
  }
  return chain;
}

/** PostgreSQL's class of integrity constraint violations. */
const VIOLATION = /^23...$/;

/** Whether a constraint of the database forbade the statement: the same statement fails again. */
export function violatesConstraint(err: unknown): boolean {
  return causes(err).some((link) => typeof link['code'] === 'string' && VIOLATION.test(link['code']));
}

/** Whether PostgreSQL ended a wait for a lock after `lock_timeout`: nothing of the statement was done. */
export function isLockTimeout(err: unknown): boolean {
  return causes(err).some((link) => link['code'] === '55P03');
}

/**
 * Turns a driver's error into ours. A database that is away says nothing about whether the last statement was
 * committed: callers that depend on it must look.
 */
export function toAppError(err: unknown): unknown {
  if (err instanceof AppError) return err;
  const chain = causes(err);
  for (const link of chain) {
    const code = typeof link['constraint'] === 'string' ? CODE_BY_CONSTRAINT[link['constraint']] : undefined;
    if (code) return new AppError(code, { cause: err });
  }
  const says = (codes: RegExp, messages: RegExp): boolean =>
    chain.some(
      (link) =>
        (typeof link['code'] === 'string' && codes.test(link['code'])) ||
        (typeof link['message'] === 'string' && messages.test(link['message'])),
    );
  if (!says(AWAY, AWAY_MESSAGES)) return err;
  return new DatabaseAwayError(!says(NOT_REACHED, NOT_REACHED_MESSAGES), { cause: err });
}
