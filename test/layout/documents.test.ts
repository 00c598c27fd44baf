// The documents: links lead somewhere, commands exist, and nothing of one machine is in them.
import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { DOCUMENTS, readFile, ROOT } from './project-files.ts';

const SCRIPTS = Object.keys(
  (JSON.parse(readFile('package.json')) as { scripts: Record<string, string> }).scripts,
);

/** The text outside fenced code. */
function prose(page: string): string {
  return page.replace(/^( *)```[^]*?^\1```/gm, '');
}

/** A heading's anchor as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(path: string): readonly string[] {
  return [...prose(readFile(path)).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

function linksOf(path: string): readonly string[] {
  return [...prose(readFile(path)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
}

function isThere(path: string, target: string): boolean {
  const [file = '', anchor = ''] = decodeURI(target).split('#');
  const found = file === '' ? path : posix.join(posix.dirname(path), file);
  if (!existsSync(join(ROOT, found))) return false;
  if (anchor === '') return true;
  return !statSync(join(ROOT, found)).isDirectory() && anchorsOf(found).includes(anchor);
}

describe('the documents', () => {
  it('are found', () => {
    expect(DOCUMENTS).toContain('README.md');
    expect(DOCUMENTS.length).toBeGreaterThan(20);
  });

  it.each(DOCUMENTS)('%s: every link inside the project resolves, to its heading', (path) => {
    const inside = linksOf(path).filter((target) => !/^[a-z]+:/.test(target));
    expect(inside.filter((target) => !isThere(path, target))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s: every npm script it names exists', (path) => {
    const named = [...readFile(path).matchAll(/npm run (?:--silent )?([a-z][\w-]*(?::[\w-]+)*)/g)].map(
      ([, name]) => name,
    );
    expect(named.filter((name) => !SCRIPTS.includes(name ?? ''))).toEqual([]);
  });

  it('README.md leads to every runbook and every page of docs', () => {
    const reached = new Set<string>();
    const follow = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const target of linksOf(path)) {
        const [file = ''] = decodeURI(target).split('#');
        const next = posix.join(posix.dirname(path), file);
        if (file.endsWith('.md') && !file.includes(':') && existsSync(join(ROOT, next))) follow(next);
      }
    };
    follow('README.md');
    expect(DOCUMENTS.filter((path) => !reached.has(path))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s: names no folder of a particular machine', (path) => {
    expect(readFile(path)).not.toMatch(/(?:^|[\s`'"(=])\/(?:home|root|work|Users)\//m);
  });
});
