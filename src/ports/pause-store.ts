// Where the pauses that Douyin asked for are kept, so that every process keeps them, and a restarted one too.

/** A pause under way. */
export interface StoredPause {
  /** The call whose answer asked for it, as logs and metrics name it. */
  readonly endpoint: string;
  /** How important the calls are that it holds besides that endpoint's; 0 is the most important. */
  readonly priority: number;
  /** Douyin's code, or the HTTP status. */
  readonly errorCode: number;
  readonly remainingMs: number;
}

export interface PauseStore {
  /** The pauses under way, by the store's own clock. */
  list(): Promise<readonly StoredPause[]>;
  /**
   * Starts a pause. One under way keeps its end, for many calls are answered the same at once, and takes the more
   * important priority. One asked for again within the last one's length after its end is twice as long as that was:
   * it was too short. Later, the last one was long enough, and it begins again with the first length.
   */
  extend(input: {
    readonly endpoint: string;
    readonly priority: number;
    readonly errorCode: number;
    readonly firstMs: number;
    readonly longestMs: number;
  }): Promise<StoredPause>;
}
