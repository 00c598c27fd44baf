// Test projects. Everything runs as ESM through swc; the servers the tests need are started once per run.
const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'es6' },
      },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
};

const project = (displayName, folders, more = {}) => ({
  ...shared,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  ...more,
});

export default {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/slow-first.js',
  testTimeout: 90_000,
  projects: [
    project('unit', [
      'domain',
      'config',
      'errors',
      'layout',
      'douyin',
      'simulator',
      'observability',
      'mutants',
      'explore',
    ]),
    project('http', [
      'http',
      'db',
      'activities',
      'services',
      'clients',
      'contracts',
      'embedded',
      'deploy',
      'fuzz',
    ]),
    project('workflow', ['workflows', 'torture']),
    project('e2e', ['e2e']),
  ],
};
