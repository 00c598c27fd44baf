// Parses JSON without losing a digit. Douyin sends int64 ids as JSON numbers, and JSON.parse rounds those past 2^53.
// What the parsed values mean is wire.ts.

/** The reviver's third argument (JSON.parse source text access), which TypeScript's library does not describe yet. */
interface ReviverContext {
  readonly source?: string;
}

type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: ReviverContext) => unknown,
) => unknown;

const parseWithSource = JSON.parse as ParseWithSource;

/**
 * @returns what JSON.parse returns, except that an integer too large for a number is its digits, as text
 * @throws SyntaxError if it is not JSON; RangeError if it is nested absurdly deep
 */
export function parseLosslessJson(text: string): unknown {
  return parseWithSource(text, (_key, value, context) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? '')
      ? context.source
      : value,
  );
}
