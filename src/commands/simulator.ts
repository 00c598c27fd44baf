// `simulator`: the Douyin simulator alone, for development against it.
import { parseEnvironment } from '../config.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { type ProcessContext, reportReady, untilStopped } from './process-context.ts';

const USUAL_PORT = 8090;

export async function run(context: ProcessContext): Promise<void> {
  const environment = parseEnvironment(context.env);
  const port = context.env['PORT'] ? environment.PORT : USUAL_PORT;
  const simulator = await startSimulator({ host: environment.HOST, port, demo: true });
  process.stdout.write(`ready ${simulator.url}\n`);
  reportReady({ url: simulator.url });
  await untilStopped(context.stop);
  await simulator.close();
}
