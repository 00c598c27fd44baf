// The lint rules against import-rules.ts: for each part of the code, every import of every file is planted, and exactly
// those that are not allowed must be found.
import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { FORBIDDEN_PACKAGES, MAY_IMPORT } from '../../import-rules.ts';
import { FILES, ROOT } from './project-files.ts';

/** All but the rules themselves, which lie beside the folders. */
const SOURCES = FILES.filter((file) => file.endsWith('.ts') && file.includes('/'));
const PARTS = Object.keys(MAY_IMPORT);

const isIn = (file: string, part: string) => file === part || file.startsWith(`${part}/`);

/** Where the imports of a part are planted. */
const plantedAt = (part: string) => (part.endsWith('.ts') ? part : `${part}/planted.ts`);

/**
 * Lints the planted texts with the rule as eslint.config.js has it, and prints which of their lines it finds. A process
 * of its own loads ESLint's plugins several times faster than jest does; without types it needs no program.
 */
const LINT = `
  const { ESLint } = await import('eslint');
  const { parser } = (await import('typescript-eslint')).default;
  const { default: parts } = await import('./eslint.config.js');
  const { plugins, settings, rules } = parts.find((part) => part.rules?.['import-x/no-restricted-paths']);
  const name = 'import-x/no-restricted-paths';
  const eslint = new ESLint({
    cwd: process.cwd(),
    overrideConfigFile: true,
    overrideConfig: [{
      files: ['**/*.ts'], plugins, settings, languageOptions: { parser }, rules: { [name]: rules[name] },
    }],
  });
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const found = {};
  for (const [filePath, text] of Object.entries(JSON.parse(input))) {
    const [{ messages }] = await eslint.lintText(text, { filePath });
    found[filePath] = messages.map(({ ruleId, line, message }) => ruleId === name ? line : message);
  }
  console.log(JSON.stringify(found));
`;

const linesOf = (imports: readonly string[]) => imports.map((name) => `import '${name}';`).join('\n');

function lint(texts: Readonly<Record<string, string>>): Readonly<Record<string, readonly unknown[]>> {
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', LINT], {
    cwd: ROOT,
    encoding: 'utf8',
    input: JSON.stringify(texts),
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(printed) as Record<string, readonly unknown[]>;
}

describe('import-rules.ts', () => {
  it('has a row for every part of the code that the gateway runs', () => {
    const hasRow = (file: string) => PARTS.some((part) => isIn(file, part));
    const free = (file: string) => isIn(file, 'test') || isIn(file, 'bench');
    expect(SOURCES.filter((file) => !hasRow(file) && !free(file))).toEqual([]);
  });
});

describe('the lint rules', () => {
  let found: Readonly<Record<string, readonly unknown[]>>;
  let foundPackages: typeof found;

  beforeAll(() => {
    const specifierFrom = (part: string) => (file: string) => {
      const path = posix.relative(posix.dirname(plantedAt(part)), file);
      return path.startsWith('.') ? path : `./${path}`;
    };
    found = lint(
      Object.fromEntries(PARTS.map((part) => [plantedAt(part), linesOf(SOURCES.map(specifierFrom(part)))])),
    );
    foundPackages = lint(
      Object.fromEntries(
        PARTS.map((part) => [plantedAt(part), linesOf(['koa', '@temporalio/client', 'zod'])]),
      ),
    );
  }, 240_000);

  it.each(PARTS)('find every import that %s may not have, and no other', (part) => {
    const isAllowed = (file: string) =>
      [part, ...(MAY_IMPORT[part] ?? [])].some((allowed) => isIn(file, allowed));
    const lines = found[plantedAt(part)] ?? [];
    const foundFiles = lines.map((line) => (typeof line === 'number' ? SOURCES[line - 1] : line));
    expect(foundFiles).toEqual(SOURCES.filter((file) => !isAllowed(file)));
  });

  it('find packages where they are not wanted', () => {
    const wanted: Readonly<Record<string, readonly number[]>> = {
      'src/domain': [1, 2, 3],
      'src/ports': [1, 2, 3],
      'src/services': [1, 2],
    };
    expect(Object.keys(wanted)).toEqual(Object.keys(FORBIDDEN_PACKAGES));
    for (const part of PARTS)
      expect([part, foundPackages[plantedAt(part)]]).toEqual([part, wanted[part] ?? []]);
  });
});
