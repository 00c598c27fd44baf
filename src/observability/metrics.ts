// Prometheus metrics of a process and their listener. Names end in their unit, as Prometheus' naming page asks.
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

const LATENCY_BUCKETS_S = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 4, 8];

export interface Metrics {
  readonly registry: Registry;
  observeDouyinCall(call: {
    readonly endpoint: string;
    readonly outcome: string;
    readonly durationMs: number;
  }): void;
  observeRequest(request: {
    readonly route: string;
    readonly status: number;
    readonly durationMs: number;
  }): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const douyinCalls = new Histogram({
    name: 'dygw_douyin_call_duration_seconds',
    help: 'Duration of calls to Douyin by endpoint and outcome',
    labelNames: ['endpoint', 'outcome'],
    buckets: LATENCY_BUCKETS_S,
    registers: [registry],
  });
  const requests = new Histogram({
    name: 'dygw_http_request_duration_seconds',
    help: 'Duration of requests by route and status',
    labelNames: ['route', 'status'],
    buckets: LATENCY_BUCKETS_S,
    registers: [registry],
  });
  const unknownOutcomes = new Counter({
    name: 'dygw_douyin_verify_unknown_total',
    help: 'Verify calls whose outcome was unknown',
    registers: [registry],
  });
  return {
    registry,
    observeDouyinCall({ endpoint, outcome, durationMs }) {
      douyinCalls.observe({ endpoint, outcome }, durationMs / 1000);
      if (endpoint === 'verify' && outcome === 'unknown') unknownOutcomes.inc();
    },
    observeRequest({ route, status, durationMs }) {
      requests.observe({ route, status: String(status) }, durationMs / 1000);
    },
  };
}

/** Serves `GET /metrics`. @throws when the port cannot be listened on */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}
