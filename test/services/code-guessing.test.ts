// The guard against guessed codes, as to requests that are under way at the same moment. Over HTTP: test/http/open.
import { describe, expect, it } from '@jest/globals';
import { type CodeTrial, CodeGuessingGuard } from '../../src/services/rate-limits.ts';

const LIMIT = 20;

function trialOf(code: number | string): CodeTrial {
  return { appId: 1, poiId: 'p', mode: 'code', code: String(code) };
}

/** Trials whose answers the test gives one by one. */
function open(placeWaitMs?: number) {
  const guard = new CodeGuessingGuard(() => 0, placeWaitMs);
  const answers = new Map<string, (isUnknown: boolean) => void>();
  const ask = (code: number | string, isStored?: boolean) =>
    guard.watch(
      trialOf(code),
      () => new Promise<boolean>((resolve) => answers.set(String(code), resolve)),
      (isUnknown) => isUnknown,
      () => Promise.resolve(isStored === true),
    );
  const answer = (code: number | string, isUnknown: boolean) => answers.get(String(code))?.(isUnknown);
  return { ask, answer, asked: answers };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('CodeGuessingGuard', () => {
  it('has as many codes under trial as could still be unknown, and the next one waits for an end', async () => {
    const { ask, answer, asked } = open();
    const first = Array.from({ length: LIMIT }, (_, code) => ask(code));
    const next = ask('next');
    const stored = ask('stored', true);
    const again = ask(0);
    await settled();
    expect([...asked.keys()].toSorted()).not.toContain('next');
    expect(asked.size).toBe(LIMIT + 1);
    // A good code gives its place back, an unknown one does not.
    answer(1, false);
    await first[1];
    await settled();
    expect(asked.has('next')).toBe(true);
    for (let code = 2; code < LIMIT; code += 1) answer(code, true);
    answer(0, true);
    answer('stored', false);
    await stored;
    await Promise.all(first.slice(2));
    const last = ask('last');
    await settled();
    expect(asked.has('last')).toBe(false);
    answer('next', true);
    await next;
    await expect(last).rejects.toMatchObject({ code: 'rate.too_many_unknown_codes' });
    void again;
  });

  it('refuses what waits too long as a full gateway does, and is not stopped by it', async () => {
    const { ask, answer } = open(1);
    const first = Array.from({ length: LIMIT }, (_, code) => ask(code));
    await expect(ask('next')).rejects.toMatchObject({ code: 'gateway.busy' });
    for (let code = 0; code < LIMIT; code += 1) answer(code, false);
    await Promise.all(first);
    const later = ask('later');
    await settled();
    answer('later', false);
    expect(await later).toBe(false);
  });
});
