// What the tills asked and were told, in the order it happened: an append-only file, written before and after each request.
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { ClientEntry, NoAnswer, ReceivedAnswer, SentRequest } from '../oracle/ledgers.ts';

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
