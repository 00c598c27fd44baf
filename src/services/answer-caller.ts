// What a till that asked to verify is answered when its round ended without an attempt.
import { AppError } from '../domain/errors.ts';
import { NOT_ATTEMPTED_REASONS, type NotAttemptedReason } from '../domain/outcome-notes.ts';
import type { Verification } from '../domain/verification.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';

/** When the till may ask again while another verification of the order is in doubt. */
const SIBLING_RETRY_SECONDS = 5;

/**
 * A round that ended without an attempt is an error to whoever asked for it, and safe to repeat; all else is a record.
 * A look-up shows it as `failed` with its reason instead.
 * @returns the verification itself
 * @throws AppError with the reason why nothing was attempted
 */
export async function answerCaller(
  deps: { readonly db: Database },
  verification: Verification,
): Promise<Verification> {
  if (verification.step !== 'not_attempted') return verification;
  const code = notAttemptedReason(verification);
  throw new AppError(code, {
    data: {
      verification_id: verification.id,
      verify_token: verification.verifyToken,
      ...(verification.errorCode === 0 ? {} : { douyin_error_code: verification.errorCode }),
      ...(code === 'coupon.sibling_in_doubt' ? await siblingDetails(deps.db, verification) : {}),
    },
  });
}

function notAttemptedReason({ reason }: Verification): NotAttemptedReason {
  return NOT_ATTEMPTED_REASONS.find((known) => known === reason) ?? 'douyin.unavailable';
}

/** Since when the other one is in doubt, and which it is if it is the same app's. */
async function siblingDetails(db: Database, verification: Verification): Promise<Record<string, unknown>> {
  const siblingId = verification.relatedVerificationId;
  const sibling =
    siblingId === null
      ? null
      : await db.run(({ verifications }) => verifications.findById(siblingId), CALLER_PATIENCE_MS);
  const isOwn = sibling?.appId === verification.appId;
  return {
    retry_after_seconds: SIBLING_RETRY_SECONDS,
    since: (sibling?.firstSentAt ?? sibling?.createdAt ?? verification.updatedAt).toISOString(),
    // Replaces the record's own: what the till has to look at is the other one.
    verification_id: isOwn ? sibling.id : undefined,
    verify_token: isOwn ? sibling.verifyToken : undefined,
  };
}
