// What docker-compose.yml promises, checked without Docker: by a linter that knows the Compose specification, and by
// reading the file as Compose does (anchors merged).
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

import { loadConfig } from '../../src/config.ts';
import { variableNames } from '../config/variable-names.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COMPOSE_PATH = join(ROOT, 'docker-compose.yml');

interface Service {
  readonly image: string;
  readonly command?: string[];
  readonly environment: Record<string, string | number>;
  readonly ports?: string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: string[];
  readonly security_opt?: string[];
  readonly restart?: string;
  readonly healthcheck?: { test?: string[]; disable?: boolean };
  readonly logging?: { options: Record<string, string> };
  readonly depends_on?: Record<string, { condition: string }>;
  readonly deploy?: { resources: { limits: { cpus: string; memory: string; pids: number } } };
}

const { services } = parse(readFileSync(COMPOSE_PATH, 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
/** Of embedded parts, and of Temporal Cloud. */
const NOT_IN_THE_STACK = ['DATA_DIR', 'TEMPORAL_API_KEY', 'TEMPORAL_CLI', 'TEMPORAL_TLS'];
const GATEWAY = ['api', 'worker', 'migrate'];
const JOBS = ['temporal-schema', 'temporal-namespace', 'migrate'];
const LONG_RUNNING = Object.keys(services).filter((name) => !JOBS.includes(name));

/** What Compose makes of a value: required variables get `given`, optional ones their default. */
function interpolate(value: string | number, given: Readonly<Record<string, string>>): string {
  return String(value).replace(
    /\$\{(\w+):([-?])([^}]*)\}/g,
    (_whole, name: string, kind: string, rest: string) => {
      if (kind === '-') return rest;
      const sample = given[name];
      if (sample === undefined) throw new Error(`${name} is required: give the test a sample`);
      return sample;
    },
  );
}

describe('docker-compose.yml', () => {
  it('passes the linter, and with it the schema of the Compose specification', () => {
    const linter = join(ROOT, 'node_modules', 'dclint', 'bin', 'dclint.cjs');
    const options = ['--max-warnings', '0', '--config', join(import.meta.dirname, 'dclint.config.json')];
    expect(() =>
      execFileSync(process.execPath, [linter, ...options, COMPOSE_PATH], { encoding: 'utf8' }),
    ).not.toThrow();
  });

  it('runs what the gateway needs', () => {
    expect(LONG_RUNNING.toSorted()).toEqual(['api', 'postgres', 'temporal', 'temporal-ui', 'worker']);
    for (const name of JOBS) expect(services[name]).toBeDefined();
  });

  it.each(LONG_RUNNING)('checks the health of %s and starts it again', (name) => {
    expect(services[name]?.healthcheck?.test?.[0]).toBe('CMD');
    expect(services[name]?.restart).toBe('unless-stopped');
  });

  it.each(Object.keys(services))('bounds what %s may take: processor, memory, processes and log', (name) => {
    const service = services[name];
    const limits = service?.deploy?.resources.limits;
    expect(limits?.cpus).toMatch(/^\d+(\.\d+)?$/);
    expect(limits?.memory).toMatch(/^\d+[MG]$/);
    expect(limits?.pids).toBeGreaterThan(0);
    expect(service?.logging?.options).toEqual({ 'max-size': '10m', 'max-file': '5' });
  });

  it.each(Object.keys(services))('starts %s only after what it depends on is ready', (name) => {
    for (const [dependency, { condition }] of Object.entries(services[name]?.depends_on ?? {})) {
      expect(services[dependency]).toBeDefined();
      expect(condition).toBe(
        JOBS.includes(dependency) ? 'service_completed_successfully' : 'service_healthy',
      );
    }
  });

  it.each(GATEWAY)('gives %s no rights it does not need', (name) => {
    const service = services[name];
    expect(service?.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(service?.read_only).toBe(true);
    expect(service?.cap_drop).toEqual(['ALL']);
    expect(service?.security_opt).toContain('no-new-privileges:true');
  });

  it('publishes on the loopback address only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('takes every secret from the environment and has a default for none', () => {
    const secrets = Object.values(services)
      .flatMap((service) => Object.entries(service.environment))
      .filter(([name]) => /PASSWORD|PWD|SECRET|_KEY$|DATABASE_URL/.test(name));
    expect(secrets.length).toBeGreaterThan(5);
    for (const [, value] of secrets) expect(value).toMatch(/\$\{\w+:\?[^}]+\}/);
  });

  it.each(GATEWAY)('configures %s completely', (name) => {
    const samples = {
      DOUYIN_ACCOUNT_ID: '7000000000000000000',
      DOUYIN_CLIENT_KEY: 'aw0123456789',
      DOUYIN_CLIENT_SECRET: 'sample',
      GATEWAY_DATABASE_PASSWORD: 'sample',
      SECRETS_KEY: Buffer.alloc(32).toString('base64'),
    };
    const environment = Object.fromEntries(
      Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
        key,
        interpolate(value, samples),
      ]),
    );
    const missing = variableNames().filter((variable) => !(variable in environment));
    expect(missing.filter((variable) => !NOT_IN_THE_STACK.includes(variable))).toEqual([]);
    const config = loadConfig(environment);
    expect(config.environment).toBe('production');
    expect(services[name]?.command).toEqual([name]);
  });

  it('fixes the shards at 512, and uses one version of Temporal', () => {
    expect(interpolate(services['temporal']?.environment['NUM_HISTORY_SHARDS'] ?? '', {})).toBe('512');
    const versions = ['temporal', 'temporal-schema', 'temporal-namespace'].map(
      (name) => services[name]?.image.split(':')[1],
    );
    expect(new Set(versions).size).toBe(1);
  });
});
