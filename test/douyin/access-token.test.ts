import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DouyinAccessTokens, type DouyinAccessTokensOptions } from '../../src/douyin/access-token.ts';
import { Secret } from '../../src/observability/secret.ts';
import { SIMULATOR_DEFAULTS, startSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { InMemoryTokenRow, InMemoryTokenStore } from './in-memory-token-store.ts';
import { httpServer, keepingLogger } from './support.ts';

const TIMEOUT_MS = 250;
const MINUTE_MS = 60_000;
const START = Date.parse('2026-03-15T10:00:00Z');

let nowMs: number;
let simulator: Simulator;
let row: InMemoryTokenRow;
let log: ReturnType<typeof keepingLogger>;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  nowMs = START;
  row = new InMemoryTokenRow();
  log = keepingLogger();
  simulator = await startSimulator({ clock: () => nowMs });
  cleanups.push(() => simulator.close());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A process of the gateway; all of them share the row. */
function process(more: Partial<DouyinAccessTokensOptions> = {}): DouyinAccessTokens {
  const tokens = new DouyinAccessTokens({
    baseUrl: simulator.url,
    clientKey: SIMULATOR_DEFAULTS.clientKey,
    clientSecret: new Secret(SIMULATOR_DEFAULTS.clientSecret),
    store: new InMemoryTokenStore(row),
    clock: { now: () => new Date(nowMs) },
    timeoutMs: TIMEOUT_MS,
    logger: log.logger,
    ...more,
  });
  cleanups.push(() => tokens.close());
  return tokens;
}
const fetches = () => simulator.state.calls({ endpoint: 'client_token' }).length;
const forward = (ms: number) => (nowMs += ms);
/** Lets something that runs behind a caller's back come to its end. */
async function eventually(isSo: () => boolean): Promise<void> {
  for (const giveUpAt = performance.now() + 5000; !isSo();) {
    if (performance.now() > giveUpAt) throw new Error('it did not come about');
    await new Promise(setImmediate);
  }
}

describe('current', () => {
  it('fetches the first token and stores it with its two hours', async () => {
    const token = await process().current();
    expect(token).toEqual({
      token: expect.stringMatching(/^clt\./),
      expiresAt: new Date(START + 7_200_000),
      generation: 1,
    });
    expect(row.token).toMatchObject({ token: token.token, generation: 1 });
  });

  it('gives the same token until shortly before its end, from memory and to other processes', async () => {
    const [here, there] = [process(), process()];
    const token = await here.current();
    forward(7_200_000 - 6 * MINUTE_MS);
    expect(await here.current()).toEqual(token);
    expect(await there.current()).toEqual(token);
    expect(fetches()).toBe(1);
  });

  it('makes one call for a storm of callers in many processes', async () => {
    const processes = Array.from({ length: 5 }, () => process());
    simulator.state.addFault({ kind: 'latency-before-effect', endpoints: ['client_token'], delayMs: 100 });
    const tokens = await Promise.all(
      processes.flatMap((one) => Array.from({ length: 20 }, () => one.current())),
    );
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(1);
    expect(fetches()).toBe(1);
  });

  it('replaces a token in its last minutes behind the callers’ backs', async () => {
    const tokens = process();
    const old = await tokens.current();
    forward(7_200_000 - 4 * MINUTE_MS);
    expect(await tokens.current()).toEqual(old);
    await eventually(() => row.token?.generation === 2);
    expect((await tokens.current()).generation).toBe(2);
    expect(fetches()).toBe(2);
  });

  it('never gives a token with less life than asked for', async () => {
    const tokens = process();
    await tokens.current();
    forward(7_200_000 - MINUTE_MS + 1000);
    expect((await tokens.current()).generation).toBe(2);
    expect((await tokens.current(7_200_000)).generation).toBe(2);
  });

  it('keeps giving the old token while it lives when no new one can be had', async () => {
    const tokens = process();
    const old = await tokens.current();
    simulator.state.addFault({
      kind: 'http-5xx-before-effect',
      endpoints: ['client_token'],
      count: 'always',
    });
    forward(7_200_000 - 2 * MINUTE_MS);
    expect(await tokens.current()).toEqual(old);
    await eventually(() => log.lines.some((line) => line.includes('ahead of its end')));
    expect(await tokens.current()).toEqual(old);
    forward(MINUTE_MS + 1);
    await expect(tokens.current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    expect(await tokens.current(10_000)).toEqual(old);
  });

  it('notices within a minute that another process has replaced the token', async () => {
    const [here, there] = [process(), process()];
    await here.current();
    await there.current();
    await there.replace(1);
    forward(MINUTE_MS);
    expect((await here.current()).generation).toBe(2);
  });

  it('goes on with the tokens of a restored database, whose generations are lower', async () => {
    const tokens = process();
    await tokens.current();
    await tokens.replace(1);
    row.token = null;
    forward(MINUTE_MS);
    const again = await tokens.replace(2);
    expect(again.generation).toBe(1);
    forward(1000);
    expect(await tokens.replace(1)).toMatchObject({ generation: 2, expiresAt: new Date(nowMs + 7_200_000) });
  });

  it('asks the store once for all who need it at the same moment', async () => {
    const store = new InMemoryTokenStore(row);
    await process().current();
    const read = store.read.bind(store);
    let reads = 0;
    store.read = () => {
      reads += 1;
      return read();
    };
    const tokens = process({ store });
    await Promise.all(Array.from({ length: 100 }, () => tokens.current()));
    expect(reads).toBe(1);
  });

  it('does without the store for a while once it has a token', async () => {
    const store = new InMemoryTokenStore(row);
    const tokens = process({ store });
    const token = await tokens.current();
    store.read = () => Promise.reject(new Error('the database is away'));
    forward(2 * MINUTE_MS);
    expect(await tokens.current()).toEqual(token);
    forward(7_200_000);
    await expect(tokens.current()).rejects.toThrow('the database is away');
  });
});

describe('replace', () => {
  it('takes the successor for newer although a process whose clock is behind fetched it', async () => {
    const ahead = process({ clock: { now: () => new Date(nowMs + 2 * MINUTE_MS) } });
    const behind = process();
    const first = await ahead.current();
    simulator.state.revokeTokens();
    const second = await behind.replace(first.generation);
    expect(await ahead.replace(first.generation)).toEqual(second);
    // Else each call would begin with the refused token again, and its one replacement would be spent on that.
    expect(await ahead.current()).toEqual(second);
    simulator.state.revokeTokens();
    expect((await ahead.replace((await ahead.current()).generation)).generation).toBe(3);
  });

  it('replaces a refused token once, however many callers and processes name it', async () => {
    const processes = [process(), process(), process()];
    await Promise.all(processes.map((one) => one.current()));
    simulator.state.revokeTokens();
    const tokens = await Promise.all(
      processes.flatMap((one) => Array.from({ length: 10 }, () => one.replace(1))),
    );
    expect(tokens.every(({ generation }) => generation === 2)).toBe(true);
    expect(fetches()).toBe(2);
  });

  it('gives a late caller the token there is by now', async () => {
    const tokens = process();
    await tokens.current();
    const second = await tokens.replace(1);
    expect(await tokens.replace(1)).toEqual(second);
    expect(fetches()).toBe(2);
  });

  it('does not take the end of an earlier fetch for the successor of its own token', async () => {
    const store = new InMemoryTokenStore(row);
    const tokens = process({ store });
    await tokens.current();
    const storeNow = store.store.bind(store);
    let finish = (): void => undefined;
    store.store = async (token) => {
      const isStored = await storeNow(token);
      await new Promise<void>((resolve) => (finish = resolve));
      return isStored;
    };
    const second = tokens.replace(1);
    await eventually(() => row.token?.generation === 2);
    const third = tokens.replace(2);
    store.store = storeNow;
    finish();
    expect([(await second).generation, (await third).generation]).toEqual([2, 3]);
  });

  it('does not go back to what a slow look at the row saw before', async () => {
    const store = new InMemoryTokenStore(row);
    const tokens = process({ store });
    await tokens.current();
    const readNow = store.read.bind(store);
    const slow = Promise.withResolvers<void>();
    store.read = async () => {
      const stored = await readNow();
      await slow.promise;
      return stored;
    };
    const looking = tokens.keepFresh();
    store.read = readNow;
    expect((await tokens.replace(1)).generation).toBe(2);
    slow.resolve();
    await looking;
    expect((await tokens.current()).generation).toBe(2);
  });

  it('alarms, once, when a token was refused long before its end', async () => {
    const tokens = process();
    await tokens.current();
    await Promise.all([tokens.replace(1), tokens.replace(1)]);
    const alarms = log.lines.filter((line) => line.includes('another environment'));
    expect(alarms).toHaveLength(1);
    expect(JSON.parse(alarms[0] ?? '')).toMatchObject({
      level: 50,
      generation: 1,
      alert: 'access_token.refused_early',
    });
  });

  it('does not alarm for a token at its end', async () => {
    const tokens = process();
    await tokens.current();
    forward(7_200_000);
    await tokens.replace(1);
    expect(log.lines.some((line) => line.includes('another environment'))).toBe(false);
  });

  it('stops fetching when Douyin keeps refusing what it gives', async () => {
    const tokens = process();
    let { generation } = await tokens.current();
    const replaceAll = async () => {
      for (;;) generation = (await tokens.replace(generation)).generation;
    };
    await expect(replaceAll()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    expect(fetches()).toBe(10);
    forward(MINUTE_MS);
    await tokens.replace(generation);
    expect(fetches()).toBe(11);
  });
});

describe('the token service', () => {
  const isKnownToDouyin = async (token: string) => {
    const query = `account_id=${SIMULATOR_DEFAULTS.accountId}&page=1&size=1`;
    const response = await fetch(`${simulator.url}/goodlife/v1/shop/poi/query/?${query}`, {
      headers: { 'access-token': token, 'content-type': 'application/json' },
    });
    const { data } = (await response.json()) as { data: { error_code: number } };
    return data.error_code === 0;
  };

  it.each([0, 20, 40, 55, 60])(
    'may be down for an hour of the token’s life, from its minute %d, and no call notices',
    async (downFromMinute) => {
      const tokens = process();
      await tokens.current();
      for (let minute = 1; minute <= 240; minute += 1) {
        forward(MINUTE_MS);
        if (minute === Math.max(1, downFromMinute)) {
          simulator.state.addFault({
            kind: 'http-5xx-before-effect',
            endpoints: ['client_token'],
            count: 'always',
          });
        }
        if (minute === downFromMinute + 60) simulator.state.clearFaults();
        // As its schedule does, which shows a failure to operators and comes again.
        if (minute % 10 === 0) await tokens.keepFresh().catch(() => undefined);
        // As every call of a till does: what it gets must outlive the call, and Douyin must still know it.
        const { token, expiresAt } = await tokens.current(8000);
        expect(expiresAt.getTime()).toBeGreaterThan(nowMs + 8000);
        expect(await isKnownToDouyin(token)).toBe(true);
      }
    },
  );
});

describe('keepFresh', () => {
  it('fetches the first token', async () => {
    expect(await process().keepFresh()).toEqual({ refreshed: true, expiresAt: new Date(START + 7_200_000) });
  });

  it('replaces a token with less than a third of its life left, not before', async () => {
    const tokens = process();
    await tokens.keepFresh();
    forward(80 * MINUTE_MS);
    expect(await tokens.keepFresh()).toMatchObject({ refreshed: false });
    forward(MINUTE_MS);
    expect(await tokens.keepFresh()).toEqual({ refreshed: true, expiresAt: new Date(nowMs + 7_200_000) });
    expect(fetches()).toBe(2);
  });

  it('fails when it should replace the token and cannot', async () => {
    const tokens = process();
    await tokens.keepFresh();
    forward(90 * MINUTE_MS);
    simulator.state.addFault({ kind: 'hang-before-effect', endpoints: ['client_token'] });
    await expect(tokens.keepFresh()).rejects.toMatchObject({ code: 'douyin.unavailable' });
  });
});

describe('a fetch that fails', () => {
  it('makes a storm wait instead of fetching again and again, and is tried again later', async () => {
    const tokens = process();
    simulator.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['client_token'] });
    for (let caller = 0; caller < 20; caller += 1) {
      await expect(tokens.current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    }
    expect(fetches()).toBe(1);
    forward(1000);
    expect((await tokens.current()).generation).toBe(1);
  });

  it('does not keep a paused process from the token another one fetched', async () => {
    const [here, there] = [process(), process()];
    await here.current();
    forward(7_200_000);
    simulator.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['client_token'] });
    await expect(here.current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    const theirs = await there.current();
    expect(await here.current()).toEqual(theirs);
  });

  it('leaves the lease to another process', async () => {
    simulator.state.addFault({ kind: 'http-5xx-before-effect', endpoints: ['client_token'] });
    await expect(process().current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    expect((await process().current()).generation).toBe(1);
  });

  it('pauses all processes when Douyin says that there were too many', async () => {
    const [here, there] = [process(), process()];
    simulator.state.addFault({ kind: 'error-code-before-effect', endpoints: ['client_token'], code: 10020 });
    await expect(here.current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    await expect(there.current()).rejects.toMatchObject({ code: 'douyin.unavailable' });
    await expect(here.current()).rejects.toMatchObject({ message: expect.stringContaining('10020') });
    expect(fetches()).toBe(1);
    expect(row.lease?.untilMs).toBeGreaterThan(performance.now() + 50_000);
  });

  it('says that the gateway is refused when key or secret are wrong', async () => {
    const tokens = process({ clientSecret: new Secret('wrong') });
    await expect(tokens.current()).rejects.toMatchObject({
      code: 'douyin.refused_gateway',
      message: expect.stringContaining('check the client key and secret'),
    });
  });

  it('waits for another process’s fetch only so long', async () => {
    row.lease = { owner: 'somebody', untilMs: performance.now() + 60_000 };
    await expect(process().current()).rejects.toMatchObject({
      code: 'douyin.unavailable',
      message: expect.stringContaining('another process'),
    });
    expect(fetches()).toBe(0);
  });

  it('takes over from a process that died while it fetched', async () => {
    row.lease = { owner: 'dead', untilMs: performance.now() + 100 };
    expect((await process().current()).generation).toBe(1);
  });

  it('uses the other’s token when its own lease ran out meanwhile', async () => {
    const store = new InMemoryTokenStore(row);
    const other = { token: 'clt.theirs-entirely', obtainedAt: new Date(START), generation: 1 };
    store.store = () => {
      row.token = { ...other, expiresAt: new Date(START + 7_200_000) };
      return Promise.resolve(false);
    };
    expect(await process({ store }).current()).toMatchObject({ token: 'clt.theirs-entirely', generation: 1 });
  });

  const good = { access_token: 'clt.0f3c9a51e7example', expires_in: 7200, error_code: 0, description: '' };
  it.each([
    ['no JSON', 200, '<html>'],
    ['no data', 200, { message: 'success' }],
    ['an error text as token', 200, { data: { ...good, access_token: 'access_token不合法' } }],
    ['a sentence as token', 200, { data: { ...good, access_token: 'too many requests' } }],
    ['an empty token', 200, { data: { ...good, access_token: '' } }],
    ['a token beside an error code', 200, { data: { ...good, error_code: 10001 } }],
    ['a token beside an HTTP error', 500, { data: good }],
    ['a token without a life', 200, { data: { ...good, expires_in: 0 } }],
    ['a token with a life that is a moment', 200, { data: { ...good, expires_in: 1773570667 } }],
  ])('stores nothing: %s', async (_what, status, body) => {
    const server = await httpServer((_request, response) => {
      response.statusCode = status;
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    cleanups.push(() => server.close());
    await expect(process({ baseUrl: server.url }).current()).rejects.toMatchObject({
      code: 'douyin.unavailable',
    });
    expect(row.token).toBeNull();
    expect(row.lease).toBeNull();
  });
});

describe('logs and errors', () => {
  it('hold no token and no secret', async () => {
    const tokens = process();
    const first = await tokens.current();
    const second = await tokens.replace(1);
    const wrong = process({
      clientSecret: new Secret('wrong-secret-of-ours'),
      store: new InMemoryTokenStore(new InMemoryTokenRow()),
    });
    const error: Error = await wrong.current().then(
      () => new Error('it was fetched'),
      (err: Error) => err,
    );
    const all = [...log.lines, error.message, error.stack, JSON.stringify(error)].join('\n');
    expect(log.lines.length).toBeGreaterThan(3);
    for (const secret of [
      first.token,
      second.token,
      SIMULATOR_DEFAULTS.clientSecret,
      'wrong-secret-of-ours',
    ]) {
      expect(all).not.toContain(secret);
    }
  });
});
