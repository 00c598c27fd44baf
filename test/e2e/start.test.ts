// `start` itself: how it ends, what it keeps, what it shares a machine with, and what it says when it cannot start.
import { createServer } from 'node:net';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { eventually } from '../support/eventually.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { SimulatorControl } from '../support/simulator-control.ts';
import { startGateway, startInVain, type StartedGateway } from '../support/started-gateway.ts';
import { tillOf } from '../support/till.ts';

describe('start', () => {
  const makeFolder = scratchFolders();
  let gateway: StartedGateway;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await makeFolder();
    gateway = await startGateway(dataDir);
  }, 90_000);

  afterAll(() => gateway?.end(), 60_000);

  it('runs two gateways side by side, each with its own coupons and records', async () => {
    const other = await startGateway(await makeFolder());
    try {
      expect(
        new Set([
          gateway.url,
          gateway.uiUrl,
          gateway.simulatorUrl,
          other.url,
          other.uiUrl,
          other.simulatorUrl,
        ]).size,
      ).toBe(6);
      const [here, there] = await Promise.all(
        [gateway, other].map(async (each) => {
          const order = await new SimulatorControl(each.simulatorUrl).createOrder();
          const view = await tillOf(each).redeem(order, 'short_link');
          return { order, view, ledger: await new SimulatorControl(each.simulatorUrl).ledgerOf([order]) };
        }),
      );
      expect([here?.view.verify_status, there?.view.verify_status]).toEqual(['success', 'success']);
      expect([here?.ledger.length, there?.ledger.length]).toEqual([1, 1]);
      expect(await tillOf(other).client.findVerification(here?.view.verify_token ?? '')).toBeNull();
    } finally {
      expect(await other.end()).toEqual({ code: 0, signal: null });
    }
  }, 120_000);

  describe('refuses, says what to do, and leaves nothing behind', () => {
    it('when its port is in use', async () => {
      const { code, output } = await startInVain({
        DATA_DIR: await makeFolder(),
        PORT: new URL(gateway.url).port,
      });
      expect(code).toBe(1);
      expect(output).toMatch(/^dy-gateway: 127\.0\.0\.1:\d+ is in use; .*PORT=/m);
    }, 60_000);

    it('when its metrics port is in use', async () => {
      const listener = createServer();
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const { port } = listener.address() as { port: number };
      try {
        const { code, output } = await startInVain({
          DATA_DIR: await makeFolder(),
          PORT: '0',
          METRICS_PORT: String(port),
        });
        expect(code).toBe(1);
        expect(output).toMatch(/METRICS_PORT=/);
      } finally {
        listener.close();
      }
    }, 90_000);

    it('when another gateway has the data folder', async () => {
      const { code, output } = await startInVain({ DATA_DIR: dataDir, PORT: '0' });
      expect(code).toBe(1);
      expect(output).toContain(`in use by the running process ${gateway.process.child.pid}`);
    }, 60_000);

    it('when TEMPORAL_CLI is not the temporal program', async () => {
      const { code, output } = await startInVain({
        DATA_DIR: await makeFolder(),
        PORT: '0',
        TEMPORAL_CLI: '/nowhere/temporal',
      });
      expect(code).toBe(1);
      expect(output).toMatch(/^dy-gateway: .*TEMPORAL_CLI.*\/nowhere\/temporal/m);
    }, 60_000);

    it.each([
      ['in production', { NODE_ENV: 'production', DOUYIN_BASE_URL: 'https://douyin.example' }],
      ['beside the real Douyin', { DOUYIN_BASE_URL: 'https://open.douyin.com' }],
    ])(
      'when it would have to make up the key of all secrets, %s',
      async (_where, env) => {
        const dataDir = await makeFolder();
        const { code, output } = await startInVain({ ...env, DATA_DIR: dataDir, PORT: '0' });
        expect(code).toBe(1);
        expect(output).toContain('- SECRETS_KEY is missing');
        expect(await readdir(dataDir)).toEqual([]);
      },
      60_000,
    );

    it('when the configuration is wrong, naming every variable and no value', async () => {
      const { code, output } = await startInVain({
        DATA_DIR: await makeFolder(),
        PORT: 'eighty',
        SECRETS_KEY: 'too-short-to-be-a-key',
        DATABASE_URL: 'mysql://root:hunter2@db/x',
      });
      expect(code).toBe(1);
      for (const name of ['PORT', 'SECRETS_KEY', 'DATABASE_URL']) expect(output).toContain(`- ${name} `);
      expect(output).not.toMatch(/eighty|too-short|hunter2/);
    }, 60_000);
  });

  it('answers what is under way on SIGTERM, exits 0 with all its processes gone, and finds the data at the next start', async () => {
    const simulator = new SimulatorControl(gateway.simulatorUrl);
    const order = await simulator.createOrder();
    await simulator.addFault({
      kind: 'latency-after-effect',
      endpoints: ['verify'],
      orderId: order.order_id,
      delayMs: 1500,
    });
    const callsBefore = await simulator.calls();
    const answer = tillOf(gateway).redeem(order, 'code');
    await eventually(async () => (await simulator.calls()).verify > callsBefore.verify);
    const descendants = gateway.descendants();
    const exit = await gateway.end();
    const view = await answer;
    expect(view.verify_status).toBe('success');
    expect(exit).toEqual({ code: 0, signal: null });
    await gateway.untilGone(descendants);

    const credentials = gateway.demo.client_key;
    gateway = await startGateway(dataDir);
    expect(gateway.demo.client_key).toBe(credentials);
    const found = await tillOf(gateway).client.findVerification(view.verify_token);
    expect(found).toMatchObject({ id: view.id, verify_status: 'success', verify_id: view.verify_id });
    expect(await new SimulatorControl(gateway.simulatorUrl).ledgerOf([order])).toHaveLength(1);
  }, 120_000);
});
