// A value that must not be printed. Encryption at rest is ports/secret-box.ts.
import { inspect } from 'node:util';

/** Holds a secret text; every way of printing it gives `***`. Read it with `expose()`, as late as possible. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  expose(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}
