// Time that only runs forward, for how long something took or is ago. A day's clock can be set back, and a window that
// was counted by it would not end.

/** Milliseconds since some moment that stays the same while the process runs. */
export type MonotonicMs = () => number;

export const monotonicMs: MonotonicMs = () => performance.now();
