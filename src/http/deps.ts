// Everything the HTTP surface is built from. Types only; the parts are joined in src/deps.ts.
import type { Metrics } from '../observability/metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { AccessTokens, Douyin, ShortLinks } from '../ports/douyin.ts';
import type { EnrichmentRunner } from '../ports/verification-runner.ts';
import type { AuthenticateAppDeps } from '../services/authenticate-app.ts';
import type { HealthChecker, HealthProbes } from '../services/check-health.ts';
import type { AppRateLimiter, CodeGuessingGuard } from '../services/rate-limits.ts';
import type { VerifyCouponDeps } from '../services/verify-coupon.ts';
import type { MonotonicMs } from '../timing/monotonic.ts';

export interface HttpDeps extends VerifyCouponDeps, AuthenticateAppDeps {
  /** For what people read: its pool is not the tills'. */
  readonly officeDb: HttpDeps['db'];
  /** This process's own time of day: for what people read, never for what a signed request may do. */
  readonly clock: Clock;
  /** For rates and kept health; the machine's when absent. */
  readonly monotonicMs?: MonotonicMs;
  readonly metrics: Metrics;
  readonly douyin: Douyin;
  readonly shortLinks: ShortLinks;
  readonly accessTokens: AccessTokens;
  readonly enrichmentRunner: EnrichmentRunner;
  /** Verifications in flight per process; past it callers are refused at once. */
  readonly maxInFlight: number;
  /** CIDR blocks the internal endpoints answer to. */
  readonly internalTrustedCidrs: readonly string[];
  /** Names under which people reach the internal surface, beside IP addresses and localhost. */
  readonly internalHosts: readonly string[];
  /** IANA name; a report's day is a day there. */
  readonly reportTimeZone: string;
  readonly version: string;
  readonly health: HealthProbes;
  /** Made with the default limit when absent. */
  readonly appRateLimiter?: AppRateLimiter;
  /** Whether the process is on its way out and takes no new work. */
  isStopping(): boolean;
}

/** What handlers get: the above, and what one app builds of it. */
export interface RouteDeps extends HttpDeps {
  readonly healthChecker: HealthChecker;
  readonly guessing: CodeGuessingGuard;
  /** The OpenAPI document as JSON. */
  openApiText(): string;
}
