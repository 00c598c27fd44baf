import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { domainGateway } from './domain-gateway.ts';
import { walk } from './explorer.ts';
import { describeStep, planOf, replay, tellStory } from './story.ts';
import { worldOf } from './worlds.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** In a process of its own: inside jest the same walk takes ten times as long. */
const run = (...args: string[]) => promisify(execFile)(process.execPath, [MAIN, ...args]);

describe('every order of steps', () => {
  it('keeps every promise, up to the bound that is quick to walk', async () => {
    const { stdout } = await run('--bound', '2', '--quick');
    expect(stdout).toMatch(/bound 2, 0 violations/u);
  });

  it('shows broken gateways for what they are', async () => {
    const { stdout } = await run('--controls');
    expect(stdout).not.toContain('MISSED');
    expect(stdout).toContain('found');
  });

  it('is told as a story that can be replayed', () => {
    const real = domainGateway();
    const careless = {
      ...real,
      may: (...asked: Parameters<typeof real.may>) =>
        asked[0] === 'operator_resolved_failed' || real.may(...asked),
    };
    const walked = walk(careless, { bound: 1, world: worldOf([]), maxStates: 10_000, maxViolations: 1 });
    const [violation] = walked.violations;
    if (!violation) throw new Error('nothing was found');
    expect(replay(careless, violation)).toHaveLength(violation.steps.length + 1);
    expect(planOf(violation).steps.map(({ kind }) => kind)).toContain('operator_says_failed');
    const story = tellStory(careless, violation);
    for (const step of violation.steps) expect(story).toContain(describeStep(step));
  });
});
