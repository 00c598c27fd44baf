// A gateway in small, run as a process of its own so that a test can kill it: starts the parts on the folder given,
// prints their pids on one line and stays.
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { startEmbeddedTemporal } from '../../src/embedded/temporal.ts';

const [dataDir, cliPath] = process.argv.slice(2);
if (dataDir === undefined || cliPath === undefined)
  throw new Error('usage: start-parts.ts DATA_DIR TEMPORAL_CLI');
const report = (message: string) => void process.stderr.write(`${message}\n`);
const [postgres, temporal] = await Promise.all([
  startEmbeddedPostgres({ dataDir, databaseName: 'gateway', preferredPort: 0, report }),
  startEmbeddedTemporal({ dataDir, cliPath, preferredPort: 0, preferredUiPort: 0, report }),
]);
process.stdout.write(
  `${JSON.stringify({ postgresUrl: postgres.url, postgresPid: postgres.pid, temporalPid: temporal.pid })}\n`,
);
