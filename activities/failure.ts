// AppError → Temporal failure: the type is the code, finality comes from the kind. Messages are shown in Temporal's UI.
import { ApplicationFailure } from '@temporalio/common';
import { violatesConstraint } from '../src/db/unit-of-work.ts';
import { AppError, type ErrorKind } from '../src/domain/errors.ts';

const IS_FINAL: Readonly<Record<ErrorKind, boolean>> = {
  invalid_input: true,
  unauthenticated: true,
  forbidden: true,
  not_found: true,
  conflict: true,
  too_large: true,
  unsupported_media: true,
  misdirected: true,
  rate_limited: false,
  upstream_unavailable: false,
  upstream_refused_gateway: true,
  upstream_broken: false,
  gateway_unavailable: false,
  internal: false,
};

/** The type of a failure by a constraint that no code of ours stands for: a bug, and the same bug at every retry. */
export const CONSTRAINT_VIOLATED = 'internal.constraint_violated';

/**
 * Any failure of an activity as Temporal keeps it: retried unless its kind is final or a constraint forbids what it
 * stores, and without foreign texts.
 */
export function toActivityFailure(err: unknown): ApplicationFailure {
  if (err instanceof ApplicationFailure) return err;
  if (err instanceof AppError) {
    return ApplicationFailure.create({
      message: err.message,
      type: err.code,
      nonRetryable: IS_FINAL[err.kind],
    });
  }
  if (violatesConstraint(err)) {
    return ApplicationFailure.create({
      message: 'The database forbids what was to be stored; see the log',
      type: CONSTRAINT_VIOLATED,
      nonRetryable: true,
    });
  }
  // A foreign error's message may quote what it failed on; its name is enough here, the log has the rest.
  const name = typeof err === 'object' && err !== null && 'name' in err ? String(err.name) : typeof err;
  return ApplicationFailure.create({
    message: `Unexpected ${name}; see the log`,
    type: 'internal.unexpected',
  });
}
