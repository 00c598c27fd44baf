// What `api` and `worker` do alike: they open the gateway as soon as its servers answer, refuse a database that is not
// fit for them, and end in order when they are told to or when one of their workers fails.
import type { Server } from 'node:http';
import { type Config, loadConfig } from '../config.ts';
import { type Gateway, openGateway } from '../deps.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { installTemporalRuntime } from '../temporal/connection.ts';
import { loadWorkflowBundle } from '../temporal/workflow-bundle.ts';
import type { RunningWorker } from '../temporal/workers.ts';
import { shutDown, type ShutdownStep } from '../timing/shut-down.ts';
import { openPatiently, type ProcessContext, untilStopped } from './process-context.ts';
import { refuseUnfitDatabase } from './unfit-database.ts';

const WORKER_STOP_MS = 25_000;
export const CLOSE_MS = 5000;

export interface GatewayProcess {
  readonly config: Config;
  readonly logger: Logger;
  readonly gateway: Gateway;
  readonly workflowBundle: Awaited<ReturnType<typeof loadWorkflowBundle>>;
  /** Tries again while Temporal cannot be reached, for a minute. */
  readonly patiently: <T>(open: () => Promise<T>) => Promise<T>;
}

/** @throws Error that says what is wrong with the configuration, the database or Temporal */
export async function openGatewayProcess(
  context: ProcessContext,
  name: 'api' | 'worker',
): Promise<GatewayProcess> {
  const config = loadConfig(context.env);
  const logger = createLogger({ ...config.log, process: name });
  installTemporalRuntime(logger);
  const gateway = await openPatiently(
    'the database or Temporal',
    () => openGateway(config, logger),
    logger,
    context.stop,
  );
  await refuseUnfitDatabase(gateway.orm, config.environment, logger, context.stop);
  return {
    config,
    logger,
    gateway,
    workflowBundle: await loadWorkflowBundle(config.workflowBundleFolder, logger),
    patiently: (open) => openPatiently('Temporal', open, logger, context.stop),
  };
}

/**
 * Resolves after the ordered end.
 * @param steps.first what must end before the workers: it still needs them
 * @throws Error if a worker ended by itself
 */
export async function serveUntilStopped(
  { logger, gateway }: GatewayProcess,
  stop: AbortSignal,
  workers: readonly RunningWorker[],
  steps: { readonly first: readonly ShutdownStep[]; readonly metricsServer: Server },
): Promise<void> {
  const failure = await Promise.race([
    untilStopped(stop).then(() => null),
    ...workers.map((worker) =>
      worker.ended.then(
        () => new Error('A worker ended by itself'),
        (err: unknown) => err,
      ),
    ),
  ]);
  if (failure) logger.fatal({ err: failure }, 'a worker failed');
  await shutDown(logger, [
    ...steps.first,
    {
      name: 'workers',
      timeoutMs: WORKER_STOP_MS,
      run: () => Promise.all(workers.map((worker) => worker.stop())),
    },
    { name: 'metrics', timeoutMs: CLOSE_MS, run: () => closeServer(steps.metricsServer) },
    { name: 'connections', timeoutMs: CLOSE_MS, run: () => gateway.close() },
  ]);
  if (failure) throw new Error('The process ended because a worker failed', { cause: failure });
}

/** Stops accepting and waits for the requests under way. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
