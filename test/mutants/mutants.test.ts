import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { closestTests } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { replaceOnce, ROOT } from './tree.ts';

describe('the planted bugs', () => {
  it('are each of their own kind', () => {
    expect(new Set(MUTANTS.map(({ bug }) => bug)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS)('still fit the source: $bug', async ({ edits }) => {
    const sources = new Map<string, string>();
    for (const edit of edits) {
      const source = sources.get(edit.file) ?? (await readFile(join(ROOT, edit.file), 'utf8'));
      const planted = replaceOnce(source, edit);
      expect(planted).not.toBe(source);
      sources.set(edit.file, planted);
    }
  });

  it.each([...new Set(MUTANTS.flatMap(closestTests))])(
    'are looked for by tests that exist: %s',
    async (test) => {
      await expect(access(join(ROOT, test))).resolves.toBeUndefined();
    },
  );
});
