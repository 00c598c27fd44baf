// Prometheus metrics of a process and their listener. Names end in their unit, as Prometheus' naming page asks.
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

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
  /** A call to Douyin that was not made: `paused`, `pace` or `under_way`. */
  countGivenUpCall(call: { readonly endpoint: string; readonly purpose: string; readonly why: string }): void;
  /** @param remainingMs the pauses Douyin asked for, by endpoint, asked when they are collected */
  watchDouyinPauses(remainingMs: () => ReadonlyMap<string, number>): void;
  /** @param status the token this process knows, asked when it is collected */
  watchAccessToken(
    status: () => {
      readonly generation: number;
      readonly obtainedAt: Date;
      readonly expiresAt: Date;
    } | null,
  ): void;
  /** Verification requests being answered, and how many may be. */
  setRequestsInFlight(state: { readonly inFlight: number; readonly limit: number }): void;
  /** A verification request refused because of the load. */
  countOverloadRefusal(): void;
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
  const givenUp = new Counter({
    name: 'dygw_douyin_calls_given_up_total',
    help: 'Calls to Douyin that were not made, by endpoint, purpose and why',
    labelNames: ['endpoint', 'purpose', 'why'],
    registers: [registry],
  });
  const inFlight = new Gauge({
    name: 'dygw_verifications_in_flight',
    help: 'Verification requests being answered',
    registers: [registry],
  });
  const inFlightLimit = new Gauge({
    name: 'dygw_verifications_in_flight_limit',
    help: 'How many verification requests are let in at a time; below MAX_IN_FLIGHT while the machine is overloaded',
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'dygw_overload_refusals_total',
    help: 'Verification requests refused with gateway.busy, before any work was done for them',
    registers: [registry],
  });
  return {
    registry,
    countGivenUpCall: (call) => givenUp.inc(call),
    setRequestsInFlight(state) {
      inFlight.set(state.inFlight);
      inFlightLimit.set(state.limit);
    },
    countOverloadRefusal: () => refusals.inc(),
    watchDouyinPauses(remainingMs) {
      new Gauge({
        name: 'dygw_douyin_pause_seconds',
        help: 'How much longer Douyin wants to be left alone, by the endpoint that said so; 0 when that is over',
        labelNames: ['endpoint'],
        registers: [registry],
        collect() {
          for (const [endpoint, ms] of remainingMs()) this.set({ endpoint }, ms / 1000);
        },
      });
    },
    watchAccessToken(status) {
      const gauge = (
        name: string,
        help: string,
        value: (token: NonNullable<ReturnType<typeof status>>) => number,
      ) =>
        new Gauge({
          name,
          help,
          registers: [registry],
          collect() {
            const token = status();
            if (token) this.set(value(token));
          },
        });
      gauge(
        'dygw_access_token_generation',
        'Counts the access tokens the gateway obtained',
        (token) => token.generation,
      );
      gauge(
        'dygw_access_token_obtained_timestamp_seconds',
        'When the access token this process uses was obtained',
        (token) => token.obtainedAt.getTime() / 1000,
      );
      gauge(
        'dygw_access_token_expires_timestamp_seconds',
        'When the access token this process uses ends',
        (token) => token.expiresAt.getTime() / 1000,
      );
    },
    observeDouyinCall({ endpoint, outcome, durationMs }) {
      douyinCalls.observe({ endpoint, outcome }, durationMs / 1000);
      if (endpoint === 'verify' && outcome === 'unknown') unknownOutcomes.inc();
    },
    observeRequest({ route, status, durationMs }) {
      requests.observe({ route, status: String(status) }, durationMs / 1000);
    },
  };
}

/** A few collectors ask now and then, with a request of a few lines. */
const METRICS_LIMITS = { headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 2000 };
const METRICS_CONNECTIONS = 100;

/** Serves `GET /metrics`. @throws when the port cannot be listened on */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<Server> {
  const server = createServer(METRICS_LIMITS, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = METRICS_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}
