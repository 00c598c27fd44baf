// Whether a Content-Type says JSON in UTF-8. Read part by part: a regular expression over the whole text takes quadratic
// time on a long run of blanks, and the caller decides how long the header is.

import type { HttpContext } from './request-state.ts';

/** Whether what the headers say of the body is JSON, in UTF-8 and not compressed. */
export function isJsonContent(ctx: HttpContext): boolean {
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  return (encoding === '' || encoding === 'identity') && isJsonContentType(ctx.get('Content-Type'));
}

/** `application/json`, alone or with `charset=utf-8`; blanks and one trailing semicolon do not matter. */
export function isJsonContentType(contentType: string): boolean {
  const [mediaType, ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  if (parameters.at(-1) === '') parameters.pop();
  return (
    mediaType === 'application/json' &&
    (parameters.length === 0 || (parameters.length === 1 && isCharsetUtf8(parameters[0] ?? '')))
  );
}

function isCharsetUtf8(parameter: string): boolean {
  const [name, value, ...rest] = parameter.split('=').map((part) => part.trim());
  return rest.length === 0 && name === 'charset' && (value === 'utf-8' || value === '"utf-8"');
}
