// The activities as workflows see them: ids in, statuses and Douyin's error codes out. Types only.

import type { ResolveInput, VerificationKey } from './contract.ts';

/** Nothing was sent yet; the next step may run. */
export interface Open {
  readonly state: 'open';
}

/** A verify was sent and its outcome is not known. */
export interface Unknown {
  readonly state: 'unknown';
  readonly next: 'repeat' | 'look_up';
  /** In words, for operators. */
  readonly outcome: string;
  /** How long to wait before the next step, milliseconds. */
  readonly waitMs: number;
}

/** Decided, or ended without an attempt; or another round took over. */
export interface Closed {
  readonly state: 'closed';
  readonly verifyStatus: 'success' | 'failed';
  /** Douyin's code, or 0. */
  readonly errorCode: number;
  /** The gateway's reason if nothing was attempted, else empty. */
  readonly reason: string;
  readonly needsEnrichment: boolean;
}

export interface Activities {
  /** Asks the short link's host what the link names, and stores it. Local. */
  resolveShortLink(key: VerificationKey): Promise<Open | Unknown | Closed>;
  /** Prepares at Douyin and stores its token and the first usable coupon. Local. */
  prepareCoupon(key: VerificationKey): Promise<Open | Unknown | Closed>;
  /**
   * Counts an attempt, sends it, stores the verdict. `open` if the coupon must be prepared anew: another verification of
   * its order came to be in doubt meanwhile. Local.
   */
  verifyCoupon(key: VerificationKey): Promise<Open | Unknown | Closed>;
  /**
   * Repeats an unknown verify with the same token and parameters. Fails with `verification.unknown` while Douyin's
   * schedule has another repeat, so that Temporal retries it and shows the last outcome.
   */
  repeatVerification(key: VerificationKey): Promise<Unknown | Closed>;
  /** Asks Douyin's reads for the outcome; marks the row unsettled if they do not decide. */
  lookUpVerification(key: VerificationKey): Promise<Unknown | Closed>;
  /**
   * A decision that came by Temporal, with its audit entry. Fails for good with `verification.not_processing` if it is
   * decided already, and with `verification.send_in_flight` while a send may still take effect.
   */
  resolveVerification(input: ResolveInput & VerificationKey & { readonly updateId: string }): Promise<Closed>;

  /**
   * One enrichment try: reads order and coupon, stores them. Fails with `enrichment.incomplete` when Douyin does not
   * show them yet or cannot be asked.
   */
  fetchOrder(input: { readonly verificationId: number }): Promise<void>;
  markEnrichmentStuck(input: { readonly verificationId: number; readonly reason: string }): Promise<void>;

  /** Refreshes Douyin's access token when less than a third of its life is left. */
  refreshAccessToken(): Promise<{ readonly refreshed: boolean; readonly expiresAt: string }>;
  /** Starts again what lost its workflow, closes what was never sent, and deletes spent nonces. */
  sweepStranded(): Promise<{
    readonly verifications: number;
    readonly enrichments: number;
    readonly nonces: number;
  }>;
}
