// `npm run fuzz`: a gateway of its own on embedded servers, more than 20,000 requests over all its operations, every
// answer judged. Exit 0: nothing found. Exit 1: something was, or the run could not be carried out.
import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClientApp } from '../support/http-gateway.ts';
import { SimulatorControl } from '../support/simulator-control.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import { type StartedGateway, startGateway } from '../support/started-gateway.ts';
import { type CampaignResult, describeFinding, runCampaign } from './campaign.ts';
import { Materials } from './materials.ts';
import { type OpenApiDocument, Oracle } from './oracle.ts';
import { prepareSchemathesis, runSchemathesis, type SchemathesisResult } from './schemathesis.ts';

const USAGE = `usage: npm run fuzz -- [options]

  --seed S                    the same seed makes the same requests (default: a fresh one, printed)
  --requests N                made from the routes' schemas, default 16000
  --examples N                Schemathesis' examples per operation, default 220; 0 leaves Schemathesis out
  --duration SECONDS          bound of the whole run, default 600
  --keep                      keep the folder with logs and reports, also when nothing was found
`;
const COUPONS = 3000;
const FAULT_RATE = 0.08;
/** A share of the time that is left; the campaign must leave the rest to Schemathesis. */
const CAMPAIGN_SHARE = 0.55;

/** Short waits, so that a troubled Douyin costs the fuzzer little. */
const ENVIRONMENT = {
  NODE_ENV: 'test',
  LOG_LEVEL: 'info',
  VERIFY_BUDGET_MS: '1500',
  DOUYIN_TIMEOUT_MS: '600',
  DOUYIN_REPEAT_DELAYS_MS: '50,100,200,400',
  SETTLE_LOOK_AGAIN_MS: '60000',
  ENRICH_RETRY_DELAYS_MS: '50,100',
};

interface Options {
  readonly seed: number;
  readonly requests: number;
  readonly examples: number;
  readonly durationMs: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      requests: { type: 'string', default: '16000' },
      examples: { type: 'string', default: '220' },
      duration: { type: 'string', default: '600' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const options: Options = {
    seed: values.seed === undefined ? randomInt(2 ** 31) : positive('seed', values.seed),
    requests: positive('requests', values.requests),
    examples: positive('examples', values.examples),
    durationMs: positive('duration', values.duration) * 1000,
  };
  const folder = await mkdtemp(join(tmpdir(), 'dy-gateway-fuzz-'));
  // mkdtemp makes it for us alone; PostgreSQL runs as another user when we are root.
  await chmod(folder, 0o755);
  process.stdout.write(
    `seed ${options.seed}: npm run fuzz -- --seed ${options.seed} sends the same requests again\n`,
  );
  let isClean = false;
  try {
    isClean = await fuzz(options, folder);
    return isClean ? 0 : 1;
  } finally {
    if (isClean && !values.keep) await rm(folder, { recursive: true, force: true });
    else process.stdout.write(`logs and reports: ${folder}\n`);
  }
}

async function fuzz(options: Options, folder: string): Promise<boolean> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());
  // First, so that the bound of the run is for requests.
  const environment = options.examples > 0 ? await prepareSchemathesis(report, stop.signal) : null;
  const startedAt = performance.now();
  const leftMs = () => Math.max(1000, options.durationMs - (performance.now() - startedAt));
  report('starting a gateway');
  const gateway = await startGateway(join(folder, 'data'), ENVIRONMENT);
  try {
    const materials = new Materials(gateway.url, gateway.simulatorUrl);
    await materials.prepare(COUPONS);
    await materials.disturb(String(options.seed), FAULT_RATE);
    const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as OpenApiDocument;
    report(`sending ${options.requests} requests made from the schemas`);
    const campaign = await runCampaign({
      url: gateway.url,
      seed: options.seed,
      requests: options.requests,
      materials,
      oracle: new Oracle(document),
      signal: AbortSignal.any([
        stop.signal,
        AbortSignal.timeout(Math.ceil(leftMs() * (options.examples > 0 ? CAMPAIGN_SHARE : 1))),
      ]),
    });
    let second: SchemathesisResult | null = null;
    if (environment !== null) {
      report(`running Schemathesis, ${options.examples} examples per operation`);
      second = await withSchemathesis(environment, gateway, options, folder, leftMs(), stop.signal);
    }
    const alerts = gateway.process.records.filter(
      ({ alert, error_code: code, msg }) =>
        alert === true && (code === 'internal.unexpected' || String(msg).includes('schema')),
    );
    show(campaign, second, alerts, options);
    return (
      campaign.findings.length === 0 &&
      campaign.sent >= options.requests &&
      second?.hasPassed !== false &&
      alerts.length === 0
    );
  } finally {
    report('stopping');
    await gateway.end();
    await writeFile(join(folder, 'gateway.log'), gateway.output);
  }
}

async function withSchemathesis(
  environment: string,
  gateway: StartedGateway,
  options: Options,
  folder: string,
  boundMs: number,
  signal: AbortSignal,
): Promise<SchemathesisResult> {
  const orders = await new SimulatorControl(gateway.simulatorUrl).createOrders(1000);
  return runSchemathesis({
    environment,
    url: gateway.url,
    app: await createClientApp(gateway.url, { allow_token_read: true }),
    coupons: orders.map((order) => ({
      poi_id: SIMULATOR_DEFAULTS.stores[0].poiId,
      short_link: order.short_link,
      code: order.coupons[0]?.code ?? '',
    })),
    seed: options.seed,
    examplesPerOperation: options.examples,
    folder,
    signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(boundMs))]),
  });
}

function show(
  campaign: CampaignResult,
  second: SchemathesisResult | null,
  alerts: readonly Record<string, unknown>[],
  options: Options,
): void {
  const lines = ['', 'from the schemas:', ...table(campaign.counts)];
  if (second) lines.push('', 'Schemathesis:', ...table(second.counts));
  lines.push(
    '',
    `${campaign.sent} + ${second?.sent ?? 0} = ${campaign.sent + (second?.sent ?? 0)} requests, slowest answer ${Math.round(campaign.slowestMs)} ms`,
  );
  if (campaign.sent < options.requests) lines.push('NOT COMPLETE: the time was over');
  if (second && !second.hasPassed) lines.push('', second.output);
  lines.push(...alerts.map((alert) => `ALERT ${JSON.stringify(alert)}`));
  lines.push(...campaign.findings.map((finding) => `\n${describeFinding(finding)}`));
  const findings = campaign.findings.length + alerts.length;
  lines.push(
    '',
    findings === 0 && second?.hasPassed !== false
      ? 'nothing found'
      : `${findings} findings${second?.hasPassed === false ? ', and those of Schemathesis' : ''}`,
    '',
  );
  process.stdout.write(lines.join('\n'));
}

function table(counts: CampaignResult['counts']): string[] {
  const width = Math.max(...[...counts.keys()].map((operation) => operation.length));
  return [...counts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([operation, ofOperation]) => {
      const statuses = [...ofOperation]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([status, count]) => `${status} × ${count}`);
      return `  ${operation.padEnd(width)}  ${statuses.join('  ')}`;
    });
}

function report(message: string): void {
  process.stderr.write(`… ${message}\n`);
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || text.trim() === '')
    throw new Error(`--${name} must be a whole number, not ${text}`);
  return number;
}

try {
  process.exitCode = await main();
} catch (err) {
  process.stderr.write(`${err instanceof Error ? (err.stack ?? err.message) : String(err)}\n${USAGE}`);
  process.exitCode = 1;
}
