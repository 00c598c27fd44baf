// The composition root: builds the parts of a gateway process and joins them. Processes, tests and benches use it alike.
import type { MikroORM } from '@mikro-orm/postgresql';
import type { ActivityDeps } from '../activities/deps.ts';
import { createActivities } from '../activities/index.ts';
import type { Activities } from '../workflows/activities.ts';
import type { Config } from './config.ts';
import type { SettlementPolicy } from './domain/verification.ts';
import { createDatabasePauseStore } from './db/database-pause-store.ts';
import { createDatabaseTokenStore } from './db/database-token-store.ts';
import { OFFICE_TIMEOUTS, openOrm } from './db/mikro-orm.config.ts';
import { createDatabase, type Database } from './db/unit-of-work.ts';
import { DouyinAccessTokens } from './douyin/access-token.ts';
import { CallBudget, MAX_BACKGROUND_CALLS } from './douyin/call-budget.ts';
import { HttpDouyin } from './douyin/client.ts';
import { MonotonicDouyinClock } from './douyin/douyin-clock.ts';
import { HttpShortLinks } from './douyin/short-link.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import type { Clock } from './ports/clock.ts';
import type { DouyinClock } from './ports/douyin-clock.ts';
import type { SecretBox } from './ports/secret-box.ts';
import type { VerdictBoard } from './ports/verdict-board.ts';
import { createSecretBox } from './secret-box.ts';
import { connectTemporal, type TemporalConnection } from './temporal/connection.ts';
import { createEnrichmentRunner } from './temporal/workflow-enrichment-runner.ts';
import { createVerdictBoard } from './verdict-board.ts';
import { shutDown } from './timing/shut-down.ts';
import { createVerificationRunner } from './temporal/workflow-verification-runner.ts';

/** An unused coupon this long after the last verify was sent was not redeemed by it; Douyin publishes no figure. */
const UNUSED_IS_FINAL_AFTER_MS = 3_600_000;

/** A verify that was counted goes out within this time, or not at all. */
const SEND_STARTS_WITHIN_MS = 1500;

/** A first verify never goes out later than this after the till's own time is over. */
const FIRST_SEND_GRACE_MS = 2000;

/** The times that decide about money, from the configuration. */
export function settlementPolicyOf(config: Config): SettlementPolicy {
  const { budgetMs, repeatDelaysMs } = config.verification;
  return {
    repeatDelaysMs,
    // Douyin's own schedule waits no longer before it takes a repeat for safe.
    sendArrivesWithinMs: Math.max(config.douyin.timeoutMs, ...repeatDelaysMs),
    unusedIsFinalAfterMs: UNUSED_IS_FINAL_AFTER_MS,
    firstSendWithinMs: budgetMs + FIRST_SEND_GRACE_MS - SEND_STARTS_WITHIN_MS,
    sendStartsWithinMs: SEND_STARTS_WITHIN_MS,
  };
}

/** What could not be opened whole is closed within this; then it is tried again, whatever still hangs. */
const CLOSE_MS = 5000;

/** What every process has: database, Douyin, secrets. */
export interface Core {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly douyinClock: DouyinClock;
  readonly metrics: Metrics;
  readonly orm: MikroORM;
  readonly db: Database;
  readonly policy: SettlementPolicy;
  readonly secretBox: SecretBox;
  readonly accessTokens: DouyinAccessTokens;
  readonly douyin: HttpDouyin;
  readonly shortLinks: HttpShortLinks;
  close(): Promise<void>;
}

/** What runs verifications: the core and Temporal. */
export interface Gateway extends Core {
  readonly temporal: TemporalConnection;
  readonly board: VerdictBoard;
  readonly runner: ActivityDeps['runner'];
  readonly enrichmentRunner: ActivityDeps['enrichmentRunner'];
  readonly activities: Activities;
}

/** @throws when the database cannot be reached */
export async function openCore(config: Config, logger: Logger): Promise<Core> {
  const orm = await openOrm({
    url: config.database.url.expose(),
    poolSize: config.database.poolSize,
    logger,
  });
  const clock: Clock = { now: () => new Date() };
  const douyinClock = new MonotonicDouyinClock();
  const policy = settlementPolicyOf(config);
  const metrics = createMetrics();
  const secretBox = createSecretBox(config.secretsKeys.map((key) => key.expose()));
  const accessTokens = new DouyinAccessTokens({
    baseUrl: config.douyin.baseUrl,
    clientKey: config.douyin.clientKey,
    clientSecret: config.douyin.clientSecret,
    store: createDatabaseTokenStore(orm, secretBox, config.douyin.clientKey),
    clock,
    timeoutMs: config.douyin.timeoutMs,
    logger,
    douyinClock,
  });
  metrics.watchAccessToken(() => accessTokens.status());
  const budget = new CallBudget({
    callsPerSecond: config.douyin.callsPerSecond,
    firstPauseMs: config.douyin.slowDownMs,
    store: createDatabasePauseStore(orm),
    logger,
    onGivenUp: (call) => metrics.countGivenUpCall(call),
  });
  metrics.watchDouyinPauses(() => budget.remainingPausesMs());
  // Pauses outlive a restart; waiting for them is not worth holding the start up.
  const firstView = budget.refresh();
  const douyin = new HttpDouyin({
    baseUrl: config.douyin.baseUrl,
    accountId: config.douyin.accountId,
    sendsAccountId: config.douyin.sendsAccountId,
    timeoutMs: config.douyin.timeoutMs,
    tokens: accessTokens,
    // A request makes one call at a time, and prepares come beside verifications: the till's calls find a connection
    // whatever the others hold.
    connections: 2 * config.verification.maxInFlight + MAX_BACKGROUND_CALLS,
    budget,
    douyinClock,
    logger,
    onCall: (call) => metrics.observeDouyinCall(call),
  });
  const shortLinks = new HttpShortLinks({
    hosts: config.douyin.shortLinkHosts,
    timeoutMs: config.douyin.timeoutMs,
  });
  return {
    config,
    logger,
    clock,
    douyinClock,
    metrics,
    orm,
    db: createDatabase(orm, { policy }),
    policy,
    secretBox,
    accessTokens,
    douyin,
    shortLinks,
    async close() {
      // A query that is begun while the pool is closed keeps it from ever being closed.
      await Promise.allSettled([accessTokens.close(), douyin.close(), shortLinks.close(), firstView]);
      await orm.close();
    },
  };
}

/** One for each request that the HTTP surface lets work at a time, see src/http/middleware/office-limit.ts. */
const OFFICE_CONNECTIONS = 4;

/** What people at desks read through: connections and patience of its own, so that no report slows a till. */
export interface Office {
  readonly officeDb: Database;
  close(): Promise<void>;
}

/** @throws when the database cannot be reached */
export async function openOffice(config: Config, logger: Logger): Promise<Office> {
  const orm = await openOrm({
    url: config.database.url.expose(),
    poolSize: OFFICE_CONNECTIONS,
    logger,
    timeouts: OFFICE_TIMEOUTS,
  });
  return { officeDb: createDatabase(orm, { policy: settlementPolicyOf(config) }), close: () => orm.close() };
}

/** @throws when the database or Temporal cannot be reached */
export async function openGateway(config: Config, logger: Logger): Promise<Gateway> {
  const core = await openCore(config, logger);
  const temporal = await connectTemporal(config.temporal).catch(async (err: unknown) => {
    await shutDown(logger, [{ name: 'connections', timeoutMs: CLOSE_MS, run: () => core.close() }]);
    throw err;
  });
  const board = createVerdictBoard();
  const settings = {
    lookAgainMs: config.verification.lookAgainMs,
    enrichRetryDelaysMs: config.enrichment.retryDelaysMs,
  };
  const runner = createVerificationRunner(temporal, settings, logger);
  const enrichmentRunner = createEnrichmentRunner(temporal, settings.enrichRetryDelaysMs);
  const activities = createActivities({
    ...core,
    board,
    runner,
    enrichmentRunner,
    siblingWaitMs: config.verification.budgetMs / 2,
  });
  return {
    ...core,
    temporal,
    board,
    runner,
    enrichmentRunner,
    activities,
    async close() {
      await temporal.close();
      await core.close();
    },
  };
}
