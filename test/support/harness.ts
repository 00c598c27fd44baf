// A whole gateway inside a test: its own database and Temporal namespace on the servers of this run, the simulator, and
// the workers, built by the same composition root as the processes. HTTP is added by the tests that need it.
import { randomBytes } from 'node:crypto';
import { NativeConnection } from '@temporalio/worker';
import { type Config, loadConfig } from '../../src/config.ts';
import { migrate } from '../../src/commands/migrate.ts';
import { type Gateway, type Office, openGateway, openOffice } from '../../src/deps.ts';
import type { VerifierApp } from '../../src/domain/verifier-app.ts';
import { createLogger, type Logger } from '../../src/observability/logger.ts';
import { createVerifierApp } from '../../src/services/create-verifier-app.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { installTemporalRuntime } from '../../src/temporal/connection.ts';
import { type RunningWorker, startBackgroundWorker, startVerifyWorker } from '../../src/temporal/workers.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflow-bundle.ts';
import { createTestDatabase } from './test-database.ts';

const NAMESPACE_RETENTION_S = 86_400;

export interface Harness {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly office: Office;
  readonly simulator: Simulator;
  readonly app: VerifierApp;
  readonly secret: string;
  /** The variables a gateway process on the same parts needs. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface HarnessOptions {
  /** Environment variables that differ from the harness's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Which workers run in the test's process. */
  readonly workers?: readonly ('verify' | 'background')[];
}

/** Fast settlement and enrichment, so that tests wait for conditions and not for Douyin's schedule. */
const FAST = {
  DOUYIN_TIMEOUT_MS: '1500',
  DOUYIN_REPEAT_DELAYS_MS: '50,100,200,400',
  SETTLE_LOOK_AGAIN_MS: '500',
  ENRICH_RETRY_DELAYS_MS: '50,100',
  // A burst of a test is not to be paced, nor a fault of one call to hold the next for a second.
  DOUYIN_CALLS_PER_SECOND: 'prepare=9999,get_certificate=9999,query_verify_records=9999,query_order=9999',
  DOUYIN_SLOW_DOWN_MS: '50',
} as const;

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const namespace = `test-${randomBytes(5).toString('hex')}`;
  const address = options.env?.['TEMPORAL_ADDRESS'] ?? process.env['TEST_TEMPORAL_ADDRESS'];
  if (!address)
    throw new Error('TEST_TEMPORAL_ADDRESS is not set: run the test by jest, without TEST_PARTS=none');
  await registerNamespace(address, namespace);
  const [database, simulator] = await Promise.all([createTestDatabase(), startSimulator()]);
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    DOUYIN_BASE_URL: simulator.url,
    DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
    DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
    DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
    SHORT_LINK_HOSTS: new URL(simulator.url).host,
    SECRETS_KEY: randomBytes(32).toString('base64'),
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    ...FAST,
    ...options.env,
  };
  const config = loadConfig(env);
  const logger = createLogger({ level: config.log.level, format: 'json', process: 'test' });
  installRuntimeOnce(logger);
  await migrate(config, logger, new AbortController().signal);
  const gateway = await openGateway(config, logger);
  const office = await openOffice(config, logger);
  const workers: RunningWorker[] = [];
  const wanted = options.workers ?? ['verify', 'background'];
  if (wanted.length > 0) {
    const workflowBundle = await loadWorkflowBundle(config.workflowBundleFolder, logger);
    const { activities, temporal } = gateway;
    if (wanted.includes('verify')) {
      const maxInFlight = config.verification.maxInFlight;
      workers.push(await startVerifyWorker(temporal, { workflowBundle, activities, maxInFlight }));
    }
    if (wanted.includes('background'))
      workers.push(await startBackgroundWorker(temporal, { workflowBundle, activities }));
  }
  const { app, secret } = await createVerifierApp(gateway, { name: '测试收银台', code: 'till' }, TEST_ACTOR);
  return {
    config,
    gateway,
    office,
    simulator,
    app,
    secret,
    env,
    async close() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await Promise.all([gateway.close(), office.close()]);
      await simulator.close();
      await database.drop();
    },
  };
}

let isRuntimeInstalled = false;
/** Temporal's native part is one per process. */
function installRuntimeOnce(logger: Logger): void {
  if (!isRuntimeInstalled) installTemporalRuntime(logger);
  isRuntimeInstalled = true;
}

const TEST_ACTOR = { uid: 'test', requestId: 'test' };

async function registerNamespace(address: string, namespace: string): Promise<void> {
  const connection = await NativeConnection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: NAMESPACE_RETENTION_S as never, nanos: 0 },
    });
  } finally {
    await connection.close();
  }
}
