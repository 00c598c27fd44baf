// The simulator as a process of its own, with a journal: the oracle of a torture run, which nothing disturbs.
// Started by system.ts, which tells it where to keep its journal; it ends with its parent.
import { startSimulator } from '../../../src/simulator/simulator.ts';

const dataFile = process.env['TORTURE_JOURNAL'];
if (!dataFile || !process.send) throw new Error('This process is started by the torture');
const simulator = await startSimulator({
  dataFile,
  seed: process.env['TORTURE_SEED'] ?? 'torture',
  log: (message, error) => process.stderr.write(`${message}: ${String(error)}\n`),
});
process.on('disconnect', () => void simulator.close().then(() => process.exit(0)));
process.on('SIGTERM', () => void simulator.close().then(() => process.exit(0)));
process.send({ kind: 'ready', url: simulator.url });
