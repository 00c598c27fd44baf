// Asks the short link's host what the link names. Repeating it is harmless: it is a read.
import { AppError } from '../src/domain/errors.ts';
import type { NotAttemptedReason } from '../src/domain/outcome-notes.ts';
import type { Closed, Open, Unknown } from '../workflows/activities.ts';
import { closedProgress, type VerificationRun } from './run.ts';

const OPEN: Open = { state: 'open' };

export async function resolveShortLink(run: VerificationRun): Promise<Open | Unknown | Closed> {
  const row = await run.read();
  if (!run.isOpen(row)) return closedProgress(row);
  if (row.step !== 'accepted' || row.encryptedData !== '') return OPEN;

  let reason: NotAttemptedReason;
  try {
    const resolution = await run.deps.shortLinks.resolve(row.requestValue);
    if (resolution.kind === 'resolved') {
      await run.store((verifications) => verifications.storeResolvedLink(run.key, resolution.encryptedData));
      return OPEN;
    }
    run.deps.logger.info(
      { verificationId: run.key.id, reason: resolution.reason },
      'the short link holds no coupon',
    );
    reason = 'coupon.short_link_invalid';
  } catch (err) {
    if (!(err instanceof AppError) || err.kind !== 'upstream_unavailable') throw err;
    run.deps.logger.warn({ err, verificationId: run.key.id }, 'the short link’s host could not be asked');
    reason = 'douyin.unavailable';
  }
  return run.endNotAttempted({ reason, douyin: null, relatedVerificationId: null });
}
