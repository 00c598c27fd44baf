// Rules every source file keeps that neither the compiler nor the linter sees.
import { describe, expect, it } from '@jest/globals';

import { FILES, readFile, SOURCES } from './project-files.ts';

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function sourcesWith(pattern: RegExp): readonly string[] {
  return SOURCES.flatMap((path) =>
    readFile(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

describe('the sources', () => {
  it('are found', () => {
    expect(SOURCES).toContain('src/main.ts');
    expect(SOURCES.length).toBeGreaterThan(150);
  });

  it('begin with what the file is for', () => {
    // What a test is for its first `describe` says.
    const files = SOURCES.filter((path) => !path.endsWith('.test.ts'));
    expect(files.filter((path) => !/^(?:#!.*\n)?(?:\/\/ \S|\/\*\*)/.test(readFile(path)))).toEqual([]);
  });

  it('have no test that is left out or runs alone', () => {
    expect(
      sourcesWith(/\b(?:it|test|describe)(?:\.each)?\.(?:skip|only|todo|failing)\b\s*(?:\.each\s*)?[(`]/),
    ).toEqual([]);
    expect(sourcesWith(/\b[xf](?:it|describe|test)\(/)).toEqual([]);
  });

  it('leave nothing for later', () => {
    expect(sourcesWith(/\b(?:TO[D]O|FIX[M]E|XX[X])\b/)).toEqual([]);
  });

  it('say why beside each suppressed rule, or in the comment before it', () => {
    const unexplained = SOURCES.flatMap((path) => {
      const lines = readFile(path).split('\n');
      return lines.flatMap((line, index) => {
        if (!/eslint-[d]isable|@ts-(?:expect-error|ignore)/.test(line)) return [];
        const isExplained =
          / -- \S|@ts-expect-error \S/.test(line) || /^\s*(?:\/\/|\*)/.test(lines[index - 1] ?? '');
        return isExplained ? [] : [`${path}:${index + 1}`];
      });
    });
    expect(unexplained).toEqual([]);
  });

  it('are in folders that say what is in them', () => {
    expect(FILES.filter((path) => /(?:^|\/)(?:utils?|common|misc|helpers?)(?:\/|\.ts$)/.test(path))).toEqual(
      [],
    );
  });
});

describe('package.json', () => {
  it.each(FILES.filter((path) => /(?:^|\/)package\.json$/.test(path)))(
    '%s: every version is exact',
    (path) => {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(readFile(path)) as Package;
      const ranges = Object.entries({ ...dependencies, ...devDependencies }).filter(
        ([, version]) => !/^(?:npm:[^@]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version),
      );
      expect(ranges).toEqual([]);
    },
  );

  it('is locked, without the addresses of a particular registry', () => {
    expect(readFile('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });
});
