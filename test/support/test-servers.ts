// What global-setup.ts started and global-teardown.ts ends. Both run in jest's own process but may be loaded apart, so
// the list hangs on the global object and not on this module.
import { rm } from 'node:fs/promises';

export interface TestServers {
  readonly stops: (() => Promise<void>)[];
  readonly folders: string[];
}

const KEY = Symbol.for('dy-gateway.test-servers');

export function testServers(): TestServers {
  const holder = globalThis as { [KEY]?: TestServers };
  return (holder[KEY] ??= { stops: [], folders: [] });
}

/** Ends every server that was started and removes their folders. */
export async function stopTestServers(): Promise<void> {
  const { stops, folders } = testServers();
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}
