// One line per request: who asked for what, how it ended, how long it took. The path is never written, for it may hold
// a caller's token; neither are bodies or headers.
import type { Logger } from '../../observability/logger.ts';
import type { HttpMiddleware } from '../request-state.ts';

/**
 * @param observe told the same for metrics
 * @param nowMs a clock that never goes back, milliseconds
 */
export function accessLog(
  logger: Logger,
  observe: (request: {
    readonly route: string;
    readonly status: number;
    readonly durationMs: number;
  }) => void,
  nowMs: () => number = () => performance.now(),
): HttpMiddleware {
  return async (ctx, next) => {
    const startMs = nowMs();
    try {
      await next();
    } finally {
      const { requestId, routePattern, open, internal, errorCode } = ctx.state;
      const route = routePattern ?? 'none';
      const durationMs = nowMs() - startMs;
      observe({ route, status: ctx.status, durationMs });
      logger.info(
        {
          request_id: requestId,
          method: ctx.method,
          route,
          status: ctx.status,
          ms: Math.round(durationMs),
          ...(open ? { app: open.app.code } : {}),
          ...(internal ? { uid: internal.uid } : {}),
          ...(errorCode ? { error_code: errorCode } : {}),
        },
        'request',
      );
    }
  };
}
