// Which coupon a body names: exactly one of several fields, as a zod check and as the domain's request.
import type { z } from 'zod';
import type { VerifyMode } from '../domain/coupon.ts';
import { doc, text } from './fields.ts';
import { bilingual } from './invalid-request.ts';

/**
 * Douyin's links and codes vary in length and must never be cut; these bounds only keep rubbish out. An encrypted code
 * of 512 characters still fits its index.
 */
export const couponFields = {
  short_link: () =>
    doc(text({ min: 1, max: 2048 }), '扫码得到的短链，原样传入', 'the scanned short link, as it is'),
  code: () => doc(text({ min: 1, max: 128 }), '明文券码', 'the plain code'),
  encrypted_code: () =>
    doc(text({ min: 1, max: 512 }), 'prepare 返回的加密券码', 'the encrypted code prepare returned'),
} as const;

/** What `exactlyOneOf` asks for, as JSON Schema says it. */
export function exactlyOneOfSchema(...fields: readonly string[]): { oneOf: { required: string[] }[] } {
  return { oneOf: fields.map((field) => ({ required: [field] })) };
}

/** A check for `superRefine`: exactly one of the fields is there. */
export function exactlyOneOf<Field extends string>(...fields: readonly Field[]) {
  return (body: Partial<Record<Field, unknown>>, ctx: z.RefinementCtx): void => {
    if (fields.filter((field) => body[field] !== undefined).length === 1) return;
    const list = fields.join(', ');
    ctx.addIssue({
      code: 'custom',
      ...bilingual(`${list} 须且只能填一个`, `Exactly one of ${list} is needed`),
      input: body,
    });
  };
}

/** @returns the mode and value of a body that `exactlyOneOf` accepted */
export function readCoupon(body: Partial<Record<VerifyMode, string | undefined>>): {
  readonly mode: VerifyMode;
  readonly requestValue: string;
} {
  if (body.short_link !== undefined) return { mode: 'short_link', requestValue: body.short_link };
  if (body.code !== undefined) return { mode: 'code', requestValue: body.code };
  return { mode: 'encrypted_code', requestValue: body.encrypted_code ?? '' };
}
