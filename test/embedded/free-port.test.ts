import { createServer, type Server } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';

import { findFreePort } from '../../src/embedded/free-port.ts';

describe('findFreePort', () => {
  let occupant: Server | undefined;
  afterEach(() => new Promise<void>((resolve) => (occupant ? occupant.close(() => resolve()) : resolve())));

  it('answers the preferred port if it is free', async () => {
    const free = await findFreePort(0);
    expect(await findFreePort(free)).toBe(free);
  });

  it('answers another port if the preferred one is in use, also on all addresses', async () => {
    const taken = await findFreePort(0);
    const server = (occupant = createServer());
    await new Promise<void>((resolve) => server.listen(taken, '0.0.0.0', resolve));
    const found = await findFreePort(taken);
    expect(found).not.toBe(taken);
    expect(found).toBeGreaterThan(0);
  });
});
