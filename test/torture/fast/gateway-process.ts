// One process of the gateway on a stage: the real services, activities, repositories and Douyin client, with a gate
// before and after everything that reaches outside. At a gate the process may pause, or die: then nothing of it ever
// goes on, and what it had begun outside stays as it is.
import { createActivities } from '../../../activities/index.ts';
import type { Activities } from '../../../workflows/activities.ts';
import { type Database, DatabaseAwayError, type Repositories } from '../../../src/db/unit-of-work.ts';
import { PUBLISHED_CALLS_PER_SECOND } from '../../../src/domain/douyin-quota.ts';
import { CallBudget } from '../../../src/douyin/call-budget.ts';
import { DouyinAccessTokens } from '../../../src/douyin/access-token.ts';
import { HttpDouyin } from '../../../src/douyin/client.ts';
import { MonotonicDouyinClock } from '../../../src/douyin/douyin-clock.ts';
import { HttpShortLinks } from '../../../src/douyin/short-link.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { Secret } from '../../../src/observability/secret.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { TokenStore } from '../../../src/ports/token-store.ts';
import type { VerdictBoard } from '../../../src/ports/verdict-board.ts';
import type { EnrichmentRunner, VerificationRunner } from '../../../src/ports/verification-runner.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { createVerdictBoard } from '../../../src/verdict-board.ts';
import { type InMemoryPause, InMemoryPauseStore } from '../../douyin/in-memory-pause-store.ts';
import { InMemoryTokenStore, type InMemoryTokenRow } from '../../douyin/in-memory-token-store.ts';
import { BUDGET_MS, TORTURE_POLICY } from './policy.ts';
import { scenes, type Stage } from './stage.ts';
import type { Trouble } from './trouble.ts';

/** Where the simulator is said to be; nothing listens there. */
export const DOUYIN_URL = 'http://127.0.0.1:8090';
const DOUYIN_TIMEOUT_MS = 3000;
const FIRST_PAUSE_MS = 1000;

export interface ProcessParts {
  readonly stage: Stage;
  readonly trouble: Trouble;
  readonly db: Database;
  readonly tokenRow: InMemoryTokenRow;
  readonly pauses: Map<string, InMemoryPause>;
  readonly runner: VerificationRunner;
  readonly enrichmentRunner: EnrichmentRunner;
  /** How far this machine's clock is off, milliseconds. */
  readonly clockSkewMs: number;
  readonly onDeath: (process: GatewayProcess) => void;
  readonly onAlert: (alert: string) => void;
}

export class GatewayProcess {
  readonly db: Database;
  readonly board: VerdictBoard = createVerdictBoard();
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runner: VerificationRunner;
  readonly douyin: HttpDouyin;
  readonly activities: Activities;
  readonly budgetMs = BUDGET_MS;
  readonly policy = TORTURE_POLICY;
  isDead = false;
  readonly #parts: ProcessParts;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.runner = parts.runner;
    this.clock = { now: () => new Date(parts.stage.nowMs + parts.clockSkewMs) };
    this.logger = alertingLogger(parts.onAlert);
    this.db = {
      run: (work, timeoutMs) => parts.db.run((repositories) => work(this.#gated(repositories)), timeoutMs),
      transaction: (work) => this.#statement(() => parts.db.transaction(work)),
    };
    const douyinClock = new MonotonicDouyinClock({ monotonicMs: () => parts.stage.nowMs });
    const tokens = new DouyinAccessTokens({
      douyinClock,
      baseUrl: DOUYIN_URL,
      clientKey: SIMULATOR_DEFAULTS.clientKey,
      clientSecret: new Secret(SIMULATOR_DEFAULTS.clientSecret),
      store: this.#gatedTokenStore(new InMemoryTokenStore(parts.tokenRow)),
      clock: this.clock,
      timeoutMs: DOUYIN_TIMEOUT_MS,
      logger: this.logger,
    });
    const budget = new CallBudget({
      callsPerSecond: PUBLISHED_CALLS_PER_SECOND,
      firstPauseMs: FIRST_PAUSE_MS,
      store: new InMemoryPauseStore(parts.pauses),
      logger: this.logger,
      monotonicMs: () => parts.stage.nowMs,
    });
    this.douyin = new HttpDouyin({
      douyinClock,
      budget,
      baseUrl: DOUYIN_URL,
      accountId: SIMULATOR_DEFAULTS.accountId,
      timeoutMs: DOUYIN_TIMEOUT_MS,
      tokens,
      logger: this.logger,
    });
    const shortLinks = new HttpShortLinks({
      hosts: [new URL(DOUYIN_URL).host],
      timeoutMs: DOUYIN_TIMEOUT_MS,
    });
    this.activities = createActivities({
      db: this.db,
      douyin: this.douyin,
      shortLinks,
      accessTokens: tokens,
      runner: parts.runner,
      enrichmentRunner: parts.enrichmentRunner,
      board: this.board,
      douyinClock,
      logger: this.logger,
      policy: this.policy,
      siblingWaitMs: this.budgetMs / 2,
    });
  }

  /** Runs code as this process's own. */
  perform<T>(work: () => Promise<T>): Promise<T> {
    return scenes.run({ stage: this.#parts.stage, process: this }, work);
  }

  /** Waits for its turn; never comes back if the process dies here, or has died. */
  async gate(): Promise<void> {
    const { stage, trouble } = this.#parts;
    if (this.isDead) return never();
    const pauseMs = trouble.pauseMs();
    if (pauseMs > 0) await stage.sleep(pauseMs);
    await stage.gate();
    if (!this.isDead && trouble.strikes('crash')) this.die();
    if (this.isDead) return never();
  }

  die(): void {
    this.isDead = true;
    this.#parts.onDeath(this);
  }

  async #statement<T>(work: () => Promise<T>): Promise<T> {
    const { stage, trouble } = this.#parts;
    await this.gate();
    if (trouble.isDatabaseAway(stage.nowMs) || trouble.strikes('statement_refused')) {
      throw new DatabaseAwayError(false, {});
    }
    let result: T;
    try {
      result = await stage.external(work);
    } finally {
      await this.gate();
    }
    // Committed, but the connection broke before it could say so.
    if (trouble.strikes('statement_answer_lost')) throw new DatabaseAwayError(true, {});
    return result;
  }

  #gated(repositories: Repositories): Repositories {
    const gate = <Repository extends object>(repository: Repository): Repository =>
      new Proxy(repository, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== 'function') return member;
          const method = member as (...parameters: unknown[]) => Promise<unknown>;
          return (...parameters: unknown[]) => this.#statement(() => method.apply(target, parameters));
        },
      });
    return {
      apps: gate(repositories.apps),
      auditLog: gate(repositories.auditLog),
      nonces: gate(repositories.nonces),
      reports: gate(repositories.reports),
      verifications: gate(repositories.verifications),
    };
  }

  #gatedTokenStore(store: TokenStore): TokenStore {
    const gated = async <T>(work: () => Promise<T>): Promise<T> => {
      await this.gate();
      const result = await work();
      await this.gate();
      return result;
    };
    return {
      read: () => gated(() => store.read()),
      acquireLease: (input) => gated(() => store.acquireLease(input)),
      store: (input) => gated(() => store.store(input)),
      releaseLease: (owner) => gated(() => store.releaseLease(owner)),
    };
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function alertingLogger(onAlert: (alert: string) => void): Logger {
  const silent = () => undefined;
  const error = (fields: { alert?: string }) => {
    if (fields.alert !== undefined) onAlert(fields.alert);
  };
  return {
    trace: silent,
    debug: silent,
    info: silent,
    warn: silent,
    error,
    fatal: error,
  } as unknown as Logger;
}
