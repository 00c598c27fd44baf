// The project's own files and folders: what a clone has, without what it installs or makes.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

const MADE = new Set(['node_modules', '.git', '.data', '.cache', 'coverage', 'dist']);

/** Every file's path from the root, in order; folders that are installed or made are left out. */
export const FILES: readonly string[] = readdirSync(ROOT, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  .filter((path) => !path.split('/').some((part) => MADE.has(part)))
  .toSorted();

export function readFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export const DOCUMENTS = FILES.filter((path) => path.endsWith('.md'));

const CODE_FOLDERS = ['src', 'workflows', 'activities', 'migrations', 'test', 'bench', 'clients'];

/** Every TypeScript file of ours. */
export const SOURCES = FILES.filter(
  (path) => path.endsWith('.ts') && CODE_FOLDERS.some((folder) => path.startsWith(`${folder}/`)),
);
