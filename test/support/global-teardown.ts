// Ends the servers that global-setup.ts started.
import { stopTestServers } from './test-servers.ts';

export default async function stopServersOfThisRun(): Promise<void> {
  await stopTestServers();
}
