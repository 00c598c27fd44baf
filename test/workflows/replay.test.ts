import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { HISTORIES_FOLDER } from './support.ts';

const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));

describe('replay of saved histories', () => {
  it('finds today’s workflows in step with executions that began before', async () => {
    const files = (await readdir(HISTORIES_FOLDER)).filter((file) => file.endsWith('.json'));
    expect(files.length).toBeGreaterThanOrEqual(15);
    const histories = files.map(async (file) => ({
      workflowId: file.replace('.json', ''),
      history: JSON.parse(await readFile(`${HISTORIES_FOLDER}/${file}`, 'utf8')) as never,
    }));
    const failures: string[] = [];
    for await (const result of Worker.runReplayHistories({ workflowsPath }, await Promise.all(histories))) {
      if (result.error) failures.push(`${result.workflowId}: ${result.error.message}`);
    }
    expect(failures).toEqual([]);
  }, 60_000);
});
