// The log file of an embedded server: appended to, cut off at a size, the previous part kept beside it.
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_FILE_BYTES = 5 * 1024 * 1024;
const MAX_TAIL_CHARACTERS = 4096;

export interface BoundedLog {
  readonly path: string;
  append(chunk: Buffer): void;
  /** The last lines, for an error message. */
  tail(): string;
}

/**
 * Opens a log of at most two files of 5 MiB, `path` and `path.1`.
 * Writing is synchronous: these servers log little, and what they said last must be on disk when they fail.
 */
export function openBoundedLog(path: string): BoundedLog {
  mkdirSync(dirname(path), { recursive: true });
  let sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  let lastText = '';
  return {
    path,
    append(chunk) {
      lastText = (lastText + chunk.toString('utf8')).slice(-MAX_TAIL_CHARACTERS);
      try {
        if (sizeBytes + chunk.length > MAX_FILE_BYTES) {
          renameSync(path, `${path}.1`);
          sizeBytes = 0;
        }
        appendFileSync(path, chunk, { mode: 0o600 });
        sizeBytes += chunk.length;
      } catch {
        // A full disk or a removed folder must not bring the gateway down for want of a log line.
      }
    },
    tail: () => lastText.trim(),
  };
}
