// Paths below a surface that no route has: who may not call the surface does not learn which paths exist.
import type { HttpMiddleware } from '../request-state.ts';
import type { Surface } from '../route.ts';

export function authenticateUnknown(
  authentication: Readonly<Record<Surface, HttpMiddleware>>,
): HttpMiddleware {
  return async (ctx, next) => {
    if (ctx.path.startsWith('/v1/open/')) await authentication.open(ctx, next);
    else if (ctx.path.startsWith('/v1/internal/')) await authentication.internal(ctx, next);
    else await next();
  };
}
