// Pages of lists: the query parameters and the envelope.
import { z } from 'zod';
import { integerText } from './fields.ts';

const MAX_PAGE = 1_000_000;
const MAX_PAGE_SIZE = 200;
export const DEFAULT_PAGE = 1;
const DEFAULT_PAGE_SIZE = 20;

export const pageFields = {
  page: () => integerText({ min: 1, max: MAX_PAGE }).default(DEFAULT_PAGE),
  /** Without the default: for lists that can also be walked. */
  explicit_page: () => integerText({ min: 1, max: MAX_PAGE }).optional(),
  page_size: () => integerText({ min: 1, max: MAX_PAGE_SIZE }).default(DEFAULT_PAGE_SIZE),
} as const;

/** `{data: [...], total, page, page_size}` */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), total: z.int().min(0), page: z.int(), page_size: z.int() });
}
