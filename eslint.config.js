// Lint rules: who may import whom (import-rules.ts), no floating promises, no cycles.
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { FORBIDDEN_PACKAGES, MAY_IMPORT } from './import-rules.ts';

/** Files under a part may import only itself, what its row lists, and packages. */
const partZones = Object.entries(MAY_IMPORT).map(([part, allowed]) => ({
  target: `./${part}`,
  from: '.',
  except: [part, ...allowed, 'node_modules'].map((path) => `./${path}`),
  message: `import-rules.ts says what ${part} may import.`,
}));
const packageZones = Object.entries(FORBIDDEN_PACKAGES).map(([part, packages]) => ({
  target: `./${part}`,
  // Where a package brings no types of its own, its import is resolved to its types.
  from: packages.flatMap((name) =>
    name === '' ? ['./node_modules'] : [`./node_modules/${name}`, `./node_modules/@types/${name}`],
  ),
  message: `import-rules.ts says which packages ${part} may not import.`,
}));
const zones = [...partZones, ...packageZones];

export default tseslint.config(
  { ignores: ['node_modules/', '.data/', '.cache/', 'coverage/', 'clients/typescript/dist/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only src/config.ts reads the environment.' },
      ],
    },
  },
  {
    files: ['src/config.ts', 'src/main.ts', 'test/**', 'bench/**', 'clients/**', 'src/embedded/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Jest and MikroORM load these files by their default export.
    files: ['test/support/global-*.ts', 'test/mutants/{result-reporter,given-order}.ts', 'migrations/**'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    files: ['src/domain/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Domain takes the time as an argument.' },
        { object: 'Math', property: 'random', message: 'Domain takes randomness as an argument.' },
      ],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/activities/**'],
              allowTypeImports: true,
              message: 'A workflow sees only the activities’ types.',
            },
            { group: ['node:*'], message: 'A workflow is deterministic: no Node built-ins.' },
          ],
        },
      ],
    },
  },
);
