// The bundle that `start` keeps for its API and worker is used only for exactly the code it was made of.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { createLogger } from '../../src/observability/logger.ts';
import { keepWorkflowBundle, loadWorkflowBundle } from '../../src/temporal/workflow-bundle.ts';
import { scratchFolders } from '../support/scratch-folder.ts';

const logger = createLogger({ level: 'silent', format: 'json', process: 'test' });

describe('a kept bundle', () => {
  const makeFolder = scratchFolders();

  it('is used as it is, kept once, and replaces those of other code', async () => {
    const folder = join(await makeFolder(), 'workflow-bundle');
    await keepWorkflowBundle(folder, logger);
    const [name = '', ...others] = await readdir(folder);
    expect(name).toMatch(/^[0-9a-f]{64}\.js$/);
    expect(others).toEqual([]);
    const path = join(folder, name);
    expect(await loadWorkflowBundle(folder, logger)).toEqual({ code: await readFile(path, 'utf8') });

    await writeFile(path, 'kept');
    await writeFile(join(folder, `${'0'.repeat(64)}.js`), 'of other code');
    await writeFile(join(folder, `${'1'.repeat(64)}.js.incomplete`), 'cut');
    await keepWorkflowBundle(folder, logger);
    expect(await readdir(folder)).toEqual([name]);
    expect(await loadWorkflowBundle(folder, logger)).toEqual({ code: 'kept' });
  });

  it('of other code is not used', async () => {
    const folder = await makeFolder();
    await keepWorkflowBundle(folder, logger);
    const [name = ''] = await readdir(folder);
    const code = await readFile(join(folder, name), 'utf8');
    await rename(join(folder, name), join(folder, `${'0'.repeat(64)}.js`));
    await writeFile(join(folder, `${'0'.repeat(64)}.js`), 'of other code');
    expect(await loadWorkflowBundle(folder, logger)).toMatchObject({ code });
  });
});
