// Reads JSON without rounding: Douyin sends 19-digit ids as JSON numbers, which JSON.parse alone would change.

interface ReviverContext {
  readonly source?: string;
}
type Reviver = (this: unknown, key: string, value: unknown, context?: ReviverContext) => unknown;
// TypeScript's library does not know the third parameter of a reviver yet.
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Integers that a JavaScript number cannot hold come back as text with every digit. @throws SyntaxError */
export function parseLosslessly(text: string): unknown {
  return parseWithSource(text, (_key, value, context) =>
    typeof value === 'number' &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    context?.source !== undefined
      ? context.source
      : value,
  );
}

/** Whether this JavaScript engine can read large integers exactly (Node 22, Chrome 114 and later can). */
export function canParseLosslessly(): boolean {
  return parseLosslessly('9007199254740993') === '9007199254740993';
}
