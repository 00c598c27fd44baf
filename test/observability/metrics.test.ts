// The metrics as Prometheus reads them, over a socket.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';

import { createMetrics, type Metrics, serveMetrics } from '../../src/observability/metrics.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(metrics: Metrics): Promise<string> {
  const server = await serveMetrics(metrics, '127.0.0.1', 0);
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Samples by name and labels, as the exposition format writes them. */
async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

describe('GET /metrics', () => {
  it('tells the duration of calls to Douyin in seconds, by endpoint and outcome', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    metrics.observeDouyinCall({ endpoint: 'verify', outcome: 'verified', durationMs: 150 });
    metrics.observeDouyinCall({ endpoint: 'verify', outcome: 'verified', durationMs: 350 });
    const samples = await scrape(url);
    const labels = 'endpoint="verify",outcome="verified"';
    expect(samples.get(`dygw_douyin_call_duration_seconds_count{${labels}}`)).toBe(2);
    expect(samples.get(`dygw_douyin_call_duration_seconds_sum{${labels}}`)).toBeCloseTo(0.5);
    expect(samples.get(`dygw_douyin_call_duration_seconds_bucket{le="0.2",${labels}}`)).toBe(1);
  });

  it('counts verify calls whose outcome is unknown, and no others', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    expect((await scrape(url)).get('dygw_douyin_verify_unknown_total')).toBe(0);
    metrics.observeDouyinCall({ endpoint: 'verify', outcome: 'unknown', durationMs: 3000 });
    metrics.observeDouyinCall({ endpoint: 'verify', outcome: 'verified', durationMs: 20 });
    metrics.observeDouyinCall({ endpoint: 'prepare', outcome: 'unknown', durationMs: 20 });
    expect((await scrape(url)).get('dygw_douyin_verify_unknown_total')).toBe(1);
  });

  it('tells the duration of requests by route and status', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    metrics.observeRequest({ route: '/v1/open/coupons/verify', status: 503, durationMs: 4 });
    const samples = await scrape(url);
    expect(
      samples.get('dygw_http_request_duration_seconds_count{route="/v1/open/coupons/verify",status="503"}'),
    ).toBe(1);
  });

  it('tells how many verifications are in flight, how many may be, and how many were refused', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    metrics.setRequestsInFlight({ inFlight: 7, limit: 48 });
    metrics.countOverloadRefusal();
    metrics.countOverloadRefusal();
    const samples = await scrape(url);
    expect(samples.get('dygw_verifications_in_flight')).toBe(7);
    expect(samples.get('dygw_verifications_in_flight_limit')).toBe(48);
    expect(samples.get('dygw_overload_refusals_total')).toBe(2);
  });

  it('tells how much longer Douyin wants to be left alone, and which calls were not made', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    const pausesMs = new Map([['query_order', 1500]]);
    metrics.watchDouyinPauses(() => pausesMs);
    metrics.countGivenUpCall({ endpoint: 'query_order', purpose: 'enrichment', why: 'paused' });
    expect((await scrape(url)).get('dygw_douyin_pause_seconds{endpoint="query_order"}')).toBe(1.5);
    pausesMs.set('query_order', 0);
    const samples = await scrape(url);
    expect(samples.get('dygw_douyin_pause_seconds{endpoint="query_order"}')).toBe(0);
    const labels = 'endpoint="query_order",purpose="enrichment",why="paused"';
    expect(samples.get(`dygw_douyin_calls_given_up_total{${labels}}`)).toBe(1);
  });

  it('tells which access token this process uses, never the token', async () => {
    const metrics = createMetrics();
    const url = await serve(metrics);
    const obtainedAt = new Date('2026-03-15T10:00:00Z');
    const token = { generation: 3, obtainedAt, expiresAt: new Date(obtainedAt.getTime() + 7_200_000) };
    metrics.watchAccessToken(() => ({ ...token, token: 'clt.secret' }));
    const samples = await scrape(url);
    expect(samples.get('dygw_access_token_generation')).toBe(3);
    expect(samples.get('dygw_access_token_obtained_timestamp_seconds')).toBe(obtainedAt.getTime() / 1000);
    expect(samples.get('dygw_access_token_expires_timestamp_seconds')).toBe(token.expiresAt.getTime() / 1000);
    expect([...samples.keys()].join()).not.toContain('clt.secret');
  });

  it('tells about the process: memory, processor, event loop', async () => {
    const samples = await scrape(await serve(createMetrics()));
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect(samples.get(name)).toBeGreaterThanOrEqual(0);
    }
  });

  it('keeps two gateways in one process apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.observeDouyinCall({ endpoint: 'verify', outcome: 'unknown', durationMs: 1 });
    expect((await scrape(await serve(other))).get('dygw_douyin_verify_unknown_total')).toBe(0);
  });
});

describe('the metrics listener', () => {
  it('serves nothing else', async () => {
    const url = await serve(createMetrics());
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
  });

  it('says so when its port is in use', async () => {
    const port = Number(new URL(await serve(createMetrics())).port);
    await expect(serveMetrics(createMetrics(), '127.0.0.1', port)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
