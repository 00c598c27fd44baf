// Between the control side's snake_case and the code's camelCase; a few objects hold names that are data and stay.

const OPAQUE_KEYS: readonly string[] = [
  'certificate_extra',
  'order_extra',
  'calls_per_second',
  'cancel_deadlines_ms',
  'cancel_flags',
];

/** Turns the keys of a request into the code's names. */
export function camelKeys(value: unknown): unknown {
  return renameKeys(value, camelKey);
}

/** Turns the keys of an answer into the wire's names. */
export function snakeKeys(value: unknown): unknown {
  return renameKeys(value, snakeKey);
}

export function snakeKey(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camelKey(key: string): string {
  return key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => renameKeys(entry, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]: [string, unknown]) => [
      rename(key),
      OPAQUE_KEYS.includes(snakeKey(key)) ? field : renameKeys(field, rename),
    ]),
  );
}
