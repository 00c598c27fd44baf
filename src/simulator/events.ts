// The events a simulator's state is made of, as they stand in the journal. State changes by these and by nothing else,
// so that a restart on the same journal finds everything. Ids are not in them where they follow from the seed.
import type { AccessTokenState } from './access-tokens.ts';
import type { CouponStatusName } from './model.ts';
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
  | { action: 'settle' };

export type SimulatorEvent =
  | { type: 'opened'; version: number; seed: string; run: number; atMs: number }
  | { type: 'access_tokens'; state: AccessTokenState }
  | { type: 'order_created'; index: number; atMs: number; spec: OrderSpec }
  | { type: 'order_changed'; orderId: string; atMs: number; change: OrderChange }
  | { type: 'qr_refreshed'; orderId: string }
  | { type: 'coupon_changed'; certificateId: string; atMs: number; change: CouponChange }
  | { type: 'prepared'; orderId: string; poiId: string | null; atMs: number }
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
  | { type: 'used_by_till'; certificateId: string; poiId: string; atMs: number }
  | { type: 'cancelled'; verifyId: string; cancelToken: string | null; callId: string; atMs: number }
  | { type: 'reset'; nextOrderIndex: number };
