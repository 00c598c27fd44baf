// Where the one access token of a Douyin app lives, shared by all processes. Types only.

export interface StoredAccessToken {
  readonly token: string;
  readonly obtainedAt: Date;
  readonly expiresAt: Date;
  readonly generation: number;
}

/**
 * The row of one Douyin client key. A lease, not a transaction, is held while Douyin is asked for a new token:
 * it ends by itself if its holder dies.
 */
export interface TokenStore {
  read(): Promise<StoredAccessToken | null>;
  /**
   * Takes the right to fetch the successor of `generation` (0: the first one).
   * @returns false if somebody else holds it, or has stored a successor already
   */
  acquireLease(input: {
    readonly generation: number;
    readonly owner: string;
    readonly leaseMs: number;
  }): Promise<boolean>;
  /** Stores the successor and ends the lease. @returns false if the lease was lost to somebody else meanwhile */
  store(input: {
    readonly owner: string;
    readonly generation: number;
    readonly token: string;
    readonly obtainedAt: Date;
    readonly expiresAt: Date;
  }): Promise<boolean>;
  releaseLease(owner: string): Promise<void>;
}
