// How one state of the model is laid out in bytes. Small numbers only: a moment is a place on the state's own time line.

/** What never changes along one walk: how the order looks, and which of Douyin's undocumented ways it follows. */
export const OPTIONS = {
  /** The order has two coupons, else one. */
  two_coupons: 1 << 0,
  /** A second scan, with a token of its own, of the same order. */
  second_scan: 1 << 1,
  /** The second scan comes in `encrypted_code` mode: the caller has prepared the first coupon itself. */
  second_is_encrypted: 1 << 2,
  /** A token sent again within Douyin's window is answered 1208, else as before. */
  replay_says_used: 1 << 3,
  /** Douyin's reads drop a cancelled use, else they keep it and mark it. */
  cancelled_uses_dropped: 1 << 4,
  /** No Douyin time is known when a verify is sent: prepare's own counts. */
  no_time_at_send: 1 << 5,
  /** No Douyin time is known when Douyin is asked about the coupon. */
  no_time_at_look_up: 1 << 6,
  /** The records of every store come, whichever was asked for, and name none. */
  records_without_store: 1 << 7,
  /** The coupon is a times card with two uses. */
  times_card: 1 << 8,
  /** No Douyin time is known when a coupon is prepared. */
  no_time_at_prepare: 1 << 9,
  /** The app may be disabled, or lose the store, at any moment. */
  app_may_lose_right: 1 << 10,
  /** Both scans come in `encrypted_code` mode under one token of Douyin's, which names no redemption. */
  token_is_shared: 1 << 11,
} as const;
export type OptionName = keyof typeof OPTIONS;

export const VERIFICATIONS = 2;
export const RUNNERS_EACH = 2;
export const USES = 4;
export const GAPS = 8;

/** Steps of a row. `none`: no such row yet. */
export const STEP = {
  none: 0,
  accepted: 1,
  prepared: 2,
  sent: 3,
  unsettled: 4,
  success: 5,
  failed: 6,
  not_attempted: 7,
} as const;

/** What the last verify came to. */
export const OUTCOME = { none: 0, unanswered: 1, in_review: 2, refused: 3 } as const;

/** Why nothing is sent any more. */
export const STOP = { none: 0, operator: 1, said_used: 2, shown_used: 3 } as const;

/** Whose word settled a row. */
export const BY = { nobody: 0, verify: 1, look_up: 2, operator: 3, prepare: 4 } as const;

/** Where a runner of a verification stands. */
export const AT = {
  none: 0,
  /** Begins: reads the row. */
  start: 1,
  /** Holds what prepare answered. */
  prepared: 2,
  /** Has read that it may send; counts next. */
  count: 3,
  counted: 4,
  /** The verify is under way to Douyin. */
  asking: 5,
  /** Douyin has judged it; the answer is under way. */
  answering: 6,
  /** Knows that there is no answer. */
  unanswered: 7,
  /** Has taken the count of its send back. */
  uncounted: 8,
  /** Has read the row, and asks Douyin's reads next. */
  look: 9,
  /** Holds what Douyin's reads showed. */
  read: 10,
  /** Holds a verdict to store. */
  judged: 11,
  wait_repeat: 12,
  wait_look: 13,
  /** Has read that nothing is prepared; Douyin lists the order's coupons next. */
  preparing: 14,
} as const;

/** What the process that answers a till is about to do. */
export const HANDLER = {
  none: 0,
  /** The row is stored; starts the workflow next. */
  stored: 1,
  waiting: 2,
  /** The engine did not take it; closes the row next. */
  closing: 3,
  /** The till was told 503 for the insert's lost acknowledgement; closes what may be stored. */
  fencing: 4,
} as const;

/** What a till knows. */
export const TOLD = {
  not_asked: 0,
  waits: 1,
  nothing: 2,
  processing: 3,
  success: 4,
  failed: 5,
  gone: 6,
} as const;

/** Douyin's answers to a verify. */
export const ANSWER = {
  none: 0,
  ok: 1,
  already_used: 2,
  refunded: 3,
  busy: 4,
  unlisted: 5,
  in_review: 6,
  token_refused: 7,
  lost: 8,
  not_sent: 9,
  server_error: 10,
  garbled: 11,
  of_another: 12,
} as const;

/** A coupon's state at Douyin. */
export const COUPON = { unused: 0, used: 1, refunding: 2, refunded: 3 } as const;

/**
 * Who made a use. 1 to 4: the verification and round, see `ownerOf`. `same_store`: another system with our Douyin app, in
 * our store, before we were asked.
 */
export const OWNER = { nobody: 0, other_channel: 5, other_store: 6, same_store: 7 } as const;

/** The owner of what verification `v` does in `round` (1 or 2). */
export const ownerOf = (v: number, round: number): number => 1 + v * 2 + (round - 1);

/** What prepare answered: 1 or 2 name the coupon. */
export const PREPARED = { none_usable: 3, unavailable: 4 } as const;

const OPTION_BYTES = 2;
export const GAP = OPTION_BYTES;

export const ROW = GAP + GAPS;
export const ROW_SIZE = 14;
export const R = {
  step: 0,
  round: 1,
  sends: 2,
  openSends: 3,
  roundStarted: 4,
  firstSent: 5,
  lastSent: 6,
  preparedAt: 7,
  outcome: 8,
  coupon: 9,
  by: 10,
  /** The use that a success names, from 1. */
  use: 11,
  /** One of STOP. */
  sendsStoppedBy: 12,
  /** 1: the engine runs it; 2: a start that was given up may still arrive. */
  workflow: 13,
} as const;

export const TILL = ROW + ROW_SIZE * VERIFICATIONS;
export const TILL_SIZE = 4;
export const T = {
  told: 0,
  handler: 1,
  /** Bit `round - 1`: the till was told that nothing is, or will be, sent for it. */
  promises: 2,
  /** Times it came back. */
  returns: 3,
} as const;

export const RUNNER = TILL + TILL_SIZE * VERIFICATIONS;
export const RUNNER_SIZE = 15;
export const N = {
  at: 0,
  round: 1,
  /** The row's sends as this runner last saw them: after its count, or when it read the row to look up. */
  sends: 2,
  openSends: 3,
  isSlept: 4,
  /** The answer of a verify, or what prepare named. */
  answer: 5,
  /** The use that the answer names, from 1. */
  use: 6,
  outcome: 7,
  seenStatus: 8,
  /** Bit n: Douyin showed use n; bit n + 4: as cancelled. */
  seenUses: 9,
  seenRecords: 10,
  verdict: 11,
  /** When prepare was asked. */
  moment: 12,
  /** 1: looks up at once, within the step that sent; else when its time has come. */
  isAtOnce: 13,
  /** 1: certificate/get names another store for our uses; 2: the records do; 3: a card's uses are counted, not listed; 4: nothing is listed, and records are left out. */
  contradiction: 14,
} as const;

/** Verifies whose sender gave up and which may still reach Douyin, by owner. */
export const LATE = RUNNER + RUNNER_SIZE * VERIFICATIONS * RUNNERS_EACH;

export const USE = LATE + 4;
export const USE_SIZE = 4;
export const U = { owner: 0, coupon: 1, isCancelled: 2, at: 3 } as const;

export const COUPONS = USE + USE_SIZE * USES;
/** By verification: the round whose verify is in Douyin's review, or 0. */
export const REVIEW = COUPONS + 2;

export const OPERATOR = REVIEW + VERIFICATIONS;
export const OPERATOR_SIZE = 4;
export const P = { isLooking: 0, sends: 1, openSends: 2, looks: 3 } as const;

/** 1: the app was disabled, or lost the store. */
export const APP_LOST_RIGHT = OPERATOR + OPERATOR_SIZE * VERIFICATIONS;

const END = APP_LOST_RIGHT + 1;
/** A multiple of four, so that it can be hashed by words. */
export const STATE_BYTES = Math.ceil(END / 4) * 4;

export const rowAt = (v: number): number => ROW + v * ROW_SIZE;
export const tillAt = (v: number): number => TILL + v * TILL_SIZE;
export const runnerAt = (v: number, slot: number): number => RUNNER + (v * RUNNERS_EACH + slot) * RUNNER_SIZE;
export const useAt = (use: number): number => USE + use * USE_SIZE;
export const operatorAt = (v: number): number => OPERATOR + v * OPERATOR_SIZE;

export const optionsOf = (state: Uint8Array): number => (state[0] as number) | ((state[1] as number) << 8);
export const hasOption = (state: Uint8Array, option: OptionName): boolean =>
  (optionsOf(state) & OPTIONS[option]) !== 0;

/** Whether a scan comes in `encrypted_code` mode: its caller has prepared the first coupon itself. */
export const isEncrypted = (state: Uint8Array, v: number): boolean =>
  hasOption(state, 'token_is_shared') || (v === 1 && hasOption(state, 'second_is_encrypted'));

/** Where every moment stands that a state keeps. 0 in such a byte: no moment; n: before the nth of the gaps. */
export const MOMENTS: readonly number[] = [
  ...[0, 1].flatMap((v) =>
    [R.roundStarted, R.firstSent, R.lastSent, R.preparedAt].map((field) => rowAt(v) + field),
  ),
  ...[0, 1].flatMap((v) => [0, 1].map((slot) => runnerAt(v, slot) + N.moment)),
  ...[0, 1, 2, 3].map((use) => useAt(use) + U.at),
];
