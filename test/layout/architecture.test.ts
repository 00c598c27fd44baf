// docs/architecture.md against the disk and against the lint zones.
import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { FILES, readFile, ROOT } from './project-files.ts';

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

interface Zone {
  readonly target: string;
  readonly from: readonly string[];
}

/** Prints the zones of the lint rules; a process of its own loads ESLint's plugins several times faster than jest does. */
const PRINT_ZONES = `
  const { default: parts } = await import('./eslint.config.js');
  const rules = parts.map((part) => part.rules?.['import-x/no-restricted-paths']).filter(Boolean);
  console.log(JSON.stringify(rules.flatMap(([, options]) => options.zones)));
`;

/** The zones ESLint enforces, by their folder. */
function lintZones(): ReadonlyMap<string, readonly string[]> {
  const options = { cwd: ROOT, encoding: 'utf8' } as const;
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', PRINT_ZONES], options);
  const zones = JSON.parse(printed) as readonly Zone[];
  return new Map(zones.map(({ target, from }) => [strip(target), from.map(strip)]));
}

const strip = (path: string) => path.replace(/^\.\//, '');

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
  const zones = lintZones();

  it('has a row for each zone of the lint rules', () => {
    expect(zones.size).toBeGreaterThan(10);
    expect([...tableRows().keys()]).toEqual([...zones.keys()]);
  });

  it.each([...zones])('allows %s what the lint rules leave open, and no more', (folder, forbidden) => {
    const isForbidden = (other: string) =>
      forbidden.some((from) => other === from || other.startsWith(`${from}/`));
    const open = [...zones.keys()].filter((other) => other !== folder && !isForbidden(other));
    expect(tableRows().get(folder)?.toSorted()).toEqual(open.toSorted());
  });
});
