// The in-process hand-over from the activity that settles a verification to the request that waits for it.
// A shortcut only: whoever waits also watches the row, which is the truth.

import type { Verification } from '../domain/verification.ts';

export interface VerdictBoard {
  publish(verification: Verification): void;
  /** Resolves with the next row published for this id; `stop` must be called when no longer waiting. */
  watch(verificationId: number): { readonly next: Promise<Verification>; stop(): void };
}
