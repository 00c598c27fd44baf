// Which orders, and which of Douyin's undocumented ways, are walked.
import { type OptionName, OPTIONS } from './layout.ts';

/** One scan of one coupon. */
const ONE_SCAN: readonly (readonly OptionName[])[] = [
  [],
  ['replay_says_used'],
  ['cancelled_uses_dropped'],
  ['replay_says_used', 'cancelled_uses_dropped'],
  ['records_without_store'],
  ['no_time_at_send'],
  ['no_time_at_send', 'no_time_at_prepare'],
  ['no_time_at_look_up'],
  ['no_time_at_send', 'no_time_at_prepare', 'no_time_at_look_up'],
  ['times_card'],
  ['times_card', 'replay_says_used'],
  ['times_card', 'cancelled_uses_dropped'],
  ['app_may_lose_right'],
];

/** A second scan of the same order. Many more orders of steps: walked with one or two troubles less. */
const TWO_SCANS: readonly (readonly OptionName[])[] = [
  ['second_scan'],
  ['second_scan', 'two_coupons'],
  ['second_scan', 'times_card'],
  ['second_scan', 'second_is_encrypted'],
  ['second_scan', 'second_is_encrypted', 'two_coupons'],
  ['second_scan', 'second_is_encrypted', 'times_card'],
  ['second_scan', 'second_is_encrypted', 'token_is_shared'],
];

const QUICK_TWO_SCANS: readonly string[] = [
  'second_scan,two_coupons',
  'second_scan,second_is_encrypted,times_card',
  'second_scan,second_is_encrypted,token_is_shared',
];

export interface World {
  readonly options: number;
  /** How many troubles fewer than asked for. */
  readonly lessTroubles: number;
  /** Whether it is among those that are walked where there is little time. */
  readonly isQuick: boolean;
}

export const worldOf = (names: readonly OptionName[]): number =>
  names.reduce((world, name) => world | OPTIONS[name], 0);

export const WORLDS: readonly World[] = [
  ...ONE_SCAN.map((names) => ({ options: worldOf(names), lessTroubles: 0, isQuick: true })),
  ...TWO_SCANS.map((names) => ({
    options: worldOf(names),
    lessTroubles: names.includes('token_is_shared') ? 2 : 1,
    isQuick: QUICK_TWO_SCANS.includes(names.join()),
  })),
];
