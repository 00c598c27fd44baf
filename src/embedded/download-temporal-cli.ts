// A program of its own, run by temporal-cli.ts: has the Temporal SDK download its dev server into the folder named by
// the first argument, in the version named by the second, and ends. The SDK downloads only as part of a start, so the server is started and stopped once.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [downloadDir, version] = process.argv.slice(2);
if (downloadDir === undefined || version === undefined)
  throw new Error('usage: download-temporal-cli.ts FOLDER VERSION');
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', version, downloadDir } },
  });
  await environment.teardown();
} catch (err) {
  // The last line of the error output is what the caller shows; a stack trace would say nothing to its user.
  console.error((err as Error).message.replaceAll('\n', ' '));
  process.exitCode = 1;
}
