// Refuses verifications past the limit at once, before any work is done for them: under overload, tasks that pass their
// time-outs would be done twice.
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';

/** @returns one middleware that counts all requests going through it, whichever route uses it */
export function inFlightLimit(maxInFlight: number): HttpMiddleware {
  let inFlight = 0;
  return async (_ctx, next) => {
    if (inFlight >= maxInFlight) throw new AppError('gateway.busy');
    inFlight += 1;
    try {
      await next();
    } finally {
      inFlight -= 1;
    }
  };
}
