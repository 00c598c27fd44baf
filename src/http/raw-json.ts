// JSON output that can hold Douyin's answers untouched: parsing them would round its 64-bit ids.

/** JSON text that goes into a body as it is. */
export class RawJson {
  readonly text: string;

  /** @param text valid JSON; the caller has checked it */
  constructor(text: string) {
    this.text = text;
  }
}

/** @returns the text as RawJson if it is one JSON object, else null */
export function rawJsonObject(text: string | null): RawJson | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? new RawJson(text.trim())
      : null;
  } catch {
    return null;
  }
}

/** JSON.stringify for plain data in which RawJson may stand anywhere. Absent properties are left out. */
export function stringifyJson(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringifyJson).join(',')}]`;
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `${JSON.stringify(name)}:${stringifyJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** What TypeScript's library does not know of JSON yet. */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/** Parses JSON whose whole numbers JSON.stringify is to write back with every digit. */
export function parseKeepingDigits(text: string): unknown {
  return json.parse(text, (_name, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value)
      ? json.rawJSON(source)
      : value,
  );
}
