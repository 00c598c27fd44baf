// Starts what carries a verification through, whatever crashes. src/temporal fulfils it with a workflow.

import type { VerifyMode } from '../domain/coupon.ts';

export interface RunVerificationInput {
  readonly verificationId: number;
  readonly round: number;
  readonly roundKey: string | null;
  readonly mode: VerifyMode;
  readonly poiId: string;
  readonly appCode: string;
  readonly appName: string;
}

export type RunStart =
  /** `here`: this process runs it and will publish on the verdict board. */
  | { readonly kind: 'started'; readonly here: boolean }
  | { readonly kind: 'already_running' }
  /** The engine certainly did not take it. */
  | { readonly kind: 'refused'; readonly cause: unknown }
  /** It may have arrived: only the row tells. */
  | { readonly kind: 'uncertain'; readonly cause: unknown };

export interface VerificationRunner {
  /** Never throws for what the engine or the network did; returns within `timeoutMs`. */
  start(input: RunVerificationInput, timeoutMs: number): Promise<RunStart>;
  /** Has a waiting run look at the row, and at Douyin, at once. Never throws: one that is not told looks later. */
  lookNow(verificationId: number, round: number): Promise<void>;
}

export interface RunEnrichmentInput {
  readonly verificationId: number;
  readonly poiId: string;
  readonly appCode: string;
}

export interface EnrichmentRunner {
  /**
   * Wakes a stuck enrichment, or starts one if none is open. Pressing twice is harmless.
   * @throws AppError `gateway.engine_unavailable`
   */
  retryNow(input: RunEnrichmentInput): Promise<void>;
  /**
   * Starts an enrichment unless one is open or its verification still runs.
   * @param round the verification's round that succeeded
   * @returns whether it started one
   */
  ensureRunning(input: RunEnrichmentInput, round: number): Promise<boolean>;
}
