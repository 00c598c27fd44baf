// Office work (reports, exports, lists) never slows a till: so many requests at a time, each with one connection of the
// office's own pool, and so many of them exports, which take long.
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';

/** A connection of the office's pool each, see src/deps.ts. */
const MAX_AT_ONCE = 4;
/** So that a person who looks something up finds a place while files are being made. */
const MAX_EXPORTS = 2;
const RETRY_AFTER_SECONDS = 5;
/** Nobody takes the rest of a file that waits this long for its reader; longer than a statement may take. */
const STALLED_MS = 60_000;

export class OfficeLimit {
  #running = 0;
  #exports = 0;

  /** Holds the place until the answer is sent whole, or its reader is gone. */
  readonly middleware: HttpMiddleware = async (ctx, next) => {
    const isExport = new URLSearchParams(ctx.querystring).has('export');
    if (this.#running >= MAX_AT_ONCE || (isExport && this.#exports >= MAX_EXPORTS)) {
      throw new AppError('report.too_many_running', { data: { retry_after_seconds: RETRY_AFTER_SECONDS } });
    }
    // Who has hung up already would never give the place back.
    if (ctx.res.closed) throw new AppError('request.unreadable');
    this.#running += 1;
    if (isExport) this.#exports += 1;
    ctx.res.once('close', () => {
      this.#running -= 1;
      if (isExport) this.#exports -= 1;
    });
    ctx.res.setTimeout(STALLED_MS);
    await next();
  };
}
