// docs/architecture.md against the disk and against the import rules.
import { posix } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { MAY_IMPORT } from '../../import-rules.ts';
import { FILES, readFile } from './project-files.ts';

const PAGE = readFile('docs/architecture.md');

/** How deep the map goes: all of src, elsewhere two levels. */
const MAX_DEPTH = 2;

function foldersOnDisk(): readonly string[] {
  const folders = new Set<string>();
  for (const file of FILES) {
    for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder))
      folders.add(folder);
  }
  return [...folders]
    .filter((folder) => folder.startsWith('src/') || folder.split('/').length <= MAX_DEPTH)
    .toSorted();
}

function mapLines(): readonly (readonly [folder: string, words: string])[] {
  const map = /## 文件夹[^]*?```text\n([^]*?)```/.exec(PAGE)?.[1] ?? '';
  return map
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, folder = '', words = ''] = /^(\S+)\/ +(\S.*)$/.exec(line) ?? [];
      return [folder, words] as const;
    });
}

describe('the folder map of docs/architecture.md', () => {
  it('has every folder that is on the disk, and no other', () => {
    expect(
      mapLines()
        .map(([folder]) => folder)
        .toSorted(),
    ).toEqual(foldersOnDisk());
  });

  it('says something about each, in one line', () => {
    for (const [folder, words] of mapLines()) expect(`${folder}: ${words}`).toMatch(/: .{10,110}$/);
  });
});

function tableRows(): ReadonlyMap<string, readonly string[]> {
  const table = /## 谁可以依赖谁[^]*?\n\n(\|[^]*?)\n\n/.exec(PAGE)?.[1] ?? '';
  const rows = table.split('\n').slice(2);
  return new Map(
    rows.map((row) => {
      const [, folder = '', allowed = ''] = row.split('|').map((cell) => cell.trim());
      const names = [...allowed.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
      return [folder.replaceAll('`', ''), names];
    }),
  );
}

describe('the dependency table of docs/architecture.md', () => {
  it('is import-rules.ts', () => {
    expect([...tableRows()]).toEqual(Object.entries(MAY_IMPORT));
  });
});
