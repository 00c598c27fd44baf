// The environment, parsed once into a frozen Config. The only reader of process.env.
// Embedded parts under `start` fill the gaps by passing variables on; nothing else has a default address.
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { PUBLISHED_CALLS_PER_SECOND } from './domain/douyin-quota.ts';
import { Secret } from './observability/secret.ts';

const LOOPBACK_HOST = '127.0.0.1';
const MIN_PORT = 0;
const MAX_PORT = 65_535;

const port = z.coerce.number().int().min(MIN_PORT).max(MAX_PORT);
const text = z.string().trim().min(1);
const positiveMs = (max: number) => z.coerce.number().int().min(1).max(max);
const commaList = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const delayList = (maxMs: number, maxCount: number) =>
  commaList
    .transform((list) => list.map(Number))
    .pipe(z.array(z.number().int().min(1).max(maxMs)).min(1).max(maxCount));
const url = (...protocols: string[]) =>
  text.refine(
    (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
    `must be a URL starting with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  );

const KEY_BYTES = 32;
const keys = commaList.refine(
  (list) => list.length > 0 && list.every((key) => isBase64OfLength(key, KEY_BYTES)),
  `must be ${KEY_BYTES} bytes in base64, or a comma list of such keys`,
);

function isBase64OfLength(value: string, bytes: number): boolean {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(value) && Buffer.from(value, 'base64').length === bytes;
}

/** Douyin's schedule for repeating a verify: once soon (a cut line is common), then 5 × 5 s and 8 × 40 s, 14 in all. */
const DEFAULT_REPEAT_DELAYS_MS = [1000, ...Array<number>(5).fill(5000), ...Array<number>(8).fill(40_000)];

/** `endpoint=calls,endpoint=calls`: what a merchant's own quota is where it differs from Douyin's published one. */
const callsPerSecond = commaList.transform((pairs, context) => {
  const rates: Record<string, number> = { ...PUBLISHED_CALLS_PER_SECOND };
  for (const pair of pairs) {
    const [, endpoint = '', calls = ''] = /^(\w+)=(\d{1,5})$/.exec(pair) ?? [];
    if (!(endpoint in PUBLISHED_CALLS_PER_SECOND) || Number(calls) < 1) {
      const names = Object.keys(PUBLISHED_CALLS_PER_SECOND).join(', ');
      context.addIssue(`must be a comma list of name=calls per second; the names are ${names}`);
      return z.NEVER;
    }
    rates[endpoint] = Number(calls);
  }
  return rates;
});

const cidrs = commaList.refine(
  (list) => list.every((block) => ipaddr.isValidCIDR(block)),
  'must be a comma list of CIDR blocks such as 10.0.0.0/8',
);

const timeZone = text.refine(
  (value) => Intl.supportedValuesOf('timeZone').includes(value) || value === 'UTC',
  {
    message: 'must be an IANA time zone such as Asia/Shanghai',
  },
);

const hostNames = commaList.refine(
  (list) =>
    list.every((name) => name.length <= 253 && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name)),
  'must be a comma list of host names, without ports',
);

/** Whom the internal endpoints answer to where nothing is configured: this machine. */
const LOOPBACK_CIDRS = ['127.0.0.0/8', '::1/128'];

/** Every variable, in the order of .env.example. */
const environmentSchema = z.object({
  NODE_ENV: z.enum(['production', 'development', 'test']).default('development'),
  HOST: text.default(LOOPBACK_HOST),
  PORT: port.default(8080),
  METRICS_PORT: port.default(9464),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(200).default(20),
  TEMPORAL_ADDRESS: text.regex(/^[^\s:]+:\d+$/, 'must be host:port').optional(),
  TEMPORAL_NAMESPACE: text.default('default'),
  TEMPORAL_TLS: z.enum(['true', 'false']).optional(),
  TEMPORAL_API_KEY: text.optional(),
  TEMPORAL_CLI: text.optional(),
  DOUYIN_BASE_URL: url('https:', 'http:').optional(),
  DOUYIN_CLIENT_KEY: text.optional(),
  DOUYIN_CLIENT_SECRET: text.optional(),
  DOUYIN_ACCOUNT_ID: text.optional(),
  DOUYIN_SEND_ACCOUNT_ID: z.enum(['true', 'false']).default('false'),
  DOUYIN_TIMEOUT_MS: positiveMs(60_000).default(3000),
  DOUYIN_REPEAT_DELAYS_MS: delayList(3_600_000, 14).default(DEFAULT_REPEAT_DELAYS_MS),
  DOUYIN_CALLS_PER_SECOND: callsPerSecond.default({ ...PUBLISHED_CALLS_PER_SECOND }),
  DOUYIN_QUOTA_SHARES: z.coerce.number().int().min(1).max(1000).default(2),
  DOUYIN_SLOW_DOWN_MS: positiveMs(300_000).default(1000),
  SHORT_LINK_HOSTS: commaList.default(['v.douyin.com', '*.iesdouyin.com', '*.douyin.com']),
  SECRETS_KEY: keys.optional(),
  VERIFY_BUDGET_MS: positiveMs(60_000).default(8000),
  MAX_IN_FLIGHT: z.coerce.number().int().min(1).max(2000).default(64),
  SETTLE_LOOK_AGAIN_MS: positiveMs(86_400_000).default(3_600_000),
  ENRICH_RETRY_DELAYS_MS: delayList(86_400_000, 50).default([
    2000, 5000, 15_000, 60_000, 300_000, 900_000, 3_600_000,
  ]),
  SWEEP_INTERVAL_MS: positiveMs(86_400_000).min(1000).default(60_000),
  INTERNAL_TRUSTED_CIDRS: cidrs.optional(),
  INTERNAL_HOST: text.optional(),
  INTERNAL_PORT: port.optional(),
  INTERNAL_HOSTS: hostNames.default([]),
  REPORT_TIMEZONE: timeZone.default('Asia/Shanghai'),
  DATA_DIR: text.default('.data'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
});

export type Environment = z.infer<typeof environmentSchema>;

/** All problems of the environment at once, by variable name; never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Parses the environment without asking that every address is there; `start` fills what is missing.
 * An empty variable counts as absent, as docker compose passes unset ones.
 * @throws ConfigError
 */
export function parseEnvironment(env: NodeJS.ProcessEnv): Environment {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(present);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map((issue) => `${String(issue.path[0] ?? '')} ${describeIssue(issue.message)}`),
  );
}

function describeIssue(message: string): string {
  return message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
}

export type Config = ReturnType<typeof buildConfig>;

/**
 * The configuration of one gateway process.
 * @throws ConfigError naming every variable that is missing or wrong
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  return buildConfig(parseEnvironment(env));
}

function buildConfig(environment: Environment) {
  const missing = (
    [
      'DATABASE_URL', 'TEMPORAL_ADDRESS', 'DOUYIN_BASE_URL', 'DOUYIN_CLIENT_KEY', 'DOUYIN_CLIENT_SECRET',
      'DOUYIN_ACCOUNT_ID', 'SECRETS_KEY',
    ] as const
  ).filter((name) => environment[name] === undefined); // prettier-ignore
  const problems = [...missing.map((name) => `${name} is missing`), ...contradictionsOf(environment)];
  if (problems.length > 0) throw new ConfigError(problems);
  const given = environment as Environment & {
    [Name in (typeof missing)[number]]-?: NonNullable<Environment[Name]>;
  };
  return deepFreeze({
    environment: given.NODE_ENV,
    http: {
      host: given.HOST,
      port: given.PORT,
      metricsPort: given.METRICS_PORT,
      internalTrustedCidrs: given.INTERNAL_TRUSTED_CIDRS ?? LOOPBACK_CIDRS,
      internalListener:
        given.INTERNAL_PORT === undefined
          ? null
          : { host: given.INTERNAL_HOST ?? LOOPBACK_HOST, port: given.INTERNAL_PORT },
      /** Names under which people reach the internal surface, beside IP addresses and localhost. */
      internalHosts: [
        given.HOST,
        ...(given.INTERNAL_HOST === undefined ? [] : [given.INTERNAL_HOST]),
        ...given.INTERNAL_HOSTS,
      ],
    },
    database: { url: new Secret(given.DATABASE_URL), poolSize: given.DATABASE_POOL_SIZE },
    temporal: {
      address: given.TEMPORAL_ADDRESS,
      namespace: given.TEMPORAL_NAMESPACE,
      isTls: given.TEMPORAL_TLS === 'true' || given.TEMPORAL_API_KEY !== undefined,
      apiKey: given.TEMPORAL_API_KEY === undefined ? null : new Secret(given.TEMPORAL_API_KEY),
    },
    douyin: {
      baseUrl: given.DOUYIN_BASE_URL,
      clientKey: given.DOUYIN_CLIENT_KEY,
      clientSecret: new Secret(given.DOUYIN_CLIENT_SECRET),
      accountId: given.DOUYIN_ACCOUNT_ID,
      sendsAccountId: given.DOUYIN_SEND_ACCOUNT_ID === 'true',
      timeoutMs: given.DOUYIN_TIMEOUT_MS,
      callsPerSecond: shareOf(given.DOUYIN_CALLS_PER_SECOND, given.DOUYIN_QUOTA_SHARES),
      slowDownMs: given.DOUYIN_SLOW_DOWN_MS,
      shortLinkHosts: given.SHORT_LINK_HOSTS,
    },
    verification: {
      budgetMs: given.VERIFY_BUDGET_MS,
      maxInFlight: given.MAX_IN_FLIGHT,
      repeatDelaysMs: given.DOUYIN_REPEAT_DELAYS_MS,
      lookAgainMs: given.SETTLE_LOOK_AGAIN_MS,
    },
    enrichment: { retryDelaysMs: given.ENRICH_RETRY_DELAYS_MS },
    sweep: { intervalMs: given.SWEEP_INTERVAL_MS },
    workflowBundleFolder: workflowBundleFolder(given.DATA_DIR),
    secretsKeys: given.SECRETS_KEY.map((key) => new Secret(key)),
    report: { timeZone: given.REPORT_TIMEZONE },
    log: { level: given.LOG_LEVEL, format: given.LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json') },
  } as const);
}

/** What variables that are right by themselves say wrongly together. */
function contradictionsOf(environment: Environment): readonly string[] {
  const { NODE_ENV, DOUYIN_BASE_URL, PORT, INTERNAL_HOST, INTERNAL_PORT, INTERNAL_TRUSTED_CIDRS } =
    environment;
  const problems: string[] = [];
  if (NODE_ENV === 'production') {
    if (DOUYIN_BASE_URL !== undefined && new URL(DOUYIN_BASE_URL).protocol !== 'https:')
      problems.push('DOUYIN_BASE_URL must start with https:// with NODE_ENV=production');
    // Behind a proxy on this machine every caller comes from loopback: trusting it must be somebody's decision.
    if (INTERNAL_PORT === undefined && INTERNAL_TRUSTED_CIDRS === undefined)
      problems.push(
        'INTERNAL_PORT is missing: with NODE_ENV=production the internal endpoints need a listener of their own, or an explicit INTERNAL_TRUSTED_CIDRS',
      );
  }
  if (INTERNAL_PORT !== undefined && INTERNAL_PORT !== 0 && INTERNAL_PORT === PORT)
    problems.push('INTERNAL_PORT must not be PORT');
  if (INTERNAL_HOST !== undefined && INTERNAL_PORT === undefined)
    problems.push('INTERNAL_HOST needs INTERNAL_PORT');
  return problems;
}

/** Where `start` keeps the bundled workflows for its API and worker; elsewhere there need not be such a folder. */
export function workflowBundleFolder(dataDir: string): string {
  return join(dataDir, 'workflow-bundle');
}

/** Whether an address is Douyin's own, where coupons are money. */
export function isRealDouyin(baseUrl: string | undefined): boolean {
  return baseUrl !== undefined && /(^|\.)douyin\.com$/.test(new URL(baseUrl).hostname);
}

function shareOf(rates: Readonly<Record<string, number>>, shares: number): Record<string, number> {
  return Object.fromEntries(Object.entries(rates).map(([endpoint, rate]) => [endpoint, rate / shares]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
