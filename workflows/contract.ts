// What clients, activities and workflows agree on: queues, workflow ids, inputs, results, signal and update names.
// No secrets: everything here is readable in Temporal's UI.

import type { VerifyMode } from '../src/domain/coupon.ts';

/** `verify` serves the till; `background` everything a cashier does not wait for. */
export const TASK_QUEUES = { verify: 'verify', background: 'background' } as const;

export const WORKFLOW_TYPES = {
  verifyCoupon: 'VerifyCoupon',
  enrichOrder: 'EnrichOrder',
  keepTokenFresh: 'KeepTokenFresh',
  sweepStranded: 'SweepStranded',
} as const;

export const SCHEDULE_IDS = { keepTokenFresh: 'keep-token-fresh', sweepStranded: 'sweep-stranded' } as const;

export const RETRY_NOW_SIGNAL = 'retryNow';
/** Look at Douyin, and at the row, at once. */
export const LOOK_NOW_SIGNAL = 'lookNow';
export const RESOLVE_UPDATE = 'resolve';

/** Search attributes, all of type Keyword; `migrate` registers them. */
export const SEARCH_ATTRIBUTES = {
  poiId: 'PoiId',
  appCode: 'AppCode',
  verifyStatus: 'VerifyStatus',
  enrichmentStatus: 'EnrichmentStatus',
} as const;

/**
 * Each round has a workflow of its own: the one of an earlier round, whose start may arrive late, neither carries this
 * round nor keeps it from being started.
 */
export function verifyWorkflowId(verificationId: number, round = 1): string {
  return round === 1 ? `verify-${verificationId}` : `verify-${verificationId}-round-${round}`;
}

export function enrichWorkflowId(verificationId: number): string {
  return `enrich-${verificationId}`;
}

/** Which verification, and which try of it: a late step of an earlier round changes nothing. */
export interface VerificationKey {
  readonly verificationId: number;
  readonly round: number;
  /** Names the round for good; absent in runs that began before rounds had keys. */
  readonly roundKey?: string | null;
}

export interface VerifyCouponInput extends VerificationKey {
  readonly mode: VerifyMode;
  readonly poiId: string;
  readonly appCode: string;
  /** How long an undecided verification waits before Douyin is asked again, milliseconds. */
  readonly lookAgainMs: number;
  /** How long EnrichOrder waits after its nth failed try, milliseconds; after the last it is stuck. */
  readonly enrichRetryDelaysMs: readonly number[];
}

export interface VerifyCouponResult {
  readonly verifyStatus: 'success' | 'failed';
  /** Douyin's code, or 0. */
  readonly errorCode: number;
  /** The gateway's reason if nothing was attempted, else empty. */
  readonly reason: string;
}

export interface EnrichOrderInput {
  readonly verificationId: number;
  readonly poiId: string;
  readonly appCode: string;
  readonly retryDelaysMs: readonly number[];
  /** Tries that have failed in the run that this one goes on from. */
  readonly failedTries?: number;
}

export interface EnrichOrderResult {
  readonly enrichmentStatus: 'success';
}

/** What a person decides by Temporal. No note and no name: they would stay in the history. */
export interface ResolveInput {
  readonly verifyStatus: 'success' | 'failed';
}
