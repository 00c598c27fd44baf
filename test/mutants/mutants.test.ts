import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { MUTANTS } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the planted bugs', () => {
  it('are at least twenty, each of its own kind', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(MUTANTS.map(({ bug }) => bug)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS)('still fit the source: $bug', async ({ edits }) => {
    for (const { file, from } of edits) {
      const source = await readFile(join(ROOT, file), 'utf8');
      expect(source.split(from)).toHaveLength(2);
    }
  });
});
