// The HTTP surface as a Koa app: the order of middleware, on one screen. It never listens; routes are in routes/.
import Router from '@koa/router';
import Koa from 'koa';
import { AppError } from '../domain/errors.ts';
import { AppAuthenticator } from '../services/authenticate-app.ts';
import { AppRateLimiter, CodeGuessingGuard } from '../services/rate-limits.ts';
import { AppUseRecorder } from '../services/record-app-use.ts';
import { HealthChecker } from '../services/check-health.ts';
import { monotonicMs } from '../timing/monotonic.ts';
import type { HttpDeps, RouteDeps } from './deps.ts';
import { renderErrors } from './error-response.ts';
import { guard } from './guard.ts';
import { accessLog } from './middleware/access-log.ts';
import { Admission } from './middleware/admission.ts';
import { authenticateUnknown } from './middleware/authenticate-unknown.ts';
import { InFlightLimit } from './middleware/in-flight-limit.ts';
import { internalAuth, trustedPeers } from './middleware/internal-auth.ts';
import { openAuth } from './middleware/open-auth.ts';
import { jsonBody } from './middleware/json-body.ts';
import { OfficeLimit } from './middleware/office-limit.ts';
import { ownPages } from './middleware/own-pages.ts';
import { rawBody } from './middleware/raw-body.ts';
import { refuseWhenStopping } from './middleware/refuse-when-stopping.ts';
import { requestId } from './middleware/request-id.ts';
import { createOpenApiDocument } from './openapi.ts';
import type { HttpMiddleware, RequestState } from './request-state.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { isServedBy, type Listener } from './surfaces.ts';

/**
 * Of look-ups for requests of which nobody knows yet who sent them: half of the till's connections, at the default size.
 * Who waits longer than this finds the database as good as away.
 */
const ADMISSION = { maxAtOnce: 10, maxWaiting: 500, maxWaitMs: 1500 };

/**
 * @param listener what the server around it serves
 * @throws Error for a trusted network that is not a CIDR block
 */
export function createApp(deps: HttpDeps, listener: Listener = 'all'): Koa<RequestState> {
  const app = new Koa<RequestState>();
  const nowMs = deps.monotonicMs ?? monotonicMs;
  let openApiText: string | null = null;
  const inFlightLimit = new InFlightLimit({
    max: deps.maxInFlight,
    onChange: (state) => deps.metrics.setRequestsInFlight(state),
    onRefusal: () => deps.metrics.countOverloadRefusal(),
  });
  const routeDeps: RouteDeps = {
    ...deps,
    onBegun: (afterMs) => inFlightLimit.observeBeginning(afterMs),
    healthChecker: new HealthChecker(deps.health, nowMs),
    guessing: new CodeGuessingGuard(nowMs),
    openApiText: () => (openApiText ??= JSON.stringify(createOpenApiDocument(ROUTES, deps.version))),
  };
  const authenticator = new AppAuthenticator(deps);
  const recorder = new AppUseRecorder(deps);
  const rateLimiter = deps.appRateLimiter ?? new AppRateLimiter(nowMs);
  const pass: HttpMiddleware = (_ctx, next) => next();
  const admission = new Admission(ADMISSION);
  const readBytes = rawBody();
  const authentication = (takesNonce: boolean) => ({
    open: openAuth({ authenticator, recorder, rateLimiter, admission }, { takesNonce }),
    internal: internalAuth(),
    public: pass,
  });
  const officeLimit = new OfficeLimit();
  const officeDeps: RouteDeps = { ...routeDeps, db: deps.officeDb };
  /** What stands before a route's handler, in order. */
  const chainOf = (route: Route): readonly HttpMiddleware[] => {
    const { open, internal } = authentication(route.takesNonce ?? false);
    switch (route.surface) {
      case 'open':
        return route.isLimitedInFlight
          ? [readBytes, inFlightLimit.refuseWhenFull, open, inFlightLimit.middleware, guard(routeDeps, route)]
          : [readBytes, open, guard(routeDeps, route)];
      case 'internal':
        return isOfficeWork(route)
          ? [internal, officeLimit.middleware, guard(officeDeps, route)]
          : [internal, route.body ? jsonBody() : pass, guard(routeDeps, route)];
      case 'public':
        return [guard(routeDeps, route)];
    }
  };

  app.use(requestId());
  app.use(accessLog(deps.logger, (request) => deps.metrics.observeRequest(request)));
  app.use(renderErrors(deps.logger));
  app.use((ctx, next) => {
    if (!isServedBy(listener, ctx.path)) throw new AppError('route.not_found');
    return next();
  });
  app.use(trustedPeers(deps.internalTrustedCidrs));
  app.use(ownPages(deps.internalHosts));
  app.use(refuseWhenStopping(() => deps.isStopping()));
  // Sensitive and strict: a path that is not written exactly as declared is another path.
  const router = new Router<RequestState>({ sensitive: true, strict: true, exclusive: 'specificity' });
  for (const route of ROUTES) {
    router.register(routerPath(route), [route.method], [rememberPattern(route), ...chainOf(route)]);
  }
  app.use(router.routes() as HttpMiddleware);
  const unknown = authentication(false);
  app.use(authenticateUnknown({ ...unknown, open: inTurn(readBytes, unknown.open) }));
  app.use(() => {
    throw new AppError('route.not_found');
  });

  app.on('error', (err: unknown) => {
    deps.logger.warn({ reason: String(err) }, 'an answer could not be sent whole');
  });
  return app;
}

function inTurn(first: HttpMiddleware, second: HttpMiddleware): HttpMiddleware {
  return async (ctx, next) => {
    await first(ctx, async () => {
      await second(ctx, next);
    });
  };
}

/** What only reads, for people: it has a pool and a limit of its own. Changes are short and go with the others. */
function isOfficeWork(route: Route): boolean {
  return route.surface === 'internal' && route.method === 'GET';
}

/** `/things/{id}` as the router writes it. */
function routerPath(route: Route): string {
  return route.path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function rememberPattern(route: Route): HttpMiddleware {
  return (ctx, next) => {
    ctx.state.routePattern = route.path;
    return next();
  };
}
