// What the tills asked and were told, in the order it happened: an append-only file, written before and after each request.
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export interface SentRequest {
  readonly kind: 'request';
  readonly request: number;
  readonly atMs: number;
  readonly till: number;
  readonly app: number;
  readonly operation: 'verify' | 'look_up' | 'prepare';
  readonly token: string;
  readonly api: 0 | 1;
}

/** A record as the till saw it. */
export interface SeenRecord {
  readonly id: number;
  readonly verify_status: 'processing' | 'success' | 'failed';
  readonly verify_token: string;
  readonly error_code: number;
  readonly verify_id: string;
  readonly certificate_id: string;
}

export interface ReceivedAnswer {
  readonly kind: 'answer';
  readonly request: number;
  readonly atMs: number;
  readonly status: number;
  /** The error's code, if it is one. */
  readonly code: string | null;
  readonly record: SeenRecord | null;
}

/** No whole answer: it may have been carried out. */
export interface NoAnswer {
  readonly kind: 'no_answer';
  readonly request: number;
  readonly atMs: number;
  readonly cause: string;
}

export type ClientEntry = SentRequest | ReceivedAnswer | NoAnswer;

export class ClientLedger {
  readonly entries: ClientEntry[] = [];
  readonly #file: WriteStream;
  #requests = 0;

  constructor(path: string) {
    this.#file = createWriteStream(path, { flags: 'a' });
  }

  begin(request: Omit<SentRequest, 'kind' | 'request' | 'atMs'>): number {
    this.#requests += 1;
    this.#append({ kind: 'request', request: this.#requests, atMs: Date.now(), ...request });
    return this.#requests;
  }

  end(outcome: Omit<ReceivedAnswer, 'atMs'> | Omit<NoAnswer, 'atMs'>): void {
    this.#append({ ...outcome, atMs: Date.now() });
  }

  async close(): Promise<void> {
    this.#file.end();
    await finished(this.#file);
  }

  #append(entry: ClientEntry): void {
    this.entries.push(entry);
    this.#file.write(`${JSON.stringify(entry)}\n`);
  }
}
