// Says whether this process can do its work: what it needs, asked at most once a second however often it is asked.
import type { MonotonicMs } from '../timing/monotonic.ts';

const CHECK_TIMEOUT_MS = 2_000;
const KEPT_MS = 1_000;

/** Each resolves when the part answers and rejects when it does not. */
export interface HealthProbes {
  database(): Promise<void>;
  temporal(): Promise<void>;
  accessToken(): Promise<void>;
}

export type CheckResult = 'ok' | 'down';

export interface Health {
  /** `down`: no coupon can be verified. `degraded`: it can for now, and somebody should look. */
  readonly status: 'ok' | 'degraded' | 'down';
  readonly checks: {
    readonly database: CheckResult;
    readonly temporal: CheckResult;
    readonly accessToken: CheckResult;
  };
}

export class HealthChecker {
  readonly #probes: HealthProbes;
  readonly #monotonicMs: MonotonicMs;
  #latest: { readonly atMs: number; readonly health: Promise<Health> } | null = null;

  constructor(probes: HealthProbes, monotonicMs: MonotonicMs) {
    this.#probes = probes;
    this.#monotonicMs = monotonicMs;
  }

  async check(): Promise<Health> {
    const nowMs = this.#monotonicMs();
    if (!this.#latest || nowMs - this.#latest.atMs >= KEPT_MS) {
      this.#latest = { atMs: nowMs, health: this.#ask() };
    }
    return this.#latest.health;
  }

  async #ask(): Promise<Health> {
    const [database, temporal, accessToken] = await Promise.all([
      resultOf(() => this.#probes.database()),
      resultOf(() => this.#probes.temporal()),
      resultOf(() => this.#probes.accessToken()),
    ]);
    const isDown = database === 'down' || temporal === 'down';
    const status = isDown ? 'down' : accessToken === 'down' ? 'degraded' : 'ok';
    return { status, checks: { database, temporal, accessToken } };
  }
}

async function resultOf(probe: () => Promise<void>): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve('down'), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([probe().then(() => 'ok' as const), tooLate]);
  } catch {
    return 'down';
  } finally {
    clearTimeout(timer);
  }
}
