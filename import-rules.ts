// Who may import whom: for each part of the code the other parts it may import; everything else is forbidden. A part is
// a folder or a file. eslint.config.js makes lint zones of it, docs/architecture.md shows it to people, and test/layout
// plants every import that it forbids. `test` and `bench` have no row: they look at everything from outside.

export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/domain': [],
  'src/ports': ['src/domain'],
  'src/services': [
    ...['src/domain', 'src/ports', 'src/db/unit-of-work.ts', 'src/db/repositories'],
    ...['src/observability', 'src/timing'],
  ],
  'src/douyin': ['src/domain', 'src/ports', 'src/observability', 'src/timing'],
  'src/db': ['src/domain', 'src/ports', 'src/observability', 'src/timing'],
  'src/temporal': [
    ...['src/domain', 'src/ports', 'src/observability', 'src/timing', 'workflows/contract.ts'],
  ],
  'src/http': ['src/domain', 'src/ports', 'src/services', 'src/observability', 'src/timing'],
  'src/simulator': [],
  'src/embedded': [],
  'src/observability': [],
  'src/timing': ['src/observability'],
  workflows: ['src/domain'],
  activities: [
    ...['src/domain', 'src/ports', 'src/db/unit-of-work.ts', 'src/db/repositories'],
    ...['src/observability', 'src/timing', 'workflows'],
  ],
  migrations: [],
  clients: [],
  'src/secret-box.ts': ['src/ports'],
  'src/verdict-board.ts': ['src/domain', 'src/ports'],
  'src/version.ts': ['package.json'],
  'src/config.ts': ['src/domain', 'src/observability'],
  'src/deps.ts': [
    ...['src/domain', 'src/ports', 'src/services', 'src/douyin', 'src/db', 'src/temporal'],
    ...['src/observability', 'src/timing', 'activities', 'workflows/activities.ts'],
    ...['src/config.ts', 'src/secret-box.ts', 'src/verdict-board.ts'],
  ],
  'src/commands': [
    ...['src/domain', 'src/ports', 'src/services', 'src/db', 'src/temporal', 'src/http'],
    ...['src/simulator', 'src/embedded', 'src/observability', 'src/timing'],
    ...['src/config.ts', 'src/deps.ts', 'src/version.ts'],
  ],
  'src/main.ts': ['src/commands', 'src/config.ts'],
};

/** Packages that a part may not import; `''` is every package. */
export const FORBIDDEN_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'src/domain': [''],
  'src/ports': [''],
  'src/services': ['koa', '@temporalio'],
};
