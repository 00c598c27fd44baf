// The one connection of a process to Temporal, shared by its client and its workers: eager start needs that.
import { Client } from '@temporalio/client';
import { NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from '../observability/logger.ts';
import type { Secret } from '../observability/secret.ts';

export interface TemporalSettings {
  readonly address: string;
  readonly namespace: string;
  readonly isTls: boolean;
  readonly apiKey: Secret | null;
}

export interface TemporalConnection {
  readonly connection: NativeConnection;
  readonly client: Client;
  readonly namespace: string;
  close(): Promise<void>;
}

/** Gives Temporal's native part our logger; signals stay the process's own. Call it once, before connecting. */
export function installTemporalRuntime(logger: Logger): void {
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log: (level, message, meta) => {
        const record = { temporal: true, ...meta };
        if (level === 'ERROR') logger.error(record, message);
        else if (level === 'WARN') logger.warn(record, message);
        else logger.debug(record, message);
      },
      trace: (message, meta) => logger.trace({ temporal: true, ...meta }, message),
      debug: (message, meta) => logger.debug({ temporal: true, ...meta }, message),
      info: (message, meta) => logger.debug({ temporal: true, ...meta }, message),
      warn: (message, meta) => logger.warn({ temporal: true, ...meta }, message),
      error: (message, meta) => logger.error({ temporal: true, ...meta }, message),
    },
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}

/** @throws when Temporal cannot be reached */
export async function connectTemporal(settings: TemporalSettings): Promise<TemporalConnection> {
  const connection = await NativeConnection.connect({
    address: settings.address,
    tls: settings.isTls,
    ...(settings.apiKey ? { apiKey: settings.apiKey.expose() } : {}),
  });
  return {
    connection,
    client: new Client({ connection, namespace: settings.namespace }),
    namespace: settings.namespace,
    close: () => connection.close(),
  };
}

/** Rejects if the namespace does not answer within `timeoutMs`. */
export async function checkTemporal(temporal: TemporalConnection, timeoutMs: number): Promise<void> {
  await temporal.connection.withDeadline(Date.now() + timeoutMs, () =>
    temporal.connection.workflowService.describeNamespace({ namespace: temporal.namespace }),
  );
}
