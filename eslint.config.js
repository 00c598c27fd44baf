// Lint rules: who may import whom (docs/architecture.md), no floating promises, no cycles.
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** One zone per row of the dependency table: files under `target` may not import from `from`, except the listed. */
const zone = (target, from, except = []) => ({
  target: `./${target}`,
  from: from.map((folder) => `./${folder}`),
  ...(except.length ? { except } : {}),
  message: `docs/architecture.md says what ${target} may import.`,
});

const roots = ['src/main.ts', 'src/commands', 'src/deps.ts', 'src/config.ts', 'test', 'bench', 'clients'];
const zones = [
  zone('src/domain', [
    'src/ports', 'src/services', 'src/douyin', 'src/db', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded',
    'src/observability', 'workflows', 'activities', 'migrations', 'node_modules', ...roots,
  ]),
  zone('src/ports', [
    'src/services', 'src/douyin', 'src/db', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded',
    'workflows', 'activities', 'migrations', ...roots,
  ]),
  zone('src/services', [
    'src/douyin', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded', 'workflows', 'activities', 'migrations',
    'node_modules/koa', 'node_modules/@temporalio', ...roots,
  ]),
  zone('src/douyin', [
    'src/services', 'src/db', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded', 'workflows', 'activities',
    'migrations', ...roots,
  ]),
  zone('src/db', [
    'src/services', 'src/douyin', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded', 'workflows', 'activities',
    ...roots,
  ]),
  zone('src/temporal', [
    'src/services', 'src/douyin', 'src/db', 'src/http', 'src/simulator', 'src/embedded', 'activities', 'migrations', ...roots,
  ]),
  zone('src/http', [
    'src/db', 'src/douyin', 'src/temporal', 'src/simulator', 'src/embedded', 'workflows', 'activities', 'migrations', ...roots,
  ]),
  ...['src/simulator', 'src/embedded'].map((folder) =>
    zone(folder, [
      'src/domain', 'src/ports', 'src/services', 'src/douyin', 'src/db', 'src/temporal', 'src/http', 'src/observability',
      'workflows', 'activities', 'migrations', ...roots,
    ]),
  ),
  zone('src/observability', [
    'src/domain', 'src/ports', 'src/services', 'src/douyin', 'src/db', 'src/temporal', 'src/http', 'src/simulator',
    'src/embedded', 'workflows', 'activities', 'migrations', ...roots,
  ]),
  zone('workflows', [
    'src/ports', 'src/services', 'src/douyin', 'src/db', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded',
    'src/observability', 'migrations', ...roots,
  ]),
  zone('activities', ['src/services', 'src/douyin', 'src/temporal', 'src/http', 'src/simulator', 'src/embedded', 'migrations', ...roots]),
  zone('migrations', ['src', 'workflows', 'activities', 'test', 'bench', 'clients']),
  zone('clients', ['src', 'workflows', 'activities', 'migrations', 'test', 'bench']),
];

export default tseslint.config(
  { ignores: ['node_modules/', '.data/', '.cache/', 'coverage/'] },
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
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
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
    files: ['test/support/global-*.ts', 'migrations/**'],
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
            { group: ['**/activities/**'], allowTypeImports: true, message: 'A workflow sees only the activities’ types.' },
            { group: ['node:*'], message: 'A workflow is deterministic: no Node built-ins.' },
          ],
        },
      ],
    },
  },
);
