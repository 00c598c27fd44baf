// The activities without an engine: a real database, the real Douyin client, the simulator behind a socket, and a clock
// that stands still until it is told to go on. Hooks let something else happen right before or after one statement.
import { randomBytes, randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { ActivityDeps } from '../../activities/deps.ts';
import { createActivities } from '../../activities/index.ts';
import type { Activities } from '../../workflows/activities.ts';
import { openOrm } from '../../src/db/mikro-orm.config.ts';
import {
  createDatabase,
  type Database,
  DatabaseAwayError,
  type Repositories,
} from '../../src/db/unit-of-work.ts';
import type { NewVerification } from '../../src/db/repositories/verification.repository.ts';
import type { Verification } from '../../src/domain/verification.ts';
import type { VerifierApp } from '../../src/domain/verifier-app.ts';
import { DouyinAccessTokens } from '../../src/douyin/access-token.ts';
import { HttpDouyin } from '../../src/douyin/client.ts';
import { MonotonicDouyinClock } from '../../src/douyin/douyin-clock.ts';
import { HttpShortLinks } from '../../src/douyin/short-link.ts';
import { createLogger, type Logger } from '../../src/observability/logger.ts';
import { Secret } from '../../src/observability/secret.ts';
import type { RunStart, RunVerificationInput } from '../../src/ports/verification-runner.ts';
import { createSecretBox } from '../../src/secret-box.ts';
import { createVerifierApp } from '../../src/services/create-verifier-app.ts';
import type { SimulatorState } from '../../src/simulator/simulator.ts';
import { SIMULATOR_DEFAULTS, startSimulator } from '../../src/simulator/simulator.ts';
import { createVerdictBoard } from '../../src/verdict-board.ts';
import type { VerificationKey } from '../../workflows/contract.ts';
import { InMemoryTokenRow, InMemoryTokenStore } from '../douyin/in-memory-token-store.ts';
import { TEST_POLICY } from '../support/policy.ts';
import { createTestDatabase } from '../support/test-database.ts';

export const [STORE, OTHER_STORE] = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId) as [string, string];
const DOUYIN_TIMEOUT_MS = 400;
/** How long a verification waits for another one in doubt: long enough to settle one here, and soon over. */
const SIBLING_WAIT_MS = 300;

/** A statement of the repository of verifications. */
type Statement = keyof Repositories['verifications'];

/** One process of the gateway. */
export interface Runner {
  readonly activities: Activities;
  readonly deps: ActivityDeps;
  /** Does something else right before or after the next run of a statement. */
  interpose(when: 'before' | 'after', statement: Statement, action: () => unknown): void;
  /** Codes of the alerts it raised. */
  readonly alerts: string[];
  /** The fields of their log lines. */
  readonly alertLines: Readonly<Record<string, unknown>>[];
}

export interface Bench {
  readonly state: SimulatorState;
  readonly app: VerifierApp;
  readonly otherApp: VerifierApp;
  readonly runner: Runner;
  readonly clock: { nowMs: number; now(): Date; advance(durationMs: number): void };
  /** What the runners' engine was asked to start. */
  readonly starts: RunVerificationInput[];
  /** Another process beside `runner`. */
  startRunner(): Runner;
  /** Stores a request as the service does. */
  accept(request?: Partial<Verification>): Promise<VerificationKey>;
  /** Accepts and prepares, up to the verify. */
  prepared(request: Partial<Verification>): Promise<VerificationKey>;
  /** As a caller does that prepares by itself: its coupon is its own choice, whatever else is in doubt. */
  preparedByCaller(code: string, request?: Partial<Verification>): Promise<VerificationKey>;
  row(key: VerificationKey): Promise<Verification>;
  eventsOf(key: VerificationKey): Promise<readonly string[]>;
  query(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const clock = {
    nowMs: Date.now(),
    now: () => new Date(clock.nowMs),
    advance: (durationMs: number) => {
      clock.nowMs += durationMs;
    },
  };
  const [database, simulator] = await Promise.all([
    createTestDatabase({ migrate }),
    startSimulator({ clock: () => clock.nowMs }),
  ]);
  const orm = await openOrm({ url: database.url, poolSize: 5, logger: silent });
  const db = createDatabase(orm, { policy: TEST_POLICY, now: () => sql<Date>`${clock.now()}::timestamptz` });
  const starts: RunVerificationInput[] = [];
  const closes: (() => Promise<void>)[] = [];
  const tokenRow = new InMemoryTokenRow();

  const startRunner = (): Runner => {
    const alerts: string[] = [];
    const alertLines: Record<string, unknown>[] = [];
    const logger = alertingLogger(alerts, alertLines);
    const hooks: Hook[] = [];
    const douyinClock = new MonotonicDouyinClock({ monotonicMs: () => clock.nowMs });
    const accessTokens = new DouyinAccessTokens({
      douyinClock,
      baseUrl: simulator.url,
      clientKey: SIMULATOR_DEFAULTS.clientKey,
      clientSecret: new Secret(SIMULATOR_DEFAULTS.clientSecret),
      store: new InMemoryTokenStore(tokenRow),
      clock,
      timeoutMs: DOUYIN_TIMEOUT_MS,
      logger,
    });
    const douyin = new HttpDouyin({
      douyinClock,
      baseUrl: simulator.url,
      accountId: SIMULATOR_DEFAULTS.accountId,
      timeoutMs: DOUYIN_TIMEOUT_MS,
      tokens: accessTokens,
      logger,
    });
    const shortLinks = new HttpShortLinks({
      hosts: [new URL(simulator.url).host],
      timeoutMs: DOUYIN_TIMEOUT_MS,
    });
    closes.push(async () => {
      await Promise.all([accessTokens.close(), douyin.close(), shortLinks.close()]);
    });
    const deps: ActivityDeps = {
      db: hookedDatabase(db, hooks),
      douyin,
      douyinClock,
      shortLinks,
      accessTokens,
      runner: {
        start: (input): Promise<RunStart> => {
          starts.push(input);
          return Promise.resolve({ kind: 'started', here: true });
        },
        lookNow: () => Promise.resolve(),
      },
      enrichmentRunner: { retryNow: () => Promise.resolve(), ensureRunning: () => Promise.resolve(true) },
      board: createVerdictBoard(),
      logger,
      policy: TEST_POLICY,
      siblingWaitMs: SIBLING_WAIT_MS,
    };
    return {
      activities: createActivities(deps),
      deps,
      alerts,
      alertLines,
      interpose: (when, statement, action) => hooks.push({ when, statement, action }),
    };
  };

  const apps = await createApps(db);
  const runner = startRunner();
  const row = async (key: VerificationKey): Promise<Verification> => {
    const found = await db.run((repositories) => repositories.verifications.findById(key.verificationId));
    if (!found) throw new Error(`There is no verification ${key.verificationId}`);
    return found;
  };
  const accept = async (request: Partial<Verification> = {}): Promise<VerificationKey> => {
    const accepted = await db.run((repositories) =>
      repositories.verifications.accept(
        {
          appId: apps[0].id,
          appName: apps[0].name,
          appCode: apps[0].code,
          poiId: STORE,
          mode: 'code',
          requestValue: '',
          verifyToken: randomUUID(),
          operatorId: '',
          deviceId: '',
          note: '',
          requestId: 'test',
          roundKey: randomUUID(),
          waitedMs: 0,
          ...request,
        } as NewVerification,
        { clientKey: 'till', nonce: randomUUID(), expiresAt: new Date(clock.now().getTime() + 300_000) },
      ),
    );
    if (accepted.kind !== 'accepted') throw new Error(`The request was not accepted: ${accepted.kind}`);
    return { verificationId: accepted.verification.id, round: 1, roundKey: accepted.verification.roundKey };
  };
  const query = (sql: string) => orm.em.fork().execute<Record<string, unknown>[]>(sql);
  return {
    state: simulator.state,
    app: apps[0],
    otherApp: apps[1],
    runner,
    clock,
    starts,
    startRunner,
    accept,
    async prepared(request) {
      const key = await accept(request);
      const progress = await runner.activities.prepareCoupon(key);
      if (progress.state !== 'open') throw new Error('The coupon was not prepared');
      return key;
    },
    async preparedByCaller(code, request = {}) {
      const prepared = await runner.deps.douyin.prepare({ code }, STORE);
      if (prepared.kind !== 'prepared') throw new Error('The simulator did not prepare');
      const [certificate] = prepared.order.certificates;
      return accept({
        mode: 'encrypted_code',
        requestValue: certificate?.encryptedCode ?? '',
        verifyToken: prepared.order.verifyToken,
        ...request,
      });
    },
    row,
    async eventsOf(key) {
      const rows = await query(
        `select kind from verification_events where verification_id = ${key.verificationId} order by id`,
      );
      return rows.map(({ kind }) => String(kind));
    },
    query,
    async close() {
      await Promise.all(closes.map((close) => close()));
      await orm.close();
      await simulator.close();
      await database.drop();
    },
  };
}

/** This process stands still: its own clock, which only runs forward, is this much later when it goes on. */
export function standStill(durationMs: number): void {
  const before = performance.now.bind(performance);
  performance.now = () => before() + durationMs;
}

/** The database breaks off the statement: before it ran, or after it was committed. */
export function databaseAway(mayHaveRun: boolean): never {
  throw new DatabaseAwayError(mayHaveRun, {});
}

const silent = createLogger({ level: 'silent', format: 'json', process: 'test' });

async function migrate(url: string): Promise<void> {
  const orm: MikroORM = await openOrm({ url, poolSize: 1, logger: silent });
  await orm.migrator.up();
  await orm.close();
}

async function createApps(db: Database): Promise<[VerifierApp, VerifierApp]> {
  const secretBox = createSecretBox([randomBytes(32).toString('base64')]);
  const create = async (code: string) =>
    (await createVerifierApp({ db, secretBox }, { name: code, code }, { uid: 'test', requestId: 'test' }))
      .app;
  return [await create('till-a'), await create('till-b')];
}

interface Hook {
  readonly when: 'before' | 'after';
  readonly statement: Statement;
  readonly action: () => unknown;
}

function hookedDatabase(db: Database, hooks: Hook[]): Database {
  const take = (when: Hook['when'], statement: string | symbol): Hook | undefined => {
    const position = hooks.findIndex((hook) => hook.when === when && hook.statement === statement);
    return position === -1 ? undefined : hooks.splice(position, 1)[0];
  };
  const hooked = (repositories: Repositories): Repositories => ({
    ...repositories,
    verifications: new Proxy(repositories.verifications, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const method = member as (...parameters: unknown[]) => Promise<unknown>;
        return async (...parameters: unknown[]) => {
          await take('before', name)?.action();
          const result = await method.apply(target, parameters);
          await take('after', name)?.action();
          return result;
        };
      },
    }),
  });
  return {
    run: (work, timeoutMs) => db.run((repositories) => work(hooked(repositories)), timeoutMs),
    transaction: (work) => db.transaction((repositories) => work(hooked(repositories))),
  };
}

function alertingLogger(alerts: string[], alertLines: Record<string, unknown>[]): Logger {
  const log = (fields: { alert?: string }) => {
    if (fields.alert === undefined) return;
    alerts.push(fields.alert);
    alertLines.push(fields);
  };
  return { trace: log, debug: log, info: log, warn: log, error: log, fatal: log } as unknown as Logger;
}
