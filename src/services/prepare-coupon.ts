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

/**
 * @returns Douyin's JSON as it came, also when it is a refusal of the coupon
 * @throws AppError `coupon.short_link_invalid`, `douyin.unavailable`, `douyin.refused_gateway`
 */
export async function prepareCoupon(deps: PrepareCouponDeps, input: PrepareCouponInput): Promise<RawAnswer> {
  const signal = AbortSignal.timeout(deps.budgetMs);
  if ('code' in input.coupon) return deps.douyin.prepareRaw({ code: input.coupon.code }, input.poiId, signal);
  const resolution = await deps.shortLinks.resolve(input.coupon.shortLink, signal);
  if (resolution.kind === 'invalid') {
    throw new AppError('coupon.short_link_invalid', { internal: resolution.reason });
  }
  return deps.douyin.prepareRaw({ encryptedData: resolution.encryptedData }, input.poiId, signal);
}
