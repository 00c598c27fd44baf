// The access token under the load it is for: four processes, a thousand calls at the moment it ends or is replaced.
import { randomBytes } from 'node:crypto';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.ts';
import { COMPILE_CACHE } from '../../support/compile-cache.ts';
import { openTestOrm } from '../../support/test-orm.ts';
import type { Order, Outcomes } from './till-process.ts';

const PROCESSES = 4;
const CALLS_PER_PROCESS = 250;
const CALLS = PROCESSES * CALLS_PER_PROCESS;
const SCRIPT = fileURLToPath(new URL('./till-process.ts', import.meta.url));
const TEST_MS = 60_000;

let database: Awaited<ReturnType<typeof openTestOrm>>;
let simulator: Simulator;
let processes: readonly TillProcess[];

class TillProcess {
  readonly #child: ChildProcess;
  readonly #log: Buffer[] = [];

  constructor(env: Readonly<Record<string, string>>) {
    this.#child = fork(SCRIPT, {
      env: { PATH: process.env['PATH'], ...COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: [],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#log.push(chunk));
  }

  async outcomes(): Promise<Outcomes> {
    const [message] = (await once(this.#child, 'message')) as [{ outcomes: Outcomes }];
    return message.outcomes;
  }

  order(order: Order): Promise<Outcomes> {
    const outcomes = this.outcomes();
    this.#child.send(order);
    return outcomes;
  }

  alarms(alert: string): readonly string[] {
    return Buffer.concat(this.#log)
      .toString('utf8')
      .split('\n')
      .filter((line) => line.includes(`"alert":"${alert}"`));
  }

  async end(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}

beforeAll(async () => {
  database = await openTestOrm();
  simulator = await startSimulator();
  const env = {
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: '10',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    DOUYIN_BASE_URL: simulator.url,
    DOUYIN_CLIENT_KEY: SIMULATOR_DEFAULTS.clientKey,
    DOUYIN_CLIENT_SECRET: SIMULATOR_DEFAULTS.clientSecret,
    DOUYIN_ACCOUNT_ID: SIMULATOR_DEFAULTS.accountId,
    // A thousand at once take this machine their time, which is not what is tried here.
    DOUYIN_TIMEOUT_MS: '20000',
    DOUYIN_CALLS_PER_SECOND: 'prepare=9999',
    SECRETS_KEY: randomBytes(32).toString('base64'),
    LOG_FORMAT: 'json',
  };
  processes = Array.from({ length: PROCESSES }, () => new TillProcess(env));
  await Promise.all(processes.map((one) => one.outcomes()));
}, TEST_MS);
afterAll(async () => {
  await Promise.all(processes.map((one) => one.end()));
  await simulator.close();
  await database.close();
}, TEST_MS);

const tokenCalls = () => simulator.state.counters().calls.client_token;

async function inAll(order: (position: number) => Order): Promise<Outcomes> {
  const counts: Record<string, number> = {};
  const all = await Promise.all(processes.map((one, position) => one.order(order(position))));
  for (const [kind, number] of all.flatMap((outcomes) => Object.entries(outcomes))) {
    counts[kind] = (counts[kind] ?? 0) + number;
  }
  return counts;
}

const redeemedAtDouyin = () => simulator.state.counters().verified;
const prepareIn = (codes: readonly string[]) =>
  inAll((position) => ({
    prepare: codes.slice(position * CALLS_PER_PROCESS, (position + 1) * CALLS_PER_PROCESS),
  }));
const newCodes = () => simulator.state.createOrders({}, CALLS).map((order) => order.coupons[0]?.code ?? '');

describe('a thousand prepares in four processes', () => {
  it(
    'make one token call and all succeed when there is no token yet',
    async () => {
      expect(await prepareIn(newCodes())).toEqual({ prepared: CALLS });
      expect(tokenCalls()).toBe(1);
    },
    TEST_MS,
  );
});

describe('a thousand verifications in four processes', () => {
  let redeemedBefore: number;
  beforeEach(async () => {
    redeemedBefore = redeemedAtDouyin();
    expect(await prepareIn(newCodes())).toEqual({ prepared: CALLS });
  }, TEST_MS);

  const alarms = () => processes.flatMap((one) => one.alarms('access_token.refused_early'));

  it.each([
    ['ends at Douyin at that moment', () => simulator.state.expireTokens()],
    ['was replaced by somebody else, without grace', () => simulator.state.replaceToken(0)],
    ['was revoked', () => simulator.state.revokeTokens()],
  ])(
    'make one token call and all succeed when the token %s; operators are alarmed',
    async (_what, endToken) => {
      const [callsBefore, alarmsBefore] = [tokenCalls(), alarms().length];
      endToken();
      expect(await inAll(() => 'verify')).toEqual({ verified: CALLS });
      expect(tokenCalls() - callsBefore).toBe(1);
      expect(redeemedAtDouyin() - redeemedBefore).toBe(CALLS);
      const raised = alarms().length - alarmsBefore;
      expect(raised).toBeGreaterThanOrEqual(1);
      expect(raised).toBeLessThanOrEqual(PROCESSES);
    },
    TEST_MS,
  );
});
