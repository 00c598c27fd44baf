// `api`: serves HTTP, and runs the verifications it accepts on the same connection to Temporal.
import type { Server } from 'node:http';
import { loadConfig } from '../config.ts';
import { type Gateway, openGateway } from '../deps.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer } from '../http/server.ts';
import { createLogger } from '../observability/logger.ts';
import { serveMetrics } from '../observability/metrics.ts';
import { checkTemporal, installTemporalRuntime } from '../temporal/connection.ts';
import { bundleWorkflows, startVerifyWorker } from '../temporal/workers.ts';
import { VERSION } from '../version.ts';
import {
  openPatiently,
  type ProcessContext,
  reportReady,
  shutDown,
  untilStopped,
} from './process-context.ts';
import { refusePendingMigrations } from './pending-migrations.ts';

const HEALTH_TIMEOUT_MS = 1500;
const WORKER_STOP_MS = 25_000;
const CLOSE_MS = 5000;

export async function run(context: ProcessContext): Promise<void> {
  const config = loadConfig(context.env);
  const logger = createLogger({ ...config.log, process: 'api' });
  installTemporalRuntime(logger);
  const gateway = await openPatiently(
    'the database or Temporal',
    () => openGateway(config, logger),
    logger,
    context.stop,
  );
  await refusePendingMigrations(gateway.orm, logger, context.stop);
  const workflowBundle = await bundleWorkflows(logger);
  const { activities } = gateway;
  const { maxInFlight } = config.verification;
  const worker = await openPatiently(
    'Temporal',
    () => startVerifyWorker(gateway.temporal, { workflowBundle, activities, maxInFlight }),
    logger,
    context.stop,
  );
  const app = createApp(httpDepsOf(gateway, context.stop));
  const server = createHttpServer(app);
  const metricsServer = await serveMetrics(gateway.metrics, config.http.host, config.http.metricsPort);
  await listen(server, config.http.host, config.http.port);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : config.http.port;
  logger.info({ host: config.http.host, port }, 'the API listens');
  reportReady({ url: `http://${config.http.host}:${port}` });

  const failure = await Promise.race([
    untilStopped(context.stop).then(() => null),
    worker.ended.then(
      () => new Error('The verify worker ended by itself'),
      (err: unknown) => err,
    ),
  ]);
  if (failure) logger.fatal({ err: failure }, 'the verify worker failed');
  await shutDown(logger, [
    { name: 'http', timeoutMs: config.verification.budgetMs + CLOSE_MS, run: () => close(server) },
    { name: 'worker', timeoutMs: WORKER_STOP_MS, run: () => worker.stop() },
    { name: 'metrics', timeoutMs: CLOSE_MS, run: () => close(metricsServer) },
    { name: 'connections', timeoutMs: CLOSE_MS, run: () => gateway.close() },
  ]);
  if (failure) throw new Error('The API process ended because its worker failed', { cause: failure });
}

function httpDepsOf(gateway: Gateway, stop: AbortSignal): Parameters<typeof createApp>[0] {
  const { config } = gateway;
  return {
    ...gateway,
    budgetMs: config.verification.budgetMs,
    maxInFlight: config.verification.maxInFlight,
    internalTrustedCidrs: config.http.internalTrustedCidrs,
    reportTimeZone: config.report.timeZone,
    environment: config.environment,
    version: VERSION,
    isStopping: () => stop.aborted,
    health: {
      database: async () => {
        await gateway.orm.em.fork().execute('select 1');
      },
      temporal: () => checkTemporal(gateway.temporal, HEALTH_TIMEOUT_MS),
      accessToken: async () => {
        await gateway.accessTokens.current();
      },
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

/** Stops accepting and waits for the requests under way. */
async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
