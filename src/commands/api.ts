// `api`: serves HTTP, and runs the verifications it accepts on the same connection to Temporal.
import type { Server } from 'node:http';
import { loadConfig } from '../config.ts';
import { type Gateway, openGateway } from '../deps.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer } from '../http/server.ts';
import type { Listener } from '../http/surfaces.ts';
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
  const httpDeps = httpDepsOf(gateway, context.stop);
  const { host, port, metricsPort, internalListener } = config.http;
  const metricsServer = await serveMetrics(gateway.metrics, host, metricsPort);
  const servers: Server[] = [];
  const serve = async (listener: Listener, at: { readonly host: string; readonly port: number }) => {
    const server = createHttpServer(createApp(httpDeps, listener));
    await listen(server, at.host, at.port);
    servers.push(server);
    const url = urlOf(server, at);
    logger.info({ url, listener }, 'the API listens');
    return url;
  };
  const internalUrl = internalListener && (await serve('internal', internalListener));
  const url = await serve(internalListener ? 'public' : 'all', { host, port });
  reportReady({ url, internalUrl: internalUrl ?? url });

  const failure = await Promise.race([
    untilStopped(context.stop).then(() => null),
    worker.ended.then(
      () => new Error('The verify worker ended by itself'),
      (err: unknown) => err,
    ),
  ]);
  if (failure) logger.fatal({ err: failure }, 'the verify worker failed');
  await shutDown(logger, [
    {
      name: 'http',
      timeoutMs: config.verification.budgetMs + CLOSE_MS,
      run: () => Promise.all(servers.map(close)),
    },
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
    internalHosts: config.http.internalHosts,
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

function urlOf(server: Server, asked: { readonly host: string; readonly port: number }): string {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : asked.port;
  return `http://${asked.host.includes(':') ? `[${asked.host}]` : asked.host}:${port}`;
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
