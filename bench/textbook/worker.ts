// The textbook's own small worker, a process as it would be in production. Says `ready` to its parent and ends with it.
import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { loadConfig } from '../../src/config.ts';
import { openCore } from '../../src/deps.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { douyinCalls } from '../douyin-calls.ts';
import { TEXTBOOK_QUEUE } from './contract.ts';

Runtime.install({
  logger: new DefaultLogger('WARN'),
  telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
});
const config = loadConfig(process.env);
const core = await openCore(config, createLogger({ level: 'warn', format: 'json', process: 'textbook' }));
const connection = await NativeConnection.connect({ address: config.temporal.address });
const worker = await Worker.create({
  connection,
  namespace: config.temporal.namespace,
  taskQueue: TEXTBOOK_QUEUE,
  workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
  activities: douyinCalls(core),
});
process.on('disconnect', () => worker.shutdown());
const ended = worker.run();
process.send?.('ready');
await ended;
await connection.close();
await core.close();
