// The workflows' code as the workers take it. Bundling is a second of both processors, several on a busy machine, so
// `start` keeps the bundle for its API and worker, and for the next start. A kept one is found by the content of all it
// was made of, so it cannot be older than the code.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker';
import type { Logger } from '../observability/logger.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** All the bundle is made of, beside packages: workflows import nothing else (import-rules.ts). */
const SOURCE_FOLDERS = ['workflows', 'src/domain'];
/** npm's own list of what is installed. */
const INSTALLED_PACKAGES = 'node_modules/.package-lock.json';

/** Bundles the workflows, in memory. */
async function bundleWorkflows(logger: Logger): Promise<{ readonly code: string }> {
  return bundleWorkflowCode({
    workflowsPath: join(PROJECT, 'workflows/index.ts'),
    logger: {
      log: () => undefined,
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => logger.warn({ temporal: true }, message),
      error: (message) => logger.error({ temporal: true }, message),
    },
  });
}

/** The same for the same sources, packages, Node and place; the bundle holds absolute paths. */
async function digestSources(): Promise<string> {
  const names = [INSTALLED_PACKAGES];
  for (const folder of SOURCE_FOLDERS) {
    for (const entry of await readdir(join(PROJECT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) names.push(join(entry.parentPath, entry.name).slice(PROJECT.length));
    }
  }
  const digest = createHash('sha256').update(`${process.version}\n${PROJECT}\n`);
  for (const name of names.toSorted()) {
    const content = await readFile(join(PROJECT, name));
    digest.update(`${name} ${content.length}\n`).update(content);
  }
  return digest.digest('hex');
}

/** @returns the names of the files in it; none if there is no such folder */
async function listFolder(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
}

const nameOf = async () => `${await digestSources()}.js`;

/**
 * @param folder where `keepWorkflowBundle` may have left one
 * @returns the kept bundle of exactly this code, or a new one
 */
export async function loadWorkflowBundle(folder: string, logger: Logger): Promise<WorkflowBundle> {
  const kept = await listFolder(folder);
  if (kept.length > 0) {
    const name = await nameOf();
    if (kept.includes(name)) return { code: await readFile(join(folder, name), 'utf8') };
  }
  return bundleWorkflows(logger);
}

/**
 * Leaves a bundle of this code in the folder for `loadWorkflowBundle`, and no other. One process at a time may do so.
 * @throws when the folder cannot be written or the workflows cannot be bundled
 */
export async function keepWorkflowBundle(folder: string, logger: Logger): Promise<void> {
  const name = await nameOf();
  const kept = await listFolder(folder);
  await Promise.all(kept.filter((other) => other !== name).map((other) => rm(join(folder, other))));
  if (kept.includes(name)) return;
  const { code } = await bundleWorkflows(logger);
  // Somebody edited the sources meanwhile: under which name it belongs is not known.
  if ((await nameOf()) !== name) return;
  await mkdir(folder, { recursive: true });
  const draftPath = join(folder, `${name}.incomplete`);
  const draft = await open(draftPath, 'w', 0o600);
  try {
    await draft.writeFile(code);
    await draft.sync();
  } finally {
    await draft.close();
  }
  await rename(draftPath, join(folder, name));
}
