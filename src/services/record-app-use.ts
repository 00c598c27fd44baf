// Remembers when an app was last used, off the way of the request and at most once a minute.
import { LRUCache } from 'lru-cache';
import type { Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../ports/clock.ts';

const RESOLUTION_MS = 60_000;
const MAX_REMEMBERED_APPS = 10_000;

export interface RecordAppUseDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class AppUseRecorder {
  readonly #deps: RecordAppUseDeps;
  readonly #recordedAtMs = new LRUCache<number, number>({ max: MAX_REMEMBERED_APPS });

  constructor(deps: RecordAppUseDeps) {
    this.#deps = deps;
  }

  /** Returns at once. A use that could not be stored is stored by a later one. */
  record(appId: number): void {
    const now = this.#deps.clock.now();
    if (now.getTime() - (this.#recordedAtMs.get(appId) ?? -Infinity) < RESOLUTION_MS) return;
    this.#recordedAtMs.set(appId, now.getTime());
    this.#deps.db
      .run(({ apps }) => apps.touchLastUsed(appId, now))
      .catch((err: unknown) => {
        this.#recordedAtMs.delete(appId);
        this.#deps.logger.debug({ app_id: appId, reason: String(err) }, 'last use of an app not stored');
      });
  }
}
