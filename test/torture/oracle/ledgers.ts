// What the checker of both tiers compares when everything has come to rest: what tills asked and heard, the gateway's rows,
// what Douyin did, what was for sale, and what was disturbed. Times are milliseconds since 1970 by one true clock, which
// no process of the gateway can see.

import type { EventKind } from '../../../src/domain/verification.ts';

export interface SentRequest {
  readonly kind: 'request';
  readonly request: number;
  readonly atMs: number;
  readonly till: number;
  /** Position in `appIds`. */
  readonly app: number;
  /** `closing_look_up`: what the till would be told after everything came to rest. */
  readonly operation: 'verify' | 'look_up' | 'closing_look_up' | 'prepare';
  readonly token: string;
  /** Which process was asked, where there are several to choose from. */
  readonly api?: number;
}

/** A record as the till saw it: the published view, each of its plain fields. */
export type SeenRecord = Readonly<Record<string, unknown>> & {
  readonly id: number;
  readonly verify_status: 'processing' | 'success' | 'failed';
  readonly verify_token: string;
  readonly error_code: number;
  readonly poi_id: string;
  readonly verify_id: string;
  readonly order_id: string;
  readonly certificate_id: string;
  readonly advice: string;
  /** The gateway's own code where it, not Douyin, ended the verification; else `''`. */
  readonly reason: string;
};

export interface ReceivedAnswer {
  readonly kind: 'answer';
  readonly request: number;
  readonly atMs: number;
  readonly status: number;
  /** The error's code, if it is one. */
  readonly code: string | null;
  readonly record: SeenRecord | null;
  /** What the gateway keeps to itself about an error, where it can be seen. */
  readonly detail?: string;
}

/** No whole answer: it may have been carried out. */
export interface NoAnswer {
  readonly kind: 'no_answer';
  readonly request: number;
  readonly atMs: number;
  readonly cause: string;
}

export type ClientEntry = SentRequest | ReceivedAnswer | NoAnswer;

/** What a till ended up asking for: one token, one verification. */
export interface UsedToken {
  readonly till: number;
  readonly app: number;
  readonly token: string;
  /** Where it wanted to redeem. */
  readonly poiId: string;
  /** The order that it scanned; null for a code that nobody sold. */
  readonly orderId: string | null;
  /** Asked when nothing was disturbed any more: it must succeed at its first request. */
  readonly isControl: boolean;
}

/** The customer has opened the order page again, which may end the QR that was scanned before. */
export const QR_REFRESHED = 'QR refreshed';

/** An order as it was sold, and what was done to it beside the gateway. */
export interface SoldOrder {
  readonly orderId: string;
  readonly certificateIds: readonly string[];
  /** Of a times card how many uses it has; null for other coupons. */
  readonly timesCount: number | null;
  /** What one coupon cost, and its list price, fen; a times card's for all its uses together. */
  readonly payFen: number;
  readonly originalFen: number;
  /** Whether Douyin shows a coupon's own amounts. */
  readonly isAmountShown: boolean;
  /** Stores that may redeem it. */
  readonly poiIds: readonly string[];
  /** Null when it can be redeemed by whoever comes in a store of it; else why not. */
  readonly flaw: string | null;
  /** How often the customer means to use it; null for as often as it can be. */
  readonly meals: number | null;
  /** What was done to it in Douyin's own apps, beside uses and cancellations, which are effects. */
  readonly changes: readonly { readonly atMs: number; readonly what: string }[];
}

/** A row of `verifications`, as far as the checker looks, by its columns' names. Times are RFC 3339. */
export type GatewayRow = Readonly<Record<string, unknown>> & {
  readonly id: number;
  readonly app_id: number;
  readonly mode: string;
  readonly verify_token: string;
  readonly verify_status: 'processing' | 'success' | 'failed';
  readonly step: string;
  readonly round: number;
  /** Null where Douyin ended it, or nobody yet. */
  readonly reason: string | null;
  readonly error_code: number;
  readonly error_description: string;
  readonly douyin_verify_token: string;
  readonly poi_id: string;
  readonly encrypted_code: string;
  readonly certificate_id: string;
  readonly verify_id: string;
  readonly order_id: string;
  readonly pay_amount: number | null;
  readonly receipt_amount: number | null;
  readonly discount_amount: number | null;
  readonly enrichment_status: string;
  readonly send_count: number;
  readonly open_send_count: number;
  readonly last_outcome: string | null;
  readonly last_note: unknown;
  readonly created_at: string;
  readonly round_started_at: string;
  readonly first_sent_at: string | null;
  readonly settled_at: string | null;
};

/** A line of a row's timeline. */
export interface RowEvent {
  readonly verification_id: number;
  readonly kind: EventKind;
  /** By the true clock, whatever the database's own says. */
  readonly at_ms: number;
}

export interface Effect {
  readonly sequence: number;
  readonly kind: 'verified' | 'cancelled';
  readonly at_ms: number;
  readonly verify_id: string;
  readonly certificate_id: string;
  readonly encrypted_code: string;
  readonly order_id: string;
  readonly poi_id: string;
  /** Null for a use outside of the API. */
  readonly verify_token: string | null;
  /** `api`, or how else: at a till, typed, in another app. */
  readonly verified_by: string;
  /** Which use of a times card it was; null for other coupons. */
  readonly serial_number: number | null;
}

export interface Truth {
  readonly verify_token: string;
  readonly order_id: string;
  readonly effect: 'verified' | 'cancelled' | 'none';
  readonly is_in_review: boolean;
  /** Verify calls that arrived with this token. */
  readonly sends: number;
  /** Different parameters it was sent with. */
  readonly parameter_sets: number;
}

export interface DouyinCall {
  readonly sequence: number;
  readonly endpoint: string;
  readonly at_ms: number;
  readonly facts: {
    readonly order_id?: string;
    readonly verify_token?: string;
    readonly encrypted_codes?: readonly string[];
    readonly certificate_ids?: readonly string[];
    readonly poi_id?: string;
  };
  readonly fault: string | null;
  readonly outcome: string;
}

/** One verify on its way from the gateway to Douyin. */
export interface Departure {
  readonly verifyToken: string;
  /** When it left, or the earliest moment at which it can have left. */
  readonly atMs: number;
  /** For how long its own process had stood still shortly before. */
  readonly heldMs: number;
}

/** Something of the gateway's own parts was disturbed meanwhile. */
export interface Disturbed {
  readonly what: string;
  /** Whether a verify that was counted may have been held back by it, and left when it ended. */
  readonly holdsSends: boolean;
  readonly fromMs: number;
  readonly toMs: number;
}

/** An operator's word on one verification. */
export interface Resolution {
  readonly verificationId: number;
  readonly verifyStatus: 'success' | 'failed';
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  /** Whether the record's timeline says that it ended by this very word. */
  readonly isAccepted: boolean;
  /** What the operator heard, where that is kept; `send_in_flight`: from now on nothing is sent. */
  readonly told?: 'taken' | 'refused' | 'send_in_flight' | 'nothing';
  /** What Douyin's own app showed when the operator looked, which may have been long before. */
  readonly seen?: { readonly atMs: number; readonly isRedeemed: boolean };
}

export interface Bounds {
  /** VERIFY_BUDGET_MS. */
  readonly budgetMs: number;
  /** How much later than it may a first verify can leave, beside what the disturbances explain. */
  readonly sendSlackMs: number;
  /** A verify that arrives this much after an answer may have left before it. */
  readonly answerSlackMs: number;
  /** Whether Douyin answers each verify that redeems with an error: then a till is told at its budget's end at best. */
  readonly isFirstAnswerLost: boolean;
}

export interface Ledgers {
  readonly appIds: readonly number[];
  readonly bounds: Bounds;
  readonly usedTokens: readonly UsedToken[];
  readonly orders: readonly SoldOrder[];
  readonly client: readonly ClientEntry[];
  readonly rows: readonly GatewayRow[];
  /** The timelines of all rows, in the order they were written. */
  readonly events: readonly RowEvent[];
  readonly effects: readonly Effect[];
  readonly truths: readonly Truth[];
  readonly calls: readonly DouyinCall[];
  readonly departures: readonly Departure[];
  readonly disturbed: readonly Disturbed[];
  readonly resolutions: readonly Resolution[];
}
