// The kinds of fields requests are made of, with their limits. What a body holds is its route's to say.
import { z } from 'zod';
import { bilingual } from './invalid-request.ts';

const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;
const NO_CONTROL_CHARACTERS = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';
const WHOLE_NUMBER = /^\d{1,15}$/;

/**
 * Text without control characters. JavaScript counts UTF-16 units; callers count characters, and so do we.
 * @param limits in Unicode characters
 */
export function text(limits: { readonly min: number; readonly max: number }) {
  return z
    .string()
    .superRefine((value, ctx) => {
      const characters = [...value].length;
      const complain = (zh: string, en: string) =>
        ctx.addIssue({ code: 'custom', ...bilingual(zh, en), input: value });
      if (!value.isWellFormed()) complain('不是合法的 Unicode 文本', 'Not well-formed Unicode text');
      if (CONTROL_CHARACTER.test(value)) complain('不可含控制字符', 'Must not hold control characters');
      if (characters < limits.min) complain(`至少 ${limits.min} 个字符`, `At least ${limits.min} characters`);
      if (characters > limits.max) complain(`最多 ${limits.max} 个字符`, `At most ${limits.max} characters`);
    })
    .meta({ minLength: limits.min, maxLength: limits.max, pattern: NO_CONTROL_CHARACTERS });
}

/** Says in both languages what a field is, for the reference. */
export function doc<T extends z.ZodType>(schema: T, zh: string, en: string): T {
  return schema.meta({ description: `${zh} / ${en}` });
}

/** Text of a given form. `form` says in both languages what it must look like. */
export function patternedText(pattern: RegExp, zh: string, en: string) {
  return z
    .string()
    .refine((value) => pattern.test(value), bilingual(zh, en))
    .meta({ pattern: pattern.source });
}

/** A whole number in a query or a path. */
export function integerText(limits: { readonly min: number; readonly max: number }) {
  return z
    .string()
    .refine(
      (value) => WHOLE_NUMBER.test(value) && Number(value) >= limits.min && Number(value) <= limits.max,
      bilingual(
        `须为 ${limits.min} 至 ${limits.max} 的整数`,
        `Must be a whole number from ${limits.min} to ${limits.max}`,
      ),
    )
    .transform(Number)
    .meta({ override: { type: 'integer', minimum: limits.min, maximum: limits.max } });
}

export const poiId = () => doc(text({ min: 1, max: 64 }), '抖音门店编号', 'Douyin’s store id');
export const verifyToken = () =>
  doc(
    text({ min: 1, max: 128 }),
    '幂等凭据；encrypted_code 方式下为 prepare 返回的那个',
    'the idempotency token; with encrypted_code the one prepare returned',
  );

/** The id of a row of ours. */
export const rowId = () => integerText({ min: 1, max: Number.MAX_SAFE_INTEGER });

/** Moments as RFC 3339 UTC. */
export const moment = () => z.iso.datetime();
