// `start` killed with -9, it alone, with all its processes, or only the npm above it: the next start on its data folder
// comes up by itself, with all data. Killed servers and locks one by one are test/embedded.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { findFreePort } from '../../src/embedded/free-port.ts';
import { findRunningProcess } from '../../src/embedded/running-process.ts';
import { eventually } from '../support/eventually.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { SimulatorControl } from '../support/simulator-control.ts';
import {
  GatewayProcess,
  startGateway,
  startInVain,
  type StartedGateway,
} from '../support/started-gateway.ts';
import { tillOf } from '../support/till.ts';

/** As npm does: runs the program as a child, with this variable set. */
const NPM = ['/bin/sh', '-c', '"$@" & wait', 'npm'];

describe('start after a killed one', () => {
  const makeFolder = scratchFolders();
  let dataDir: string;
  let ports: Readonly<Record<string, string>>;
  let gateway: StartedGateway;

  beforeAll(async () => {
    dataDir = await makeFolder();
    // The same ports each time, for a dying process may still hold them.
    ports = { PORT: String(await findFreePort(0)), METRICS_PORT: String(await findFreePort(0)) };
    gateway = await startGateway(dataDir, ports);
  }, 90_000);

  afterAll(() => gateway?.end(), 60_000);

  const processIdsOf = (killed: StartedGateway) => [killed.process.child.pid!, ...killed.descendants()];

  function killAll(pids: readonly number[]): void {
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }

  /** Redeems one coupon, so that there is something to find again. */
  async function redeem(): Promise<string> {
    const order = await new SimulatorControl(gateway.simulatorUrl).createOrder();
    const view = await tillOf(gateway).redeem(order, 'code');
    expect(view.verify_status).toBe('success');
    return view.verify_token;
  }

  async function expectServed(token: string): Promise<void> {
    expect(await tillOf(gateway).client.findVerification(token)).toMatchObject({ verify_status: 'success' });
    await redeem();
  }

  it('comes up when every process was killed at once', async () => {
    const token = await redeem();
    killAll(processIdsOf(gateway));
    gateway = await startGateway(dataDir, ports);
    await expectServed(token);
  }, 120_000);

  it('ends an API that hangs and holds the port, and leaves none of the old processes', async () => {
    const token = await redeem();
    const old = processIdsOf(gateway);
    process.kill(gateway.pidOf('api'), 'SIGSTOP');
    gateway.process.child.kill('SIGKILL');
    const killed = gateway;
    gateway = await startGateway(dataDir, ports);
    expect(gateway.output).toContain('ended the api that an earlier start left behind');
    await killed.untilGone(old);
    await expectServed(token);
  }, 120_000);

  it('comes up when one was killed in the middle of starting', async () => {
    const token = await redeem();
    for (const message of ['preparing the database', 'starting the API']) {
      killAll(processIdsOf(gateway));
      const halfway = new GatewayProcess({ ...ports, DATA_DIR: dataDir });
      await eventually(() => halfway.output.includes(message), 60_000);
      halfway.child.kill('SIGKILL');
      await halfway.exit;
      gateway = await startGateway(dataDir, ports);
    }
    await expectServed(token);
  }, 300_000);

  it('waits for a start whose npm was killed, then ends it; refuses while that npm lives', async () => {
    const token = await redeem();
    await gateway.end();
    gateway = await startGateway(dataDir, { ...ports, npm_lifecycle_event: 'start' }, NPM);
    const refused = await startInVain({ DATA_DIR: dataDir, PORT: '0', METRICS_PORT: '0' });
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('in use by the running process');
    const old = gateway;
    // Held, so that it cannot end by itself before the next start looks.
    const { start } = JSON.parse(await readFile(join(dataDir, 'start-processes.json'), 'utf8')) as {
      start: { pid: number };
    };
    process.kill(start.pid, 'SIGSTOP');
    gateway.process.child.kill('SIGKILL');
    await gateway.process.exit;
    gateway = await startGateway(dataDir, ports);
    expect(gateway.output).toContain('waiting for an earlier start whose npm was killed');
    await old.untilGone([start.pid, ...old.descendants()]);
    await expectServed(token);
  }, 180_000);

  it('leaves a process alone that was given the pid of a recorded one', async () => {
    killAll(processIdsOf(gateway));
    await gateway.process.exit;
    const path = join(dataDir, 'start-processes.json');
    const record = JSON.parse(await readFile(path, 'utf8')) as { children: { pid: number }[] };
    const [child] = record.children;
    await writeFile(path, JSON.stringify({ ...record, children: [{ ...child, pid: process.pid }] }));
    gateway = await startGateway(dataDir, ports);
    expect(await findRunningProcess(process.pid)).not.toBeNull();
  }, 120_000);
});
