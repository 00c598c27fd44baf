import { format, inspect } from 'node:util';

import { describe, expect, it } from '@jest/globals';

import { Secret } from '../../src/observability/secret.ts';

const VALUE = 'clt.0123456789abcdef';

describe('Secret', () => {
  const secret = new Secret(VALUE);

  it('gives its value only when asked for it', () => {
    expect(secret.expose()).toBe(VALUE);
  });

  it.each([
    ['a template', `${secret.toString()}`],
    ['concatenation', 'token ' + String(secret)],
    ['JSON', JSON.stringify({ token: secret, list: [secret] })],
    ['console', format('%s %o %j', secret, { secret }, { secret })],
    [
      'inspect with everything on',
      inspect({ deep: { secret } }, { depth: 9, showHidden: true, getters: true }),
    ],
    ['inspect of itself', inspect(secret)],
    ['an error’s message', new Error(`no luck with ${String(secret)}`).message],
    [
      'its properties',
      JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String), { ...secret }]),
    ],
  ])('is not shown by %s', (_how, printed) => {
    expect(printed).not.toContain(VALUE);
  });

  it('shows that something is hidden', () => {
    expect(`${String(secret)} ${JSON.stringify(secret)} ${inspect(secret)}`).toBe('*** "***" ***');
  });
});
