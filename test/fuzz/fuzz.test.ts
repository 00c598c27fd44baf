// The fuzzer in short, for every run of the tests: some hundred requests over all operations, judged like the many of
// `npm run fuzz`. The seed is printed; FUZZ_SEED repeats a run.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { ROUTES } from '../../src/http/routes/index.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { call, type HttpGateway, serveHttp } from '../support/http-gateway.ts';
import { type CampaignResult, describeFinding, makePlans, runCampaign } from './campaign.ts';
import { Materials } from './materials.ts';
import { type OpenApiDocument, Oracle } from './oracle.ts';

const REQUESTS = 900;
const BOUND_MS = 60_000;
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));

let harness: Harness;
let server: HttpGateway;
let result: CampaignResult;
const alerts: string[] = [];

beforeAll(async () => {
  process.stderr.write(`FUZZ_SEED=${seed}\n`);
  harness = await startHarness({ env: { VERIFY_BUDGET_MS: '1000' } });
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      if (line.includes('"alert":true') && /internal\.|schema/.test(line.toString()))
        alerts.push(line.toString());
      done();
    },
  });
  server = await serveHttp(harness, { logger: pino({ level: 'warn' }, sink) });
  const document = (await call(server.url, { target: '/openapi.json' })).json() as OpenApiDocument;
  const materials = new Materials(server.url, harness.simulator.url);
  await materials.prepare(200);
  await materials.disturb(String(seed), 0.1);
  result = await runCampaign({
    url: server.url,
    seed,
    requests: REQUESTS,
    materials,
    oracle: new Oracle(document),
    signal: AbortSignal.timeout(BOUND_MS),
  });
}, 150_000);
afterAll(async () => {
  await server.close();
  await harness.close();
});

describe('fuzzed requests', () => {
  it('are answered, each as the document says, and never by 500', () => {
    expect(result.findings.map(describeFinding)).toEqual([]);
  });

  it('raise no alert about the gateway itself', () => {
    expect(alerts).toEqual([]);
  });

  it('reach every operation, and get past the first look', () => {
    const unreached = ROUTES.filter((route) => !result.counts.has(route.operationId));
    expect(unreached.map((route) => route.operationId)).toEqual([]);
    expect(result.counts.get('verifyCoupon')?.get('200') ?? 0).toBeGreaterThan(5);
  });

  it('are the same for the same seed', () => {
    expect(makePlans(seed, 60)).toEqual(makePlans(seed, 60));
  });
});
