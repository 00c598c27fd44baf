// What a verification's caller is answered, whether it asked to verify or looks the verification up.
import { AppError, type ErrorCode, ERRORS } from '../domain/errors.ts';
import type { Verification } from '../domain/verification.ts';

/**
 * A round that ended without an attempt is an error to the caller, and safe to repeat; all else is a record. It is never
 * shown as `failed`, which is final: the same token may try again and end as `success`.
 * @returns the verification itself
 * @throws AppError with the reason why nothing was attempted
 */
export function answerCaller(verification: Verification): Verification {
  if (verification.step !== 'not_attempted') return verification;
  const code: ErrorCode =
    verification.reason in ERRORS ? (verification.reason as ErrorCode) : 'douyin.unavailable';
  throw new AppError(code, {
    data: {
      verification_id: verification.id,
      verify_token: verification.verifyToken,
      ...(verification.errorCode === 0 ? {} : { douyin_error_code: verification.errorCode }),
    },
    internal: verification.errorDescription,
  });
}
