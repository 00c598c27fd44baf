// The in-process hand-over from the activity that settles a verification to the request that waits for it.
// A shortcut only: whoever waits also watches the row, which is the truth.

import type { Verification } from '../domain/verification.ts';

export interface VerdictBoard {
  /** Tells that this process works on the verification now. */
  begin(verificationId: number): void;
  publish(verification: Verification): void;
  /** `stop` must be called when no longer waiting. */
  watch(verificationId: number): {
    /** Resolves when this process begins to work on it; never if another one does. */
    readonly begun: Promise<void>;
    /** Resolves with the next row published for this id. */
    readonly next: Promise<Verification>;
    stop(): void;
  };
}
