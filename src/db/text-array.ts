// A `text[]` column that keeps every text as it is. Columns of other array types do not belong here.
import { ArrayType } from '@mikro-orm/core';

/**
 * Quotes every element. MikroORM leaves blanks and the word NULL bare, which PostgreSQL trims, refuses as malformed, or
 * reads as no text at all.
 */
export class TextArray extends ArrayType {
  override convertToDatabaseValue(texts: string[] | null): string | null {
    return texts && `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
  }
}
