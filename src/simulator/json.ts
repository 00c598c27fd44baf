// Writes JSON whose 64-bit ids keep every digit: Douyin sends them as bare numbers, which a double cannot hold.
// Reading is JSON.parse, because every id that Douyin accepts in a request is a string.

/** A value of an answer body. A `bigint` is written as a bare number with all its digits; `undefined` is left out. */
export type JsonValue = string | number | bigint | boolean | null | undefined | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

// TypeScript's library does not know JSON.rawJSON yet.
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;

/** Serialises an answer; bigints become bare numbers without losing a digit. */
export function writeJson(value: JsonValue): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? rawJson(part.toString()) : part,
  );
}

/** Parses a request body into an object, or gives undefined for anything else: not JSON, an array, a bare value. */
export function readJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    // The caller answers with the code that Douyin has for a body it cannot read.
    return undefined;
  }
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One text for equal values whatever the order of their keys; used to tell whether two requests are the same. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isPlainObject(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}

/** Lays `extra` over `base`, object by object; anything that is not an object replaces what was there. */
export function mergeJson(base: JsonObject, extra: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    const present = merged[key];
    merged[key] = isPlainObject(present) && isPlainObject(value) ? mergeJson(present, value) : value;
  }
  return merged;
}
