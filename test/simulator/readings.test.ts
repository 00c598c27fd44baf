// Settings drawn from a seed: the same seed draws the same, every choice is drawn by some seed, and all are taken.
import { describe, expect, it } from '@jest/globals';
import { drawReadings } from '../../src/simulator/simulator.ts';
import { start } from './support.ts';

const DRAWS = 200;

describe('drawReadings', () => {
  it('follows from the seed', () => {
    expect(drawReadings('7')).toEqual(drawReadings('7'));
    expect(drawReadings('7')).not.toEqual(drawReadings('8'));
  });

  it('draws every setting in more than one way, and only what the simulator takes', async () => {
    const { simulator } = await start();
    const draws = Array.from({ length: DRAWS }, (_, seed) => drawReadings(String(seed)));
    for (const draw of draws) expect(simulator.state.changeSettings(draw)).toMatchObject(draw);
    for (const name of Object.keys(draws[0] ?? {}) as (keyof ReturnType<typeof drawReadings>)[]) {
      expect(new Set(draws.map((draw) => JSON.stringify(draw[name]))).size).toBeGreaterThan(1);
    }
  });

  it('is applied over HTTP', async () => {
    const { simulator, douyin } = await start();
    const reply = await douyin.send('/_simulator/settings/draw', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ seed: 3 }),
    });
    expect(reply.status).toBe(200);
    expect(simulator.state.settings).toMatchObject(drawReadings('3'));
  });
});
