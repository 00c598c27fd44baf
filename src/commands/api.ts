// `api`: serves HTTP, and runs the verifications it accepts on the same connection to Temporal.
import type { Server } from 'node:http';
import { isRealDouyin } from '../config.ts';
import { type Gateway, type Office, openOffice } from '../deps.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer } from '../http/server.ts';
import type { Listener } from '../http/surfaces.ts';
import { serveMetrics } from '../observability/metrics.ts';
import { checkTemporal } from '../temporal/connection.ts';
import { startVerifyWorker } from '../temporal/workers.ts';
import { VERSION } from '../version.ts';
import { CLOSE_MS, closeServer, openGatewayProcess, serveUntilStopped } from './gateway-process.ts';
import { openPatiently, type ProcessContext, reportReady } from './process-context.ts';

const HEALTH_TIMEOUT_MS = 1500;

export async function run(context: ProcessContext): Promise<void> {
  const opened = await openGatewayProcess(context, 'api');
  const { config, logger, gateway, workflowBundle, patiently } = opened;
  if (config.environment !== 'production' && isRealDouyin(config.douyin.baseUrl)) {
    logger.warn(
      { environment: config.environment, internalTrustedCidrs: config.http.internalTrustedCidrs },
      'Douyin is the real one, but NODE_ENV is not production: the internal endpoints may trust whoever is on this machine',
    );
  }
  const { activities, temporal } = gateway;
  const { maxInFlight } = config.verification;
  const worker = await patiently(() =>
    startVerifyWorker(temporal, { workflowBundle, activities, maxInFlight }),
  );
  const office = await openPatiently('the database', () => openOffice(config, logger), logger, context.stop);
  const httpDeps = httpDepsOf(gateway, office, context.stop);
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

  const drainHttp = {
    name: 'http',
    timeoutMs: config.verification.budgetMs + CLOSE_MS,
    run: () => Promise.all(servers.map(closeServer)),
  };
  const closeOffice = { name: 'office', timeoutMs: CLOSE_MS, run: () => office.close() };
  await serveUntilStopped(opened, context.stop, [worker], { first: [drainHttp, closeOffice], metricsServer });
}

function httpDepsOf(gateway: Gateway, office: Office, stop: AbortSignal): Parameters<typeof createApp>[0] {
  const { config } = gateway;
  return {
    ...gateway,
    officeDb: office.officeDb,
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
