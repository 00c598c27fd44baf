// What activities are given. Built in src/deps.ts.
import type { Database } from '../src/db/unit-of-work.ts';
import type { SettlementPolicy } from '../src/domain/verification.ts';
import type { Logger } from '../src/observability/logger.ts';
import type { AccessTokens, Douyin, ShortLinks } from '../src/ports/douyin.ts';
import type { DouyinClock } from '../src/ports/douyin-clock.ts';
import type { VerdictBoard } from '../src/ports/verdict-board.ts';
import type { EnrichmentRunner, VerificationRunner } from '../src/ports/verification-runner.ts';

export interface ActivityDeps {
  readonly db: Database;
  readonly douyin: Douyin;
  readonly douyinClock: DouyinClock;
  readonly shortLinks: ShortLinks;
  readonly accessTokens: AccessTokens;
  readonly runner: VerificationRunner;
  readonly enrichmentRunner: EnrichmentRunner;
  readonly board: VerdictBoard;
  readonly logger: Logger;
  readonly policy: SettlementPolicy;
  /** How long a verification waits for another one of its order that is in doubt, milliseconds. */
  readonly siblingWaitMs: number;
}
