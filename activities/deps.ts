// What activities are given. Built in src/deps.ts.
import type { Database } from '../src/db/unit-of-work.ts';
import type { Logger } from '../src/observability/logger.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { DouyinClock } from '../src/ports/douyin-clock.ts';
import type { AccessTokens, Douyin, ShortLinks } from '../src/ports/douyin.ts';
import type { VerdictBoard } from '../src/ports/verdict-board.ts';
import type { EnrichmentRunner, VerificationRunner } from '../src/ports/verification-runner.ts';

export interface ActivityDeps {
  readonly db: Database;
  readonly douyin: Douyin;
  readonly shortLinks: ShortLinks;
  readonly accessTokens: AccessTokens;
  readonly runner: VerificationRunner;
  readonly enrichmentRunner: EnrichmentRunner;
  readonly board: VerdictBoard;
  readonly clock: Clock;
  /** Douyin's time, for what is compared with the times that Douyin tells. */
  readonly douyinClock: DouyinClock;
  readonly logger: Logger;
  /** How long to wait before the nth repeat of an unknown verify, milliseconds. */
  readonly repeatDelaysMs: readonly number[];
  /** An unused coupon this long after the last verify was sent was not redeemed by it, milliseconds. */
  readonly unusedIsFinalAfterMs: number;
}
