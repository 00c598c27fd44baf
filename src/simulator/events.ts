// The events a simulator's state is made of, as they stand in the journal. State changes by these and by nothing else,
// so that a restart on the same journal finds everything. Ids are not in them where they follow from the seed.
import type { AccessTokenState } from './access-tokens.ts';
import type { Canceller, CouponStatusName, Verifier } from './model.ts';
import type { OrderChange, OrderSpec } from './order-spec.ts';

/** Raised whenever older journals can no longer be read. */
export const JOURNAL_VERSION = 1;

/** One item of a judged verify call: result 0 means that a use of the coupon was taken. */
export interface JudgedItemRecord {
  encryptedCode: string;
  result: number;
}

export interface JudgedEvent {
  type: 'judged';
  verifyToken: string;
  fingerprint: string;
  poiId: string;
  callId: string;
  atMs: number;
  items: JudgedItemRecord[];
}

export type CouponChange =
  | { action: 'set_status'; status: Exclude<CouponStatusName, 'used'> }
  | { action: 'set_validity'; startTime?: number | undefined; expireTime?: number | undefined }
  | { action: 'settle' }
  | { action: 'withdraw_refund' };

export type SimulatorEvent =
  | { type: 'opened'; version: number; seed: string; run: number; atMs: number }
  | { type: 'access_tokens'; state: AccessTokenState }
  | { type: 'order_created'; index: number; atMs: number; spec: OrderSpec }
  | { type: 'order_changed'; orderId: string; atMs: number; change: OrderChange }
  | { type: 'qr_refreshed'; orderId: string }
  | { type: 'coupon_changed'; certificateId: string; atMs: number; change: CouponChange }
  | { type: 'prepared'; orderId: string; poiId: string | null; qrNumber?: number | null; atMs: number }
  | JudgedEvent
  | {
      type: 'review_opened';
      verifyToken: string;
      fingerprint: string;
      poiId: string;
      callId: string;
      atMs: number;
      encryptedCodes: string[];
      dueAtMs: number;
      passes: boolean;
    }
  | { type: 'review_decided'; certificateIds: string[]; judged: JudgedEvent | null }
  | {
      type: 'used_by_till';
      certificateId: string;
      poiId: string;
      /** Absent in journals from before there were several. */
      verifiedBy?: Exclude<Verifier, 'api'>;
      atMs: number;
    }
  | {
      type: 'cancelled';
      verifyId: string;
      /** Other verifications taken back in the same step. */
      alsoVerifyIds?: string[];
      cancelledBy?: Canceller;
      cancelToken: string | null;
      callId: string | null;
      atMs: number;
    }
  | { type: 'reset'; nextOrderIndex: number };

/** An event as it is kept: with its moment by the machine's clock, which older journals lack. */
export type KeptEvent = SimulatorEvent & { trueAtMs?: number };
