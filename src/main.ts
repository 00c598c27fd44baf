// The one entry point: `main.ts <command>`. It owns signals and exit codes; everything else is the command's.
import { ConfigError } from './config.ts';
import type { ProcessContext } from './commands/process-context.ts';

const COMMANDS: Readonly<Record<string, () => Promise<{ run: (context: ProcessContext) => Promise<void> }>>> =
  {
    start: () => import('./commands/start.ts'),
    api: () => import('./commands/api.ts'),
    worker: () => import('./commands/worker.ts'),
    migrate: () => import('./commands/migrate.ts'),
    simulator: () => import('./commands/simulator.ts'),
  };

/** How long a child of a killed `start` may take for its ordered end: its servers end beside it. */
const ORPHAN_LIFE_MS = 10_000;
const LAUNCHER_CHECK_MS = 500;

const USAGE = `usage: node src/main.ts ${Object.keys(COMMANDS).join(' | ')}\n`;

/** Exits 0 after an ordered end, 1 after a failure, 2 for a wrong command. */
async function main(): Promise<number> {
  const command = COMMANDS[process.argv[2] ?? ''];
  if (!command || process.argv.length > 3) {
    process.stderr.write(USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The second one means it.
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  // Started by `start`: when that process is gone, however it went, this one ends too.
  const endAsOrphan = () => {
    stop.abort();
    setTimeout(() => process.exit(1), ORPHAN_LIFE_MS).unref();
  };
  process.on('disconnect', endAsOrphan);
  // `false` only if there was a connection: the parent died before the line above.
  if (process.connected === false) endAsOrphan();
  // Started by npm: it hands on every signal but SIGKILL, after which this process would go on without anybody's notice.
  const launcherPid = process.env['npm_lifecycle_event'] === undefined ? null : process.ppid;
  if (launcherPid !== null) {
    setInterval(() => {
      if (process.ppid !== launcherPid) stop.abort();
    }, LAUNCHER_CHECK_MS).unref();
  }

  try {
    const { run } = await command();
    await run({ env: process.env, stop: stop.signal, launcherPid });
    return 0;
  } catch (err) {
    process.stderr.write(`${describe(err)}\n`);
    return 1;
  }
}

/** What a person needs to mend it: the message and its causes; the stack only of what is our own mistake. */
function describe(err: unknown): string {
  if (err instanceof ConfigError) return err.message;
  if (!(err instanceof Error)) return String(err);
  const causes: string[] = [];
  for (let cause = err.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(`  because: ${cause.message}`);
  }
  return [`dy-gateway: ${err.message}`, ...causes].join('\n');
}

process.exitCode = await main();
// Whatever still holds the event loop after the ordered end (a native connection) may not keep the process.
setTimeout(() => process.exit(), 2000).unref();
