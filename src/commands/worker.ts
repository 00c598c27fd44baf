// `worker`: runs what no cashier waits for (enrichment, settling, schedules), and takes over verifications from API
// processes that died.
import { serveMetrics } from '../observability/metrics.ts';
import { ensureSchedules } from '../temporal/schedules.ts';
import { startBackgroundWorker, startVerifyWorker } from '../temporal/workers.ts';
import { openGatewayProcess, serveUntilStopped } from './gateway-process.ts';
import { type ProcessContext, reportReady } from './process-context.ts';

export async function run(context: ProcessContext): Promise<void> {
  const opened = await openGatewayProcess(context, 'worker');
  const { config, logger, gateway, workflowBundle, patiently } = opened;
  const { activities, temporal } = gateway;
  const { maxInFlight } = config.verification;
  const workers = [
    await patiently(() => startVerifyWorker(temporal, { workflowBundle, activities, maxInFlight })),
    await patiently(() => startBackgroundWorker(temporal, { workflowBundle, activities })),
  ];
  await patiently(() => ensureSchedules(temporal, config.sweep.intervalMs));
  const metricsServer = await serveMetrics(gateway.metrics, config.http.host, config.http.metricsPort);
  logger.info('the worker serves');
  reportReady({});
  await serveUntilStopped(opened, context.stop, workers, { first: [], metricsServer });
}
