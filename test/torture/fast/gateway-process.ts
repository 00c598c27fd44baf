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
import type { SettlementPolicy, Verification } from '../../../src/domain/verification.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { Secret } from '../../../src/observability/secret.ts';
import { adviseCashier } from '../../../src/services/advise-cashier.ts';
import { findVerificationByToken } from '../../../src/services/find-verification.ts';
import { resolveVerification } from '../../../src/services/resolve-verification.ts';
import { verifyCoupon, type VerifyCouponInput } from '../../../src/services/verify-coupon.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Douyin } from '../../../src/ports/douyin.ts';
import type { TokenStore } from '../../../src/ports/token-store.ts';
import type { VerdictBoard } from '../../../src/ports/verdict-board.ts';
import type { EnrichmentRunner, VerificationRunner } from '../../../src/ports/verification-runner.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { createVerdictBoard } from '../../../src/verdict-board.ts';
import { type InMemoryPause, InMemoryPauseStore } from '../../douyin/in-memory-pause-store.ts';
import { InMemoryTokenStore, type InMemoryTokenRow } from '../../douyin/in-memory-token-store.ts';
import { BUDGET_MS, TORTURE_POLICY } from './policy.ts';
import type { Sabotage } from './sabotage.ts';
import { scenes, type Stage } from './stage.ts';
import type { Told } from './till-ledger.ts';
import type { Trouble } from './trouble.ts';

/** Where the simulator is said to be; nothing listens there. */
export const DOUYIN_URL = 'http://127.0.0.1:8090';
const DOUYIN_TIMEOUT_MS = 3000;
const FIRST_PAUSE_MS = 1000;
const ADVICE_OPTIONS = { language: 'zh', timeZone: 'Asia/Shanghai' } as const;

export interface ProcessParts {
  readonly stage: Stage;
  readonly trouble: Trouble;
  readonly db: Database;
  readonly tokenRow: InMemoryTokenRow;
  readonly pauses: Map<string, InMemoryPause>;
  readonly runner: VerificationRunner;
  readonly enrichmentRunner: EnrichmentRunner;
  /** How this gateway is broken, if it stands as a control. */
  readonly sabotage: Sabotage;
  readonly onDeath: (process: GatewayProcess) => void;
  readonly onAlert: (alert: string) => void;
}

export class GatewayProcess {
  readonly db: Database;
  readonly board: VerdictBoard = createVerdictBoard();
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runner: VerificationRunner;
  readonly douyin: Douyin;
  readonly activities: Activities;
  readonly budgetMs = BUDGET_MS;
  readonly policy: SettlementPolicy;
  isDead = false;
  readonly #parts: ProcessParts;
  readonly #sabotage: Sabotage;
  #clockOffsetMs: number;
  readonly #pauses: { readonly fromMs: number; readonly toMs: number }[] = [];

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.#sabotage = parts.sabotage;
    this.policy = this.#sabotage.policy(TORTURE_POLICY);
    this.runner = parts.runner;
    this.#clockOffsetMs = parts.trouble.clockOffsetMs();
    this.clock = { now: () => new Date(parts.stage.nowMs + this.#clockOffsetMs) };
    this.logger = alertingLogger(parts.onAlert);
    this.db = {
      run: (work, timeoutMs) => parts.db.run((repositories) => work(this.#gated(repositories)), timeoutMs),
      transaction: (work) => this.#transaction(work),
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
    const douyin = new HttpDouyin({
      douyinClock,
      budget,
      baseUrl: DOUYIN_URL,
      accountId: SIMULATOR_DEFAULTS.accountId,
      timeoutMs: DOUYIN_TIMEOUT_MS,
      tokens,
      logger: this.logger,
    });
    this.douyin = this.#sabotage.douyin(douyin);
    const shortLinks = new HttpShortLinks({
      hosts: [new URL(DOUYIN_URL).host],
      timeoutMs: DOUYIN_TIMEOUT_MS,
    });
    const activities = createActivities({
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
    this.activities = this.#sabotage.activities(activities);
  }

  /** POST /v1/open/coupons/verify, from where its request is authenticated. */
  verify(input: VerifyCouponInput): Promise<Told> {
    return this.#tell(verifyCoupon(this, input), 'verify');
  }

  /** GET /v1/open/coupons/verifications/{verify_token} */
  lookUp(key: { readonly appId: number; readonly verifyToken: string }): Promise<Told> {
    return this.#tell(findVerificationByToken(this, key), 'look_up');
  }

  /** POST /v1/internal/verifications/{id}/resolve */
  resolve(id: number, verifyStatus: 'success' | 'failed', operator: string): Promise<Verification> {
    return resolveVerification(
      this,
      id,
      { verifyStatus, note: 'seen in Douyin’s app' },
      { uid: operator, requestId: operator },
    );
  }

  async #tell(asked: Promise<Verification>, operation: 'verify' | 'look_up'): Promise<Told> {
    const verification = this.#sabotage.answer(await asked, operation);
    return { verification, advice: await adviseCashier(this, verification, ADVICE_OPTIONS) };
  }

  /** For how long it stood still since then, milliseconds. */
  standstillMs(sinceMs: number): number {
    return this.#pauses.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, toMs - Math.max(fromMs, sinceMs)),
      0,
    );
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
    if (pauseMs > 0) {
      this.#pauses.push({ fromMs: stage.nowMs, toMs: stage.nowMs + pauseMs });
      await stage.sleep(pauseMs);
    }
    await stage.gate();
    if (trouble.strikes('clock_jump')) this.#clockOffsetMs = trouble.clockOffsetMs();
    if (!this.isDead && trouble.strikes('crash')) this.die();
    if (this.isDead) return never();
  }

  die(): void {
    if (this.isDead) return;
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
    if (trouble.strikes('statement_answer_lost_in_death')) {
      stage.setTimer(trouble.momentMs(), () => this.die());
      throw new DatabaseAwayError(true, {});
    }
    // Committed, but the connection broke before it could say so.
    if (trouble.strikes('statement_answer_lost')) throw new DatabaseAwayError(true, {});
    return result;
  }

  /** As a whole, as others see it; but its process may die amid it, and then it never happened. */
  async #transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
    const { trouble, db } = this.#parts;
    const isDoomed = trouble.strikes('crash_in_transaction');
    let statementsLeft = isDoomed ? trouble.fewStatements() : Infinity;
    const countDown = (repositories: Repositories) =>
      wrapped(repositories, async (statement) => {
        if (statementsLeft === 0) throw new DeathInTransaction();
        statementsLeft -= 1;
        return statement();
      });
    try {
      return await this.#statement(() => db.transaction((repositories) => work(countDown(repositories))));
    } catch (err) {
      if (!(err instanceof DeathInTransaction)) throw err;
      this.die();
      return never();
    }
  }

  #gated(repositories: Repositories): Repositories {
    return wrapped(repositories, (statement) => this.#statement(statement));
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

class DeathInTransaction extends Error {}

/** The repositories with something around each of their statements. */
function wrapped(
  repositories: Repositories,
  around: (statement: () => Promise<unknown>) => Promise<unknown>,
): Repositories {
  const wrap = <Repository extends object>(repository: Repository): Repository =>
    new Proxy(repository, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const method = member as (...parameters: unknown[]) => Promise<unknown>;
        return (...parameters: unknown[]) => around(() => method.apply(target, parameters));
      },
    });
  return {
    apps: wrap(repositories.apps),
    auditLog: wrap(repositories.auditLog),
    nonces: wrap(repositories.nonces),
    reports: wrap(repositories.reports),
    verifications: wrap(repositories.verifications),
  };
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
