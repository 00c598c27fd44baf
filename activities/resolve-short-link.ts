// Asks the short link's host what the link names. Repeating it is harmless: it is a read.
import { AppError } from '../src/domain/errors.ts';
import type { VerificationKey } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import type { Closed, Open } from './types.ts';
import { closedProgress, closeWith, readRound } from './verification-progress.ts';

const OPEN: Open = { state: 'open' };

export async function resolveShortLink(deps: ActivityDeps, key: VerificationKey): Promise<Open | Closed> {
  const { verification, isOpen } = await readRound(deps, key);
  if (!isOpen) return closedProgress(verification);
  if (verification.step !== 'accepted' || verification.encryptedData !== '') return OPEN;
  const row = { id: key.verificationId, round: key.round };

  let notAttempted: { reason: string; errorDescription: string };
  try {
    const resolution = await deps.shortLinks.resolve(verification.requestValue);
    if (resolution.kind === 'resolved') {
      await deps.db.run((repositories) =>
        repositories.verifications.storeResolvedLink(row, resolution.encryptedData, deps.clock.now()),
      );
      return OPEN;
    }
    notAttempted = { reason: 'coupon.short_link_invalid', errorDescription: resolution.reason };
  } catch (err) {
    if (!(err instanceof AppError) || err.kind !== 'upstream_unavailable') throw err;
    notAttempted = { reason: err.code, errorDescription: err.message };
  }
  const closed = await deps.db.run((repositories) =>
    repositories.verifications.closeNotAttempted(row, { ...notAttempted, errorCode: 0 }, deps.clock.now()),
  );
  return closeWith(deps, key, closed, () => OPEN);
}
