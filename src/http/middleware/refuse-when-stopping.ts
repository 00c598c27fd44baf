// A process that is going takes no new work; what it has begun it finishes.
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';

export function refuseWhenStopping(isStopping: () => boolean): HttpMiddleware {
  return async (ctx, next) => {
    if (isStopping()) {
      ctx.set('Connection', 'close');
      if (ctx.path.startsWith('/v1/')) throw new AppError('gateway.stopping');
    }
    await next();
  };
}
