// `worker`: runs what no cashier waits for (enrichment, settling, schedules), and takes over verifications from API
// processes that died.
import { loadConfig } from '../config.ts';
import { openGateway } from '../deps.ts';
import { createLogger } from '../observability/logger.ts';
import { serveMetrics } from '../observability/metrics.ts';
import { installTemporalRuntime } from '../temporal/connection.ts';
import { ensureSchedules } from '../temporal/schedules.ts';
import { bundleWorkflows, startBackgroundWorker, startVerifyWorker } from '../temporal/workers.ts';
import {
  openPatiently,
  type ProcessContext,
  reportReady,
  shutDown,
  untilStopped,
} from './process-context.ts';
import { refusePendingMigrations } from './pending-migrations.ts';

const WORKER_STOP_MS = 25_000;
const CLOSE_MS = 5000;

export async function run(context: ProcessContext): Promise<void> {
  const config = loadConfig(context.env);
  const logger = createLogger({ ...config.log, process: 'worker' });
  installTemporalRuntime(logger);
  const gateway = await openPatiently(
    'the database or Temporal',
    () => openGateway(config, logger),
    logger,
    context.stop,
  );
  await refusePendingMigrations(gateway.orm, logger, context.stop);
  const workflowBundle = await bundleWorkflows(logger);
  const { activities, temporal } = gateway;
  const { maxInFlight } = config.verification;
  const patiently = <T>(open: () => Promise<T>) => openPatiently('Temporal', open, logger, context.stop);
  const workers = [
    await patiently(() => startVerifyWorker(temporal, { workflowBundle, activities, maxInFlight })),
    await patiently(() => startBackgroundWorker(temporal, { workflowBundle, activities })),
  ];
  await patiently(() => ensureSchedules(temporal, config.sweep.intervalMs));
  const metricsServer = await serveMetrics(gateway.metrics, config.http.host, config.http.metricsPort);
  logger.info('the worker serves');
  reportReady({});

  const failure = await Promise.race([
    untilStopped(context.stop).then(() => null),
    ...workers.map((worker) =>
      worker.ended.then(
        () => new Error('A worker ended by itself'),
        (err: unknown) => err,
      ),
    ),
  ]);
  if (failure) logger.fatal({ err: failure }, 'a worker failed');
  await shutDown(logger, [
    {
      name: 'workers',
      timeoutMs: WORKER_STOP_MS,
      run: () => Promise.all(workers.map((worker) => worker.stop())),
    },
    {
      name: 'metrics',
      timeoutMs: CLOSE_MS,
      run: () => new Promise<void>((resolve) => metricsServer.close(() => resolve())),
    },
    { name: 'connections', timeoutMs: CLOSE_MS, run: () => gateway.close() },
  ]);
  if (failure) throw new Error('The worker process ended because a worker failed', { cause: failure });
}
