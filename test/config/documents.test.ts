// What the documents say about the environment is what src/config.ts reads and docker-compose.yml takes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { parseEnvironment } from '../../src/config.ts';
import { variableNames } from './variable-names.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPOSE_MARK = '# --- Only for docker-compose.yml ---';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const [gatewayPart = '', composePart] = read('.env.example').split(COMPOSE_MARK);

function assignments(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

describe('.env.example', () => {
  it('has every variable of src/config.ts, in its order', () => {
    expect([...assignments(gatewayPart).keys()]).toEqual(variableNames());
  });

  it('changes nothing when it is used as it is: defaults, and no real values', () => {
    expect(parseEnvironment(Object.fromEntries(assignments(gatewayPart)))).toEqual(parseEnvironment({}));
  });

  it('has every variable docker-compose.yml takes, with the same default', () => {
    const known = new Map([...assignments(gatewayPart), ...assignments(composePart ?? '')]);
    const taken = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)(?::-([^}]*))?/g)];
    expect(taken.length).toBeGreaterThan(10);
    for (const [, name = '', fallback] of taken) {
      expect([...known.keys()]).toContain(name);
      const shown = known.get(name);
      if (fallback !== undefined && shown) expect(`${name}=${shown}`).toBe(`${name}=${fallback}`);
    }
    for (const name of assignments(composePart ?? '').keys()) {
      expect(taken.map(([, takenName]) => takenName)).toContain(name);
    }
  });

  it('has no value for a secret', () => {
    const secrets = [...read('.env.example').matchAll(/^(\w*(?:SECRET|PASSWORD|_KEY)\w*)=(.*)$/gm)];
    expect(secrets.length).toBeGreaterThan(5);
    for (const [, name, value] of secrets) expect(`${name}=${value}`).toBe(`${name}=`);
  });
});

describe('README.md', () => {
  const rows = [...read('README.md').matchAll(/^\| `([A-Z][A-Z0-9_]*)` +\| (.*?) +\|/gm)];

  it('has a row for every variable of src/config.ts, in its order', () => {
    expect(rows.map(([, name]) => name)).toEqual(variableNames());
  });

  it('shows the real defaults', () => {
    const defaults = assignments(gatewayPart);
    const shown = rows
      .map(([, name = '', cell = '']) => [name, cell.replaceAll('\\', '')] as const)
      // A default in words, or abbreviated with ×, cannot be compared.
      .filter(([name, cell]) => defaults.get(name) !== '' && !cell.includes('×'));
    expect(shown.length).toBeGreaterThan(15);
    expect(shown).toEqual(shown.map(([name]) => [name, defaults.get(name)]));
  });
});
