// Asks Douyin to prepare a coupon for a caller that verifies in two steps. Consumes nothing, stores nothing.
import { AppError } from '../domain/errors.ts';
import type { Douyin, RawAnswer, ShortLinks } from '../ports/douyin.ts';

export interface PrepareCouponDeps {
  readonly douyin: Pick<Douyin, 'prepareRaw'>;
  readonly shortLinks: ShortLinks;
  /** How long a caller waits, milliseconds. */
  readonly budgetMs: number;
}

export interface PrepareCouponInput {
  readonly poiId: string;
  readonly coupon: { readonly shortLink: string } | { readonly code: string };
}

export interface PreparedAnswer extends RawAnswer {
  /** What Douyin's JSON says, 0 for a coupon that was prepared. */
  readonly errorCode: number;
}

/**
 * @returns Douyin's JSON as it came, also when it is a refusal of the coupon
 * @throws AppError `coupon.short_link_invalid`, `douyin.unavailable`, `douyin.refused_gateway`
 */
export async function prepareCoupon(
  deps: PrepareCouponDeps,
  input: PrepareCouponInput,
): Promise<PreparedAnswer> {
  const signal = AbortSignal.timeout(deps.budgetMs);
  if ('code' in input.coupon) {
    return withErrorCode(await deps.douyin.prepareRaw({ code: input.coupon.code }, input.poiId, signal));
  }
  const resolution = await deps.shortLinks.resolve(input.coupon.shortLink, signal);
  if (resolution.kind === 'invalid') {
    throw new AppError('coupon.short_link_invalid', { internal: resolution.reason });
  }
  const by = { encryptedData: resolution.encryptedData };
  return withErrorCode(await deps.douyin.prepareRaw(by, input.poiId, signal));
}

function withErrorCode(answer: RawAnswer): PreparedAnswer {
  return { ...answer, errorCode: errorCodeOf(answer.body.toString('utf8')) };
}

function errorCodeOf(body: string): number {
  try {
    const said = JSON.parse(body) as {
      readonly data?: { readonly error_code?: unknown } | null;
      readonly extra?: { readonly error_code?: unknown } | null;
    } | null;
    return Number(said?.data?.error_code) || Number(said?.extra?.error_code) || 0;
  } catch {
    // Passed on all the same: what it says is between Douyin and the caller.
    return 0;
  }
}
