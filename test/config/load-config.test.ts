// The environment as configuration: every problem at once, by name and never by value; what is absent, and what is hidden.
import { inspect } from 'node:util';

import { describe, expect, it } from '@jest/globals';

import { type Config, ConfigError, loadConfig, parseEnvironment } from '../../src/config.ts';
import { variableNames } from './variable-names.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const COMPLETE = {
  DATABASE_URL: 'postgres://gateway:database-password@127.0.0.1:5432/dy_gateway',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  DOUYIN_BASE_URL: 'https://open.douyin.com',
  DOUYIN_CLIENT_KEY: 'awexample',
  DOUYIN_CLIENT_SECRET: 'douyin-secret-value',
  DOUYIN_ACCOUNT_ID: '7126518000000000001',
  SECRETS_KEY: KEY,
} as const;

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (err) {
    if (err instanceof ConfigError) return err.problems;
    throw err;
  }
  return [];
}

function namesIn(problems: readonly string[]): readonly string[] {
  return problems.map((problem) => problem.split(' ')[0] ?? '');
}

describe('loadConfig', () => {
  it('takes a complete environment', () => {
    expect(problemsOf(COMPLETE)).toEqual([]);
  });

  it('names every part that has no address, all at once', () => {
    expect(problemsOf({})).toEqual(Object.keys(COMPLETE).map((name) => `${name} is missing`));
  });

  it('embeds nothing by itself, in production or not', () => {
    for (const NODE_ENV of ['production', 'development', 'test']) {
      expect(namesIn(problemsOf({ NODE_ENV, INTERNAL_PORT: '8081' }))).toEqual(Object.keys(COMPLETE));
    }
  });

  it('takes an empty variable as absent', () => {
    const emptied = Object.fromEntries(variableNames().map((name) => [name, '']));
    expect(loadConfig({ ...emptied, ...COMPLETE })).toEqual(loadConfig(COMPLETE));
    expect(problemsOf({ ...COMPLETE, DATABASE_URL: '' })).toEqual(['DATABASE_URL is missing']);
  });

  it('reports every wrong variable at once, in one message', () => {
    const wrong = {
      ...COMPLETE,
      NODE_ENV: 'prod',
      PORT: '70000',
      DATABASE_URL: 'mysql://127.0.0.1/db',
      TEMPORAL_ADDRESS: '127.0.0.1',
      SECRETS_KEY: 'too-short',
      VERIFY_BUDGET_MS: '8s',
      REPORT_TIMEZONE: 'Asia/Beijing-ish',
      LOG_LEVEL: 'loud',
    };
    const problems = problemsOf(wrong);
    expect(new Set(namesIn(problems))).toEqual(
      new Set(
        Object.keys(wrong).filter(
          (name) => wrong[name as keyof typeof COMPLETE] !== COMPLETE[name as keyof typeof COMPLETE],
        ),
      ),
    );
    expect(new ConfigError(problems).message.split('\n')).toHaveLength(problems.length + 1);
  });

  it('never prints a value, whichever variable is wrong', () => {
    const marker = 'marker\u00a07f3a';
    for (const name of variableNames()) {
      // Free texts have no wrong value.
      for (const problem of problemsOf({ ...COMPLETE, [name]: marker })) {
        expect(problem).toMatch(new RegExp(`^${name} `));
        expect(problem).not.toContain('7f3a');
      }
    }
  });

  it.each([
    ['PORT', '8080x'],
    ['PORT', '80.5'],
    ['METRICS_PORT', '-1'],
    ['DATABASE_POOL_SIZE', '0'],
    ['MAX_IN_FLIGHT', 'many'],
    ['DOUYIN_TIMEOUT_MS', '0'],
    ['VERIFY_BUDGET_MS', '60001'],
    ['DOUYIN_REPEAT_DELAYS_MS', '1000,soon'],
    ['DOUYIN_REPEAT_DELAYS_MS', Array(15).fill('1000').join(',')],
    ['ENRICH_RETRY_DELAYS_MS', ','],
    ['TEMPORAL_TLS', 'yes'],
    ['SECRETS_KEY', `${KEY},${Buffer.alloc(16).toString('base64')}`],
    ['DOUYIN_BASE_URL', 'open.douyin.com'],
  ])('refuses %s=%s instead of falling back to the default', (name, value) => {
    expect(namesIn(problemsOf({ ...COMPLETE, [name]: value }))).toContain(name);
  });

  describe('in production', () => {
    const production = { ...COMPLETE, NODE_ENV: 'production' };

    it('does not start without a listener for the internal endpoints, or somebody’s word whom to trust', () => {
      expect(namesIn(problemsOf(production))).toEqual(['INTERNAL_PORT']);
      expect(namesIn(problemsOf({ ...production, INTERNAL_TRUSTED_CIDRS: '' }))).toEqual(['INTERNAL_PORT']);
      expect(problemsOf({ ...production, INTERNAL_TRUSTED_CIDRS: '10.0.0.0/8' })).toEqual([]);
      const { http } = loadConfig({ ...production, INTERNAL_PORT: '8081' });
      expect(http.internalListener).toEqual({ host: '127.0.0.1', port: 8081 });
      expect(http.internalTrustedCidrs).toEqual(['127.0.0.0/8', '::1/128']);
    });

    it.each(['http://open.douyin.com', 'http://127.0.0.1:8090', 'HTTP://localhost'])(
      'refuses %s: the app secret and the coupons would go over the line in the clear',
      (url) => {
        const env = { ...production, INTERNAL_PORT: '8081', DOUYIN_BASE_URL: url };
        expect(namesIn(problemsOf(env))).toEqual(['DOUYIN_BASE_URL']);
        expect(problemsOf({ ...COMPLETE, DOUYIN_BASE_URL: url })).toEqual([]);
      },
    );

    it('names that beside what is missing', () => {
      expect(namesIn(problemsOf({ NODE_ENV: 'production', DOUYIN_BASE_URL: 'http://x' }))).toEqual([
        ...Object.keys(COMPLETE).filter((name) => name !== 'DOUYIN_BASE_URL'),
        'DOUYIN_BASE_URL',
        'INTERNAL_PORT',
      ]);
    });
  });

  it('takes the internal listener’s address and the names people use for it', () => {
    const { http } = loadConfig({
      ...COMPLETE,
      HOST: '0.0.0.0',
      INTERNAL_HOST: '10.0.0.5',
      INTERNAL_PORT: '8081',
      INTERNAL_HOSTS: 'gateway.corp, gw',
    });
    expect(http.internalListener).toEqual({ host: '10.0.0.5', port: 8081 });
    expect(http.internalHosts).toEqual(['0.0.0.0', '10.0.0.5', 'gateway.corp', 'gw']);
  });

  it.each([
    ['INTERNAL_PORT', { INTERNAL_PORT: '8080' }],
    ['INTERNAL_HOST', { INTERNAL_HOST: '10.0.0.5' }],
    ['INTERNAL_HOSTS', { INTERNAL_HOSTS: 'gateway.corp:8081' }],
    ['INTERNAL_HOSTS', { INTERNAL_HOSTS: 'https://gateway.corp' }],
    ['INTERNAL_HOSTS', { INTERNAL_HOSTS: '*.corp' }],
  ])('refuses a wrong %s: %j', (name, env) => {
    expect(namesIn(problemsOf({ ...COMPLETE, ...env }))).toEqual([name]);
  });

  it('has the documented defaults', () => {
    const config = loadConfig(COMPLETE);
    expect(config.http).toEqual({
      host: '127.0.0.1',
      port: 8080,
      metricsPort: 9464,
      internalTrustedCidrs: ['127.0.0.0/8', '::1/128'],
      internalListener: null,
      internalHosts: ['127.0.0.1'],
    });
    expect(config.verification).toMatchObject({ budgetMs: 8000, maxInFlight: 64 });
    expect(config.temporal).toMatchObject({ namespace: 'default', isTls: false, apiKey: null });
    expect(config.douyin).toMatchObject({
      timeoutMs: 3000,
      shortLinkHosts: ['v.douyin.com', '*.iesdouyin.com', '*.douyin.com'],
    });
    expect(config.report.timeZone).toBe('Asia/Shanghai');
    expect(config.log.level).toBe('info');
  });

  it('repeats an unknown verify at most as often as Douyin allows', () => {
    expect(loadConfig(COMPLETE).verification.repeatDelaysMs).toHaveLength(14);
  });

  it('encrypts the connection whenever an API key goes over it', () => {
    expect(loadConfig({ ...COMPLETE, TEMPORAL_API_KEY: 'key' }).temporal.isTls).toBe(true);
    expect(loadConfig({ ...COMPLETE, TEMPORAL_TLS: 'true' }).temporal.isTls).toBe(true);
  });

  it('keeps the order of several secrets keys: the first encrypts', () => {
    const newer = Buffer.alloc(32, 9).toString('base64');
    const { secretsKeys } = loadConfig({ ...COMPLETE, SECRETS_KEY: `${newer}, ${KEY}` });
    expect(secretsKeys.map((key) => key.expose())).toEqual([newer, KEY]);
  });

  it('cannot be changed, at any depth', () => {
    const config = loadConfig(COMPLETE);
    expectFrozen(config);
    expect(() => {
      (config.http as { port: number }).port = 1;
    }).toThrow(TypeError);
  });

  it('does not show its secrets, however it is printed', () => {
    const config = loadConfig({ ...COMPLETE, TEMPORAL_API_KEY: 'temporal-key-value' });
    for (const printed of [
      JSON.stringify(config),
      inspect(config, { depth: 10, showHidden: true }),
      printParts(config),
    ]) {
      for (const secret of ['database-password', 'douyin-secret-value', 'temporal-key-value', KEY]) {
        expect(printed).not.toContain(secret);
      }
      expect(printed).toContain('***');
    }
  });
});

describe('parseEnvironment', () => {
  it('leaves gaps for `start` to fill', () => {
    expect(parseEnvironment({})).not.toHaveProperty('DATABASE_URL');
    expect(parseEnvironment({}).PORT).toBe(8080);
  });

  it('ignores variables that are not the gateway’s', () => {
    expect(parseEnvironment({ PATH: '/bin', HTTP_PROXY: 'x' })).toEqual(parseEnvironment({}));
  });
});

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).toBe(true);
  Object.values(value).forEach(expectFrozen);
}

/** Each part's values as a template or a concatenation would show them. */
function printParts(config: Config): string {
  const parts: readonly unknown[] = Object.values(config);
  return parts
    .flatMap((part): readonly unknown[] =>
      typeof part === 'object' && part !== null ? Object.values(part) : [part],
    )
    .map(String)
    .join('\n');
}
